"""A checkpoint: what a training needs to continue after its process was killed, in one file of plain arrays."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.seq2seq.training.plan import Plan
from forecastle.contract.whole_file import remove_abandoned, write_whole

FILE = "seq2seq.npz"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Checkpoint:
    """A training after some batches.

    Attributes
    ----------
    batches : the number of batches so far.
    metrics : of each validation so far.
    state : the learner's.
    best : the arrays of the best network so far.
    """

    batches: int
    metrics: Sequence[Mapping[str, float]]
    state: Mapping[str, NDArray[Any]]
    best: Mapping[str, NDArray[Any]]


BEGINNING = Checkpoint(0, (), {}, {})


def write_checkpoint(folder: Path, checkpoint: Checkpoint, plan: Plan) -> None:
    """Replace the checkpoint in `folder`: if the process is killed meanwhile, the old one stays."""
    about = {
        "format_version": FORMAT_VERSION,
        "batches": checkpoint.batches,
        "metrics": list(map(dict, checkpoint.metrics)),
        "plan": plan.record(),
    }
    arrays: Any = {f"state {name}": array for name, array in checkpoint.state.items()}
    arrays |= {f"best {name}": array for name, array in checkpoint.best.items()}
    packed = io.BytesIO()
    np.savez(packed, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **arrays)
    write_whole(folder / FILE, packed.getvalue())


def read_checkpoint(folder: Path, plan: Plan, notice: Callable[[str], None]) -> Checkpoint | None:
    """The checkpoint of the same job, or None; one that is damaged, or of another job, is reported and not used."""
    path = folder / FILE
    remove_abandoned(folder, FILE)
    if not path.exists():
        return None
    try:
        about, arrays = _read(path)
        same = about["format_version"] == FORMAT_VERSION and about["plan"] == plan.record()
        batches, metrics = int(about["batches"]), tuple(dict(each) for each in about["metrics"])
        parts: dict[str, dict[str, NDArray[Any]]] = {"state": {}, "best": {}}
        for name, array in arrays.items():
            part, _, rest = name.partition(" ")
            parts[part][rest] = array
    except _UNREADABLE as error:
        notice(f"{path} is not a readable checkpoint ({error!s:.80}): training starts over.")
        return None
    if not same:
        notice(f"{path} is a checkpoint of other hyperparameters or data: training starts over.")
        return None
    return Checkpoint(batches, metrics, parts["state"], parts["best"])


def seed_in(folder: Path) -> int | None:
    """The seed of the checkpoint in `folder`, for a job without one; None if there is no checkpoint."""
    try:
        seed = _read(folder / FILE)[0]["plan"]["seed"]
    except _UNREADABLE:
        return None
    return seed if type(seed) is int and seed >= 0 else None


_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as packed:
        arrays = {name: packed[name] for name in packed.files}
    return json.loads(arrays.pop("about").tobytes()), arrays
