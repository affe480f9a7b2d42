"""Points and forests that the tests of this folder share."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from forecastle.algorithms.random_cut_forest.forest import Forest
from forecastle.algorithms.random_cut_forest.training.grow import drawn_rows, grow

Floats = npt.NDArray[np.float32]

DIMENSIONS = (1, 2, 3, 10, 17, 100)
_TAXI = Path(__file__).parents[4] / "shared" / "data" / "nyc_taxi.csv"


def points(kind: str, count: int, dimensions: int, seed: int) -> Floats:
    """(count, dimensions): "gaussian"; "rounded", with many duplicates; "constant"; "steep", sides of 1e-6 to 1e6."""
    drawn = np.random.default_rng(seed).standard_normal((count, dimensions))
    if kind == "rounded":
        drawn = np.round(drawn)
    elif kind == "constant":
        drawn[:] = drawn[0]
    elif kind == "steep":
        drawn *= np.logspace(-6, 6, dimensions)
    return drawn.astype(np.float32)


def forest_of(samples: Floats, num_trees: int = 5, num_samples_per_tree: int = 64, seed: int = 0) -> Forest:
    return grow(samples, drawn_rows(len(samples), num_trees, num_samples_per_tree, seed=seed), seed=seed)


def taxi_counts() -> Floats:
    """(10320, 1), New York taxi passengers, half-hourly."""
    if not _TAXI.exists():
        pytest.skip(f"{_TAXI} is absent")
    return np.loadtxt(_TAXI, delimiter=",", skiprows=1, usecols=1, dtype=np.float32)[:, None]
