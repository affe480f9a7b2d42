"""The model artifact: manifest.json and the plain arrays it names; nothing in it runs when it is loaded."""

import fcntl
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.contract.errors import InvalidData
from forecastle.contract.quotation import as_json
from forecastle.contract.whole_file import remove_abandoned, write_whole

FORMAT = "forecastle"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
ARRAYS = "arrays-*.npz"
DIGEST = "sha256"  # the manifest's member with its own digest; models written before 0.1 was released have none


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Artifact:
    """A trained model as it lies on disk.

    Attributes
    ----------
    algorithm : the folder's name of the algorithm that loads it.
    arrays : numbers by name, of any shape; never objects.
    parameters : what else the algorithm needs to load them, as JSON.
    hyperparameters, metrics : what it was trained with, and how it did in training.
    """

    algorithm: str
    arrays: Mapping[str, NDArray[Any]]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


def write_artifact(folder: Path, artifact: Artifact) -> None:
    """Write a model to `folder`, whole or not at all: the manifest comes last, and names the arrays it goes with.

    A model that is there already stays until the new one is complete. The same model gives the same bytes.
    """
    for name, array in artifact.arrays.items():
        assert not array.dtype.hasobject, f"{name}: an array of objects can only be pickled"
    packed = io.BytesIO()
    arrays_in_order: Any = {name: artifact.arrays[name] for name in sorted(artifact.arrays)}
    np.savez(packed, **arrays_in_order)
    content = packed.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    arrays = folder / f"arrays-{digest[:12]}.npz"
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "algorithm": artifact.algorithm,
        "hyperparameters": dict(artifact.hyperparameters),
        "metrics": dict(artifact.metrics),
        "parameters": dict(artifact.parameters),
        "arrays": {"file": arrays.name, "sha256": digest},
    }
    manifest[DIGEST] = _digest(manifest)
    with _alone(folder):
        remove_abandoned_parts(folder)
        write_whole(arrays, content)
        try:
            write_whole(folder / MANIFEST, json.dumps(manifest, indent=2, allow_nan=False).encode() + b"\n")
        except BaseException:
            if not _is_current(folder, arrays.name):
                arrays.unlink(missing_ok=True)
            raise
        for older in folder.glob(ARRAYS):
            if older != arrays:
                older.unlink(missing_ok=True)


def remove_abandoned_parts(folder: Path) -> None:
    """Remove the half-written files of writers that were killed."""
    for name in (MANIFEST, ARRAYS):
        remove_abandoned(folder, name)


def _digest(manifest: Mapping[str, Any]) -> str:
    """The SHA-256 of what the manifest says, the digest itself left out: blanks and line ends do not count."""
    said = {name: value for name, value in manifest.items() if name != DIGEST}
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """A model's manifest, format, version and digest checked. Raises `InvalidData` where there is no complete one."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        digest = _digest(manifest) if isinstance(manifest, dict) else ""
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidData(_absence(folder)) from None
    except OSError as error:
        raise InvalidData(f"{path}: cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError) as error:
        raise InvalidData(f"{path}: expected JSON ({error}).") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InvalidData(f'{path}: expected a model of forecastle ("format": "{FORMAT}").')
    version = manifest.get("format_version")
    if type(version) is not int or version < 1:
        raise InvalidData(f"{path}: format_version: expected a positive integer, got {as_json(version)}.")
    if version > FORMAT_VERSION:
        raise InvalidData(
            f"{path}: format_version: expected at most {FORMAT_VERSION}, got {as_json(version)}: "
            "the model was written by a newer forecastle, which can serve it."
        )
    kinds = {"algorithm": str, "arrays": dict, "parameters": dict, "hyperparameters": dict, "metrics": dict}
    for name, kind in kinds.items():
        if not isinstance(manifest.get(name), kind):
            raise InvalidData(f"{path}: {name}: expected {_JSON_NAMES[kind]}, got {as_json(manifest.get(name))}.")
    if DIGEST in manifest and manifest[DIGEST] != digest:
        raise InvalidData(f"{path}: {DIGEST}: expected the digest of what the manifest says: it was altered.")
    return manifest


def read_artifact(folder: Path) -> Artifact:
    """The model in `folder`. Raises `InvalidData` where it is missing, half written, altered or of a newer format."""
    manifest = read_manifest(folder)
    name, digest = manifest["arrays"].get("file"), manifest["arrays"].get("sha256")
    if not isinstance(name, str) or Path(name).name != name:
        raise InvalidData(
            f"{folder / MANIFEST}: arrays.file: expected the name of a file beside it, got {as_json(name)}."
        )
    path = folder / name
    try:
        content = path.read_bytes()
    except (OSError, ValueError):  # ValueError: a name that no file can have
        raise InvalidData(
            f"{path}: the manifest names this file, but it is not there: the model is incomplete."
        ) from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise InvalidData(f"{path}: the manifest's sha256 is another: the file is incomplete or was altered.")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as packed:
            arrays = {key: packed[key] for key in packed.files}
    except Exception as error:  # a forged archive makes zipfile and numpy raise all sorts
        raise InvalidData(f"{path}: expected plain arrays ({str(error).rstrip('.')}).") from None
    return Artifact(
        algorithm=manifest["algorithm"],
        arrays=arrays,
        parameters=manifest["parameters"],
        hyperparameters=manifest["hyperparameters"],
        metrics=manifest["metrics"],
    )


_JSON_NAMES = {str: "a string", dict: "an object"}


def _absence(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder}: there is no such folder: mount the model there, or train one."
    content = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if not content:
        return f"{folder}: the folder is empty: it must hold a model, {MANIFEST} and its arrays."
    return (
        f"{folder}: there is no {MANIFEST} (there are: {', '.join(content[:5])}): the model is incomplete or another's."
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time: each removes arrays that are not its own, and they could be those of another, half done."""
    with suppress(OSError):  # what cannot be written says so when it is
        folder.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_current(folder: Path, arrays: str) -> bool:
    try:
        return bool(read_manifest(folder)["arrays"].get("file") == arrays)
    except InvalidData:
        return False
