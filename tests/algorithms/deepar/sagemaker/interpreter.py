"""SageMaker's graph itself, operator by operator in float64: what our network is compared with.

Each operator is what MXNet's documentation says of it. Draws are given from outside: the values of the paths; what
each would have been drawn from is kept.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
DRAWS = ("_sample_normal", "_sample_generalized_negative_binomial", "_sample_beta", "_copy")


class Interpreter:
    """Computes a graph for one series; `paths` is how many a series has."""

    def __init__(self, symbol: Mapping[str, Any], arrays: Mapping[str, NDArray[np.float32]]) -> None:
        self._nodes: Sequence[Mapping[str, Any]] = symbol["nodes"]
        self._arrays = {name: array.astype(np.float64) for name, array in arrays.items()}

    def run(self, inputs: Mapping[str, Doubles], paths: Doubles) -> list[tuple[Doubles, ...]]:
        """What each step's value is drawn from: the inputs of its draw, (paths,) each.

        `inputs` are the series' own, of one row; `paths` (T, paths) are the values that are drawn.
        """
        given = self._arrays | dict(inputs)
        count, drawn, drawn_from = paths.shape[1], 0, []
        results: list[Sequence[Doubles]] = []
        for node in self._nodes:
            name, attributes = node["op"], node.get("attrs", {})
            taken = [results[at][output] for at, output, *_ in node["inputs"]]
            if name == "null":
                results.append([given[node["name"]]] if node["name"] in given else [np.zeros(0)])
            elif name == "repeat":
                results.append([np.repeat(taken[0], count, axis=0)])
            elif name in DRAWS:
                drawn_from.append(tuple(each.ravel() for each in taken))
                results.append([paths[drawn][:, None]])
                drawn += 1
            elif name == "_sample_gamma":
                results.append([taken[1]])  # only its scale, 2/(nu·sigma²), on which the draw depends
            elif name == "Reshape":
                results.append([taken[0].reshape(-1) if attributes["shape"] == "(-1,)" else taken[0]])
            else:
                results.append(OPERATORS[name](attributes, *taken))
        return drawn_from


def _slice(attributes: Mapping[str, str], x: Doubles) -> Sequence[Doubles]:
    axis, count = int(attributes.get("axis", "1")), int(attributes["num_outputs"])
    pieces = np.split(x, count, axis=axis)
    return [np.squeeze(piece, axis) for piece in pieces] if attributes.get("squeeze_axis") == "True" else pieces


def _connected(attributes: Mapping[str, str], x: Doubles, weight: Doubles, bias: Doubles) -> Sequence[Doubles]:
    assert len(weight) == int(attributes["num_hidden"])
    return [x @ weight.T + bias]


def _activation(attributes: Mapping[str, str], x: Doubles) -> Sequence[Doubles]:
    kinds: Mapping[str, Callable[[Doubles], Doubles]] = {
        "sigmoid": lambda x: 0.5 * (1 + np.tanh(x / 2)),
        "tanh": np.tanh,
        "softrelu": lambda x: np.logaddexp(x, 0),
    }
    return [kinds[attributes["act_type"]](x)]


def _embedding(attributes: Mapping[str, str], x: Doubles, weight: Doubles) -> Sequence[Doubles]:
    assert weight.shape == (int(attributes["input_dim"]), int(attributes["output_dim"]))
    return [weight[x.astype(int)]]


def _zeros(attributes: Mapping[str, str]) -> Sequence[Doubles]:
    _, cells = json.loads(attributes["shape"].replace("(", "[").replace(")", "]"))
    return [np.zeros((1, cells))]


def _where(attributes: Mapping[str, str], condition: Doubles, x: Doubles, y: Doubles) -> Sequence[Doubles]:
    del attributes
    if condition.ndim < x.ndim:
        condition = condition.reshape(-1, *[1] * (x.ndim - condition.ndim))
    return [np.where(condition != 0, x, y)]


def _number(attributes: Mapping[str, str]) -> float:
    return float(attributes["scalar"])


OPERATORS: Mapping[str, Callable[..., Sequence[Doubles]]] = {
    "SliceChannel": _slice,
    "FullyConnected": _connected,
    "Activation": _activation,
    "Embedding": _embedding,
    "_zeros": _zeros,
    "where": _where,
    "Dropout": lambda _, x: [x],  # of predictions
    "Concat": lambda attributes, *xs: [np.concatenate(xs, axis=int(attributes["dim"]))],
    "expand_dims": lambda attributes, x: [np.expand_dims(x, int(attributes["axis"]))],
    "sum": lambda attributes, x: [x.sum(axis=int(attributes["axis"]))],
    "ones_like": lambda _, x: [np.ones_like(x)],
    "zeros_like": lambda _, x: [np.zeros_like(x)],
    "abs": lambda _, x: [np.abs(x)],
    "log": lambda _, x: [np.log(x)],
    "sqrt": lambda _, x: [np.sqrt(x)],
    "square": lambda _, x: [x * x],
    "elemwise_mul": lambda _, x, y: [x * y],
    "elemwise_add": lambda _, x, y: [x + y],
    "broadcast_div": lambda _, x, y: [x / y],
    "broadcast_maximum": lambda _, x, y: [np.maximum(x, y)],
    "broadcast_greater": lambda _, x, y: [(x > y).astype(float)],
    "broadcast_greater_equal": lambda _, x, y: [(x >= y).astype(float)],
    "broadcast_lesser": lambda _, x, y: [(x < y).astype(float)],
    "_plus_scalar": lambda attributes, x: [x + _number(attributes)],
    "_mul_scalar": lambda attributes, x: [x * _number(attributes)],
    "_div_scalar": lambda attributes, x: [x / _number(attributes)],
    "_rdiv_scalar": lambda attributes, x: [_number(attributes) / x],
    "_maximum_scalar": lambda attributes, x: [np.maximum(x, _number(attributes))],
}
