"""The peer: GluonTS' DeepAR on MXNet, with the very weights that ours forecasts with.

    python -m benchmarks.gluonts_mxnet serve FOLDER PORT    gluonts.shell's server
    python -m benchmarks.gluonts_mxnet memory FOLDER        a process that predicts; says its resident MiB

FOLDER holds what `Predictor.serialize` writes, in `model/`.
"""

import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.algorithms.deepar.network import Layer, Network
from forecastle.algorithms.deepar.series import Series

setattr(np, "bool", np.bool_)  # noqa: B010 - MXNet reads the name, which numpy 1.24 removed
warnings.simplefilter("ignore")

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What an estimator is made with."""

    freq: str
    context_length: int
    prediction_length: int
    epochs: int
    batch_size: int = 64
    learning_rate: float = 1e-3
    batches_per_epoch: int = 10
    cells: int = 40


def train(
    series: Sequence[Series], asked: Asked, seed: int = 0, epoch_ended: Callable[[], None] = lambda: None
) -> tuple[Any, list[float]]:
    """GluonTS' predictor after so many epochs, and the seconds that each of them took."""
    import mxnet
    from gluonts.env import env
    from gluonts.mx import DeepAREstimator, Trainer
    from gluonts.mx.trainer.callback import Callback

    class Clock(Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.ends = [time.perf_counter()]

        def on_epoch_end(self, **_: Any) -> bool:
            self.ends.append(time.perf_counter())
            epoch_ended()
            return True

    mxnet.random.seed(seed)
    np.random.seed(seed)
    env._push(use_tqdm=False)  # no bar
    clock = Clock()
    estimator = DeepAREstimator(
        freq=asked.freq,
        context_length=asked.context_length,
        prediction_length=asked.prediction_length,
        num_cells=asked.cells,
        batch_size=asked.batch_size,
        trainer=Trainer(
            epochs=asked.epochs,
            num_batches_per_epoch=asked.batches_per_epoch,
            learning_rate=asked.learning_rate,
            callbacks=[clock],
        ),
    )
    predictor = estimator.train(dataset(series, asked.freq))
    return predictor, np.diff(clock.ends).tolist()


def dataset(series: Sequence[Series], freq: str) -> Any:
    from gluonts.dataset.common import ListDataset

    return ListDataset([{"start": str(one.start).replace("T", " "), "target": one.target} for one in series], freq=freq)


def predict(
    predictor: Any, series: Sequence[Series], freq: str, num_samples: int, levels: Sequence[float]
) -> list[tuple[Floats, Floats, Floats]]:
    """Mean, quantiles and paths of each series' future, as GluonTS' predictor has them."""
    forecasts = predictor.predict(dataset(series, freq), num_samples=num_samples)
    return [(one.mean, np.stack([one.quantile(level) for level in levels]), one.samples) for one in forecasts]


def network_of(predictor: Any, asked: Asked) -> Network:
    """Our network, with the weights of GluonTS'."""
    from forecastle.algorithms.deepar.training.mxnet import arrays_of  # who trains with PyTorch may have no numba

    net = predictor.prediction_net
    arrays = arrays_of(net)
    return Network(
        frequency=Frequency.parse(asked.freq),
        context_length=asked.context_length,
        prediction_length=asked.prediction_length,
        likelihood=LIKELIHOODS["student-T"],
        lags=tuple(net.lags_seq),
        cardinality=(),
        num_dynamic_feat=0,
        layers=tuple(
            Layer(**{part: arrays[f"layer{number}_{part}"] for part in Layer.__dataclass_fields__})
            for number in range(2)
        ),
        embeddings=(arrays["embedding0"],),
        projection_weight=arrays["projection_weight"],
        projection_bias=arrays["projection_bias"],
    )


def save(predictor: Any, folder: Path) -> None:
    (folder / "model").mkdir(parents=True)
    predictor.serialize(folder / "model")


def _serve(folder: Path, port: int) -> None:
    """As `gluonts.shell serve` does it, on a port of our choice."""
    import waitress
    from gluonts.shell.env import ServeEnv
    from gluonts.shell.serve import Settings, make_flask_app

    app = make_flask_app(env=ServeEnv(folder), forecaster_type=None, settings=Settings())
    waitress.serve(app, listen=f"127.0.0.1:{port}")


def _tell_memory(folder: Path, requests: int) -> None:
    from gluonts.model.predictor import Predictor

    predictor = Predictor.deserialize(folder / "model")
    series = Series(np.datetime64("2014-01-01T00:00:00", "s"), np.ones(1000, np.float32))
    for _ in range(requests):
        predict(predictor, [series], "2H", 100, [0.1, 0.5, 0.9])
    status = Path("/proc/self/status").read_text()
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    print(int(kib) / 1024)


if __name__ == "__main__":
    verb, path = sys.argv[1], Path(sys.argv[2])
    _serve(path, int(sys.argv[3])) if verb == "serve" else _tell_memory(path, 20)
