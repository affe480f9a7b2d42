"""The check of a training job's tree: what the job, and SageMaker before it, would say, without training.

Limits of names and values: "CreateTrainingJob" and "Channel", SageMaker's API reference.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from forecastle.algorithms.interface import Algorithm, Job
from forecastle.contract.artifact import MANIFEST
from forecastle.contract.channel import Channel
from forecastle.contract.errors import ForecastleError, InvalidJob
from forecastle.contract.hyperparameters import Hyperparameters
from forecastle.contract.job_files import Hosts, hyperparameters_file, read_channels, read_hosts, read_hyperparameters
from forecastle.contract.opt_ml import OptMl
from forecastle.contract.quotation import as_json
from forecastle.contract.settings import Settings
from forecastle.training.catalogue import catalogue, fitting, named
from forecastle.training.failure import blame
from forecastle.training.job import missing_file_named

MOST_HYPERPARAMETERS, LONGEST_NAME, LONGEST_VALUE = 100, 256, 2500
MOST_CHANNELS, CHANNEL_NAME = 20, re.compile(r"[A-Za-z0-9.\-_]{1,64}")


@dataclass(slots=True)
class Findings:
    """What was found: a report in the order of the checks, and how many errors are in it.

    `report` gets the kind of each finding, `ok`, `warning` or `error`, and its sentence.
    """

    report: Callable[[str, str], None]
    errors: list[ForecastleError] = field(default_factory=list)

    def ok(self, sentence: str) -> None:
        self.report("ok", sentence)

    def warning(self, sentence: str) -> None:
        self.report("warning", sentence)

    def error(self, error: ForecastleError) -> None:
        self.errors.append(error)
        self.report("error", error.sentence)


def is_tree(folder: Path) -> bool:
    """Whether a folder is a job's tree, and no model."""
    return _exists(folder / "input") and not _exists(folder / MANIFEST)


def check_tree(folder: Path, environ: Mapping[str, str], found: Findings) -> None:
    """Check a job's hosts, hyperparameters, channels, permissions and data, each even if another one is wrong."""
    tree, settings = OptMl(folder), Settings.from_environ(environ)
    hosts = _attempted(found, lambda: read_hosts(tree)) or Hosts()
    files = _attempted(found, lambda: read_hyperparameters(tree)), _attempted(found, lambda: read_channels(tree))
    given, channels = files[0] or {}, files[1] or {}
    _strings(tree, given, found)
    _names(channels, found)
    algorithm = parsed = None
    if None not in files:  # else nothing says which algorithm it is
        algorithm = _attempted(found, lambda: _algorithm(tree, settings, given, channels))
    if algorithm is not None:
        parsed = _attempted(found, lambda: _parsed(tree, algorithm, given))
        if parsed is not None:
            found.ok(f"Hyperparameters: {len(given)} given, all valid for {algorithm.name}.")
            if len(hosts.all) > 1:
                reason = algorithm.trains_alone(parsed, channels, settings.of(algorithm.settings))
                _report_hosts(hosts, reason, found)
                channels = {
                    name: replace(channel, may_be_empty=reason is None and channel.sharded)
                    for name, channel in channels.items()
                }
    before = len(found.errors)
    if algorithm is not None:
        _required(algorithm, tree, channels, found)
    _permissions(tree, channels, found)
    if algorithm is not None and parsed is not None and len(found.errors) == before:
        read = {name: channel for name, channel in channels.items() if name in algorithm.channels and not channel.pipe}
        job = Job(parsed, read, _Warnings(found), lambda: False, settings.of(algorithm.settings))
        if next(iter(algorithm.channels)) in read:
            _data(algorithm, job, found)


def _attempted(found: Findings, attempt: Callable[[], Any]) -> Any:
    """What `attempt` returns; None if it raised an error, which is reported."""
    try:
        return attempt()
    except Exception as error:
        blamed = blame(error)
        if not isinstance(blamed, ForecastleError):
            raise
        found.error(blamed)
        return None


def _report_hosts(hosts: Hosts, reason: str | None, found: Findings) -> None:
    """`reason`: why only the first host trains."""
    if reason is None:
        found.ok(f"Hosts: {len(hosts.all)}, which train together.")
    else:
        found.warning(f"Hosts: {len(hosts.all)}, of which {min(hosts.all)} alone trains, as {reason}.")


