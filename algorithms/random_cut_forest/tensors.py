"""Rows and their scores as named tensors.

    instances         [rows, columns], any type of number
    scores            FP32 [rows]
    attribution_high  FP32 [rows, columns], with the next one only if it is asked for
    attribution_low   FP32 [rows, columns]

A float32 is compared with the stored points as it is; a number of another type that float32 rounds equals none of them,
as in text (see `score.score`).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from forecastle.algorithms.random_cut_forest.model import Query, Scores, require_attributable
from forecastle.algorithms.tensors import NUMBERS, Given, Tensor, TensorForm, TensorType
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData

INSTANCES = "instances"
SCORES, HIGH, LOW = "scores", "attribution_high", "attribution_low"


class RowsAsTensors(TensorForm[Query, Scores]):
    """The form of a forest over `columns` columns."""

    def __init__(self, columns: int) -> None:
        self._columns = columns

    @property
    def inputs(self) -> Sequence[TensorType]:
        return (TensorType(INSTANCES, NUMBERS, (-1, self._columns)),)

    @property
    def outputs(self) -> Sequence[TensorType]:
        table = (-1, self._columns)
        return TensorType(SCORES, ("FP32",), (-1,)), *(TensorType(name, ("FP32",), table) for name in (HIGH, LOW))

    def decode(self, given: Given) -> Query:
        rows = given.tensors[INSTANCES]
        if not len(rows):
            raise InvalidData(place=(INSTANCES,), expected="at least one row", got="none")
        with np.errstate(over="ignore"):
            points = np.ascontiguousarray(rows, np.float32)
        finite = np.isfinite(points)
        if not finite.all():
            row, column = np.argwhere(~finite)[0].tolist()
            value = rows[row, column].item()
            got = quotation.of_json(value) if np.isfinite(value) else str(value)
            expected = "a finite number in the range of float32"
            raise InvalidData(place=(INSTANCES, row, column), expected=expected, got=got)
        attribution = bool({HIGH, LOW} & set(given.outputs))
        if attribution:
            require_attributable(points, (INSTANCES,), "attributions")
        exact = (points == rows).all(axis=1)
        return Query(points, attribution, None if exact.all() else exact)

    def encode(self, prediction: Scores) -> Mapping[str, Tensor]:
        tensors: dict[str, Tensor] = {SCORES: prediction.scores}
        if prediction.high is not None and prediction.low is not None:
            tensors |= {HIGH: prediction.high, LOW: prediction.low}
        return tensors
