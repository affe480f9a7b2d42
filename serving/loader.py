"""The loader: models come and go while others answer."""

import asyncio
import contextlib
import functools
import gc
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from forecastle.contract.artifact import MANIFEST, NoModel
from forecastle.contract.errors import ForecastleError, InvalidData, NotFound, OutOfModelSpace
from forecastle.contract.free_memory import available_memory
from forecastle.contract.settings import Settings
from forecastle.serving import heap
from forecastle.serving.metrics import Metrics
from forecastle.serving.models import HeldModel, Models, load_model
from forecastle.serving.queue import Queue

T = TypeVar("T")

# What a model takes while it is loaded: its files' bytes as they are, as arrays and as what is computed of them; and
# what does not grow with them, such as the libraries of the first model of a kind.
COPIES = 3
SPARE_BYTES = 128 * 2**20
LOOKS, PAUSE_SECONDS = 50, 0.01  # at whether the last that was held of a model is gone


class Loader:
    """Loads models one at a time, so that each finds the memory that the one before it left, and lets them go."""

    def __init__(self, models: Models, queue: Queue, metrics: Metrics, threads: int, settings: Settings) -> None:
        self._models = models
        self._queue = queue
        self._metrics = metrics
        self._threads = threads  # of one prediction
        self._settings = settings
        self._turn = asyncio.Lock()
        self._imported: set[str] = set()

    async def load(self, name: str, folder: Path) -> None:
        """Hold the model in `folder` under `name`, loaded and warmed up.

        Raises `AlreadyLoaded`, `NotFound` where there is no such folder, `InvalidData` where it holds no model and
        `OutOfModelSpace`.
        """
        async with self._turn:  # a second call for the same model waits for what becomes of the first
            self._models.require_new(name)
            held = await _aside(functools.partial(_attempt, folder, self._threads, self._settings, name))
            if isinstance(held, ForecastleError):
                raise held
            self._models.add(held)
            self._metrics.loaded.labels(name).set(1)
            if held.algorithm.name not in self._imported:
                self._imported.add(held.algorithm.name)
                await _aside(keep_what_is_there)

    async def unload(self, name: str) -> None:
        """Let what waits for the model be answered, then give its memory back. Raises `NotFound`."""
        held = self._models.remove(name)
        self._metrics.loaded.remove(name)
        model = weakref.ref(held.model)
        await _aside(functools.partial(self._queue.finish, held))
        del held
        await _aside(functools.partial(_give_back, model))


def keep_what_is_there() -> None:
    """Have the garbage collector pass over all that exists, modules above all: a look at them takes long."""
    gc.collect()
    gc.freeze()


def _attempt(folder: Path, threads: int, settings: Settings, name: str) -> HeldModel | ForecastleError:
    """The model, or why there is none, in an error that holds nothing of what was read so far."""
    try:
        if not folder.exists():
            return NotFound(f"{folder}: there is no such folder.")
        size = SPARE_BYTES + COPIES * sum(map(_bytes, folder.rglob("*") if folder.is_dir() else [folder]))
        if size > (free := available_memory()):
            return OutOfModelSpace(
                f"Model {name}: expected {size / 1e6:,.0f} MB of free memory to load it, got {free / 1e6:,.0f} MB: "
                "unload another one first."
            )
        return load_model(folder, threads, settings, name)
    except NoModel:  # what else is there is none of a client's business
        return InvalidData(f"{folder}: there is no {MANIFEST}: the folder must hold a model, it and its arrays.")
    except MemoryError:
        return OutOfModelSpace(f"There is too little memory for model {name}: unload another one first.")
    except OSError as error:
        return InvalidData(f"{folder}: cannot be read ({error.strerror}).")
    except ForecastleError as error:
        return type(error)(error.sentence)


def _bytes(file: Path) -> int:
    """A file's size, unless its name says that it is no part of a model: a writer that was killed left it.

    An archive's is doubled: arrays of floats become little smaller when they are packed.
    """
    size = 0 if file.name.startswith(".") or file.is_dir() else file.stat().st_size
    return 2 * size if file.name.endswith(".gz") else size


def _give_back(model: "weakref.ref[Any]") -> None:
    """See the last references to a model go, and give back to the machine what memory it took."""
    for _ in range(LOOKS):
        gc.collect()  # what a request raised holds it in a circle
        if model() is None:
            break
        time.sleep(PAUSE_SECONDS)
    else:  # the circle is one that was kept
        gc.unfreeze()
        keep_what_is_there()
    heap.give_back()


async def _aside(work: Callable[[], T]) -> T:
    """Do `work` in a thread of its own, which does not keep the process from ending as those of a pool do."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(settle: Callable[[Any], None], outcome: object) -> None:
        if not done.done():
            settle(outcome)

    def run() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
            try:
                outcome = work()
            except Exception as error:
                loop.call_soon_threadsafe(tell, done.set_exception, error)
            else:
                loop.call_soon_threadsafe(tell, done.set_result, outcome)

    threading.Thread(target=run, name="loader", daemon=True).start()
    return await done
