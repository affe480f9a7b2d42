"""The bounded queue of requests, and the threads that predict waiting requests in micro-batches."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from starlette.types import Receive

from forecastle.contract.errors import DeadlineExceeded, Overloaded, PayloadTooLarge
from forecastle.contract.settings import Settings
from forecastle.kernels.threads import available_cores
from forecastle.serving.exchange import Disconnected
from forecastle.serving.metrics import Metrics
from forecastle.serving.models import HeldModel
from forecastle.serving.prediction import Call, predict

TOLERANCE = 2.0  # cost() is an estimate: refuse only requests that it puts at more than this multiple of the timeout
BATCH_BYTES = 32 * 2**20  # of bodies in a batch; a larger body is its own batch


@dataclass(slots=True, eq=False, repr=False)
class Waiting:
    """A call in the queue, and the future of its answer."""

    call: Call
    answer: "asyncio.Future[bytes]"
    since: float
    is_answered: bool = False  # its answer or error has been passed to the event loop

    @property
    def is_wanted(self) -> bool:
        """Whether it has not been answered yet, and its client has not gone."""
        return not (self.is_answered or self.answer.done())


def runner_count() -> int:
    """The number of queue threads: while one predicts on all cores, others decode and encode."""
    return max(2, min(4, available_cores()))


class Queue:
    """Takes calls from the event loop, and passes their answers back to it."""

    def __init__(self, settings: Settings, metrics: Metrics, threads: int) -> None:
        self._settings = settings
        self._metrics = metrics
        self.threads = threads  # of one prediction
        self.runners = [
            threading.Thread(target=self._run, name=f"runner-{number}", daemon=True) for number in range(runner_count())
        ]
        self._waiting: dict[Waiting, None] = {}  # in the order of arrival; compared by identity
        self._admitted = 0  # waiting or with a runner
        self._taken: list[HeldModel] = []  # the models of the batches that runners have taken
        lock = threading.Lock()
        self._change = threading.Condition(lock)  # a call waits
        self._return = threading.Condition(lock)  # a runner has finished a batch, or a call was withdrawn

    def start(self) -> None:
        """Start the threads; they end with the process."""
        for runner in self.runners:
            runner.start()

    async def answer(self, call: Call, receive: Receive, started: float) -> bytes:
        """Wait for the answer of a call whose request began at `started` (`perf_counter`).

        Raises what predicting raised, `PayloadTooLarge` if it would take too long, `Overloaded` if the queue is full,
        `DeadlineExceeded` after the timeout and `Disconnected` if the client disconnects; a call that is still in the
        queue then is not predicted.
        """
        if call.is_decoded:
            self._require_time(call)  # now, rather than after waiting
        loop = asyncio.get_running_loop()
        waiting = Waiting(call, loop.create_future(), perf_counter())
        self._put(waiting)
        left = started + self._settings.timeout - perf_counter()
        timer = loop.call_later(max(0.0, left), self._expire, waiting)
        watch = asyncio.ensure_future(_watch(waiting, receive))
        try:
            return await waiting.answer
        finally:
            timer.cancel()
            watch.cancel()
            if not waiting.is_answered:
                waiting.answer.cancel()
                self._withdraw(waiting)

    @property
    def busy(self) -> bool:
        """Whether a runner works on a batch, even one whose clients have disconnected."""
        with self._change:
            return bool(self._taken)

    def finish(self, held: HeldModel) -> None:
        """Block until no call to `held` waits or is predicted; the caller admits no further ones."""
        with self._return:
            self._return.wait_for(
                lambda: held not in self._taken and not any(waiting.call.held is held for waiting in self._waiting)
            )

    def _expire(self, waiting: Waiting) -> None:
        if not waiting.answer.done():
            seconds = f"{self._settings.timeout:g}"
            waiting.answer.set_exception(
                DeadlineExceeded(f"The answer was not ready within {seconds} seconds (setting MODEL_SERVER_TIMEOUT).")
            )

    def _put(self, waiting: Waiting) -> None:
        with self._change:
            if self._admitted >= self._settings.queue:
                raise Overloaded(
                    f"The queue is full: {self._settings.queue} requests wait or are being answered "
                    "(setting FORECASTLE_QUEUE): retry after 1 s."
                )
            self._admitted += 1
            self._waiting[waiting] = None
            self._change.notify()
        self._metrics.queue.inc()

    def _withdraw(self, waiting: Waiting) -> None:
        with self._change:
            if waiting not in self._waiting:
                return  # a runner has it, and will release it
            del self._waiting[waiting]
            self._admitted -= 1
            self._return.notify_all()
        self._metrics.queue.dec()

    def _run(self) -> None:
        while True:
            batch = self._take()
            try:
                self._work(batch)
            finally:
                count, held = len(batch), batch[0].call.held
                del batch  # or its bodies and answers would be kept until the next batch
                with self._change:
                    self._admitted -= count
                    self._taken.remove(held)
                    self._return.notify_all()
                del held
                self._metrics.queue.dec(count)

    def _take(self) -> list[Waiting]:
        """All calls that wait for the model of the oldest call, in the order of arrival, up to a limit in bytes."""
        with self._change:
            while not self._waiting:
                self._change.wait()
            held, size = next(iter(self._waiting)).call.held, 0
            batch: list[Waiting] = []
            others: dict[Waiting, None] = {}
            for waiting in self._waiting:
                size += len(waiting.call.payload.body)
                if waiting.call.held is held and (not batch or size <= BATCH_BYTES):
                    batch.append(waiting)
                else:
                    others[waiting] = None
            self._waiting = others
            self._taken.append(held)
            if others:
                self._change.notify()
        return batch

    def _work(self, batch: Sequence[Waiting]) -> None:
        taken = perf_counter()
        for waiting in batch:
            waiting.call.times.queue = taken - waiting.since
            if waiting.is_wanted:
                try:
                    if not waiting.call.is_decoded:
                        waiting.call.decode()
                    self._require_time(waiting.call)
                except Exception as error:
                    _deliver(waiting, error)
        wanted = [waiting for waiting in batch if waiting.is_wanted]
        if wanted:
            self._predict(wanted)

    def _require_time(self, call: Call) -> None:
        """Raises `PayloadTooLarge` if the answer cannot be ready in time: running predictions are not interrupted."""
        seconds, allowed = call.cost / self.threads, self._settings.timeout
        if seconds > TOLERANCE * allowed:
            advice = call.held.model.advice(call.request, allowed * self.threads / TOLERANCE)
            raise PayloadTooLarge(
                f"The answer would take about {seconds:.0f} seconds, and {allowed:g} are allowed (setting "
                f"MODEL_SERVER_TIMEOUT): {advice}."
            )

    def _predict(self, batch: Sequence[Waiting]) -> None:
        self._metrics.batch.observe(len(batch))
        try:
            predictions = predict([waiting.call for waiting in batch], self.threads)
            pairs = list(zip(batch, predictions, strict=True))
        except Exception as error:
            if len(batch) == 1:
                _deliver(batch[0], error)
                return
            for waiting in batch:  # one by one, to find the one that failed
                if waiting.is_wanted:
                    self._predict([waiting])
            return
        for waiting, prediction in pairs:
            try:
                content = waiting.call.encode(prediction)
            except Exception as error:
                _deliver(waiting, error)
            else:
                _deliver(waiting, content)


def _deliver(waiting: Waiting, outcome: bytes | Exception) -> None:
    """Pass the answer, or the error, to the event loop."""
    waiting.is_answered = True

    def settle() -> None:
        if waiting.answer.done():
            return
        if isinstance(outcome, bytes):
            waiting.answer.set_result(outcome)
        else:
            waiting.answer.set_exception(outcome)

    with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
        waiting.answer.get_loop().call_soon_threadsafe(settle)


async def _watch(waiting: Waiting, receive: Receive) -> None:
    """Wait for the client to disconnect, then cancel the call."""
    while (await receive())["type"] != "http.disconnect":
        pass
    if not waiting.answer.done():
        waiting.answer.set_exception(Disconnected())
