"""SageMaker's DeepAR and Random Cut Forest without SageMaker.

The public names for use from Python, imported on first use so that `import forecastle` stays cheap:

- `DeepAR`: forecasts of many time series from one network, an estimator after scikit-learn's conventions.
- `RandomCutForest`: the anomaly detector, a scikit-learn estimator.
- `__version__`: the installed version.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecastle.algorithms.deepar.estimator import DeepAR
    from forecastle.algorithms.random_cut_forest.estimator import RandomCutForest

    __version__: str

__all__ = ["DeepAR", "RandomCutForest", "__version__"]

_MODULES = {
    "DeepAR": "forecastle.algorithms.deepar.estimator",
    "RandomCutForest": "forecastle.algorithms.random_cut_forest.estimator",
}


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
