"""A trained forest that answers requests."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
import orjson

from forecastle.algorithms.interface import Model, Payload, TensorForm
from forecastle.algorithms.random_cut_forest.forest import Forest
from forecastle.algorithms.random_cut_forest.inference.score import attribute, score
from forecastle.algorithms.random_cut_forest.threshold import of_artifact, of_leaves
from forecastle.contract.artifact import Artifact
from forecastle.contract.errors import NotAcceptable, PayloadTooLarge
from forecastle.contract.media_type import ACCEPT, CSV, JSON, JSON_LINES, RECORDIO, MediaType
from forecastle.contract.place import Place, Source
from forecastle.formats.recordio_writer import write_dense, write_scores, write_sparse
from forecastle.formats.rows import decode_rows
from forecastle.formats.template import fill
from forecastle.kernels.arrays import Flags, Floats

EXAMPLE = "example.csv"  # the artifact's file with rows for the model's page
EXAMPLE_ROWS, EXAMPLE_NUMBERS = 5, 1_000  # at the most
PAGE_ROWS, PAGE_NUMBERS = 100, 10_000
ATTRIBUTED_NUMBERS = 2_000_000  # the response has twice as many, about 50 MB
DENSE_BYTES = 2**29  # the size limit of a sparse request as a dense array

# The cost of a row, measured by benchmarks/random_cut_forest.py on a slow core.
SECONDS_PER_TREE = 10e-9
SECONDS_PER_TREE_AND_COLUMN = 2e-9
ATTRIBUTION_FACTOR = 10


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Query:
    """Rows to score, (rows, columns), and whether each column's share of the scores is requested.

    `exact`, (rows,): whether a row was converted to float32 without rounding; None if all were. See `score.score`.
    """

    points: Floats
    attribution: bool
    exact: Flags | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scores:
    """The scores, (rows,), and, if requested, each column's shares of them, (rows, columns)."""

    scores: Floats
    high: Floats | None = None  # shares of values above those in the forest
    low: Floats | None = None  # shares of values below them


