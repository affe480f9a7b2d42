"""Our own neutral artifact of a model that SageMaker's DeepAR trained."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.sagemaker import arrays, document
from forecastle.algorithms.deepar.sagemaker.configuration import VERSION, Configuration
from forecastle.algorithms.deepar.sagemaker.distribution import bias_of, weight_of
from forecastle.algorithms.deepar.sagemaker.graph import Graph
from forecastle.algorithms.deepar.sagemaker.walk import Structure, read_structure
from forecastle.contract.artifact import Artifact
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Source
from forecastle.contract.quotation import as_json

T = TypeVar("T")

CONFIGURATION, PARAMETERS, SYMBOL = "model_algo-1-config.json", "model_algo-1-0000.params", "model_algo-1-symbol.json"
_FILE_NAME = re.compile(r"model_algo-([0-9]{1,6})-(config\.json|symbol\.json|[0-9]{4}\.params)")
ORIGIN = f"SageMaker, model_version {VERSION}"


def adopt(folder: Path) -> Artifact | None:
    """The model in `folder`, if its files have the names that SageMaker's DeepAR uses; otherwise None.

    Raises `InvalidData`, with the file's path in its place, if it is such a model but of an unknown structure.
    """
    names = _names(folder)
    if not names:
        return None
    others = sorted(name for name in names if name not in (CONFIGURATION, PARAMETERS, SYMBOL))
    if others:
        raise InvalidData(
            place=(Source(str(folder / others[0])),),
            expected=f"only {CONFIGURATION}, {PARAMETERS} and {SYMBOL}: "
            "models of several hosts or of another epoch are not supported",
        )
    configuration = _read(folder, CONFIGURATION, lambda content: Configuration.read(document.read_object(content)))
    named = _read(folder, PARAMETERS, arrays.read_arrays, most=arrays.MOST_BYTES)
    graph = _read(folder, SYMBOL, lambda content: Graph.read(document.read_object(content)), document.MOST_GRAPH_BYTES)
    lengths = configuration.train_length, configuration.prediction_length
    with _within(folder / SYMBOL):
        structure = read_structure(graph, configuration.likelihood, *lengths)
        _require_cardinality(configuration, structure)
    with _within(folder / PARAMETERS):
        network = _network(configuration, structure, named)
    return Artifact(
        network.arrays(),
        network.parameters() | {"origin": ORIGIN},
        hyperparameters=_hyperparameters(network, structure),
    )


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir() if _FILE_NAME.fullmatch(path.name)]
    except OSError:  # not a folder
        return []


def _read(folder: Path, name: str, read: Callable[[bytes], T], most: int = document.MOST_BYTES) -> T:
    with _within(folder / name):
        return read(document.read_bytes(folder / name, most))


@contextmanager
def _within(path: Path) -> Iterator[None]:
    """Put the file's path before the place of an error in it."""
    try:
        yield
    except InvalidData as error:
        raise error.within(str(path)) from None


def _require_cardinality(configuration: Configuration, structure: Structure) -> None:
    cardinality = tuple(rows for rows, _ in structure.embeddings)
    if cardinality != configuration.cardinality:
        raise InvalidData(
            expected=f"embeddings of {as_json(configuration.cardinality)} categories, as in {CONFIGURATION}",
            got=as_json(cardinality),
        )


def _network(configuration: Configuration, structure: Structure, named: Mapping[str, Floats]) -> Network:
    weights = _Weights(named)
    cells, order = structure.cells, _columns(configuration, structure)
    ours: dict[str, Floats] = {}
    for number, shape in enumerate(structure.embeddings):
        ours[f"embedding{number}"] = weights.take(f"embed_{number}_weight", *shape)
    for layer in range(structure.layers):
        name, columns = f"lstm_l_{layer}", cells if layer else len(order) - 1
        taken = weights.take(f"{name}i2h_weight", 4 * cells, columns)
        if layer == 0:
            taken = np.hstack([taken, np.zeros((len(taken), 1), np.float32)])[:, order]
        ours[f"layer{layer}_input_weight"] = taken
        ours[f"layer{layer}_input_bias"] = weights.take(f"{name}i2h_bias", 4 * cells)
        ours[f"layer{layer}_hidden_weight"] = weights.take(f"{name}h2h_weight", 4 * cells, cells)
        ours[f"layer{layer}_hidden_bias"] = weights.take(f"{name}h2h_bias", 4 * cells)
    rows = structure.projections
    ours["projection_weight"] = np.vstack([weights.take(weight_of(name), 1, cells) for name in rows])
    ours["projection_bias"] = np.hstack([weights.take(bias_of(name), 1) for name in rows])
    weights.require_none_left()
    parameters = {
        "time_freq": str(configuration.frequency),
        "context_length": structure.context_length,
        "prediction_length": configuration.prediction_length,
        "likelihood": configuration.likelihood.name,
        "lags": sorted(structure.lags),
        "cardinality": list(configuration.cardinality) if configuration.has_categories else [],
        "num_dynamic_feat": configuration.num_dynamic_feat,
        "num_layers": structure.layers,
        "num_cells": cells,
        "default_scale": structure.default_scale,
        "date_features": list(configuration.date_features),
        "reset_while_padded": True,
        "missing_is_mean": True,
    }
    return Network.from_artifact(parameters, ours)


def _columns(configuration: Configuration, structure: Structure) -> list[int]:
    """SageMaker's column of each of our inputs; the input that SageMaker lacks is a column of zeros after the last."""
    embedded = sum(columns for _, columns in structure.embeddings)
    features = len(configuration.date_features) + 1 + configuration.num_dynamic_feat
    widths = {"features": features, "static": embedded + 1, "lags": len(structure.lags)}
    places: dict[str, Sequence[int]] = {}
    end = 0
    for part in structure.parts:
        places[part] = range(end, end := end + widths[part])
    lags = [places["lags"][structure.lags.index(lag)] for lag in sorted(structure.lags)]
    *embeddings, log_scale = places["static"]
    return [*lags, *places["features"], *embeddings, end, log_scale]


class _Weights:
    """Named arrays, each of which is used once."""

    def __init__(self, named: Mapping[str, Floats]) -> None:
        self._left = dict(named)

    def take(self, name: str, *shape: int) -> Floats:
        array = self._left.pop(name, None)
        if array is None:
            raise InvalidData(expected=f"{name}, which {SYMBOL} uses, but it is missing")
        if array.shape != shape:
            expected, got = (" × ".join(map(str, sizes)) for sizes in (shape, array.shape))
            raise InvalidData(place=(name,), expected=f"{expected} numbers", got=got)
        if not np.isfinite(array).all():
            raise InvalidData(place=(name,), expected="only finite numbers")
        return array

    def require_none_left(self) -> None:
        if self._left:
            text = f"{SYMBOL} has no such array: the structure of the network is unknown."
            raise InvalidData(text, place=(min(self._left)[:80],))


def _hyperparameters(network: Network, structure: Structure) -> dict[str, Any]:
    """The job's hyperparameters, as far as the artifact contains them, by SageMaker's names."""
    known = network.parameters()
    names = ("time_freq", "context_length", "prediction_length", "likelihood", "num_layers", "num_cells")
    found = {name: known[name] for name in names} | {"dropout_rate": structure.dropout_rate}
    found["embedding_dimension"] = structure.embeddings[0][1]
    return found | {name: known[name] for name in ("cardinality", "num_dynamic_feat") if known[name]}
