"""Errors, by who can fix them. Statuses and exit codes are defined only here.

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
        ├── HostLost
        ├── OutOfSpace
        │   └── OutOfModelSpace   status 507: the platform unloads a model and retries
        └── Stopped               by SIGTERM, before there was a model: exit 143

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
    place : where, from the outermost part to the innermost, as far as it is known.
    expected, got : what was expected there and what came instead; empty in an error of another form.
    hint : what to do, or a question such as "did you mean H?"; may be empty.
    text : the whole sentence but its place, of an error of another form.
    """

    status: ClassVar[HTTPStatus] = INTERNAL_STATUS
    exit_code: ClassVar[int] = INTERNAL_EXIT_CODE

    def __init__(self, text: str = "", *, place: Place = (), expected: str = "", got: str = "", hint: str = "") -> None:
        assert bool(text) != bool(expected)
        self.text, self.place = text, place
        self.expected, self.got, self.hint = expected, got, hint
        super().__init__(self.sentence)  # so that str, repr and pickle have it

    @property
    def sentence(self) -> str:
        """The error as text, for logs and responses."""
        where = text_of(self.place)
        if not self.expected:
            return f"{where}: {self.text}" if where else self.text
        verb, got = f"{where}: expected" if where else "Expected", f", got {self.got}" if self.got else ""
        hint = f": {self.hint}" if self.hint else ""
        return f"{verb} {self.expected}{got}{hint}{'' if self.hint.endswith('?') else '.'}"

    def within(self, place: str | Place) -> Self:
        """The same error with `place` before its own; a string is the name of a source."""
        outer = (Source(place),) if isinstance(place, str) else place
        return self.at((*outer, *self.place))

    def at(self, place: Place) -> Self:
        """The same error at `place`, instead of its own."""
        return type(self).like(self, place)

    @classmethod
    def like(cls, error: "ForecastleError", place: Place) -> Self:
        """An error of this class that says the same as `error`, at `place`."""
        return cls(error.text, place=place, expected=error.expected, got=error.got, hint=error.hint)


class UserError(ForecastleError):
    """The user asked for something that cannot be done."""

    status = HTTPStatus.BAD_REQUEST
    exit_code = 1


class InvalidData(UserError):
    """A request, a training file or a model contained something other than what was expected there."""


class InvalidJob(UserError):
    """A job's or a server's configuration asked for something that does not exist or does not fit."""


class NotFound(UserError):
    """The path, or the model, did not exist."""

    status = HTTPStatus.NOT_FOUND


class AlreadyLoaded(UserError):
    """A model of that name was already loaded."""

    status = HTTPStatus.CONFLICT


class MethodNotAllowed(UserError):
    """The path exists, but does not support that method."""

    status = HTTPStatus.METHOD_NOT_ALLOWED


class NotAcceptable(UserError):
    """The client accepted only media types that the model cannot produce."""

    status = HTTPStatus.NOT_ACCEPTABLE


class PayloadTooLarge(UserError):
    """The request, or what it expands to, was larger than the limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class HeadTooLarge(UserError):
    """The request line and headers were larger than the limit."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class HeadTooLate(UserError):
    """The request line and headers did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class BodyTooLate(UserError):
    """The request's body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class TrailersTooLarge(UserError):
    """The trailers after a request's body were larger than the limit."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class UnsupportedMediaType(UserError):
    """The body was in a media type, charset or encoding that the model does not read."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class PlatformError(ForecastleError):
    """The machine could not do it now; a retry may succeed."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    exit_code = 3


class NotReady(PlatformError):
    """The model was still being loaded and warmed up."""


class Overloaded(PlatformError):
    """The queue of requests was full."""


class DeadlineExceeded(PlatformError):
    """The response was not ready within the server's timeout."""


class Stopping(PlatformError):
    """The server stopped before the response was ready."""


class OutOfSpace(PlatformError):
    """The disk or the memory was full."""


class OutOfModelSpace(OutOfSpace):
    """There was too little memory for a model, or for a request to it, beside the other models."""

    status = HTTPStatus.INSUFFICIENT_STORAGE


class HostLost(PlatformError):
    """Another host of the job has failed, or cannot be reached."""


class Stopped(PlatformError):
    """The job was stopped before there was a model."""

    exit_code = 128 + 15


def forget_frames(error: BaseException | None) -> None:
    """Detach an error and its causes from their stack frames, once no traceback is needed.

    A frame refers to a request and everything decoded from it, and often to the error itself. Only the garbage
    collector frees such a cycle, and the number of objects triggers it, not their size.
    """
    while error is not None:
        error.__traceback__ = None
        cause, context = error.__cause__, error.__context__
        error.__cause__ = error.__context__ = None
        error = cause or context
