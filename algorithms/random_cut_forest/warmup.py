"""A run of every kernel of Random Cut Forest, on a small data set."""

import io
import itertools

import numpy as np

from forecastle.algorithms.interface import Algorithm
from forecastle.algorithms.random_cut_forest.hyperparameters import RandomCutForestHyperparameters
from forecastle.algorithms.random_cut_forest.model import RandomCutForestModel
from forecastle.algorithms.random_cut_forest.training.grow import contiguous_rows, drawn_rows, grow
from forecastle.algorithms.random_cut_forest.training.reservoir import Reservoir
from forecastle.contract.media_type import CSV, JSON, JSON_LINES, RECORDIO, MediaType
from forecastle.formats.recordio_writer import write_dense
from forecastle.formats.rows import read_rows


def compile_kernels(algorithm: Algorithm[RandomCutForestHyperparameters]) -> None:
    """Train forests of one and of two columns, and predict with every request and response type."""
    for columns in (1, 2):
        rows = np.arange(40.0 * columns, dtype=np.float32).reshape(40, columns)
        requests = {
            CSV: "".join(",".join(map(str, row)) + "\n" for row in rows.tolist()).encode(),
            RECORDIO: write_dense(rows),
        }
        for media_type, labels in itertools.product((CSV, RECORDIO), (0, columns - 1)):
            for block in read_rows(
                io.BytesIO(requests[media_type]), MediaType.parse(media_type), default_label_size=labels
            ):
                reservoir = Reservoir(20, columns, seed=1)
                reservoir.add(block.features)
        forests = [
            grow(rows, contiguous_rows(len(rows), 4), seed=1),
            grow(rows, drawn_rows(len(rows), 4, 8, seed=1), seed=1),
        ]
        for model in map(RandomCutForestModel, forests):
            for payload in model.sample_requests():
                query = model.decode(payload)
                (scores,) = model.predict([query], threads=1)
                for response_type in algorithm.response_types:
                    if not query.attribution or response_type in (JSON, JSON_LINES):
                        model.encode(scores, response_type)
