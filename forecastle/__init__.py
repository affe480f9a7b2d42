"""SageMaker's DeepAR, Random Cut Forest and Sequence to Sequence without SageMaker.

The public names for use from Python, imported on first use so that `import forecastle` stays cheap:

- `DeepAR`: forecasts of many time series from one network, an estimator after scikit-learn's conventions.
- `RandomCutForest`: the anomaly detector, a scikit-learn estimator.
- `DeepARPredictor`, `RandomCutForestPredictor`, `Seq2SeqPredictor`: clients of a model on a server, on a SageMaker
  endpoint or in a folder. They need numpy alone; pandas is optional.
- `PredictorError`: what a client raises if the model refuses a request or does not answer.
- `StreamWatcher`: anomaly scores and alerts for rows as they come.
- `explore`: a forecast with sliders, in a notebook.
- `__version__`: the installed version.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecastle.algorithms.deepar.estimator import DeepAR
    from forecastle.algorithms.deepar.explorer import explore
    from forecastle.algorithms.deepar.predictor import DeepARPredictor
    from forecastle.algorithms.random_cut_forest.estimator import RandomCutForest
    from forecastle.algorithms.random_cut_forest.predictor import RandomCutForestPredictor
    from forecastle.algorithms.random_cut_forest.watcher import StreamWatcher
    from forecastle.algorithms.seq2seq.predictor import Seq2SeqPredictor
    from forecastle.client.errors import PredictorError

    __version__: str

__all__ = [
    "DeepAR",
    "DeepARPredictor",
    "PredictorError",
    "RandomCutForest",
    "RandomCutForestPredictor",
    "Seq2SeqPredictor",
    "StreamWatcher",
    "__version__",
    "explore",
]

_MODULES = {
    "DeepAR": "forecastle.algorithms.deepar.estimator",
    "DeepARPredictor": "forecastle.algorithms.deepar.predictor",
    "PredictorError": "forecastle.client.errors",
    "RandomCutForest": "forecastle.algorithms.random_cut_forest.estimator",
    "RandomCutForestPredictor": "forecastle.algorithms.random_cut_forest.predictor",
    "Seq2SeqPredictor": "forecastle.algorithms.seq2seq.predictor",
    "StreamWatcher": "forecastle.algorithms.random_cut_forest.watcher",
    "explore": "forecastle.algorithms.deepar.explorer",
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
