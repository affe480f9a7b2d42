"""One training job: from channels and hyperparameters to a model, its metrics and its log."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from forecastle.algorithms.interface import Algorithm, Group, Job, Model
from forecastle.contract.artifact import remove_abandoned_parts, write_artifact
from forecastle.contract.channel import Channel, ObservedChannel
from forecastle.contract.errors import ForecastleError, InvalidJob, Stopped
from forecastle.contract.hyperparameters import Hyperparameters
from forecastle.contract.job_files import Hosts, read_hosts
from forecastle.contract.opt_ml import OptMl
from forecastle.contract.place import Source
from forecastle.contract.settings import Settings
from forecastle.contract.whole_file import remove_abandoned, write_whole
from forecastle.kernels.compiling import COMPILATION
from forecastle.kernels.threads import available_cores
from forecastle.training.catalogue import catalogue, fitting, named
from forecastle.training.failure import failure_reported
from forecastle.training.hosts.token import token_of
from forecastle.training.job_log import StreamLog
from forecastle.training.job_spec import JobSpec, from_files, from_tree
from forecastle.training.stopping import sigterm_noted

METRICS = "metrics.json"
ALONE = Hosts()
PROBE_BYTES = 4096  # an empty file fits on a full disk


def train(environ: Mapping[str, str], stream: TextIO) -> None:
    """Run the job described in /opt/ml, with its log on `stream`; a failure is also written to the failure file.

    Of several hosts the leading one writes the model. The others train with it if the algorithm can do that, and
    otherwise log that they do not. A job that SIGTERM stops succeeds if it has a model. Raises `ForecastleError`; any
    other exception is a bug.
    """
    started = time.time()
    tree = OptMl.from_environ(environ)
    with failure_reported(tree.failure), sigterm_noted() as stopping:
        settings = Settings.from_environ(environ)
        hosts = read_hosts(tree)
        log = StreamLog(stream, hosts.current, environ)
        spec = from_tree(tree, settings.algorithm)
        token = token_of(hosts, spec.hyperparameters, settings)
        _run(spec, log, stopping, settings, started, hosts, token)


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
    """Run a job without /opt/ml: train on `data`, evaluate on `test`, and write the model to `out`.

    Hyperparameters that the data determines may be left out. Raises `ForecastleError`; any other exception is a bug.
    """
    started = time.time()
    with failure_reported(None), sigterm_noted() as stopping:
        spec = from_files(named(algorithm), data, test, content_type, given, out)
        log = StreamLog(stream, ALONE.current, environ)
        _run(spec, log, stopping, Settings.from_environ(environ), started)


def _run(
    spec: JobSpec,
    log: StreamLog,
    stopping: Callable[[], bool],
    settings: Settings,
    started: float,
    hosts: Hosts = ALONE,
    token: str = "",
) -> None:
    remove_abandoned_parts(spec.model)
    if spec.metrics is not None:
        remove_abandoned(spec.metrics, METRICS)
    compiling = COMPILATION.seconds
    algorithm = _algorithm(spec, settings, log)
    log.algorithm = algorithm.log_name
    hyperparameters, own = _hyperparameters(algorithm, spec, log), settings.of(algorithm.settings)
    together = False
    if len(hosts.all) > 1:
        reason = algorithm.trains_alone(hyperparameters, spec.channels, own)
        together = reason is None
        if reason is not None and not hosts.leads:
            log.line(f"{hosts.current} has nothing to do: {min(hosts.all)} trains and writes the model, as {reason}.")
            return
        if reason is not None:
            _warn_of_shards(spec.channels, hosts, log, reason)
    with _group(hosts, token, settings, log, stopping) if together else nullcontext(Group()) as group:

        def ending() -> bool:
            group.check()
            return stopping()

        job = Job(
            hyperparameters=hyperparameters,
            channels=_channels(algorithm, spec, log, ending, together),
            log=log,
            settings=own,
            stopping=ending,
            threads=settings.threads or available_cores(),
            checkpoints=spec.checkpoints if group.leads else None,
            group=group,
        )
        if group.leads:
            _require_output(spec, log)
        ready = time.time()
        try:
            _learn(algorithm, job, spec, log)
        finally:
            log.progress(1.0)  # remove the bar from the terminal in any case
    # Excluding the time for compiling kernels, which only the first job of an installation needs.
    total = time.time() - started - (COMPILATION.seconds - compiling)
    times = {"totaltime": [total * 1000], "setuptime": [(ready - started) * 1000]}
    log.metrics("training", started, times)


def _group(
    hosts: Hosts, token: str, settings: Settings, log: StreamLog, stopping: Callable[[], bool]
) -> AbstractContextManager[Group]:
    from forecastle.training.hosts.joining import joined  # with the libraries of a server

    return joined(hosts, token, settings, log, stopping)


def _require_output(spec: JobSpec, log: StreamLog) -> None:
    for folder in filter(None, (spec.model, spec.metrics)):
        _require_writable(folder)
    if spec.checkpoints is not None:
        _warn_of_checkpoints(spec.checkpoints, log)


def _learn(algorithm: Algorithm[Any], job: Job[Any], spec: JobSpec, log: StreamLog) -> None:
    model = algorithm.fit(job)
    if not job.group.leads:
        _evaluated(algorithm, model, job, log)
        return
    artifact = model.artifact()
    artifact = replace(
        artifact,
        algorithm=algorithm.name,
        hyperparameters=job.hyperparameters.model_dump(mode="json", by_alias=True),
        metrics=_finite(artifact.metrics),
    )
    # Before the evaluation, so that there is a model to serve even if that fails.
    write_artifact(spec.model, artifact)
    if algorithm.saved_line:
        log.line(algorithm.saved_line)
    scores = _evaluated(algorithm, model, job, log)
    if scores:
        artifact = replace(artifact, metrics={**artifact.metrics, **scores})
        write_artifact(spec.model, artifact)
    if spec.metrics is not None:
        content = json.dumps(dict(artifact.metrics), indent=2).encode() + b"\n"
        write_whole(spec.metrics / METRICS, content)


def _algorithm(spec: JobSpec, settings: Settings, log: StreamLog) -> Algorithm[Any]:
    if spec.algorithm is not None:
        return named(spec.algorithm)
    known = catalogue()
    for sentence in known.broken.values():
        log.warning(sentence)
    with missing_file_named(spec.file):
        return fitting(spec.hyperparameters.keys(), spec.channels.keys(), known, settings.default_algorithm)


def _hyperparameters(algorithm: Algorithm[Any], spec: JobSpec, log: StreamLog) -> Hyperparameters:
    kind = algorithm.hyperparameters
    defaults, given = kind.defaults(), dict(spec.hyperparameters)
    # A path relative to the package, so that the line is the same on every machine.
    source = kind.__module__.removeprefix("forecastle.").replace(".", "/") + ".py"
    log.line(f"Reading default configuration from {source}: {defaults}")
    log.line(f"Merging with provided configuration from {spec.source}: {given}")
    log.line(f"Final configuration: {defaults | given}")
    with missing_file_named(spec.file):
        return kind.parse(given)


@contextmanager
def missing_file_named(file: Path | None) -> Iterator[None]:
    """Name the missing hyperparameters file first if the hyperparameters are invalid because of it."""
    try:
        yield
    except InvalidJob as error:
        if file is None or file.exists():
            raise
        raise InvalidJob(f"there is no such file. {error.sentence}", place=(Source(str(file)),)) from None


def _channels(
    algorithm: Algorithm[Any], spec: JobSpec, log: StreamLog, stopping: Callable[[], bool], together: bool
) -> dict[str, Channel]:
    first, purpose = next(iter(algorithm.channels.items()))
    if first not in spec.channels:
        raise InvalidJob(f"Channel {first} is required: {spec.place / first} must contain {purpose}.")
    for name in sorted(spec.channels.keys() - algorithm.channels.keys()):
        log.warning(f"Channel {name} is not read: {algorithm.name} reads {', '.join(algorithm.channels)}.")
    read = {
        name: replace(channel, may_be_empty=together and channel.sharded)
        for name, channel in spec.channels.items()
        if name in algorithm.channels
    }
    for channel in read.values():
        channel.require()  # also the test channel, before hours of training
    return {
        name: ObservedChannel.of(channel, partial(log.progress, note=f"reading {name}"), stopping)
        for name, channel in read.items()
    }


def _warn_of_shards(channels: Mapping[str, Channel], hosts: Hosts, log: StreamLog, reason: str) -> None:
    for channel in channels.values():
        if channel.sharded:
            log.warning(
                f"Channel {channel.name} is ShardedByS3Key over {len(hosts.all)} hosts, but only {hosts.current} "
                f"trains, on its own shard, as {reason}. Use FullyReplicated, or one host."
            )


def _require_writable(folder: Path) -> None:
    """Fail now, not after hours of training."""
    probe = folder / ".writable"
    write_whole(probe, bytes(PROBE_BYTES))
    probe.unlink(missing_ok=True)  # another job in the same folder may have removed it


def _warn_of_checkpoints(folder: Path, log: StreamLog) -> None:
    """Only warn, because an earlier run's checkpoint can still be read."""
    try:
        _require_writable(folder)
    except (ForecastleError, OSError) as error:
        log.warning(f"{str(error).rstrip('.')}: training continues without new checkpoints.")


def _evaluated(algorithm: Algorithm[Any], model: Model[Any, Any], job: Job[Any], log: StreamLog) -> dict[str, float]:
    try:
        if job.stopping():
            raise Stopped("The job was asked to stop.")
        return _finite(algorithm.evaluate(model, job))
    except Stopped:
        log.warning("Stopped by SIGTERM: the model has been written, but not evaluated.")
        return {}
    except ForecastleError:
        if job.group.leads:
            log.warning("The model has been written, but could not be evaluated.")
        raise


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics that JSON can represent: it has no NaN."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
