"""A region's folder, and the lock that allows one region in it."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from forecastle.contract.errors import InvalidJob
from forecastle.contract.whole_file import write_whole


@dataclass(frozen=True, slots=True)
class Home:
    """The files and folders in a region's folder."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state.db"

    @property
    def logs(self) -> Path:
        return self.folder / "logs.db"

    @property
    def objects(self) -> Path:
        return self.folder / "s3"

    @property
    def jobs(self) -> Path:
        return self.folder / "jobs"

    @property
    def endpoints(self) -> Path:
        return self.folder / "endpoints"

    @property
    def functions(self) -> Path:
        return self.folder / "functions"

    @property
    def python(self) -> Path:
        return self.folder / "python"

    @property
    def proxy(self) -> Path:
        return self.folder / "proxy"

    @property
    def sdk_configuration(self) -> Path:
        return self.folder / "sagemaker.yaml"

    @property
    def running(self) -> Path:
        return self.folder / "running.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Create the folder, for its owner only, and lock it. Raises `InvalidJob` if another region has locked it."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InvalidJob(f"--home {self.folder}: cannot be used ({os.strerror(error.errno or 0)}).") from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                there = self.address()
                raise InvalidJob(
                    f"--home {self.folder}: a region {f'at {there} ' if there else ''}is using this folder. Stop it, "
                    "or use another --home and another --port."
                ) from None
            yield
        finally:
            self.running.unlink(missing_ok=True) if _is_held(descriptor) else None
            os.close(descriptor)

    def announce(self, address: str) -> None:
        """Record the region's address."""
        write_whole(self.running, json.dumps({"address": address, "pid": os.getpid()}).encode())

    def address(self) -> str | None:
        """The address of the region that runs in this folder; None if none does."""
        try:
            return str(json.loads(self.running.read_bytes())["address"]) if self._is_locked() else None
        except (OSError, ValueError, KeyError):
            return None

    def _is_locked(self) -> bool:
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


def default_home(environ: Mapping[str, str]) -> Home:
    """`forecastle/region` in the user's data folder, according to XDG."""
    data = environ.get("XDG_DATA_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".local" / "share")
    return Home(Path(data) / "forecastle" / "region")


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
