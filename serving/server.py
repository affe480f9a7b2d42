"""The server: bind, load, answer, drain."""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from time import perf_counter
from types import FrameType

import uvicorn

from forecastle.contract.errors import InvalidJob
from forecastle.contract.opt_ml import OptMl
from forecastle.contract.place import Source
from forecastle.contract.settings import Settings
from forecastle.kernels.threads import available_cores
from forecastle.serving.app import Application
from forecastle.serving.drain import drain, stop_accepting
from forecastle.serving.lag import LagMonitor
from forecastle.serving.loader import Loader, load_model
from forecastle.serving.log import LogLines, write_line
from forecastle.serving.memory import freeze_imports, freeze_live_objects, share_one_heap
from forecastle.serving.metrics import Metrics
from forecastle.serving.models import Models
from forecastle.serving.protocol import Protocol, State
from forecastle.serving.queue import Queue
from forecastle.serving.readiness import Readiness
from forecastle.serving.workers import Place, fork_workers

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75  # longer than the 60 s for which clients and proxies keep an idle connection
DRAIN_SECONDS = 28.0  # SageMaker sends SIGKILL 30 seconds after SIGTERM


def serve(settings: Settings, tree: OptMl, environ: MutableMapping[str, str]) -> None:
    """Serve the model of `tree` until SIGTERM or SIGINT, then answer the requests that were sent and return.

    The port is bound and logged first; GET /ping answers 503 until the model is warmed up. A server of several models
    starts without one. Raises `InvalidJob` if the port cannot be bound and `InvalidData` if the model cannot be
    loaded. With several workers, returns in each of them and then in the process that started them; `environ`, the
    process's own environment, then gets a variable for prometheus_client.
    """
    began = perf_counter()
    if settings.multi_model and tree.model_folder is not None:
        raise InvalidJob(
            "a server of several models (setting SAGEMAKER_MULTI_MODEL) starts with none, and loads them by POST "
            "/models.",
            place=(Source(f"--model {tree.model_folder}"),),
        )
    freeze_imports()  # before workers are forked, which then share them
    signal.signal(signal.SIGTERM, _leave)  # PID 1 ignores the signal unless it has a handler
    with _bound(settings) as listener:
        several = settings.workers > 1
        place = fork_workers(settings.workers, listener, environ) if several else Place(0, Readiness(1))
        if place is not None:
            Worker(settings, tree, place, began).run(listener)
    write_line("stop", pid=os.getpid())


class Worker:
    """One serving process: a uvicorn server, a queue and the models."""

    def __init__(self, settings: Settings, tree: OptMl, place: Place, began: float) -> None:
        self._settings = settings
        self._tree = tree
        self._place = place
        self._began = began
        self._models = Models(settings.multi_model)
        self._metrics = Metrics(place.metrics)
        self._threads = settings.threads or available_cores()
        self._failure: BaseException | None = None
        self._queue = Queue(settings, self._metrics, self._threads)
        loader = Loader(self._models, self._queue, self._metrics, self._threads, settings)
        app = Application(settings, self._models, self._queue, loader, self._metrics, place.readiness)
        self._lag = LagMonitor(self._metrics)
        self._server = _Server(app, self._begin, self._notice_orphanage if place.parent else None)

    def run(self, listener: socket.socket) -> None:
        """Answer requests until the server is stopped. Raises what loading the model raised."""
        signal.signal(signal.SIGTERM, self._server.handle_exit)
        # Ctrl-C reaches both parent and workers; the workers wait for the parent to pass it on.
        signal.signal(signal.SIGINT, signal.SIG_IGN if self._place.parent else self._server.handle_exit)
        _log_in_lines()
        if self._models.several:
            share_one_heap()
        self._queue.start()
        if self._models.several:
            self._become_ready(None)
        elif self._place.replaces_another:  # the other workers answer requests meanwhile
            self._load()
        else:
            threading.Thread(target=self._load, name="load", daemon=True).start()
        self._server.run(sockets=[listener])
        self._lag.stop()
        if self._failure is not None:
            raise self._failure
        if self._queue.busy:  # its client is gone, but interpreter shutdown would wait for the thread
            write_line("stop", pid=os.getpid())
            os._exit(0)

    def _begin(self) -> None:
        self._lag.start(self._queue.runners)

    async def _notice_orphanage(self) -> None:
        if os.getppid() != self._place.parent:
            self._server.should_exit = True

    def _load(self) -> None:
        try:
            held = load_model(self._tree.model, self._threads, self._settings)
        except BaseException as error:
            self._failure = error
            self._server.should_exit = True
            return
        self._models.add(held)
        self._metrics.loaded.labels(held.name).set(1)
        self._become_ready(held.name)

    def _become_ready(self, model: str | None) -> None:
        freeze_live_objects()
        self._place.readiness.set(self._place.number)
        write_line("ready", model=model, seconds=round(perf_counter() - self._began, 3), pid=os.getpid())


class _Server(uvicorn.Server):
    """uvicorn's server, except for shutdown: it answers pending requests, and exits with 0 after a signal."""

    def __init__(
        self, app: object, at_start: Callable[[], None], every_second: Callable[[], Awaitable[None]] | None
    ) -> None:
        self._at_start = at_start
        super().__init__(
            uvicorn.Config(
                app,  # type: ignore[arg-type]
                loop="uvloop",
                http=Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                callback_notify=every_second,
                timeout_notify=1,
            )
        )
        self.server_state = self._state = State()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._state.stopping = True  # from now on an answer closes its connection

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await stop_accepting(self, sockets or [], self._protocol)
        await drain(self, DRAIN_SECONDS)

    def _protocol(self) -> Protocol:
        return Protocol(self.config, self.server_state, self.lifespan.state)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._at_start()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def _bound(settings: Settings) -> Iterator[socket.socket]:
    """A listening socket; its address is the first line of the log."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        number = error.errno or 0  # negative if the host cannot be resolved, and then not an errno
        reason = os.strerror(number) if number > 0 else error.strerror
        place = (Source(f"{settings.host}:{settings.port}"),)
        raise InvalidJob(f"the server cannot listen there ({reason}).", place=place) from None
    with listener:
        port = listener.getsockname()[1]
        host = f"[{settings.host}]" if family == socket.AF_INET6 else settings.host
        write_line(
            "start",
            url=f"http://{host}:{port}",
            host=settings.host,
            port=port,
            workers=settings.workers,
            pid=os.getpid(),
        )
        yield listener


def _log_in_lines() -> None:
    library = logging.getLogger("uvicorn.error")
    library.handlers = [LogLines(logging.WARNING)]
    library.propagate = False


def _leave(number: int, frame: object) -> None:  # noqa: ARG001
    sys.exit(0)