class RandomCutForestModel(Model[Query, Scores]):
    """A forest that answers requests.

    Attributes
    ----------
    threshold : the score above which a row counts as an anomaly.
    example : rows of its training data, as CSV, for its page; empty if they are unknown.
    """

    def __init__(
        self,
        forest: Forest,
        parameters: Mapping[str, Any] | None = None,
        threshold: float | None = None,
        example: bytes = b"",
    ) -> None:
        self.forest = forest
        self.example = example
        self.parameters = dict(parameters or {})  # to reproduce its training, such as the seed
        self.threshold = of_leaves(forest) if threshold is None else threshold

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> "RandomCutForestModel":
        """The model of an artifact. Raises `InvalidData` if its arrays are not a forest or its threshold is invalid."""
        forest = Forest.from_arrays(dict(artifact.arrays))
        return cls(forest, artifact.parameters, of_artifact(artifact, forest), artifact.files.get(EXAMPLE, b""))

    def artifact(self) -> Artifact:
        files = {EXAMPLE: self.example} if self.example else {}
        return Artifact(self.forest.arrays(), self.parameters | {"threshold": self.threshold}, files=files)

    def facts(self) -> Mapping[str, float]:
        rows = self.parameters.get("training_rows")
        return {"threshold": self.threshold} | ({} if rows is None else {"training rows": float(rows)})

    def page_request(self) -> Payload:
        """The last rows of the training data, or leaves of the trees if no rows were kept."""
        return Payload(
            self.example or self._leaves(max(1, min(PAGE_ROWS, PAGE_NUMBERS // self.forest.dimensions))),
            MediaType.parse(CSV),
        )

    def page_data(self) -> Mapping[str, Any]:
        return {"columns": self.forest.dimensions, "threshold": self.threshold, "most_attributed": ATTRIBUTED_NUMBERS}

    def sample_request(self) -> Payload:
        rows = max(1, min(EXAMPLE_ROWS, EXAMPLE_NUMBERS // self.forest.dimensions))
        return Payload(self._leaves(rows), MediaType.parse(CSV))

    def _leaves(self, rows: int) -> bytes:
        """So many points of the first tree, as CSV."""
        leaves = np.linspace(0, self.forest.leaf_offsets[1] - 1, rows).astype(np.int64)
        points = self.forest.leaf_points[leaves].tolist()
        return b"".join(b",".join(b"%.9g" % x for x in row) + b"\n" for row in points)

    def sample_requests(self) -> Sequence[Payload]:
        """The example's rows in every request type, dense and sparse, and with attribution."""
        example = self.sample_request()
        rows = decode_rows(example.body, example.content_type, width=self.forest.dimensions).features
        count, width = rows.shape
        dense = [{"features": row} for row in rows.tolist()]
        keys = list(range(width))
        sparse = [{"data": {"features": {"keys": keys, "shape": [width], "values": row}}} for row in rows.tolist()]
        instances = [*map(orjson.dumps, dense + sparse)]
        ends = np.arange(1, count + 1) * width
        bodies = [
            (JSON, b'{"instances":[' + b",".join(instances) + b"]}"),
            (JSON_LINES, b"\n".join(instances)),
            (RECORDIO, write_dense(rows)),
            (RECORDIO, write_sparse(rows.ravel(), np.tile(keys, count), ends, width)),
        ]
        return (
            example,
            replace(example, attributes="attribution=true"),
            *(Payload(body, MediaType.parse(media_type)) for media_type, body in bodies),
        )

    def decode(self, payload: Payload) -> Query:
        rows = decode_rows(payload.body, payload.content_type, width=self.forest.dimensions, max_bytes=DENSE_BYTES)
        points = rows.features
        attribution = _asks_for_attribution(payload.attributes)
        if attribution:
            require_attributable(points, (Source("Body"),), "attribution=true")
        return Query(points, attribution, None if rows.exact.all() else rows.exact)

    def tensors(self) -> TensorForm[Query, Scores]:
        from forecastle.algorithms.random_cut_forest.tensors import RowsAsTensors

        return RowsAsTensors(self.forest.dimensions)

    def cost(self, request: Query) -> float:
        rows, columns = request.points.shape
        seconds: float = rows * self.forest.num_trees * (SECONDS_PER_TREE + SECONDS_PER_TREE_AND_COLUMN * columns)
        return seconds * (ATTRIBUTION_FACTOR if request.attribution else 1)

    def rows(self, request: Query) -> int:
        return len(request.points)

    def predict(self, requests: Sequence[Query], threads: int) -> Sequence[Scores]:
        together = np.concatenate([request.points for request in requests]) if len(requests) > 1 else requests[0].points
        scores = score(self.forest, together, threads=threads, exact=_exact(requests))
        ends = accumulate(len(request.points) for request in requests)
        return [
            Scores(scores[end - len(request.points) : end], *self._shares(request, threads))
            for request, end in zip(requests, ends, strict=True)
        ]

    def _shares(self, request: Query, threads: int) -> tuple[Floats, Floats] | tuple[None, None]:
        if not request.attribution:
            return None, None
        return attribute(self.forest, request.points, threads=threads, exact=request.exact)

    def encode(self, prediction: Scores, media_type: str) -> bytes:
        if prediction.high is not None and prediction.low is not None:
            return _encode_attribution(prediction.scores, prediction.high, prediction.low, media_type)
        if media_type == RECORDIO:
            return write_scores(prediction.scores)
        table = prediction.scores[:, np.newaxis]
        if media_type == CSV:
            return fill([b"", b"\n"], table)
        if media_type == JSON_LINES:
            return fill([b'{"score":', b"}\n"], table)
        return fill([b'{"score":', b"}"], table, separator=b",", before=b'{"scores":[', after=b"]}")


def require_attributable(points: Floats, place: Place, what: str) -> None:
    """Raise `PayloadTooLarge` if `points`, (rows, columns), are too many for an answer with attributions."""
    if points.size > ATTRIBUTED_NUMBERS:
        raise PayloadTooLarge(
            place=place,
            expected=f"at most {ATTRIBUTED_NUMBERS:,} numbers, rows times columns, with {what}",
            got=f"{points.size:,}",
            hint="send fewer rows at a time",
        )


def rows_as_csv(rows: Floats) -> bytes:
    """Rows, (rows, columns), without a header; each number in the fewest digits that give its float32."""
    written = orjson.dumps(np.ascontiguousarray(rows), option=orjson.OPT_SERIALIZE_NUMPY)
    lines = written[2:-2].replace(b"],[", b"\n") + b"\n" if len(rows) else b""
    return re.sub(rb"\.0(?=[,\n])", b"", lines)


def _exact(requests: Sequence[Query]) -> Flags | None:
    """`exact` of the rows of all requests together."""
    if all(request.exact is None for request in requests):
        return None
    return np.concatenate(
        [np.ones(len(request.points), np.bool_) if request.exact is None else request.exact for request in requests]
    )


def _encode_attribution(scores: Floats, high: Floats, low: Floats, media_type: str) -> bytes:
    if media_type not in (JSON, JSON_LINES):
        raise NotAcceptable(place=ACCEPT, expected=f"{JSON} or {JSON_LINES} with attribution=true", got=media_type)
    table = np.concatenate([scores[:, np.newaxis], high, low], axis=1)  # (rows, 1 + 2·columns)
    commas = [b","] * (high.shape[1] - 1)
    texts = [b'{"score":', b',"attribution":{"high":[', *commas, b'],"low":[', *commas, b"]}}"]
    if media_type == JSON_LINES:
        return fill([*texts[:-1], texts[-1] + b"\n"], table)
    return fill(texts, table, separator=b",", before=b'{"scores":[', after=b"]}")


def _asks_for_attribution(attributes: str) -> bool:
    """Whether the client's custom attributes contain `attribution=true`, alone or among others."""
    return bool(attributes) and any(
        part.replace(" ", "").lower() == "attribution=true" for part in attributes.replace(";", ",").split(",")
    )
