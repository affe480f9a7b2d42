"""A channel of several hosts: the series of all shards, which every host gets."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.likelihood import Likelihood
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.dataset import (
    MEMORY_SHARE,
    SERIES_BYTES,
    TABLE_BYTES,
    Dataset,
    read_dataset,
    read_shard,
)
from forecastle.algorithms.deepar.training.fields import OptionalFields
from forecastle.algorithms.group import Group, packed, unpacked
from forecastle.contract.channel import Channel
from forecastle.contract.errors import InvalidData
from forecastle.contract.free_memory import available_memory
from forecastle.contract.place import Source


def read_everywhere(
    channel: Channel, fields: OptionalFields, likelihood: Likelihood, stopping: Callable[[], bool], group: Group
) -> Dataset:
    """Read a channel that each host has, or the host's shard of it; every host returns the series of all.

    They are in the same order as if one host had all files. Raises what `read_dataset` raises, and `InvalidData` if the
    shards' series have different fields.
    """
    if group.size == 1 or not channel.sharded:
        return read_dataset(channel, fields, likelihood, stopping)
    own = read_shard(channel, fields, likelihood, stopping)
    part = b"" if own is None else _pack(own)
    return _unpack(group.exchange(part, lambda parts: _united(channel.name, parts)))


def _united(name: str, parts: Sequence[bytes]) -> bytes:
    """All parts as one, in the order of the files."""
    shards = [_unpack(part) for part in parts if part]
    if not shards:
        raise InvalidData(place=(Source(f"Channel {name}"),), expected="time series", got="none")
    first = min(shards, key=lambda each: PurePath(each.names[0]))
    for each in shards:
        counts = [(len(shard.cardinality), shard.num_dynamic_feat) for shard in (first, each)]
        if counts[0] != counts[1]:
            expected, got = (f"{cat} categories and {dynamic} dynamic features" for cat, dynamic in counts)
            raise InvalidData(place=(Source(each.first),), expected=f"{expected}, as in {first.first}", got=got)
    series = [one for each in shards for one in each.series]
    names = [name for each in shards for name in each.names]
    order = sorted(range(len(series)), key=lambda index: PurePath(names[index]))
    _require_memory(name, series)
    return _pack(
        Dataset(
            tuple(series[index] for index in order),
            tuple(max(sizes) for sizes in zip(*(each.cardinality for each in shards))),
            first.num_dynamic_feat,
            first.file,
            first.first,
            tuple(names[index] for index in order),
        )
    )


def _require_memory(name: str, series: Sequence[Series]) -> None:
    budget = int(MEMORY_SHARE * available_memory())
    dynamic = [0 if each.dynamic_feat is None else len(each.dynamic_feat) for each in series]
    needed = sum(SERIES_BYTES + len(each.target) * (TABLE_BYTES + 8 * count) for each, count in zip(series, dynamic))
    if needed > budget:
        raise InvalidData(
            place=(Source(f"Channel {name}"),),
            expected=f"series that together fit half of a host's free memory, {budget} bytes",
            got=f"{needed}",
            hint="every host gets all series: use hosts with more memory",
        )


def _pack(data: Dataset) -> bytes:
    about = {
        "cardinality": data.cardinality,
        "num_dynamic_feat": data.num_dynamic_feat,
        "file": str(data.file),
        "first": data.first,
        "names": data.names,
    }
    dynamic = [each.dynamic_feat for each in data.series if each.dynamic_feat is not None]
    return packed(
        {
            "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
            "starts": np.array([each.start for each in data.series], "datetime64[s]").astype(np.int64),
            "lengths": np.array([len(each.target) for each in data.series], np.int64),
            "targets": np.concatenate([each.target for each in data.series]),
            "categories": np.array([each.cat for each in data.series], np.int64).reshape(len(data.series), -1),
            "dynamic": np.concatenate(dynamic, axis=1) if dynamic else np.empty((0, 0), np.float32),
        }
    )


def _unpack(part: bytes) -> Dataset:
    arrays = unpacked(part)
    about: Mapping[str, Any] = json.loads(arrays["about"].tobytes())
    ends = np.cumsum(arrays["lengths"])
    targets, dynamic = np.split(arrays["targets"], ends[:-1]), _split(arrays["dynamic"], ends)
    starts, categories = arrays["starts"].astype("datetime64[s]"), arrays["categories"].tolist()
    series = (
        Series(start, target, tuple(cat), rows)
        for start, target, cat, rows in zip(starts, targets, categories, dynamic)
    )
    return Dataset(
        tuple(series),
        tuple(about["cardinality"]),
        about["num_dynamic_feat"],
        Path(about["file"]),
        about["first"],
        tuple(about["names"]),
    )


def _split(rows: NDArray[np.float32], ends: NDArray[np.int64]) -> "list[NDArray[np.float32] | None]":
    """The dynamic features of each series, which have as many steps as its target in training data."""
    if not len(rows):
        return [None] * len(ends)
    return [np.ascontiguousarray(part) for part in np.split(rows, ends[:-1], axis=1)]
