"""The hosts that train one model together: rounds in which each gives a part, and all get the same result."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Group:
    """The hosts of a job. This class is one host by itself, whose rounds are local; so algorithms need no other case.

    All hosts must call `exchange`, and what is built on it, equally often and in the same order. A call raises the
    `ForecastleError` of a host that has failed or disappeared, whose name is in its sentence.

    Attributes
    ----------
    number : of this host, from 0, in the order of the hosts' names; host 0 leads, and alone writes the model.
    size : the number of hosts.
    """

    number: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.number == 0

    def exchange(self, part: bytes, combine: Callable[[Sequence[bytes]], bytes]) -> bytes:
        """A round: the leading host calls `combine` with the parts of all hosts, in order; all hosts get its result."""
        return combine([part])

    def check(self) -> None:
        """Raises what another host has failed with, if one has."""

    def broadcast(self, content: bytes) -> bytes:
        """The leading host's content, on every host."""
        return self.exchange(content if self.leads else b"", lambda parts: parts[0])

    def sum(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """The sum of the hosts' arrays, which have the same shape and type, added in the order of the hosts."""

        def added(parts: Sequence[bytes]) -> bytes:
            arrays = [np.frombuffer(part, numbers.dtype) for part in parts]
            total: NDArray[Any] = np.sum(arrays, axis=0, dtype=numbers.dtype)
            return total.tobytes()

        return np.frombuffer(self.exchange(numbers.tobytes(), added), numbers.dtype).reshape(numbers.shape).copy()


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as a part of a round, in numpy's .npz format."""
    out = io.BytesIO()
    np.savez(out, **dict(arrays))  # type: ignore[arg-type]
    return out.getvalue()


def unpacked(part: bytes) -> dict[str, NDArray[Any]]:
    """The arrays that `packed` was given."""
    with np.load(io.BytesIO(part), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
