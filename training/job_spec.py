"""The specification of a job: its input and the folders for its output, from /opt/ml or from a command's options."""

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
class JobSpec:
    """One job.

    Attributes
    ----------
    hyperparameters, source : strings by name, and where they come from.
    channels : training and test data, by name.
    place : the folder in which channels are expected.
    model, metrics, checkpoints : folders for the model, metrics.json and checkpoints; None if it writes none.
    algorithm : its name, if it was given.
    file : the source, if it is a file, which may be missing.
    """

    hyperparameters: Mapping[str, object]
    source: str
    channels: Mapping[str, Channel]
    place: Path
    model: Path
    metrics: Path | None = None
    checkpoints: Path | None = None
    algorithm: str | None = None
    file: Path | None = None


def from_tree(tree: OptMl, algorithm: str | None) -> JobSpec:
    """The job described in /opt/ml. Raises `UserError`."""
    return JobSpec(
        hyperparameters=read_hyperparameters(tree),
        source=str(hyperparameters_file(tree)),
        file=hyperparameters_file(tree),
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
) -> JobSpec:
    """A job on files or folders; hyperparameters that the data determines are inferred.

    Its metrics are written only to the model's manifest. Raises `UserError`.
    """
    first = next(iter(algorithm.channels))
    media_type = MediaType.parse(content_type) if content_type else None
    channels = {first: Channel(first, data, media_type)}
    if test is not None:
        channels[algorithm.test_channel] = Channel(algorithm.test_channel, test)
    return JobSpec(
        hyperparameters={**given, **algorithm.infer(given, channels)},
        source="the command line",
        channels=channels,
        place=data.parent,
        model=out,
        algorithm=algorithm.name,
    )
