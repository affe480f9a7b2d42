"""Models by what is in their folder: ours, and those that another's training wrote and an algorithm adopts."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from forecastle.algorithms import available, find
from forecastle.algorithms.interface import Algorithm
from forecastle.contract.archive import unpacked
from forecastle.contract.artifact import MANIFEST, Artifact, read_artifact, write_artifact
from forecastle.contract.errors import InvalidData


def read_model(folder: Path) -> Artifact:
    """The model in `folder`, ours or another's. Raises `InvalidData` if it is neither, or incomplete."""
    if not (folder / MANIFEST).exists() and (artifact := adopt(folder)) is not None:
        return artifact
    return read_artifact(folder)


def import_model(model: Path, out: Path) -> Artifact:
    """Write another's model, a folder or an archive, to the folder `out` as one of ours.

    Raises `InvalidData` if it is none that is known, or is ours already.
    """
    with unpacked(model) as folder:
        if (folder / MANIFEST).exists():
            raise InvalidData(f"{folder}: expected a model of SageMaker's, got one of forecastle: serve it as it is.")
        artifact = read_model(folder)
    write_artifact(out, artifact)
    return artifact


def adopt(folder: Path) -> Artifact | None:
    """Another's model in `folder`, made ours by the algorithm that knows it; None if none does.

    Raises `InvalidData` if an algorithm recognises it, but cannot read it.
    """
    for name in available():
        algorithm: Algorithm[Any] | None = None
        with suppress(Exception):  # somebody else's folder may raise anything
            algorithm = find(name)
        if algorithm is None:
            continue
        try:
            artifact = algorithm.adopt(folder)
        except InvalidData as error:
            raise error.within(str(folder)) from None
        if artifact is not None:
            return replace(artifact, algorithm=algorithm.name)
    return None
