"""The algorithms: every folder in here is one, found without a list.

Others join by an entry point of the group `forecastle.algorithms` (`prophet = "mine.prophet.algorithm:ALGORITHM"`) or
by path: if the setting `FORECASTLE_ALGORITHMS` is /my/algorithms, the folder /my/algorithms/prophet is one.

What importing an algorithm needs is imported when one is: clients import modules in here without pydantic.
"""

import functools
import importlib
import pkgutil
import re
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from forecastle.contract.errors import InvalidJob

if TYPE_CHECKING:
    from forecastle.algorithms.interface import Algorithm

ENTRY_POINTS = "forecastle.algorithms"


def join(folders: Iterable[str]) -> None:
    """Look for algorithms in these folders, too."""
    __path__.extend(folder for folder in folders if folder and folder not in __path__)


def available() -> list[str]:
    """The names of all algorithms, sorted. Imports none of them."""
    return sorted({module.name for module in pkgutil.iter_modules(__path__) if module.ispkg} | _installed().keys())


@functools.cache
def _installed() -> dict[str, str]:
    """The modules of algorithms in other distributions, by the names of their folders."""
    modules = [entry.module for entry in entry_points(group=ENTRY_POINTS)]
    return {module.split(".")[-2]: module for module in modules if module.count(".")}


def find(name: str) -> "Algorithm[Any]":
    """The algorithm of that name, without its heavy libraries. Raises `InvalidJob` if there is none.

    Its name is the folder's in any spelling, such as `DeepAR` or `random-cut-forest`, or an alias that it declares.
    """
    folder = _folder(name)
    if folder is None:
        from forecastle.contract.typed_text import nearest

        raise InvalidJob(f"Algorithm {name!r} is unknown{nearest(name.casefold(), available())}")
    return _imported(folder)


def _folder(name: str) -> str | None:
    names, wanted = available(), _plain(name)
    if name in names:
        return name
    if not wanted:
        return None
    for each in names:
        if _plain(each) == wanted:
            return each
    for each in names:
        with suppress(Exception):  # another algorithm's module may raise anything
            if wanted in map(_plain, _imported(each).aliases):
                return each
    return None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _imported(folder: str) -> "Algorithm[Any]":
    from forecastle.algorithms.interface import Algorithm

    found = importlib.import_module(_installed().get(folder, f"{__name__}.{folder}.algorithm")).ALGORITHM
    assert isinstance(found, Algorithm), f"algorithms/{folder}/algorithm.py: ALGORITHM must be an Algorithm"
    return found
