"""The small networks of `golden/`, with what PyTorch computed of them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from forecastle.algorithms.seq2seq.network import Network
from forecastle.algorithms.seq2seq.training.learner import Batch

FOLDER = Path(__file__).parent / "golden" / "networks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.npz"))


class Golden:
    """A network and what PyTorch says of it; `golden/make.py` describes the file."""

    def __init__(self, name: str) -> None:
        with np.load(FOLDER / f"{name}.npz") as file:
            content: dict[str, Any] = dict(file)
        self.network = Network.from_artifact(json.loads(str(content["parameters"])), _those(content, "weight "))
        self.gradients = _those(content, "gradient ")
        self.batch = Batch(*(content[field] for field in Batch._fields))
        self.negative_log_likelihood = float(content["negative_log_likelihood"])
        self.correct = int(content["correct"])
        self.translations: list[list[tuple[list[int], float]]] = json.loads(str(content["translations"]))

    @property
    def sources(self) -> list[Any]:
        return [row[:length] for row, length in zip(self.batch.source, self.batch.source_lengths)]


@cache
def golden(name: str) -> Golden:
    return Golden(name)


def _those(content: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in content.items() if name.startswith(prefix)}
