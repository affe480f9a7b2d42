"""A training job of Random Cut Forest: from a channel's bytes to a forest, with SageMaker's log lines."""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain

import numpy as np

from forecastle.algorithms.interface import Job
from forecastle.algorithms.random_cut_forest.forest import Forest
from forecastle.algorithms.random_cut_forest.hyperparameters import RandomCutForestHyperparameters
from forecastle.algorithms.random_cut_forest.model import RandomCutForestModel, rows_as_csv
from forecastle.algorithms.random_cut_forest.threshold import of_rows
from forecastle.algorithms.random_cut_forest.training.grow import contiguous_rows, grow
from forecastle.algorithms.random_cut_forest.training.reservoir import Reservoir
from forecastle.algorithms.random_cut_forest.training.shards import Sample, draw_from_all, seed_of_host
from forecastle.contract.channel import Channel
from forecastle.contract.errors import InvalidData, InvalidJob, Stopped, UnsupportedMediaType
from forecastle.contract.free_memory import available_memory
from forecastle.contract.place import At, Source
from forecastle.formats.block import Block
from forecastle.formats.rows import read_rows
from forecastle.kernels.arrays import Floats

FOREST_BYTES_PER_VALUE = 40  # as SageMaker's log estimates it
SAMPLE_BYTES_PER_VALUE = 8
EXAMPLE_NUMBERS = 5_000  # of the last rows, which the model keeps for its page


