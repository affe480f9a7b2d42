"""The algorithms: every folder in here is one, found without a list.

A folder of the same shape below another `algorithms` on the import path joins them: with `PYTHONPATH=/my`, the folder
/my/algorithms/prophet is an algorithm as good as those that come along.
"""

import importlib
import pkgutil
from typing import Any

from forecastle.algorithms.interface import Algorithm
from forecastle.contract.errors import InvalidJob

__path__ = pkgutil.extend_path(__path__, __name__)


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
