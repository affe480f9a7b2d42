"""The algorithms: every folder in here is one, found without a list.

The setting `FORECASTLE_ALGORITHMS` names more folders like this one, separated by colons: if it is /my/algorithms, the
folder /my/algorithms/prophet is the algorithm `prophet`.
"""

import importlib
import os
import pkgutil
from typing import Any

from forecastle.algorithms.interface import Algorithm
from forecastle.contract.errors import InvalidJob

__path__ += filter(None, os.environ.get("FORECASTLE_ALGORITHMS", "").split(os.pathsep))


def available() -> list[str]:
    """The names of all algorithms, sorted. Imports none of them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def find(name: str) -> Algorithm[Any]:
    """The algorithm of that name, without its heavy libraries. Raises `InvalidJob` where there is none."""
    if name not in available():
        raise InvalidJob(f"Algorithm {name!r} is unknown; known are {', '.join(available())}.")
    found = importlib.import_module(f"{__name__}.{name}.algorithm").ALGORITHM
    assert isinstance(found, Algorithm), f"algorithms/{name}/algorithm.py: ALGORITHM must be an Algorithm"
    return found
