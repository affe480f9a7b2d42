"""Why a host has failed, as the others are informed of it."""

import json
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from forecastle.contract.errors import ForecastleError, HostLost, InvalidJob, Stopped, UserError
from forecastle.training.failure import blame, cause

Kind = Literal["user", "stopped", "other"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A host's failure.

    Attributes
    ----------
    kind : "user" for an error that the user can fix, "stopped" if the job was stopped, otherwise "other".
    sentence : what happened, with the host's name.
    """

    kind: Kind
    sentence: str

    @classmethod
    def of(cls, host: str, error: BaseException) -> "Fault":
        """The fault of a host that ends with `error`."""
        blamed = blame(error) if isinstance(error, Exception) else Exception(type(error).__name__)
        kind: Kind = "user" if isinstance(blamed, UserError) else "stopped" if isinstance(blamed, Stopped) else "other"
        return cls(kind, f"Host {host} failed: {cause(blamed)}")

    @classmethod
    def from_json(cls, content: bytes) -> "Fault | None":
        """The fault that `as_json` wrote; None if something else did, such as a proxy."""
        try:
            found = cls(**json.loads(content))
        except (ValueError, TypeError):
            return None
        return found if found.kind in get_args(Kind) else None

    def as_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    def error(self) -> ForecastleError:
        """What the other hosts raise."""
        kinds: dict[Kind, type[ForecastleError]] = {"user": InvalidJob, "stopped": Stopped, "other": HostLost}
        return kinds[self.kind](self.sentence)
