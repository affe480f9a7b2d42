"""The model artifact: manifest.json, and the plain arrays and files it names. Loading it executes nothing.

    manifest.json                   the algorithm, its parameters, and every file with its SHA-256
    content-0123456789ab/cuts.npy   an array; the folder's name is a digest of its content
    content-0123456789ab/vocab.json a named file

Format 1 had all arrays in one file, arrays-….npz; it can still be read.
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
from forecastle.contract.place import Place, Source
from forecastle.contract.quotation import as_json
from forecastle.contract.stored_files import StoredFiles
from forecastle.contract.whole_file import remove_abandoned, write_whole

FORMAT = "forecastle"
FORMAT_VERSION = 2
MANIFEST = "manifest.json"
CONTENT = "content-*"
FIRST_ARRAYS = "arrays-*.npz"  # of format 1
DIGEST = "sha256"  # the manifest's digest of itself; some models of format 1 lack it
MAPPED_BYTES = 2**24  # arrays and files of at least this size are memory-mapped, and shared by processes


class NoModel(InvalidData):
    """There was no model where one was expected."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Artifact:
    """A trained model as it is stored on disk.

    Attributes
    ----------
    arrays : numbers by name, of any shape; never objects. Large ones are memory-mapped when read, and read-only.
    parameters : what else the algorithm needs to load the model, as JSON.
    hyperparameters, metrics : what it was trained with, and its metrics of training.
    files : bytes by name, such as a vocabulary. Large ones of a stored model are read each time they are asked for.
    algorithm : the name of the algorithm that loads it, which is its folder's; set by the training job.
    """

    arrays: Mapping[str, NDArray[Any]]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    algorithm: str = ""


def write_artifact(folder: Path, artifact: Artifact) -> None:
    """Write a model to `folder` as a whole or not at all: the manifest, which names its files, is written last.

    An existing model stays until the new one is complete. The same model gives the same bytes.
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
    """Remove the unfinished files of writers that were killed."""
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
    """A name that is valid in every file system."""
    return re.sub(r"[^\w.-]", "_", name)


def _npy(name: str, array: NDArray[Any]) -> bytes:
    assert not array.dtype.hasobject, f"{name}: an array of objects can only be pickled"
    packed = io.BytesIO()
    np.save(packed, array, allow_pickle=False)
    return packed.getvalue()


def _digest(manifest: Mapping[str, Any]) -> str:
    """The SHA-256 of the manifest's content without the digest itself: white space does not matter."""
    content = {name: value for name, value in manifest.items() if name != DIGEST}
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """A model's manifest; its format, version and digest are checked. Raises `InvalidData` if there is no valid one."""
    path, place = folder / MANIFEST, _place(folder)
    try:
        manifest = json.loads(path.read_bytes())
        digest = _digest(manifest) if isinstance(manifest, dict) else ""
    except (FileNotFoundError, NotADirectoryError):
        raise NoModel(_absence(folder), place=(Source(str(folder)),)) from None
    except OSError as error:
        raise InvalidData(f"cannot be read ({error.strerror}).", place=place) from None
    except (ValueError, RecursionError) as error:
        raise InvalidData(place=place, expected=f"JSON ({error})") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InvalidData(place=place, expected=f'a forecastle model ("format": "{FORMAT}")')
    version = manifest.get("format_version")
    if type(version) is not int or version < 1:
        raise InvalidData(place=(*place, "format_version"), expected="a positive integer", got=as_json(version))
    if version > FORMAT_VERSION:
        raise InvalidData(
            place=(*place, "format_version"),
            expected=f"at most {FORMAT_VERSION}",
            got=f"{as_json(version)}: the model was written by a newer forecastle, which can serve it",
        )
    kinds = {"algorithm": str, "arrays": dict, "parameters": dict, "hyperparameters": dict, "metrics": dict}
    for name, kind in kinds.items():
        if not isinstance(manifest.get(name), kind):
            raise InvalidData(place=(*place, name), expected=_JSON_NAMES[kind], got=as_json(manifest.get(name)))
    if not isinstance(manifest.get("files", {}), dict):
        raise InvalidData(place=(*place, "files"), expected="an object", got=as_json(manifest["files"]))
    if (version > 1 or DIGEST in manifest) and manifest.get(DIGEST) != digest:
        raise InvalidData(place=(*place, DIGEST), expected="the digest of the manifest's content: it was altered")
    return manifest


