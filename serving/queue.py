"""The queue before the models: bounded, and emptied by a few threads that predict together what waits together."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from forecastle.algorithms.interface import Payload
from forecastle.contract.errors import DeadlineExceeded, Overloaded, PayloadTooLarge
from forecastle.contract.settings import Settings
from forecastle.kernels.threads import available_cores
from forecastle.serving.asgi import Receive
from forecastle.serving.exchange import Disconnected, Exchange
from forecastle.serving.metrics import Metrics
from forecastle.serving.models import HeldModel

UNREAD: Any = object()  # the request of a job whose body was not decoded yet
UNDERRATED = 2.0  # a model's cost is rough: what seems to take so many times as long as is allowed surely is too long
BATCH_BYTES = 32 * 2**20  # bodies that are held decoded at once, for one thread; a larger one comes alone


@dataclass(slots=True, eq=False, repr=False)
class Job:
    """A request on its way through the queue; its exchange takes the times of the steps."""

    held: HeldModel
    payload: Payload
    response_type: str
    exchange: Exchange
    answer: "asyncio.Future[bytes]"
    request: Any = UNREAD
    settled: bool = False
    since: float = 0.0

    @property
    def waits(self) -> bool:
        """Whether it was not answered yet, and its client did not go."""
        return not (self.settled or self.answer.done())


def runner_count() -> int:
    """The threads that empty the queue: one predicts, on all cores, while others read and write."""
    return max(2, min(4, available_cores()))


class Queue:
    """Takes jobs in from the event loop, and gives their answers back to it."""

    def __init__(self, settings: Settings, metrics: Metrics, threads: int) -> None:
        self._settings = settings
        self._metrics = metrics
        self._threads = threads  # of one prediction
        self.runners = [
            threading.Thread(target=self._run, name=f"runner-{number}", daemon=True) for number in range(runner_count())
        ]
        self._waiting: dict[Job, None] = {}  # in the order they came; a job is found by its identity
        self._admitted = 0  # waiting or in a runner's hands
        self._taken: list[HeldModel] = []  # by the runners: the models of what is in their hands
        lock = threading.Lock()
        self._change = threading.Condition(lock)  # something waits
        self._return = threading.Condition(lock)  # a runner's hands are empty

    def start(self) -> None:
        """Start the threads; they end with the process."""
        for runner in self.runners:
            runner.start()

    async def answer(self, job: Job, receive: Receive) -> bytes:
        """Wait for the job's answer.

        Raises what predicting raised, `PayloadTooLarge` where it would take too long, `Overloaded` where the queue is
        full, `DeadlineExceeded` when the time is up and `Disconnected` when the client has gone; a job that still waits
        then is not predicted any more.
        """
        if job.request is not UNREAD:
            self._require_time(job)  # at once, not when its turn comes
        self._put(job)
        left = job.exchange.started + self._settings.timeout - perf_counter()
        timer = job.answer.get_loop().call_later(max(0.0, left), self._expire, job)
        watch = asyncio.ensure_future(_watch(job, receive))
        try:
            return await job.answer
        finally:
            timer.cancel()
            watch.cancel()
            if not job.settled:
                job.answer.cancel()
                self._withdraw(job)

    @property
    def busy(self) -> bool:
        """Whether a runner has something in hand, whoever waits for it."""
        with self._change:
            return bool(self._taken)

    def finish(self, held: HeldModel) -> None:
        """Wait until nothing that is meant for `held` waits or is predicted; nothing more may come."""
        with self._return:
            self._return.wait_for(
                lambda: held not in self._taken and not any(job.held is held for job in self._waiting)
            )

    def _expire(self, job: Job) -> None:
        if not job.answer.done():
            seconds = f"{self._settings.timeout:g}"
            job.answer.set_exception(
                DeadlineExceeded(f"The answer was not ready within {seconds} seconds (setting MODEL_SERVER_TIMEOUT).")
            )

    def _put(self, job: Job) -> None:
        job.since = perf_counter()
        with self._change:
            if self._admitted >= self._settings.queue:
                raise Overloaded(
                    f"The queue is full: {self._settings.queue} requests wait or are being answered "
                    "(setting FORECASTLE_QUEUE): ask again in a second."
                )
            self._admitted += 1
            self._waiting[job] = None
            self._change.notify()
        self._metrics.queue.inc()

    def _withdraw(self, job: Job) -> None:
        with self._change:
            if job not in self._waiting:
                return  # a runner has it, and lets go of it
            del self._waiting[job]
            self._admitted -= 1
            self._return.notify_all()
        self._metrics.queue.dec()

    def _run(self) -> None:
        while True:
            batch = self._take()
            try:
                self._work(batch)
            finally:
                count, held = len(batch), batch[0].held
                del batch  # or its bodies and answers would be kept until the next one comes
                with self._change:
                    self._admitted -= count
                    self._taken.remove(held)
                    self._return.notify_all()
                del held
                self._metrics.queue.dec(count)

    def _take(self) -> list[Job]:
        """All that waits for the model of the oldest job, in the order it came, up to a bound on its bytes."""
        with self._change:
            while not self._waiting:
                self._change.wait()
            held, size = next(iter(self._waiting)).held, 0
            batch: list[Job] = []
            others: dict[Job, None] = {}
            for job in self._waiting:
                size += len(job.payload.body)
                if job.held is held and (not batch or size <= BATCH_BYTES):
                    batch.append(job)
                else:
                    others[job] = None
            self._waiting = others
            self._taken.append(held)
            if others:
                self._change.notify()
        return batch

    def _work(self, batch: Sequence[Job]) -> None:
        taken = perf_counter()
        for job in batch:
            job.exchange.queue = taken - job.since
            if job.waits and job.request is UNREAD:
                _attempt(job, _decode)
            if job.waits:
                _attempt(job, self._require_time)
        jobs = [job for job in batch if job.waits]
        if jobs:
            self._predict(jobs)

    def _require_time(self, job: Job) -> None:
        """Raises `PayloadTooLarge` where the answer cannot be ready in time: a prediction that runs is not ended."""
        seconds, allowed = job.held.model.cost(job.request) / self._threads, self._settings.timeout
        if seconds > UNDERRATED * allowed:
            advice = job.held.model.advice(job.request, allowed * self._threads / UNDERRATED)
            raise PayloadTooLarge(
                f"The answer would take about {seconds:.0f} seconds, and {allowed:g} are allowed (setting "
                f"MODEL_SERVER_TIMEOUT): {advice}."
            )

    def _predict(self, jobs: Sequence[Job]) -> None:
        model, began = jobs[0].held.model, perf_counter()
        self._metrics.batch.observe(len(jobs))
        try:
            predictions = model.predict([job.request for job in jobs], self._threads)
            pairs = list(zip(jobs, predictions, strict=True))
        except Exception as error:
            if len(jobs) == 1:
                _deliver(jobs[0], error)
                return
            for job in jobs:  # whose fault it was shows when each is asked alone
                if job.waits:
                    self._predict([job])
            return
        seconds = perf_counter() - began
        for job, prediction in pairs:
            job.exchange.predict = seconds
            _attempt(job, _encode, prediction)


def _attempt(job: Job, step: Callable[..., None], *arguments: Any) -> None:
    try:
        step(job, *arguments)
    except Exception as error:
        _deliver(job, error)


def _decode(job: Job) -> None:
    began = perf_counter()
    job.request = job.held.model.decode(job.payload)
    job.exchange.decode = perf_counter() - began


def _encode(job: Job, prediction: Any) -> None:
    began = perf_counter()
    content = job.held.model.encode(prediction, job.response_type)
    job.exchange.encode = perf_counter() - began
    job.held.seen.add((job.payload.content_type.essence, job.response_type))
    _deliver(job, content)


def _deliver(job: Job, outcome: bytes | Exception) -> None:
    """Hand the answer, or what was raised instead, to the event loop."""
    job.settled = True

    def settle() -> None:
        if job.answer.done():
            return
        if isinstance(outcome, bytes):
            job.answer.set_result(outcome)
        else:
            job.answer.set_exception(outcome)

    with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
        job.answer.get_loop().call_soon_threadsafe(settle)


async def _watch(job: Job, receive: Receive) -> None:
    """Wait for the client to go away, and give the job up then."""
    while (await receive())["type"] != "http.disconnect":
        pass
    if not job.answer.done():
        job.answer.set_exception(Disconnected())
