"""One training job: from channels and hyperparameters to a model, its metrics and its log."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from forecastle.algorithms.interface import Algorithm, Job, Model
from forecastle.contract.artifact import remove_abandoned_parts, write_artifact
from forecastle.contract.channel import Channel
from forecastle.contract.errors import ForecastleError, InvalidJob, Stopped
from forecastle.contract.hyperparameters import Hyperparameters
from forecastle.contract.job_files import Hosts, read_hosts
from forecastle.contract.opt_ml import OptMl
from forecastle.contract.settings import Settings
from forecastle.contract.whole_file import remove_abandoned, write_whole
from forecastle.kernels.compiling import COMPILATION
from forecastle.kernels.threads import available_cores
from forecastle.training.catalogue import catalogue, fitting, named
from forecastle.training.failure import failure_told
from forecastle.training.job_log import StreamLog
from forecastle.training.job_spec import Assignment, from_files, from_tree
from forecastle.training.stopping import sigterm_noted

METRICS = "metrics.json"
PROBE_BYTES = 4096  # a full disk takes an empty file


def train(environ: Mapping[str, str], stream: TextIO) -> None:
    """Run the job that SageMaker's tree describes, and tell it on `stream`; a failure is told in the tree too.

    Of several hosts the leading one trains; the others say so and are done. A job that SIGTERM stops ends well if
    there is a model by then. Raises `ForecastleError`; anything else is a fault of ours.
    """
    started = time.time()
    tree = OptMl.from_environ(environ)
    with failure_told(tree.failure), sigterm_noted() as stopping:
        settings = Settings.from_environ(environ)
        hosts = read_hosts(tree)
        log = StreamLog(stream, hosts.current)
        if hosts.leads:
            assignment = from_tree(tree, settings.algorithm)
            _warn_of_shards(assignment.channels, hosts, log)
            _run(assignment, log, stopping, settings, started)
        else:
            log.line(f"{hosts.current} has nothing to do: {min(hosts.all)} trains and writes the model.")


def train_files(
    algorithm: str,
    data: Path,
    out: Path,
    given: Mapping[str, str],
    stream: TextIO,
    environ: Mapping[str, str],
    test: Path | None = None,
    content_type: str | None = None,
) -> None:
    """Run a job without SageMaker's tree: learn from `data`, score with `test`, and leave the model in `out`.

    Hyperparameters that the data tell need not be given. Raises `ForecastleError`; anything else is a fault of ours.
    """
    started = time.time()
    with failure_told(None), sigterm_noted() as stopping:
        assignment = from_files(named(algorithm), data, test, content_type, given, out)
        _run(assignment, StreamLog(stream, Hosts().current), stopping, Settings.from_environ(environ), started)


def _run(
    assignment: Assignment, log: StreamLog, stopping: Callable[[], bool], settings: Settings, started: float
) -> None:
    remove_abandoned_parts(assignment.model)
    if assignment.metrics is not None:
        remove_abandoned(assignment.metrics, METRICS)
    compiling = COMPILATION.seconds
    algorithm = _algorithm(assignment, settings, log)
    log = replace(log, algorithm=algorithm.log_name)
    job = Job(
        hyperparameters=_hyperparameters(algorithm, assignment, log),
        channels=_channels(algorithm, assignment, log, stopping),
        log=log,
        settings=settings.of(algorithm.settings),
        stopping=stopping,
        threads=settings.threads or available_cores(),
        checkpoints=assignment.checkpoints,
    )
    for folder in filter(None, (assignment.model, assignment.metrics)):
        _require_writable(folder)
    if assignment.checkpoints is not None:
        _warn_of_checkpoints(assignment.checkpoints, log)
    ready = time.time()
    try:
        _learn(algorithm, job, assignment, log)
    finally:
        log.progress(1.0)  # whatever happened, no bar is left on the terminal
    # Without what only the first job of an installation does: compiling kernels.
    total = time.time() - started - (COMPILATION.seconds - compiling)
    times = {"totaltime": [total * 1000], "setuptime": [(ready - started) * 1000]}
    log.metrics("training", started, times)


def _learn(algorithm: Algorithm[Any], job: Job[Any], assignment: Assignment, log: StreamLog) -> None:
    model = algorithm.fit(job)
    artifact = model.artifact()
    artifact = replace(
        artifact,
        algorithm=algorithm.name,
        hyperparameters=job.hyperparameters.model_dump(mode="json", by_alias=True),
        metrics=_finite(artifact.metrics),
    )
    # The model first: whatever happens to its evaluation, there is one to serve.
    write_artifact(assignment.model, artifact)
    scores = _evaluated(algorithm, model, job, log)
    if scores:
        artifact = replace(artifact, metrics={**artifact.metrics, **scores})
        write_artifact(assignment.model, artifact)
    if assignment.metrics is not None:
        content = json.dumps(dict(artifact.metrics), indent=2).encode() + b"\n"
        write_whole(assignment.metrics / METRICS, content)


def _algorithm(assignment: Assignment, settings: Settings, log: StreamLog) -> Algorithm[Any]:
    if assignment.algorithm is not None:
        return named(assignment.algorithm)
    known = catalogue()
    for sentence in known.broken.values():
        log.warning(sentence)
    with _missing_file_named(assignment):
        return fitting(assignment.hyperparameters.keys(), assignment.channels.keys(), known, settings.default_algorithm)


def _hyperparameters(algorithm: Algorithm[Any], assignment: Assignment, log: StreamLog) -> Hyperparameters:
    kind = algorithm.hyperparameters
    defaults, given = kind.defaults(), dict(assignment.hyperparameters)
    # Where they are defined, so that the line is the same on every machine.
    source = kind.__module__.removeprefix("forecastle.").replace(".", "/") + ".py"
    log.line(f"Reading default configuration from {source}: {defaults}")
    log.line(f"Merging with provided configuration from {assignment.source}: {given}")
    log.line(f"Final configuration: {defaults | given}")
    with _missing_file_named(assignment):
        return kind.parse(given)


@contextmanager
def _missing_file_named(assignment: Assignment) -> Iterator[None]:
    """Where hyperparameters are found wanting because their file is missing, that is the first thing to say."""
    try:
        yield
    except InvalidJob as error:
        if not assignment.missing:
            raise
        raise InvalidJob(f"{assignment.source}: there is no such file. {error.sentence}") from None


def _channels(
    algorithm: Algorithm[Any], assignment: Assignment, log: StreamLog, stopping: Callable[[], bool]
) -> dict[str, Channel]:
    first, purpose = next(iter(algorithm.channels.items()))
    if first not in assignment.channels:
        raise InvalidJob(f"Channel {first} is required: {assignment.place / first} must hold {purpose}.")
    for name in sorted(assignment.channels.keys() - algorithm.channels.keys()):
        log.warning(f"Channel {name} is not read: {algorithm.name} reads {', '.join(algorithm.channels)}.")
    read = {name: channel for name, channel in assignment.channels.items() if name in algorithm.channels}
    for channel in read.values():
        channel.require()  # that of the test, too, before hours of training
    return {
        name: replace(channel, told=partial(log.progress, note=f"reading {name}"), stopping=stopping)
        for name, channel in read.items()
    }


def _warn_of_shards(channels: Mapping[str, Channel], hosts: Hosts, log: StreamLog) -> None:
    for channel in channels.values():
        if channel.sharded and len(hosts.all) > 1:
            log.warning(
                f"Channel {channel.name} is ShardedByS3Key over {len(hosts.all)} hosts, and {hosts.current} alone "
                "trains: it sees its own part only. Use FullyReplicated, or one host."
            )


def _require_writable(folder: Path) -> None:
    """Hours of training are too long a way to find it out."""
    probe = folder / ".writable"
    write_whole(probe, bytes(PROBE_BYTES))
    probe.unlink(missing_ok=True)  # another job on the same folder may have been quicker


def _warn_of_checkpoints(folder: Path, log: StreamLog) -> None:
    """A checkpoint that was left there by an earlier run can be read all the same."""
    try:
        _require_writable(folder)
    except (ForecastleError, OSError) as error:
        log.warning(f"{str(error).rstrip('.')}: training goes on without new checkpoints.")


def _evaluated(algorithm: Algorithm[Any], model: Model[Any, Any], job: Job[Any], log: StreamLog) -> dict[str, float]:
    try:
        if job.stopping():
            raise Stopped("The job was told to stop.")
        return _finite(algorithm.evaluate(model, job))
    except Stopped:
        log.warning("Stopped by SIGTERM: the model is written, and was not evaluated.")
        return {}
    except ForecastleError:
        log.warning("The model is written, but it could not be evaluated.")
        raise


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics that JSON can hold: it has no NaN."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
