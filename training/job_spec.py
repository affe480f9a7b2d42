"""What one job is given, and where it leaves what it makes: in SageMaker's tree, or as a command's options say."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forecastle.algorithms.interface import Algorithm
from forecastle.contract.channel import Channel
from forecastle.contract.job_files import hyperparameters_file, read_channels, read_hyperparameters
from forecastle.contract.media_type import MediaType
from forecastle.contract.opt_ml import OptMl


@dataclass(frozen=True, slots=True)
class Assignment:
    """One job.

    Attributes
    ----------
    hyperparameters, source : strings by name, and where they stand.
    channels : what to learn from, by name.
    place : where a channel that is missing should have been.
    model, metrics, checkpoints : folders for the model, for metrics.json and for checkpoints, where there are any.
    algorithm : the one that is meant, where it was named.
    missing : whether the source is a file that is not there.
    """

    hyperparameters: Mapping[str, object]
    source: str
    channels: Mapping[str, Channel]
    place: Path
    model: Path
    metrics: Path | None = None
    checkpoints: Path | None = None
    algorithm: str | None = None
    missing: bool = False


def from_tree(tree: OptMl, algorithm: str | None) -> Assignment:
    """The job that the tree's files describe. Raises `UserError`."""
    return Assignment(
        hyperparameters=read_hyperparameters(tree),
        source=str(hyperparameters_file(tree)),
        missing=not hyperparameters_file(tree).exists(),
        channels=read_channels(tree),
        place=tree.data,
        model=tree.model,
        metrics=tree.output_data,
        checkpoints=tree.checkpoints if tree.checkpoints.exists() else None,
        algorithm=algorithm,
    )


def from_files(
    algorithm: Algorithm[Any],
    data: Path,
    test: Path | None,
    content_type: str | None,
    given: Mapping[str, str],
    out: Path,
) -> Assignment:
    """A job without a tree: its data are files or folders; what `given` lacks and the data tell is inferred.

    Its metrics are in the model's manifest alone. Raises `UserError`.
    """
    first = next(iter(algorithm.channels))
    media_type = MediaType.parse(content_type) if content_type else None
    channels = {first: Channel(first, data, media_type)}
    if test is not None:
        channels["test"] = Channel("test", test)
    return Assignment(
        hyperparameters={**given, **algorithm.infer(given, channels)},
        source="the command line",
        channels=channels,
        place=data.parent,
        model=out,
        algorithm=algorithm.name,
    )
