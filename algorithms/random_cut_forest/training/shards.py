"""A uniform sample of the rows of several hosts, from a sample that each has drawn of its own shard."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.group import Group, packed, unpacked
from forecastle.algorithms.random_cut_forest.training.grow import drawn_rows
from forecastle.kernels.arrays import Floats

_SELECTING, _SHUFFLING = 1, 2  # the purposes of random numbers


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sample:
    """A sample of a stream of rows.

    Attributes
    ----------
    seen : the number of rows of the stream.
    rows : (n, dimensions), of which every row of the stream is one with the same probability.
    exact : (n,), whether float32 represents each row exactly.
    last : (m, dimensions), the end of the stream.
    """

    seen: int
    rows: Floats
    exact: NDArray[np.bool_]
    last: Floats


def seed_of_host(seed: int, number: int) -> int:
    """The seed of a host's own sample."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{number}".encode()).digest()[:8], "little") >> 1


def draw_from_all(own: Sample, capacity: int, kept: int, seed: int, group: Group) -> Sample:
    """A sample of up to `capacity` rows of all hosts, with `kept` last ones, from each host's `own` sample.

    The leading host draws how many rows each host gives, as if it drew from all rows, and each host chooses that many
    of its sample. So every row has the same probability, whatever the sizes of the shards, and the leading host gets
    `capacity` rows in all. The result is the same on every host.
    """
    header = json.dumps([own.seen, len(own.rows)]).encode()
    counts = json.loads(group.exchange(header, lambda parts: _counts(parts, capacity, seed)))
    given = counts[group.number]
    rng = np.random.default_rng([seed, group.number, _SELECTING])
    chosen = np.sort(rng.permutation(len(own.rows))[:given])
    part = packed({"seen": np.array(own.seen), "rows": own.rows[chosen], "exact": own.exact[chosen], "last": own.last})
    all_rows = unpacked(group.exchange(part, lambda parts: _united(parts, capacity, kept, seed)))
    return Sample(int(all_rows["seen"]), all_rows["rows"], all_rows["exact"], all_rows["last"])


def draw_counts(seen: Sequence[int], capacity: int, seed: int) -> list[int]:
    """How many of `capacity` rows come from each shard of `seen` rows, if they are drawn from all without replacement.

    All rows if there are fewer. It is multivariate hypergeometric; numpy's own draws at most from 10⁹ rows.
    """
    total = sum(seen)
    if total <= capacity:
        return list(seen)
    ends = np.cumsum(seen)
    hosts = np.searchsorted(ends, drawn_rows(total, 1, capacity, seed=seed)[0], side="right")
    return [int(count) for count in np.bincount(hosts, minlength=len(seen))]


def _counts(parts: Sequence[bytes], capacity: int, seed: int) -> bytes:
    seen = [json.loads(part)[0] for part in parts]
    return json.dumps(draw_counts(seen, capacity, seed)).encode()


def _united(parts: Sequence[bytes], capacity: int, kept: int, seed: int) -> bytes:
    """All parts as one: in the order of the hosts if every row is there, otherwise shuffled, as trees get ranges."""
    samples = [unpacked(part) for part in parts]
    rows = np.concatenate([sample["rows"] for sample in samples])
    exact = np.concatenate([sample["exact"] for sample in samples])
    seen = sum(int(sample["seen"]) for sample in samples)
    if seen > capacity:
        order = np.random.default_rng([seed, _SHUFFLING]).permutation(len(rows))
        rows, exact = rows[order], exact[order]
    last = np.concatenate([sample["last"] for sample in samples])[-kept:]
    return packed({"seen": np.array(seen), "rows": rows, "exact": exact, "last": last})
