"""Which algorithm a job means: the one whose hyperparameters fit those given, unless it is named."""

import traceback
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from forecastle.algorithms import available, find
from forecastle.algorithms.interface import Algorithm
from forecastle.contract.errors import InvalidJob

OVERRIDE = "FORECASTLE_ALGORITHM"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The algorithms that can be used, by name, and why the others cannot."""

    usable: dict[str, Algorithm[Any]]
    broken: dict[str, str]


def catalogue() -> Catalogue:
    """Import every algorithm's own module. One that cannot be imported does not stand in the way of the others."""
    usable, broken = {}, {}
    for name in available():
        try:
            usable[name] = named(name)
        except InvalidJob as error:
            broken[name] = error.sentence
    return Catalogue(usable, broken)


def named(name: str) -> Algorithm[Any]:
    """The algorithm of that name. Raises `InvalidJob` where there is none or where it cannot be imported."""
    try:
        return find(name)
    except InvalidJob:
        raise
    except Exception as error:  # somebody else's folder may raise anything
        frames = traceback.extract_tb(error.__traceback__)
        what = traceback.format_exception_only(error)[-1].strip().rstrip(".")
        raise InvalidJob(
            f"Algorithm {name} cannot be imported: {what} ({frames[-1].filename}, line {frames[-1].lineno})."
        ) from error


def fitting(given: Collection[str], among: Catalogue) -> Algorithm[Any]:
    """The algorithm whose required hyperparameters are all given and that knows every one given.

    Where none knows all of them, the only one that has what it requires is meant: it then refuses the stranger.
    Raises `InvalidJob` where several are meant, or none.
    """
    supplied = [each for each in among.usable.values() if each.hyperparameters.required() <= set(given)]
    candidates = [each for each in supplied if _knows_all(each, given)] or supplied
    if len(candidates) == 1:
        return candidates[0]
    names = ", ".join(sorted(given)) or "none"
    which = "several algorithms" if candidates else "no algorithm"
    listed = [_requirement(each) for each in candidates or among.usable.values()]
    if not candidates:
        listed += [sentence.rstrip(".") for sentence in among.broken.values()]
    raise InvalidJob(
        f"The hyperparameters given ({names}) fit {which}: {'; '.join(listed)}. "
        f"Set {OVERRIDE} to the one that is meant."
    )


def _knows_all(algorithm: Algorithm[Any], given: Collection[str]) -> bool:
    model = algorithm.hyperparameters
    return all(name in model.known() or model.ignores(name) for name in given)


def _requirement(algorithm: Algorithm[Any]) -> str:
    required = algorithm.hyperparameters.required()
    in_order = [name for name in algorithm.hyperparameters.known() if name in required]
    return f"{algorithm.name} requires {', '.join(in_order) or 'nothing'}"
