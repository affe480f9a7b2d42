"""The fan charts of a request and its response, for `forecastle plot`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecastle.algorithms.chart import Chart, Panel
from forecastle.algorithms.deepar.fan_chart import fan_panel
from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.interface import Ask, ChartOptions, Payload
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.media_type import JSON, JSON_LINES

Values = NDArray[np.float64]

PANELS = 4  # at most, unless the options name one series
CONFIGURATION = {"output_types": ["mean", "quantiles", "samples"], "quantiles": ["0.1", "0.25", "0.5", "0.75", "0.9"]}


class FanChartOptions(ChartOptions):
    """The options of `forecastle plot --set` for DeepAR."""

    time_freq: str | None = Field(
        None, description="The time between values, such as 2H, to show dates; known if a model is given."
    )
    history: int | None = Field(
        None, ge=1, description="How many values before the forecast are shown; four times the forecast's by default."
    )
    hold_out: int = Field(
        0, ge=0, description="How many values at the end of each series are kept from the model and drawn beside."
    )
    series: int | None = Field(None, ge=0, description="The number of the only series to draw, counted from 0.")


def plot(ask: Ask, payload: Payload, options: FanChartOptions) -> Chart | None:
    """Send a request and draw its response: a panel for each series. None if the request is for another algorithm.

    Requests quantiles and sample paths, unless the request has a configuration. Raises `InvalidData` and
    `InvalidJob`.
    """
    document = _document(payload)
    if document is None:
        return None
    instances = document["instances"]
    chosen = range(len(instances)) if options.series is None else [options.series]
    if not set(chosen) <= set(range(len(instances))):
        raise InvalidJob(f"Chart option series must be less than {len(instances)}, the number of series.")
    shown = [*chosen][:PANELS]
    whole = [instances[number] for number in shown]
    asked = {**document, "instances": [_without_end(each, options.hold_out) for each in whole]}
    answer = json.loads(ask(json.dumps(asked).encode(), JSON, JSON))
    frequency = None if options.time_freq is None else Frequency.parse(options.time_freq)
    panels = [
        _panel(f"Series {number}", instance, prediction, options, frequency)
        for number, instance, prediction in zip(shown, whole, answer["predictions"], strict=True)
    ]
    left_out = len(chosen) - len(shown)
    note = f"{left_out} more series are not drawn; --set series=N draws one of them." if left_out else ""
    return Chart(panels, note=note)


def _document(payload: Payload) -> dict[str, Any] | None:
    """The request as one JSON document with a configuration; None if it is not for DeepAR."""
    if payload.content_type.essence not in (JSON, JSON_LINES):
        return None
    try:
        documents = [json.loads(payload.body)]
    except ValueError:
        try:
            documents = [json.loads(line) for line in payload.body.splitlines() if line.strip()]
        except ValueError:
            return None
    first = documents[0] if documents else None
    if isinstance(first, dict) and isinstance(first.get("instances"), list):
        instances, configuration = first["instances"], first.get("configuration")
    else:
        instances, configuration = documents, None
    if not instances or not all(isinstance(each, dict) and "target" in each for each in instances):
        return None
    return {"instances": instances, "configuration": configuration or CONFIGURATION}


def _without_end(instance: Mapping[str, Any], count: int) -> dict[str, Any]:
    target = instance["target"]
    if not isinstance(target, list):
        raise InvalidData(place=("target",), expected="a list")
    return {**instance, "target": target[:-count]} if count else dict(instance)


def _panel(
    title: str,
    instance: Mapping[str, Any],
    prediction: Mapping[str, Any],
    options: FanChartOptions,
    frequency: Frequency | None,
) -> Panel:
    target = _numbers(instance["target"])
    known = len(target) - options.hold_out
    quantiles = {float(level): _numbers(values) for level, values in prediction.get("quantiles", {}).items()}
    mean = _numbers(prediction["mean"]) if "mean" in prediction else None
    samples = np.array([_numbers(path) for path in prediction["samples"]]) if "samples" in prediction else None
    if mean is None and not quantiles:
        if samples is None:
            raise InvalidData("The answer has no mean, quantiles or samples to draw.")
        mean = samples.mean(axis=0)
    steps = len(mean if mean is not None else next(iter(quantiles.values())))
    first = max(0, known - (options.history or 4 * steps))
    times = None
    if frequency is not None and "start" in instance:
        times = frequency.times(np.datetime64(str(instance["start"])), first, known - first + steps)
    return fan_panel(
        title,
        target[first:known],
        quantiles,
        times=times,
        mean=mean,
        samples=samples,
        actual=target[known:],
    )


def _numbers(values: Sequence[Any]) -> Values:
    """Values of JSON, in which null and "NaN" are missing values."""
    return np.array([np.nan if value is None else float(value) for value in values])
