"""A checkpoint: what a training needs to continue after its process was killed, in one file of plain arrays."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.training.settings import Settings
from forecastle.algorithms.group import Group
from forecastle.contract.whole_file import remove_abandoned, write_whole

FILE = "deepar.npz"
FORMAT_VERSION = 2

_FREE = "epochs"  # the setting that may differ when a training continues


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Checkpoint:
    """A training after some epochs.

    Attributes
    ----------
    losses : one for each complete epoch.
    settings : of the training.
    data : the fingerprint of the training data: count, total length and sum of the series.
    state, best : a learner's, after the last epoch and after the best one (empty without early stopping).
    average : the state of the weights' average.
    """

    losses: tuple[float, ...]
    settings: Settings
    data: tuple[float, ...]
    state: Mapping[str, NDArray[Any]]
    best: Mapping[str, NDArray[Any]]
    average: Mapping[str, NDArray[Any]]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint in `folder`: if the process is killed meanwhile, the old one stays."""
    about = {
        "format_version": FORMAT_VERSION,
        "losses": checkpoint.losses,
        "settings": checkpoint.settings.record(),
        "data": checkpoint.data,
    }
    arrays: Any = {f"state {name}": array for name, array in checkpoint.state.items()}
    arrays |= {f"best {name}": array for name, array in checkpoint.best.items()}
    arrays |= {f"average {name}": array for name, array in checkpoint.average.items()}
    packed = io.BytesIO()
    np.savez(packed, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **arrays)
    write_whole(folder / FILE, packed.getvalue())


def read_checkpoint(
    folder: Path, settings: Settings, data: tuple[float, ...], notice: Callable[[str], None]
) -> Checkpoint | None:
    """The checkpoint of the same job, or None; one that is damaged, or of another job, is reported and not used."""
    path = folder / FILE
    remove_abandoned(folder, FILE)
    if not path.exists():
        return None
    try:
        about, arrays = _read(path)
        losses, trained, fingerprint = tuple(about["losses"]), about["settings"], tuple(about["data"])
        version = about["format_version"]
    except _UNREADABLE as error:
        notice(f"{path} is not a readable checkpoint ({error!s:.80}): training starts over.")
        return None
    if version != FORMAT_VERSION or fingerprint != data or not _same(trained, settings):
        notice(f"{path} is a checkpoint of other hyperparameters or data: training starts over.")
        return None
    parts: dict[str, dict[str, NDArray[Any]]] = {"state": {}, "best": {}, "average": {}}
    for name, array in arrays.items():
        part, _, rest = name.partition(" ")
        parts[part][rest] = array
    return Checkpoint(losses, settings, data, parts["state"], parts["best"], parts["average"])


def seed_in(folder: Path) -> int | None:
    """The seed of the checkpoint in `folder`, for a job without one; None if there is no checkpoint."""
    try:
        seed = _read(folder / FILE)[0]["settings"]["seed"]
    except _UNREADABLE:
        return None
    return seed if type(seed) is int and seed >= 0 else None


@contextmanager
def shared(folder: Path | None, group: Group) -> Iterator[Path | None]:
    """The folder of checkpoints; on a host that does not lead a temporary one, with a copy of the leading host's."""
    if group.size == 1:
        yield folder
        return
    content = b""
    if folder is not None:
        with suppress(OSError):
            content = (folder / FILE).read_bytes()
    content = group.broadcast(content)
    if group.leads or not content:
        yield folder
        return
    with TemporaryDirectory() as temporary:
        write_whole(Path(temporary) / FILE, content)
        yield Path(temporary)


_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as packed:
        arrays = {name: packed[name] for name in packed.files}
    return json.loads(arrays.pop("about").tobytes()), arrays


def _same(stored: Mapping[str, Any], settings: Settings) -> bool:
    wanted = settings.record()
    return all(name == _FREE or stored.get(name) == value for name, value in wanted.items())
