"""The attention of a request's translations as heat maps, for `forecastle plot`."""

import json
from typing import Any

import numpy as np
from pydantic import Field

from forecastle.algorithms.chart import Chart, Grid
from forecastle.algorithms.interface import Ask, ChartOptions, Payload
from forecastle.contract.errors import InvalidJob
from forecastle.contract.media_type import JSON, JSON_LINES

PANELS = 4  # at most, unless the options name one sentence


class AttentionChartOptions(ChartOptions):
    """The options of `forecastle plot --set` for models that translate."""

    sentence: int | None = Field(None, ge=0, description="The number of the only sentence to draw, counted from 0.")


def plot(ask: Ask, payload: Payload, options: AttentionChartOptions) -> Chart | None:
    """Send sentences to be translated and draw the attention. None if the request is for another algorithm.

    Raises `InvalidJob`.
    """
    instances = _instances(payload)
    if instances is None:
        return None
    chosen = range(len(instances)) if options.sentence is None else [options.sentence]
    if not set(chosen) <= set(range(len(instances))):
        raise InvalidJob(f"Chart option sentence must be less than {len(instances)}, the number of sentences.")
    shown = [instances[index] for index in chosen[:PANELS]]
    asked = [
        {**each, "configuration": {**(each.get("configuration") or {}), "attention_matrix": True}} for each in shown
    ]
    answer = json.loads(ask(json.dumps({"instances": asked}).encode(), JSON, JSON))
    panels = [attention_grid(each["data"], found) for each, found in zip(shown, answer["predictions"], strict=True)]
    left_out = len(chosen) - len(shown)
    return Chart(panels, note=f"{left_out} more sentences are not drawn." if left_out else "")


def attention_grid(source: str, prediction: dict[str, Any]) -> Grid:
    """A translation's attention: its tokens below each other, those of the source beside."""
    columns = prediction.get("source_tokens") or source.split()
    rows = prediction.get("target_tokens") or prediction["target"].split()
    matrix = np.array(prediction["matrix"], np.float32).reshape(len(rows), len(columns))
    return Grid(f"{source} → {prediction['target']}", rows, columns, matrix)


def _instances(payload: Payload) -> list[dict[str, Any]] | None:
    """The sentences of a request for this algorithm, as a JSON request has them."""
    try:
        if payload.content_type.essence == JSON_LINES:
            lines = [json.loads(line) for line in payload.body.splitlines() if line.strip()]
            found = [{"data": line["source"]} for line in lines]
        elif payload.content_type.essence == JSON:
            found = json.loads(payload.body)["instances"]
        else:
            return None
        ours = all(isinstance(each["data"], str) for each in found)
    except (ValueError, KeyError, TypeError):
        return None
    return found if ours and found else None
