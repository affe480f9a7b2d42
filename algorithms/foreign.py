"""Models of forecastle, and those of other trainers that an algorithm can convert."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from forecastle.algorithms import available, find
from forecastle.algorithms.interface import Algorithm
from forecastle.contract.archive import unpacked
from forecastle.contract.artifact import MANIFEST, Artifact, read_artifact, write_artifact
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Source


def read_model(folder: Path) -> Artifact:
    """The model in `folder`, converted if it is not ours. Raises `InvalidData` if it is unknown or incomplete."""
    if not (folder / MANIFEST).exists() and (artifact := adopt(folder)) is not None:
        return artifact
    return read_artifact(folder)


def import_model(model: Path, out: Path) -> Artifact:
    """Convert another trainer's model, a folder or an archive, and write it to the folder `out`.

    Raises `InvalidData` if it is unknown, or already ours.
    """
    with unpacked(model) as folder:
        if (folder / MANIFEST).exists():
            place, got = (Source(str(folder)),), "one of forecastle, which needs no conversion: serve it as it is"
            raise InvalidData(place=place, expected="another trainer's model", got=got)
        artifact = read_model(folder)
    write_artifact(out, artifact)
    return artifact


def adopt(folder: Path) -> Artifact | None:
    """Another trainer's model in `folder`, converted by the algorithm that recognises it; None if none does.

    Raises `InvalidData` if an algorithm recognises the model but cannot read it.
    """
    for name in available():
        algorithm: Algorithm[Any] | None = None
        with suppress(Exception):  # another distribution's module may raise anything
            algorithm = find(name)
        if algorithm is None:
            continue
        artifact = algorithm.adopt(folder)
        if artifact is not None:
            return replace(artifact, algorithm=algorithm.name)
    return None
