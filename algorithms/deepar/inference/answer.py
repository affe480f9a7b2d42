"""Responses: forecasts as JSON and JSON Lines, with the requested output types.

    {"predictions": [{"quantiles": {"0.1": […], "0.9": […]}, "samples": [[…], …], "mean": […]}, …]}

In JSON Lines each line is a prediction. Source: "DeepAR Inference Formats", AWS's developer guide.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from forecastle.algorithms.deepar.inference.configuration import OUTPUT_TYPES, Configuration
from forecastle.algorithms.deepar.inference.forecast import Forecast
from forecastle.contract.media_type import JSON_LINES
from forecastle.formats import number_writer
from forecastle.formats.template import fill

Table = NDArray[np.floating[Any]]


def write_answer(forecasts: Sequence[Forecast], configuration: Configuration, media_type: str) -> bytes:
    """The response with these forecasts, in their order; numbers have at most ten decimals."""
    members = {"quantiles": _quantiles, "samples": _samples, "mean": _mean}
    columns = [members[name](forecasts, configuration) for name in OUTPUT_TYPES if name in configuration.output_types]
    predictions = [b"{" + b",".join(parts) + b"}" for parts in zip(*columns)]
    if media_type == JSON_LINES:
        return b"\n".join(predictions) + b"\n"
    return b'{"predictions":[' + b",".join(predictions) + b"]}"


def _mean(forecasts: Sequence[Forecast], configuration: Configuration) -> list[bytes]:  # noqa: ARG001
    table = np.stack([forecast.mean for forecast in forecasts])  # (series, steps)
    return _rows([b'"mean":[', *[b","] * (table.shape[1] - 1), b"]"], table)


def _quantiles(forecasts: Sequence[Forecast], configuration: Configuration) -> list[bytes]:
    quantiles = np.stack([forecast.quantiles for forecast in forecasts])  # (series, levels, steps)
    commas = [b","] * (quantiles.shape[2] - 1)
    texts, before = [], b'"quantiles":{'
    for key in configuration.quantiles:
        texts += [before + orjson.dumps(key) + b":[", *commas]
        before = b"],"
    return _rows([*texts, b"]}"], quantiles.reshape(len(forecasts), -1))


def _samples(forecasts: Sequence[Forecast], configuration: Configuration) -> list[bytes]:  # noqa: ARG001
    members = []
    for forecast in forecasts:
        assert forecast.samples is not None
        texts = [b"[", *[b","] * (forecast.samples.shape[1] - 1), b"]"]
        members.append(b'"samples":[' + b",".join(_rows(texts, forecast.samples)) + b"]")
    return members


def _rows(texts: Sequence[bytes], table: Table) -> list[bytes]:
    """For each row of `table`, (rows, columns), its numbers between the columns + 1 `texts`."""
    if np.abs(table).max() < number_writer.WRITE_LIMIT:  # false also if one is NaN
        return fill(texts, table, separator=b"\n").split(b"\n")
    return [_slowly(texts, row) for row in table.tolist()]


def _slowly(texts: Sequence[bytes], row: Sequence[float]) -> bytes:
    """The same for numbers of any size; those that are not finite become null."""
    written = [orjson.dumps(round(value, 10)) for value in row]
    return texts[0] + b"".join(number + text for number, text in zip(written, texts[1:]))
