"""SageMaker's DeepAR and Random Cut Forest without SageMaker.

The public names for use from Python, imported on first use so that `import forecastle` stays cheap:

- `RandomCutForest`: the anomaly detector, a scikit-learn estimator.
- `__version__`: the installed version.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecastle.algorithms.random_cut_forest.estimator import RandomCutForest

    __version__: str

__all__ = ["RandomCutForest", "__version__"]

_MODULES = {"RandomCutForest": "forecastle.algorithms.random_cut_forest.estimator"}


def __getattr__(name: str) -> Any:
    """Import a public name (PEP 562). Raises `AttributeError` for any other name."""
    if name == "__version__":
        from importlib.metadata import version

        value = version("forecastle")
    elif name in _MODULES:
        value = getattr(import_module(_MODULES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
