"""The algorithms: every folder in here is one, found without a list.

The setting `FORECASTLE_ALGORITHMS` names more folders like this one, separated by colons: if it is /my/algorithms, the
folder /my/algorithms/prophet is the algorithm `prophet`.
"""

import importlib
import os
import pkgutil
import re
from contextlib import suppress
from typing import Any

from forecastle.algorithms.interface import Algorithm
from forecastle.contract.errors import InvalidJob
from forecastle.contract.typed_text import nearest

__path__ += filter(None, os.environ.get("FORECASTLE_ALGORITHMS", "").split(os.pathsep))


def available() -> list[str]:
    """The names of all algorithms, sorted. Imports none of them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def find(name: str) -> Algorithm[Any]:
    """The algorithm of that name, without its heavy libraries. Raises `InvalidJob` where there is none.

    Its name is the folder's in any spelling, such as `DeepAR` or `random-cut-forest`, or an alias that it declares.
    """
    folder = _folder(name)
    if folder is None:
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
        with suppress(Exception):  # somebody else's folder may raise anything, and is not the one that is asked for
            if wanted in map(_plain, _imported(each).aliases):
                return each
    return None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _imported(folder: str) -> Algorithm[Any]:
    found = importlib.import_module(f"{__name__}.{folder}.algorithm").ALGORITHM
    assert isinstance(found, Algorithm), f"algorithms/{folder}/algorithm.py: ALGORITHM must be an Algorithm"
    return found
