"""A server process for one container of a model."""

import json
import os
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from forecastle.contract.errors import InvalidData, OutOfSpace
from forecastle.region.account import REGION
from forecastle.region.docker import PORT, complaint, published_port
from forecastle.region.images import launcher
from forecastle.region.local_region import LocalRegion
from forecastle.region.objects import Missing, place_below, split
from forecastle.region.processes import Process
from forecastle.region.pump import Pump
from forecastle.region.sagemaker.archives import unpack_object
from forecastle.region.sagemaker.models import data_of

READY_SECONDS = 8 * 60.0
PING_SECONDS = 2.0
GRACE_SECONDS = 30.0
RESTART_SECONDS = 1.0


class Broken(Exception):
    """The server did not start; the message has the reason."""


@dataclass(frozen=True, slots=True)
class Place:
    """A server's folder, and the log group and stream for its output."""

    tree: Path
    group: str
    stream: str


class ModelServer:
    """A server of one container, restarted when it exits."""

    def __init__(self, region: LocalRegion, container: dict[str, Any], place: Place, more: Mapping[str, str]) -> None:
        self._region = region
        self._container = container
        self._place = place
        self._more = dict(more)
        self._launcher = launcher(container["Image"], region)
        self._process: Process | None = None
        self._pump: Pump | None = None
        self._port: int | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    @property
    def several_models(self) -> bool:
        return self._container.get("Mode") == "MultiModel"

    @property
    def models(self) -> Path:
        """The folder for the models of a multi-model server."""
        return self._place.tree / "models"

    @property
    def model_prefix(self) -> str:
        """The URI prefix of a multi-model server's archives."""
        return str(self._container["ModelDataUrl"])

    @property
    def url(self) -> str | None:
        """The server's URL; None while it is not running."""
        return None if self._port is None else f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Unpack the model, start the process and wait until it is healthy. Raises `Broken`."""
        try:
            self._unpack()
        except (Missing, InvalidData, OutOfSpace) as error:
            raise Broken(str(error)) from None
        self._launch()
        self._await_ready()
        threading.Thread(target=self._watch, name=f"watch {self._place.stream}", daemon=True).start()

    def stop(self) -> None:
        """Stop it and wait for its end."""
        self._stopping.set()
        with self._lock:
            process = self._process
        if process is not None:
            process.stop(GRACE_SECONDS)
        self._launcher.clean(self._place.tree)
        shutil.rmtree(self._place.tree, ignore_errors=True)

    def kill(self) -> None:
        """Kill it."""
        self._stopping.set()
        if self._process is not None:
            self._process.kill()
        self._launcher.clean(self._place.tree)

    def _unpack(self) -> None:
        tree = self._place.tree
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "model").mkdir(parents=True)
        self.models.mkdir()
        data = None if self.several_models else data_of(self._container)
        if data is None:
            return
        uri, archive = data
        if archive:
            unpack_object(uri, tree / "model", self._region.objects)
            return
        bucket, prefix = split(uri)
        for key in self._region.objects.keys(bucket, prefix):
            if not key.endswith("/"):
                path = place_below(tree / "model", f"s3://{bucket}/{key}", key[len(prefix) :].lstrip("/"))
                self._region.objects.link(bucket, key, path)

    def _launch(self) -> None:
        tree = self._place.tree
        environ = {
            "AWS_REGION": REGION,
            **self._container.get("Environment", {}),
            **self._more,
            "SAGEMAKER_BIND_TO_PORT": str(PORT) if self._launcher.container else "0",
        }
        if self.several_models:
            environ["SAGEMAKER_MULTI_MODEL"] = "true"
        command = self._launcher.command("serve", tree, environ)
        with self._lock:
            if self._stopping.is_set():
                raise Broken("it was stopped")
            self._port = None
            given = self._launcher.environ(tree, environ, os.environ)
            self._process = self._region.processes.start(command, given, tree)
        group, stream = self._place.group, self._place.stream
        self._pump = Pump(self._process, self._region.journal, group, stream, tree, self._read)

    def _read(self, lines: Sequence[str]) -> None:
        """Find the log line with the server's port."""
        for line in lines if self._port is None and self._launcher.container is None else ():
            if '"event":"start"' in line:
                self._port = int(json.loads(line)["port"])

    def _await_ready(self) -> None:
        assert self._process is not None
        assert self._pump is not None
        deadline = time.monotonic() + READY_SECONDS
        with httpx.Client(timeout=PING_SECONDS, trust_env=False) as client:
            while time.monotonic() < deadline and self._process.alive and not self._stopping.is_set():
                if self._launcher.container and self._port is None:
                    self._port = published_port(self._place.tree)
                if self._port is not None and _healthy(client, f"{self.url}/ping"):
                    return
                time.sleep(0.02)
        code = self._process.stop(GRACE_SECONDS)
        self._launcher.clean(self._place.tree)
        self._port = None
        self._pump.join(5)
        why = complaint(self._launcher.container, code, self._pump.last)
        if why is not None:
            raise Broken(why)
        last = [line for line in self._pump.last if not line.startswith("{")] or self._pump.last
        raise Broken(f"it ended with exit code {code}{f': {last[-1]}' if last else ''}")

    def _watch(self) -> None:
        """Restart the process when it exits without having been stopped."""
        while True:
            assert self._process is not None
            code = self._process.wait()
            if self._stopping.is_set():
                return
            self._port = None
            self._region.say(f"{self._place.group} {self._place.stream}: ended with exit code {code}, restarting")
            time.sleep(RESTART_SECONDS)
            try:
                self._launch()
                self._await_ready()
            except Broken as error:
                if self._stopping.is_set():
                    return
                self._region.say(f"{self._place.group} {self._place.stream}: {error}")


def _healthy(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.HTTPError:
        return False
