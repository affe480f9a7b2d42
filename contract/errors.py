"""Errors, by who can mend them; statuses and exit codes are defined here alone.

    ForecastleError
    ├── UserError                 the user's: status 4xx, exit 1, one sentence and no traceback
    │   ├── InvalidData           a request's body, a training file, a model's files
    │   ├── InvalidJob            hyperparameters, channels, settings, a job's files
    │   ├── NotFound
    │   ├── AlreadyLoaded
    │   ├── MethodNotAllowed
    │   ├── NotAcceptable
    │   ├── PayloadTooLarge
    │   ├── HeadTooLarge
    │   ├── HeadTooLate
    │   ├── BodyTooLate
    │   ├── TrailersTooLarge
    │   └── UnsupportedMediaType
    └── PlatformError             the machine's: status 503, exit 3
        ├── NotReady
        ├── Overloaded
        ├── DeadlineExceeded
        ├── Stopping
        ├── OutOfSpace
        │   └── OutOfModelSpace   status 507: the platform unloads a model and asks again
        └── Stopped               by SIGTERM, before there was anything to keep: exit 143

Any other exception is a bug: status 500 and exit 2, with the traceback in the log and never in the answer.
"""

from http import HTTPStatus
from typing import ClassVar, Self

from forecastle.contract.place import Place, Source, text_of

INTERNAL_STATUS = HTTPStatus.INTERNAL_SERVER_ERROR
INTERNAL_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 128 + 2  # Ctrl-C, as in a shell
ENDPOINT_STATUS = HTTPStatus.FAILED_DEPENDENCY  # what AWS puts around every error of a container


class ForecastleError(Exception):
    """Something was refused, in one sentence: where, what was expected, what came, what to do.

    Attributes
    ----------
    place : where, from the outside inwards, as far as it is known.
    expected, got : what was expected there and what came, with a hint perhaps; empty in errors of another form, whose
        whole sentence but for its place is `text`.
    """

    status: ClassVar[HTTPStatus] = INTERNAL_STATUS
    exit_code: ClassVar[int] = INTERNAL_EXIT_CODE

    def __init__(self, text: str = "", *, place: Place = (), expected: str = "", got: str = "") -> None:
        assert bool(text) != bool(expected)
        super().__init__(text)
        self.text, self.place, self.expected, self.got = text, place, expected, got

    @property
    def sentence(self) -> str:
        """The error as it is logged and answered."""
        where = text_of(self.place)
        if not self.expected:
            return f"{where}: {self.text}" if where else self.text
        verb = f"{where}: expected" if where else "Expected"
        return f"{verb} {self.expected}{f', got {self.got}' if self.got else ''}."

    def __str__(self) -> str:
        return self.sentence

    def within(self, place: str | Place) -> Self:
        """The same error, seen from further out: `place` comes before its own; a string is a source's name."""
        outer = (Source(place),) if isinstance(place, str) else place
        return type(self)(self.text, place=(*outer, *self.place), expected=self.expected, got=self.got)


class UserError(ForecastleError):
    """The user gave something that cannot be done."""

    status = HTTPStatus.BAD_REQUEST
    exit_code = 1


class InvalidData(UserError):
    """A request, a training file or a model held something other than what was expected there."""


class InvalidJob(UserError):
    """A job's or a server's configuration asked for something that does not exist or does not fit."""


class NotFound(UserError):
    """The path, or the model, was not there."""

    status = HTTPStatus.NOT_FOUND


class AlreadyLoaded(UserError):
    """The server held a model of that name already."""

    status = HTTPStatus.CONFLICT


class MethodNotAllowed(UserError):
    """The path was there, but it does not answer that method."""

    status = HTTPStatus.METHOD_NOT_ALLOWED


class NotAcceptable(UserError):
    """The client accepted only media types that the model does not write."""

    status = HTTPStatus.NOT_ACCEPTABLE


class PayloadTooLarge(UserError):
    """The request, or what it would grow into, was larger than the limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class HeadTooLarge(UserError):
    """The request's address and headers were larger than the limit."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class HeadTooLate(UserError):
    """The request's address and headers did not come in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class BodyTooLate(UserError):
    """The request's body did not come in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class TrailersTooLarge(UserError):
    """The trailers after a request's body were larger than the limit."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class UnsupportedMediaType(UserError):
    """The body came in a media type, charset or encoding that the model does not read."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class PlatformError(ForecastleError):
    """The machine could not do it now; the same request may succeed later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    exit_code = 3


class NotReady(PlatformError):
    """The model was not loaded and warmed up yet."""


class Overloaded(PlatformError):
    """More requests were waiting than the queue holds."""


class DeadlineExceeded(PlatformError):
    """The answer could not be given in the time that the server grants."""


class Stopping(PlatformError):
    """The server stopped before the answer was ready."""


class OutOfSpace(PlatformError):
    """The disk or the memory was full."""


class OutOfModelSpace(OutOfSpace):
    """There was no memory for a model, or for a request to it, in addition to the other models."""

    status = HTTPStatus.INSUFFICIENT_STORAGE


class Stopped(PlatformError):
    """The job was stopped before there was a model."""

    exit_code = 128 + 15


def forget_frames(error: BaseException | None) -> None:
    """Detach an error and its causes from their stack frames, once no traceback is needed.

    A frame holds a request with all that was read of it, and often what holds the error: such a circle is freed by the
    garbage collector alone, which runs by the number of objects and not by their size.
    """
    while error is not None:
        error.__traceback__ = None
        cause, context = error.__cause__, error.__context__
        error.__cause__ = error.__context__ = None
        error = cause or context
