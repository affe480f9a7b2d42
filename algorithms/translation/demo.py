"""The demo: a few sentences from English to German, by the example's Transformer."""

import json
from collections.abc import Iterable
from pathlib import Path

from forecastle.algorithms.attention_chart import attention_grid
from forecastle.algorithms.chart import Chart, save
from forecastle.algorithms.interface import Ask
from forecastle.contract.media_type import JSON

SENTENCES = ("I love you", "I love you.", "I love you, too.", "Do you hear the sea?")


def demonstrate(ask: Ask, picture: Path) -> Iterable[str]:
    """Have a server translate the sentences, and draw the attention of the last one to `picture`."""
    instances = [{"data": text, "configuration": {"attention_matrix": "true"}} for text in SENTENCES]
    answer = json.loads(ask(json.dumps({"instances": instances}).encode(), JSON, JSON))["predictions"]
    save(Chart([attention_grid(SENTENCES[-1], answer[-1])], "What each word was translated from"), picture)
    yield "English to German, by a Transformer that knows a few phrases:"
    width = max(map(len, SENTENCES))
    for text, prediction in zip(SENTENCES, answer, strict=True):
        yield f"  {text:<{width}}  {prediction['target']}"
