"""A peer: GluonTS' DeepAR on PyTorch, of the same size, on one thread."""

import tempfile
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.gluonts_mxnet import Asked, dataset
from forecastle.algorithms.deepar.series import Series


def predictor(asked: Asked) -> Any:
    """GluonTS' predictor. Its weights are fresh: its speed does not depend on them."""
    estimator = _estimator(asked)
    return estimator.create_predictor(estimator.create_transformation(), estimator.create_lightning_module())


def train(series: Sequence[Series], asked: Asked, epoch_ended: Callable[[], None]) -> None:
    """Train as GluonTS does, from series that it transforms once (`cache_data=True`); it has no zoneout."""
    from lightning.pytorch.callbacks import Callback

    class Clock(Callback):  # type: ignore[misc]
        def on_train_epoch_end(self, *_: Any) -> None:
            epoch_ended()

    with tempfile.TemporaryDirectory() as folder:  # it keeps its best epochs there
        quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
        trainer = {"max_epochs": asked.epochs, "callbacks": [Clock()], "accelerator": "cpu", **quiet}
        estimator = _estimator(
            asked,
            dropout_rate=0.0,
            lr=asked.learning_rate,
            num_batches_per_epoch=asked.batches_per_epoch,
            trainer_kwargs=trainer | {"default_root_dir": folder},
        )
        estimator.train(dataset(series, asked.freq), cache_data=True)


def _estimator(asked: Asked, **more: Any) -> Any:
    import torch

    warnings.simplefilter("ignore")
    from gluonts.torch.model.deepar import DeepAREstimator

    torch.set_num_threads(1)
    return DeepAREstimator(
        freq=asked.freq,
        context_length=asked.context_length,
        prediction_length=asked.prediction_length,
        hidden_size=asked.cells,
        num_layers=2,
        batch_size=asked.batch_size,
        **more,
    )
