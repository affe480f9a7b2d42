"""A prediction: decode, predict and encode, each step timed."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from forecastle.algorithms.interface import Payload
from forecastle.contract.errors import NotAcceptable
from forecastle.serving.models import HeldModel

UNREAD: Any = object()  # the request of a call whose body has not been decoded


@dataclass(slots=True, eq=False, repr=False)
class Times:
    """Seconds that each step of a request took; None for a step that was skipped.

    Attributes
    ----------
    decode : from the body's bytes to arrays.
    queue : waiting for a thread.
    predict : predicting its whole batch.
    encode : from arrays to the answer's bytes.
    rows : how many rows or series the request has; 0 before it is decoded.
    """

    decode: float | None = None
    queue: float | None = None
    predict: float | None = None
    encode: float | None = None
    rows: int = 0


@dataclass(slots=True, eq=False, repr=False)
class Call:
    """One request to a model; its steps run one after the other, in any threads."""

    held: HeldModel
    payload: Payload
    response_type: str
    times: Times = field(default_factory=Times)
    request: Any = UNREAD

    @property
    def is_warm(self) -> bool:
        """Whether the model has answered such a call before, so that everything it needs is compiled and imported."""
        return self.held.is_warm_for(*self._kind)

    @property
    def _kind(self) -> tuple[str, str]:
        return self.payload.content_type.essence, self.response_type

    @property
    def is_decoded(self) -> bool:
        return self.request is not UNREAD

    @property
    def cost(self) -> float:
        """The estimated seconds of one core that predicting takes; the call must be decoded."""
        return self.held.model.cost(self.request)

    def decode(self) -> None:
        """Decode the body. Raises `UserError` with the place of the error."""
        began = perf_counter()
        self.request = self._read()
        self.times.decode = perf_counter() - began
        self.times.rows = self.held.model.rows(self.request)

    def encode(self, prediction: Any) -> bytes:
        """The answer's bytes. Raises `NotAcceptable` if the response type cannot represent it."""
        began = perf_counter()
        content = self._write(prediction)
        self.times.encode = perf_counter() - began
        self.held.answered(*self._kind)
        return content

    def _read(self) -> Any:
        return self.held.model.decode(self.payload)

    def _write(self, prediction: Any) -> bytes:
        return self.held.model.encode(prediction, self.response_type)


def predict(calls: Sequence[Call], threads: int) -> list[Any]:
    """The predictions of decoded calls to one model, computed as a batch."""
    began = perf_counter()
    predictions = list(calls[0].held.model.predict([call.request for call in calls], threads))
    seconds = perf_counter() - began
    for call in calls:
        call.times.predict = seconds
    return predictions


def answer_alone(call: Call, threads: int) -> bytes:
    """The answer to a call that is not predicted in a batch with others."""
    if not call.is_decoded:
        call.decode()
    (prediction,) = predict([call], threads)
    return call.encode(prediction)


def warm_up(held: HeldModel, threads: int) -> None:
    """Answer the model's examples in every response type, so that no request has to wait for compilation."""
    for payload in held.model.sample_requests():
        call = Call(held, replace(payload, threads=threads), held.response_types[0])
        call.decode()
        (prediction,) = predict([call], threads)
        for call.response_type in held.response_types:
            with contextlib.suppress(NotAcceptable):  # not every type can represent every answer
                call.encode(prediction)