def _strings(tree: OptMl, given: Mapping[str, object], found: Findings) -> None:
    """What SageMaker's API would refuse before a job starts; files written by hand may contain it."""
    file = hyperparameters_file(tree)
    if len(given) > MOST_HYPERPARAMETERS:
        found.warning(f"{file}: SageMaker accepts at most {MOST_HYPERPARAMETERS} hyperparameters, got {len(given)}.")
    for name, value in given.items():
        if not isinstance(value, str):
            found.warning(f"{file}: {name}: SageMaker accepts strings only, got {as_json(value)}.")
        elif len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE:
            found.warning(
                f"{file}: {name[:40]}: SageMaker accepts names of {LONGEST_NAME} and values of {LONGEST_VALUE} "
                f"characters at most, got {len(name)} and {len(value)}."
            )


def _names(channels: Mapping[str, Channel], found: Findings) -> None:
    if len(channels) > MOST_CHANNELS:
        found.warning(f"Channels: SageMaker accepts at most {MOST_CHANNELS}, got {len(channels)}.")
    for name in channels:
        if not CHANNEL_NAME.fullmatch(name):
            found.warning(f"Channel {name}: SageMaker accepts letters, digits and .-_ in names, at most 64 characters.")


def _algorithm(
    tree: OptMl, settings: Settings, given: Mapping[str, object], channels: Mapping[str, Channel]
) -> Algorithm[Any]:
    if settings.algorithm is not None:
        return named(settings.algorithm)
    with missing_file_named(hyperparameters_file(tree)):
        return fitting(given.keys(), channels.keys(), catalogue(), settings.default_algorithm)


def _parsed(tree: OptMl, algorithm: Algorithm[Any], given: Mapping[str, object]) -> Hyperparameters:
    with missing_file_named(hyperparameters_file(tree)):
        return algorithm.hyperparameters.parse(given)


def _required(algorithm: Algorithm[Any], tree: OptMl, channels: Mapping[str, Channel], found: Findings) -> None:
    first, purpose = next(iter(algorithm.channels.items()))
    if first not in channels:
        found.error(InvalidJob(f"Channel {first} is required: {tree.data / first} must contain {purpose}."))
    for name in sorted(channels.keys() - algorithm.channels.keys()):
        known = ", ".join(algorithm.channels)
        found.warning(f"Channel {name} is not read: {algorithm.name} reads {known}.")


def _permissions(tree: OptMl, channels: Mapping[str, Channel], found: Findings) -> None:
    """Whether this user may read every file and write every folder that the job does."""
    before = len(found.errors)
    for name, channel in channels.items():
        if channel.pipe:
            found.warning(f"Channel {name} is a pipe, whose data a check does not read.")
            continue
        _attempted(found, channel.require)
        for path in _unreadable(channel.path):
            found.error(InvalidJob(f"{path}: cannot be read by user {os.geteuid()}."))
    for folder in _written(tree):
        if not os.access(_existing(folder), os.W_OK | os.X_OK):
            found.error(InvalidJob(f"{folder}: cannot be written by user {os.geteuid()}."))
    if len(found.errors) == before:
        found.ok(f"Permissions: user {os.geteuid()} may read the channels, and write model and output.")


def _unreadable(top: Path) -> Iterator[str]:
    """The files that this user cannot read; `Channel.require` reports the folders."""
    for folder, _, files in os.walk(top):
        yield from (path for name in files if not os.access(path := os.path.join(folder, name), os.R_OK))


def _written(tree: OptMl) -> Sequence[Path]:
    written = [tree.model, tree.output_data, tree.failure.parent]
    return [*written, tree.checkpoints] if _exists(tree.checkpoints) else written


def _existing(folder: Path) -> Path:
    """The folder, or the closest one above it that exists, in which it would be made."""
    while not _exists(folder):
        folder = folder.parent
    return folder


def _exists(path: Path) -> bool:
    """As `Path.exists`, and false for what this user cannot see."""
    return os.access(path, os.F_OK)


def _data(algorithm: Algorithm[Any], job: Job[Any], found: Findings) -> None:
    def examine() -> None:
        for sentence in algorithm.examine(job):
            found.ok(sentence)

    _attempted(found, examine)


@dataclass(frozen=True, slots=True)
class _Warnings:
    """A job's log that keeps the warnings."""

    found: Findings
    host: str = "algo-1"

    def line(self, text: str) -> None:
        pass

    def warning(self, text: str) -> None:
        self.found.warning(text)

    def metrics(self, operation: str, since: float, values: Mapping[str, Sequence[float]]) -> None:
        pass

    def progress(self, share: float, note: str = "") -> None:
        pass