def fit(job: Job[RandomCutForestHyperparameters]) -> RandomCutForestModel:
    """Sample the train channel in one pass and grow a forest, logging the lines that SageMaker logs.

    Several hosts each sample their shard, and grow the same forest of a sample of all rows.
    Raises `InvalidJob` if the hyperparameters do not fit the data or the memory, `InvalidData` for an error in the
    data, `Stopped` on SIGTERM, as a forest of a part of the data would not represent it.
    """
    started = time.time()
    given, log = job.hyperparameters, job.log
    group = job.group
    own = given.seed if given.seed is not None else secrets.randbits(63)
    seed = int(group.broadcast(str(own).encode()))
    train = job.channels["train"]
    # All hosts have the rows of a channel that is not sharded, so one of them reads it.
    reads = train.sharded or group.leads
    rows = read_blocks(train, given.feature_dim, job.stopping, labels=False) if reads else iter(())
    blocks = _announced((block for _, block in rows), given, log.line)
    log.line("Sampling training data...")
    sampling = time.time()
    capacity = given.num_trees * given.num_samples_per_tree
    # With the same seed both keep the same rows.
    of_host = seed if group.size == 1 else seed_of_host(seed, group.number)
    reservoir, marks = Reservoir(capacity, given.feature_dim, of_host), Reservoir(capacity, 1, of_host)
    last: Floats = np.empty((0, given.feature_dim), np.float32)
    kept = max(1, EXAMPLE_NUMBERS // given.feature_dim)
    for block in blocks:
        last = np.concatenate([last, block.features[-kept:]])[-kept:]
        reservoir.add(block.features)
        marks.add(block.exact[:, np.newaxis].astype(np.float32))
    sampled = time.time()
    log.line("Sampling training data completed.")
    log.metrics("training", started, {"epochs": [1], "update.time": [1000 * (sampled - sampling)]})
    log.line(f"#progress_metric: host={log.host}, completed 100 % epochs")
    log.line(
        f"#throughput_metric: host={log.host}, "
        f"train throughput={reservoir.seen / max(sampled - sampling, 1e-9)} records/second"
    )
    part = Sample(reservoir.seen, reservoir.sample(), marks.sample()[:, 0] > 0, last)
    drawn = part if group.size == 1 else draw_from_all(part, capacity, kept, seed, group)
    sample = drawn.rows
    log.line(f"{len(sample)} samples gathered")
    log.line("Building Random Cut Forest...")
    growing = time.time()
    forest = grow(sample, contiguous_rows(len(sample), given.num_trees), seed=seed, threads=job.threads)
    grown = time.time()
    log.line("Random Cut Forest built: ")
    log.line(forest_info(forest))
    threshold = of_rows(forest, sample, drawn.exact, job.threads)
    parameters = {"seed": seed, "training_rows": drawn.seen}
    model = RandomCutForestModel(forest, parameters, threshold, example=rows_as_csv(drawn.last))
    log.metrics(
        "training",
        started,
        {
            "fit_model.time": [1000 * (grown - growing)],
            "model.bytes": [size_in_bytes(forest)],
            "finalize.time": [1000 * (time.time() - sampled)],
        },
    )
    return model


def examine(job: Job[RandomCutForestHyperparameters]) -> Iterator[str]:
    """Read all rows without growing a forest, and yield a line for each channel. Raises what `fit` raises on data."""
    given = job.hyperparameters
    train = sum(
        len(block.features)
        for _, block in read_blocks(job.channels["train"], given.feature_dim, job.stopping, labels=False)
    )
    yield f"Channel train: {train:,} rows of {given.feature_dim} column{'s' * (given.feature_dim > 1)}."
    if "test" in job.channels:
        labels = [block.labels for block in labelled_blocks(job.channels["test"], given.feature_dim, job.stopping)]
        marks = np.concatenate([each for each in labels if each is not None])
        yield f"Channel test: {len(marks):,} rows, {int(marks.sum()):,} of them labelled as anomalies."


def forest_info(forest: Forest) -> str:
    """The forest in one line of SageMaker's log: averages are truncated to integers, depths count levels."""
    nodes, depths = forest.num_nodes, forest.depths
    facts = {
        "num_trees": forest.num_trees,
        "num_samples_in_forest": forest.num_samples,
        "num_samples_per_tree": forest.num_samples // forest.num_trees,
        "sample_dim": forest.dimensions,
        "shingle_size": 1,
        "trees_num_nodes": nodes.tolist(),
        "trees_depth": depths.tolist(),
        "max_num_nodes": int(nodes.max()),
        "min_num_nodes": int(nodes.min()),
        "avg_num_nodes": int(nodes.mean()),
        "max_tree_depth": int(depths.max()),
        "min_tree_depth": int(depths.min()),
        "avg_tree_depth": int(depths.mean()),
        "mem_size": size_in_bytes(forest),
    }
    return "ForestInfo{" + ", ".join(f"{name}: {value}" for name, value in facts.items()) + "}"


def size_in_bytes(forest: Forest) -> int:
    """The size of the stored arrays."""
    return sum(array.nbytes for array in forest.arrays().values())


def read_blocks(
    channel: Channel, width: int, stopping: Callable[[], bool], *, labels: bool
) -> Iterator[tuple[str, Block]]:
    """A channel's rows, block by block, with the name of their file; `width` columns each.

    With `labels`, a CSV file has a label column unless its ContentType says otherwise. Raises `InvalidData` and
    `UnsupportedMediaType` with the file and row, `InvalidJob` for another width, `Stopped`.
    """
    for name, stream in channel.streams():
        try:
            for block in read_rows(stream, channel.content_type, default_label_size=int(labels)):
                if stopping():
                    raise Stopped(
                        "stopped by SIGTERM before all rows were read; there is no model.", place=(Source(name),)
                    )
                _require_width(name, block, width, labels=labels)
                yield name, block
        except (InvalidData, UnsupportedMediaType) as error:
            raise error.within(name) from None


def labelled_blocks(channel: Channel, width: int, stopping: Callable[[], bool]) -> Iterator[Block]:
    """A test channel's rows, block by block. Raises `InvalidData` if there are labels other than 0 and 1."""
    rows: Counter[str] = Counter()  # read so far, by file
    for name, block in read_blocks(channel, width, stopping, labels=True):
        assert block.labels is not None
        odd = np.flatnonzero((block.labels != 0) & (block.labels != 1))
        if len(odd):
            place = (Source(name), At("row", rows[name] + int(odd[0]) + 1))
            raise InvalidData(place=place, expected="a label of 0 or 1", got=f"{block.labels[odd[0]]:g}")
        rows[name] += len(block.labels)
        yield block


def _require_width(name: str, block: Block, width: int, *, labels: bool) -> None:
    columns = block.features.shape[1] + (block.labels is not None)
    if labels and columns == width:
        raise InvalidData(expected=f"a label, 0 or 1, before the {width} columns", got="no label")
    if block.features.shape[1] != width:
        without = " without the label" if block.labels is not None else ""
        hint = "" if labels or columns != width + 1 else " (with label_size=1 in its ContentType the first is a label)"
        raise InvalidJob(
            f"Hyperparameter feature_dim must be the number of columns of the data{without}, "
            f"{block.features.shape[1]} in {name}{hint}. Got {width}."
        )


def first_width(channel: Channel) -> int:
    """The number of columns of the channel's first rows."""
    for name, stream in channel.streams():
        try:
            for block in read_rows(stream, channel.content_type, default_label_size=0):
                return int(block.features.shape[1])
        except InvalidData as error:
            raise error.within(name) from None
    raise InvalidData(place=(Source(f"Channel {channel.name}"),), expected="rows", got="none")


def _announced(
    blocks: Iterator[Block], given: RandomCutForestHyperparameters, line: Callable[[str], None]
) -> Iterator[Block]:
    """The same blocks, after a check of the first one's width and of the memory for the forest."""
    line("Validating that feature_dim agrees with dimensions in training data...")
    first = next(blocks, None)
    line("feature_dim is correct.")
    line("Validating memory limits...")
    values = given.num_trees * given.num_samples_per_tree * given.feature_dim
    available, needed = available_memory(), FOREST_BYTES_PER_VALUE * values
    line(f"Available memory in bytes: {available}")
    line(f"Estimated sample size in bytes: {SAMPLE_BYTES_PER_VALUE * values}")
    line(f"Estimated memory needed to build the forest in bytes: {needed}")
    if needed > available:
        raise InvalidJob(
            f"Hyperparameters num_trees={given.num_trees}, num_samples_per_tree={given.num_samples_per_tree} and "
            f"feature_dim={given.feature_dim} make a forest of {needed} bytes, and {available} are free: "
            "lower num_trees or num_samples_per_tree."
        )
    line("Memory limits validated.")
    return chain([] if first is None else [first], blocks)
