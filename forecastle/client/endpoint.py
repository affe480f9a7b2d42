"""What answers a predictor's requests: bytes in, bytes out."""

from http import HTTPStatus
from typing import Protocol

from forecastle.client.errors import PredictorError, RequestTooLarge

JSON = "application/json"
CSV = "text/csv"


class Endpoint(Protocol):
    """A server, an endpoint of SageMaker's, or a model in this process.

    Attributes
    ----------
    most_bytes : the size up to which a request is sent in one piece.
    """

    @property
    def most_bytes(self) -> int: ...

    def ask(self, body: bytes, content_type: str, attributes: str = "") -> bytes:
        """The answer to a request, as JSON; `attributes` are SageMaker's custom attributes. Raises `PredictorError`."""


def refusal(place: str, status: int, sentence: str) -> PredictorError:
    """The error for an answer with that status; `sentence` is the body of the answer."""
    if not sentence:
        sentence = f"{place}: the answer had status {status} and no message."
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return RequestTooLarge(sentence, status)
    return PredictorError(sentence, status)