def read_artifact(folder: Path) -> Artifact:
    """The model in `folder`. Raises `InvalidData` if it is missing, incomplete, altered or of a newer format."""
    manifest = read_manifest(folder)
    if manifest["format_version"] == 1:
        arrays = _first_arrays(folder, manifest["arrays"])
    else:
        arrays = {name: _array(folder, ("arrays", name), entry) for name, entry in manifest["arrays"].items()}
    files = manifest.get("files", {})
    return Artifact(
        arrays=arrays,
        parameters=manifest["parameters"],
        hyperparameters=manifest["hyperparameters"],
        metrics=manifest["metrics"],
        files=StoredFiles(
            {name: _checked(folder, ("files", name), entry) for name, entry in files.items()}, MAPPED_BYTES
        ),
        algorithm=manifest["algorithm"],
    )


def _array(folder: Path, member: Place, entry: object) -> NDArray[Any]:
    path = _checked(folder, member, entry)
    mapped = path.stat().st_size >= MAPPED_BYTES
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except Exception as error:  # a forged header makes numpy raise errors of many types
        expected = f"a plain array ({str(error).rstrip('.')})"
        raise InvalidData(place=(Source(str(path)),), expected=expected) from None
    if not isinstance(array, np.ndarray):
        raise InvalidData(place=(Source(str(path)),), expected="a plain array", got="an archive")
    return array


def _first_arrays(folder: Path, entry: dict[str, Any]) -> dict[str, NDArray[Any]]:
    path = _checked(folder, ("arrays",), entry)
    try:
        with np.load(path, allow_pickle=False) as packed:
            return {key: packed[key] for key in packed.files}
    except Exception as error:  # a forged archive makes zipfile and numpy raise errors of many types
        expected = f"plain arrays ({str(error).rstrip('.')})"
        raise InvalidData(place=(Source(str(path)),), expected=expected) from None


def _place(folder: Path, *member: str) -> Place:
    """A member of the manifest."""
    return (Source(str(folder / MANIFEST)), *member)


def _checked(folder: Path, member: Place, entry: object) -> Path:
    """The file that a member of the manifest names. Raises `InvalidData` if it is missing or was altered."""
    if not isinstance(entry, dict):
        raise InvalidData(place=(*_place(folder), *member), expected="an object", got=as_json(entry))
    name = entry.get("file")
    if not isinstance(name, str) or not _INSIDE.fullmatch(name):
        place = (*_place(folder), *member, "file")
        raise InvalidData(place=place, expected="the name of a file of the model", got=as_json(name))
    path = folder / name
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):  # ValueError: a name that no file can have
        text = "the manifest names this file, but it does not exist: the model is incomplete."
        raise InvalidData(text, place=(Source(str(path)),)) from None
    if digest != entry.get("sha256"):
        text = "its SHA-256 is not the one in the manifest: the file is incomplete or was altered."
        raise InvalidData(text, place=(Source(str(path)),))
    return path


_INSIDE = re.compile(r"([\w-]+/)?(?!\.)[^/\0]+")
_JSON_NAMES = {str: "a string", dict: "an object"}


def _absence(folder: Path) -> str:
    """Why there is no model in `folder`."""
    if not folder.is_dir():
        return "there is no such folder: mount the model there, or train one."
    content = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if not content:
        return f"the folder is empty: it must contain a model, {MANIFEST} and its arrays."
    return f"there is no {MANIFEST} (found: {', '.join(content[:5])}): the model is incomplete, or of another kind."


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time: each removes content other than its own, even another writer's unfinished model."""
    with suppress(OSError):  # write_whole() reports why nothing can be written
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
