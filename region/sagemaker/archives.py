"""model.tar.gz and output.tar.gz: upload of folders, download of models."""

import tarfile
from collections.abc import Sequence
from pathlib import Path

from forecastle.contract.archive import unpack
from forecastle.contract.whole_file import is_temporary
from forecastle.region.objects import Objects, split

LEVEL = 1  # higher levels of compression hardly make arrays of numbers smaller


def files_below(folder: Path) -> list[Path]:
    """The files of a folder at any depth, in order, without the temporary ones that a killed job leaves."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not is_temporary(path.name))


def upload_archive(folders: Sequence[Path], uri: str, objects: Objects, scratch: Path) -> None:
    """Upload an archive of the files in the folders; of several with one path, the first. Raises `Missing`."""
    seen: set[str] = set()
    archive = scratch / "archive.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=LEVEL) as tar:
        for folder in folders:
            for path in files_below(folder):
                name = str(path.relative_to(folder))
                if name not in seen:
                    seen.add(name)
                    tar.add(path, name, recursive=False)
    try:
        objects.put_file(*split(uri), archive)
    finally:
        archive.unlink()


def upload_files(folder: Path, uri: str, objects: Objects) -> None:
    """Upload the files of a folder as objects below `uri`. Raises `Missing`."""
    bucket, prefix = split(uri)
    for path in files_below(folder):
        objects.put_file(
            bucket, "/".join(filter(None, [prefix.rstrip("/"), path.relative_to(folder).as_posix()])), path
        )


def unpack_object(uri: str, folder: Path, objects: Objects) -> None:
    """Unpack an archive of a bucket into a new folder. Raises `Missing`, and `InvalidData` for an unsafe archive."""
    folder.mkdir(parents=True, exist_ok=True)
    with objects.open(*split(uri)) as file:
        unpack(file, folder, uri)
