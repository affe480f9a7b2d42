"""The model artifact: manifest.json, and the plain arrays and files it names; nothing in it runs when it is loaded.

    manifest.json                   the algorithm, its parameters, and every file with its SHA-256
    content-0123456789ab/cuts.npy   an array; the folder is named after the digest of all that is in it
    content-0123456789ab/vocab.json a named file

Format 1 had the arrays in one file, arrays-….npz; it can still be read.
"""

import fcntl
import hashlib
import io
import json
import os
import re
import shutil
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
FORMAT_VERSION = 2
MANIFEST = "manifest.json"
CONTENT = "content-*"
FIRST_ARRAYS = "arrays-*.npz"  # of format 1
DIGEST = "sha256"  # the manifest's member with its own digest; some models of format 1 have none
MAPPED_BYTES = 2**24  # arrays of at least this size stay in their file, and processes share them


class NoModel(InvalidData):
    """There was no model where one was expected."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Artifact:
    """A trained model as it is on disk.

    Attributes
    ----------
    arrays : numbers by name, of any shape; never objects. Large ones that were read are mapped, and read-only.
    parameters : what else the algorithm needs to load them, as JSON.
    hyperparameters, metrics : what it was trained with, and how it did in training.
    files : bytes by name, such as a vocabulary.
    algorithm : the folder's name of the algorithm that loads it; a training job fills it in.
    """

    arrays: Mapping[str, NDArray[Any]]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    algorithm: str = ""


def write_artifact(folder: Path, artifact: Artifact) -> None:
    """Write a model to `folder`, whole or not at all: the manifest is written last, and names its files.

    A model that is there already stays until the new one is complete. The same model gives the same bytes.
    """
    assert artifact.algorithm, "an artifact without its algorithm's name cannot be served"
    content = {f"{_file_name(name)}.npy": _npy(name, artifact.arrays[name]) for name in sorted(artifact.arrays)}
    content |= {_file_name(name): artifact.files[name] for name in sorted(artifact.files)}
    assert len(content) == len(artifact.arrays) + len(artifact.files), "two names give the same file"
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    inside = Path(CONTENT.replace("*", hashlib.sha256(json.dumps(digests).encode()).hexdigest()[:12]))

    def entry(name: str) -> dict[str, str]:
        return {"file": str(inside / name), "sha256": digests[name]}

    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "algorithm": artifact.algorithm,
        "hyperparameters": dict(artifact.hyperparameters),
        "metrics": dict(artifact.metrics),
        "parameters": dict(artifact.parameters),
        "arrays": {name: entry(f"{_file_name(name)}.npy") for name in sorted(artifact.arrays)},
        "files": {name: entry(_file_name(name)) for name in sorted(artifact.files)},
    }
    manifest[DIGEST] = _digest(manifest)
    with _alone(folder):
        _remove_abandoned_parts(folder)
        try:
            for name, data in content.items():
                write_whole(folder / inside / name, data)
            write_whole(folder / MANIFEST, json.dumps(manifest, indent=2, allow_nan=False).encode() + b"\n")
        except BaseException:
            if not _is_current(folder, inside):
                shutil.rmtree(folder / inside, ignore_errors=True)
            raise
        for older in [*folder.glob(CONTENT), *folder.glob(FIRST_ARRAYS)]:
            if older != folder / inside:
                shutil.rmtree(older, ignore_errors=True) if older.is_dir() else older.unlink(missing_ok=True)


def remove_abandoned_parts(folder: Path) -> None:
    """Remove the half-written files of writers that were killed."""
    if folder.is_dir():
        with _alone(folder):
            _remove_abandoned_parts(folder)


def _remove_abandoned_parts(folder: Path) -> None:
    remove_abandoned(folder, MANIFEST)
    remove_abandoned(folder, FIRST_ARRAYS)
    for inside in folder.glob(CONTENT):
        remove_abandoned(inside, "*")
        if not _is_current(folder, inside.relative_to(folder)):
            shutil.rmtree(inside, ignore_errors=True)


def _file_name(name: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^\w.-]", "_", name)


def _npy(name: str, array: NDArray[Any]) -> bytes:
    assert not array.dtype.hasobject, f"{name}: an array of objects can only be pickled"
    packed = io.BytesIO()
    np.save(packed, array, allow_pickle=False)
    return packed.getvalue()


def _digest(manifest: Mapping[str, Any]) -> str:
    """The SHA-256 of the manifest's content without the digest itself: white space does not matter."""
    said = {name: value for name, value in manifest.items() if name != DIGEST}
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """A model's manifest, format, version and digest checked. Raises `InvalidData` where there is no complete one."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        digest = _digest(manifest) if isinstance(manifest, dict) else ""
    except (FileNotFoundError, NotADirectoryError):
        raise NoModel(_absence(folder)) from None
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
    if not isinstance(manifest.get("files", {}), dict):
        raise InvalidData(f"{path}: files: expected an object, got {as_json(manifest['files'])}.")
    if (version > 1 or DIGEST in manifest) and manifest.get(DIGEST) != digest:
        raise InvalidData(f"{path}: {DIGEST}: expected the digest of what the manifest says: it was altered.")
    return manifest


def read_artifact(folder: Path) -> Artifact:
    """The model in `folder`. Raises `InvalidData` where it is missing, half written, altered or of a newer format."""
    manifest = read_manifest(folder)
    if manifest["format_version"] == 1:
        arrays = _first_arrays(folder, manifest["arrays"])
    else:
        arrays = {name: _array(folder, f"arrays.{name}", entry) for name, entry in manifest["arrays"].items()}
    files = manifest.get("files", {})
    return Artifact(
        arrays=arrays,
        parameters=manifest["parameters"],
        hyperparameters=manifest["hyperparameters"],
        metrics=manifest["metrics"],
        files={name: _checked(folder, f"files.{name}", entry).read_bytes() for name, entry in files.items()},
        algorithm=manifest["algorithm"],
    )


def _array(folder: Path, member: str, entry: object) -> NDArray[Any]:
    path = _checked(folder, member, entry)
    mapped = path.stat().st_size >= MAPPED_BYTES
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except Exception as error:  # a forged header makes numpy raise all sorts
        raise InvalidData(f"{path}: expected a plain array ({str(error).rstrip('.')}).") from None
    if not isinstance(array, np.ndarray):
        raise InvalidData(f"{path}: expected a plain array, got an archive.")
    return array


def _first_arrays(folder: Path, entry: dict[str, Any]) -> dict[str, NDArray[Any]]:
    path = _checked(folder, "arrays", entry)
    try:
        with np.load(path, allow_pickle=False) as packed:
            return {key: packed[key] for key in packed.files}
    except Exception as error:  # a forged archive makes zipfile and numpy raise all sorts
        raise InvalidData(f"{path}: expected plain arrays ({str(error).rstrip('.')}).") from None


def _checked(folder: Path, member: str, entry: object) -> Path:
    """The file that a member of the manifest names. Raises `InvalidData` if it is missing or was altered."""
    if not isinstance(entry, dict):
        raise InvalidData(f"{folder / MANIFEST}: {member}: expected an object, got {as_json(entry)}.")
    name = entry.get("file")
    if not isinstance(name, str) or not _INSIDE.fullmatch(name):
        raise InvalidData(
            f"{folder / MANIFEST}: {member}.file: expected the name of a file of the model, got {as_json(name)}."
        )
    path = folder / name
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):  # ValueError: a name that no file can have
        raise InvalidData(
            f"{path}: the manifest names this file, but it is not there: the model is incomplete."
        ) from None
    if digest != entry.get("sha256"):
        raise InvalidData(f"{path}: the manifest's sha256 is another: the file is incomplete or was altered.")
    return path


_INSIDE = re.compile(r"([\w-]+/)?(?!\.)[^/\0]+")
_JSON_NAMES = {str: "a string", dict: "an object"}


def _absence(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder}: there is no such folder: mount the model there, or train one."
    content = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if not content:
        return f"{folder}: the folder is empty: it must contain a model, {MANIFEST} and its arrays."
    return (
        f"{folder}: there is no {MANIFEST} (there are: {', '.join(content[:5])}): the model is incomplete or another's."
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time: each removes arrays that are not its own, which could be another's, half written."""
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


def _is_current(folder: Path, inside: Path) -> bool:
    """Whether the model in `folder` has its files in the folder `inside` it."""
    try:
        manifest = read_manifest(folder)
    except InvalidData:
        return False
    entries = [*manifest["arrays"].values(), *manifest.get("files", {}).values()]
    return any(isinstance(entry, dict) and Path(str(entry.get("file"))).parent == inside for entry in entries)
