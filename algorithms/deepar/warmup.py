"""A run of every kernel of DeepAR, on a small data set."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.inference.configuration import BATCH, OUTPUT_TYPES
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS, Likelihood
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.deepar.network import Layer, Network
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.native.learner import NativeLearner
from forecastle.algorithms.deepar.training.settings import Facts, Settings
from forecastle.algorithms.deepar.training.windows import WindowSource
from forecastle.algorithms.interface import Algorithm

CELLS, LAGS, FREQUENCY = 8, (1, 2, 7), Frequency.parse("D")


def compile_kernels(algorithm: Algorithm[Any]) -> None:
    """Train a step, and answer every kind of request with networks of every likelihood."""
    _train()
    _answer(algorithm)


def _train() -> None:
    """A step of the engine native: its kernels are the same for all networks."""
    given = DeepARHyperparameters.parse(
        {"context_length": 4, "prediction_length": 2, "epochs": 1, "time_freq": FREQUENCY, "num_cells": CELLS}
    )
    settings = Settings(given, Facts(cardinality=(), num_dynamic_feat=0, mean_magnitude=1.0), seed=0)
    source = WindowSource([Series(np.datetime64("2024-01-01", "s"), np.ones(6, np.float32))], settings)
    NativeLearner(settings, threads=None).step(source.batch(np.array([[0, 4]])), learning_rate=0.0, seed=0)


def _answer(algorithm: Algorithm[Any]) -> None:
    """Networks of every likelihood, with and without features, each with all request and response types."""
    batch = replace(BATCH, output_types=frozenset(OUTPUT_TYPES))
    for likelihood, features in itertools.product(LIKELIHOODS.values(), (0, 1)):
        model = DeepARModel(_network(likelihood, features), batch=batch)
        for payload in model.sample_requests():
            request = model.decode(payload)
            (prediction,) = model.predict([request], threads=1)
            for response_type in algorithm.response_types:
                model.encode(prediction, response_type)


def _network(likelihood: Likelihood, features: int) -> Network:
    """A network of zeros; with a category and a dynamic feature if `features` is 1."""
    cardinality = (2,) * features
    inputs = len(LAGS) + len(FREQUENCY.features) + 1 + features + 1 + 1 + 1
    rows = len(likelihood.parameters)

    def zeros(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.zeros(shape, np.float32)

    return Network(
        frequency=FREQUENCY,
        context_length=4,
        prediction_length=2,
        likelihood=likelihood,
        lags=LAGS,
        cardinality=cardinality,
        num_dynamic_feat=features,
        layers=tuple(
            Layer(zeros(4 * CELLS, width), zeros(4 * CELLS, CELLS), zeros(4 * CELLS), zeros(4 * CELLS))
            for width in (inputs, CELLS)
        ),
        embeddings=(zeros(*(cardinality or (1,)), 1),),
        projection_weight=zeros(rows, CELLS),
        projection_bias=zeros(rows),
    )
