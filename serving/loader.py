"""The loader: loads and unloads models while other models answer requests."""

import asyncio
import contextlib
import functools
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from forecastle.algorithms import find
from forecastle.algorithms.foreign import read_model
from forecastle.contract.archive import unpacked
from forecastle.contract.artifact import MANIFEST, NoModel
from forecastle.contract.errors import ForecastleError, InvalidData, NotFound, OutOfModelSpace
from forecastle.contract.free_memory import available_memory
from forecastle.contract.place import Source
from forecastle.contract.settings import Settings
from forecastle.serving.memory import freeze_live_objects, release
from forecastle.serving.metrics import Metrics
from forecastle.serving.models import HeldModel, Models
from forecastle.serving.prediction import warm_up
from forecastle.serving.queue import Queue

T = TypeVar("T")

# Memory for loading a model: copies of its size (files, arrays and what is computed from them), plus a constant, for
# example for the libraries of an algorithm's first model.
COPIES = 3
SPARE_BYTES = 128 * 2**20


class Loader:
    """Loads models, one at a time so that the free memory is known for each, and unloads them."""

    def __init__(self, models: Models, queue: Queue, metrics: Metrics, threads: int, settings: Settings) -> None:
        self._models = models
        self._queue = queue
        self._metrics = metrics
        self._threads = threads  # of one prediction
        self._settings = settings
        self._turn = asyncio.Lock()
        self._imported: set[str] = set()

    async def load(self, name: str, folder: Path) -> None:
        """Load the model in `folder` under `name`, and warm it up.

        Raises `AlreadyLoaded`, `NotFound` if there is no such folder, `InvalidData` if it contains no model and
        `OutOfModelSpace`.
        """
        async with self._turn:  # a second call for the same model waits until the first is done
            self._models.require_new(name)
            held = await _in_thread(functools.partial(_attempt, folder, self._threads, self._settings, name))
            if isinstance(held, ForecastleError):
                raise held
            self._models.add(held)
            self._metrics.loaded.labels(name).set(1)
            if held.algorithm.name not in self._imported:
                self._imported.add(held.algorithm.name)
                await _in_thread(freeze_live_objects)

    async def unload(self, name: str) -> None:
        """Answer the calls that wait for the model, then free its memory. Raises `NotFound`."""
        held = self._models.remove(name)
        self._metrics.loaded.remove(name)
        model = weakref.ref(held.model)
        await _in_thread(functools.partial(self._queue.finish, held))
        del held
        await _in_thread(functools.partial(release, model))


def load_model(folder: Path, threads: int, settings: Settings, name: str | None = None) -> HeldModel:
    """Load the model in `folder`, or in an archive, and warm it up. Raises `UserError` if it cannot be loaded.

    `name` defaults to the setting, and that to the algorithm's name.
    """
    with unpacked(folder) as inside:
        artifact = read_model(inside)
    algorithm = find(artifact.algorithm)
    try:
        model = algorithm.load(artifact, settings.of(algorithm.settings))
    except InvalidData as error:
        raise error.within(str(folder)) from None
    held = HeldModel(
        name=name or settings.model_name or algorithm.name,
        folder=folder,
        algorithm=algorithm,
        model=model,
        hyperparameters=artifact.hyperparameters,
        metrics=artifact.metrics,
        request_types=tuple(algorithm.request_types),
        response_types=tuple(algorithm.response_types),
        origin=artifact.parameters.get("origin"),
    )
    warm_up(held, threads)
    return held


def _attempt(folder: Path, threads: int, settings: Settings, name: str) -> HeldModel | ForecastleError:
    """The model, or the error that prevented it, without references to what was read so far."""
    place = (Source(str(folder)),)
    try:
        if not folder.exists():
            return NotFound("there is no such folder.", place=place)
        size = SPARE_BYTES + COPIES * sum(map(_bytes, folder.rglob("*") if folder.is_dir() else [folder]))
        if size > (free := available_memory()):
            return OutOfModelSpace(
                place=(Source(f"Model {name}"),),
                expected=f"{size / 1e6:,.0f} MB of free memory to load it",
                got=f"{free / 1e6:,.0f} MB: unload another one first",
            )
        return load_model(folder, threads, settings, name)
    except NoModel:  # its text lists the folder's files, which clients must not see
        return InvalidData(place=place, expected="a model", got=f"a folder without {MANIFEST}")
    except MemoryError:
        return OutOfModelSpace(f"There is too little memory for model {name}: unload another one first.")
    except OSError as error:
        return InvalidData(f"cannot be read ({error.strerror}).", place=place)
    except ForecastleError as error:
        return error.within(())  # a new one, without a traceback


def _bytes(file: Path) -> int:
    """A file's size in bytes; 0 for the temporary files of a writer that was killed, which are not part of a model.

    An archive's is doubled: floats compress little.
    """
    size = 0 if file.name.startswith(".") or file.is_dir() else file.stat().st_size
    return 2 * size if file.name.endswith(".gz") else size


async def _in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a daemon thread, which, unlike a pool's thread, does not keep the process from exiting."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle_once(settle: Callable[[Any], None], outcome: object) -> None:
        if not done.done():
            settle(outcome)

    def run() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
            try:
                outcome = work()
            except Exception as error:
                loop.call_soon_threadsafe(settle_once, done.set_exception, error)
            else:
                loop.call_soon_threadsafe(settle_once, done.set_result, outcome)

    threading.Thread(target=run, name="loader", daemon=True).start()
    return await done
