"""A peer: GluonTS' DeepAR on PyTorch, of the same size. Its weights are fresh: what it costs does not hang on them."""

import warnings
from typing import Any

from benchmarks.gluonts_mxnet import Asked


def predictor(asked: Asked) -> Any:
    """GluonTS' predictor, on one thread."""
    import torch

    warnings.simplefilter("ignore")
    from gluonts.torch.model.deepar import DeepAREstimator

    torch.set_num_threads(1)
    estimator = DeepAREstimator(
        freq=asked.freq,
        context_length=asked.context_length,
        prediction_length=asked.prediction_length,
        hidden_size=asked.cells,
        num_layers=2,
        batch_size=asked.batch_size,
    )
    return estimator.create_predictor(estimator.create_transformation(), estimator.create_lightning_module())
