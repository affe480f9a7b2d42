"""Dataclasses with a payload have no generated repr or comparison, which would take seconds."""

import dataclasses
import importlib
import pkgutil
import typing
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

import forecastle
from forecastle.algorithms.interface import Model

PAYLOADS = (bytes, bytearray, memoryview, np.ndarray, Model)


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith("__main__") and ".example" not in found.name:
            try:
                yield importlib.import_module(found.name)
            except ModuleNotFoundError as error:  # the reference trainer, in an environment without it
                if error.name not in ("mxnet", "gluonts", "pandas"):
                    raise


def dataclasses_of_ours() -> list[type]:
    found = {
        member
        for module in modules(forecastle)
        for member in vars(module).values()
        if isinstance(member, type) and dataclasses.is_dataclass(member) and member.__module__ == module.__name__
    }
    return sorted(found, key=lambda kind: (kind.__module__, kind.__qualname__))


def carries_payload(hint: object) -> bool:
    """Whether a value of that type may contain bytes or arrays, at any depth."""
    origin = typing.get_origin(hint) or hint
    if isinstance(origin, type) and issubclass(origin, PAYLOADS):
        return True
    if isinstance(origin, type) and dataclasses.is_dataclass(origin):
        try:
            hints = typing.get_type_hints(origin)
        except NameError:  # a type that only type checkers import: services of a region, none of them a payload
            hints = {}
        return any(map(carries_payload, hints.values()))
    return any(map(carries_payload, typing.get_args(hint)))


CARRIERS = [kind for kind in dataclasses_of_ours() if carries_payload(kind)]


def test_the_carriers_are_found() -> None:
    names = {kind.__qualname__ for kind in CARRIERS}
    assert {"Payload", "Call", "Waiting", "Query", "Request", "Artifact", "HeldModel"} <= names


@pytest.mark.parametrize("kind", CARRIERS, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_a_carrier_is_compared_by_identity(kind: type) -> None:
    assert "__repr__" not in vars(kind), "give it repr=False"
    assert "__eq__" not in vars(kind), "give it eq=False"
