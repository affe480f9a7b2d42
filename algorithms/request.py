"""What a model receives from a server, and how the demo reaches one."""

from dataclasses import dataclass
from typing import Protocol

from forecastle.contract.media_type import MediaType


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Payload:
    """A request's body, its media type, and the client's custom attributes.

    `threads` is the number of threads that its prediction may use. More threads use more memory at a time, which
    `Model.decode` considers if it refuses requests that would not fit.
    """

    body: bytes
    content_type: MediaType
    attributes: str = ""  # X-Amzn-SageMaker-Custom-Attributes
    threads: int = 1


class Ask(Protocol):
    """Sends a request's body with its media type to a server; returns the response's body, of the type `accept`."""

    def __call__(self, body: bytes, content_type: str, accept: str) -> bytes: ...
