"""A transform by Daft, on this machine or on a cluster of Ray's: tables in, Parquet out with its columns kept."""

import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pyarrow

from forecastle.algorithms import find, join
from forecastle.algorithms.foreign import read_model
from forecastle.container.target import model_here
from forecastle.container.target_options import Chosen
from forecastle.container.transform.plan import PARQUET_SUFFIXES
from forecastle.container.transform.requests import Requests
from forecastle.container.transform.tables import Rows, columns_of, media_type_of, with_answers
from forecastle.container.transform.way import LONGEST_RECORD_MIB, MEBIBYTE, PAYLOAD_MIB, Options, requests_of
from forecastle.contract.archive import unpacked
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.media_type import CSV, MediaType
from forecastle.contract.place import Source
from forecastle.contract.transform.packs import START

if TYPE_CHECKING:
    import daft

DAFT, RAY = "daft", "ray://"
FLAT_ROWS, NESTED_ROWS = 2**16, 256  # that are answered at a time
LINES = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True, slots=True)
class Job:
    """What the engine does; the files of `data` and the folder `out` may be in object stores."""

    engine: str
    data: Sequence[str]
    out: str
    chosen: Chosen
    options: Options
    timeout: float


def run(job: Job) -> int:
    """Answer all rows; returns their number. Raises `InvalidJob` and `InvalidData`."""
    os.environ.setdefault("DO_NOT_TRACK", "true")  # Daft would report its use to a server elsewhere
    try:
        import daft
    except ImportError:
        raise InvalidJob(
            f"--engine {DAFT} needs Daft, which is not installed: pip install 'forecastle[daft]'."
        ) from None

    workers = _start(job)
    storage = _storage()
    frame = _read(job.data, storage)
    out = _absolute(job.out.rstrip("/"))
    _require_ours(out, storage)
    sample = frame.limit(1).to_arrow()
    if sample.num_rows == 0:
        raise InvalidData("has no rows.", place=(Source(", ".join(job.data)),))
    ask = _ask(job, sample.schema)
    answered = _answers(ask.opened(), sample.to_batches()[0], ask.columns)
    model = _function(ask, answered.type, _rows_at_a_time(sample.schema), workers)
    columns = [daft.col(name) for name in frame.column_names]
    batches = frame.into_batches(_rows_at_a_time(sample.schema))  # readers may hand on a row at a time
    written = batches.select(*columns, model.answers(*columns))
    written.write_parquet(out, write_mode="overwrite", write_success_file=True, io_config=storage)
    return int(daft.read_parquet(f"{out}/*.parquet", io_config=storage).count_rows())


@dataclass(frozen=True, slots=True)
class Ask:
    """What a worker needs to answer rows.

    Attributes
    ----------
    archive : the model's files, since its folder may not be on the worker's machine; None: the target is elsewhere.
    """

    media_type: MediaType
    archive: bytes | None
    environ: Mapping[str, str]
    chosen: Chosen
    options: Options
    timeout: float
    columns: tuple[str, ...] | None

    def opened(self) -> Requests:
        """How rows are sent, with the model loaded."""
        if folders := self.environ.get("FORECASTLE_ALGORITHMS"):
            join(folders.split(os.pathsep))  # as the command does
        most = int(LONGEST_RECORD_MIB * MEBIBYTE)
        if self.archive is None:
            target, most = self.chosen.remote(self.timeout), int(PAYLOAD_MIB * MEBIBYTE)
        else:
            with tempfile.TemporaryDirectory() as folder:
                with tarfile.open(fileobj=io.BytesIO(self.archive)) as archive:
                    archive.extractall(folder, filter="data")
                target = model_here(Path(folder), self.environ, threads=1)
        return requests_of(target, self.media_type, source="the data", options=self.options, most=most, tolerant=False)


def _ask(job: Job, schema: pyarrow.Schema) -> Ask:
    model, environ = job.chosen.model, dict(os.environ)
    content: bytes | None = None
    if model is not None:
        environ = {name: value for name, value in environ.items() if name.startswith(("DEEPAR_", "FORECASTLE_"))}
        environ["SAGEMAKER_BATCH"] = "true"
        content = model.read_bytes() if model.is_file() else _archive(model)
    media_type = MediaType.parse(job.options.content_type or media_type_of(schema, _reads(model)))
    options, columns = job.options, None
    if media_type.essence == CSV:
        options, columns = replace(options, input_filter="$"), columns_of(schema, options.input_filter)
    return Ask(media_type, content, environ, job.chosen, options, job.timeout, columns)


def _reads(model: Path | None) -> Callable[[str], bool]:
    """Whether the model reads a media type; a target elsewhere may read any."""
    if model is None:
        return lambda _: True
    with unpacked(model) as inside:
        algorithm = find(read_model(inside).algorithm)
    return lambda media_type: media_type in algorithm.request_types


def _archive(folder: Path) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(folder, ".")
    return content.getvalue()


def _function(ask: Ask, kind: pyarrow.DataType, rows: int, workers: int) -> Any:
    """Daft's function from columns to the answer's columns; each worker loads the model once."""
    import daft

    returned = daft.DataType.from_arrow_type(kind)

    class Answers:
        def __init__(self, ask: Ask) -> None:
            self._requests = ask.opened()
            self._columns = ask.columns

        @daft.method.batch(  # type: ignore[untyped-decorator]
            return_dtype=returned, unnest=True, batch_size=rows, max_retries=0
        )
        def answers(self, *columns: "daft.Series") -> pyarrow.Array:
            arrays = [column.to_arrow() for column in columns]
            batch = pyarrow.RecordBatch.from_arrays(arrays, names=[column.name() for column in columns])
            return _answers(self._requests, batch, self._columns).cast(kind)

    return daft.cls(max_concurrency=workers, use_process=True)(Answers)(ask)


def _rows_at_a_time(schema: pyarrow.Schema) -> int:
    return NESTED_ROWS if any(pyarrow.types.is_nested(column.type) for column in schema) else FLAT_ROWS


def _answers(requests: Requests, batch: pyarrow.RecordBatch, columns: tuple[str, ...] | None) -> pyarrow.StructArray:
    """The answers to a batch, of which these columns are sent, as a column of structs."""
    outcome = requests.answered(Rows(batch, requests.media_type.essence, START, columns))
    table = with_answers(batch, outcome.answer, outcome.media_type)
    added = table.select(range(batch.num_columns, table.num_columns))
    return added.to_struct_array().combine_chunks()


def _start(job: Job) -> int:
    """Start the runner; returns how many workers there are."""
    import daft

    if job.engine == DAFT:
        daft.set_runner_native()
        return job.options.concurrency or len(os.sched_getaffinity(0))
    try:
        import ray
    except ImportError:
        raise InvalidJob("--engine ray://… needs Ray, which is not installed: pip install 'forecastle[ray]'.") from None
    try:
        ray.init(address=job.engine, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise InvalidJob(f"no cluster answers ({reason}).", place=(Source(job.engine),)) from None
    daft.set_runner_ray(noop_if_initialized=True)  # the cluster that ray.init found
    return job.options.concurrency or max(1, int(ray.cluster_resources().get("CPU", 1)))


def _storage() -> Any:
    """Where s3:// leads: as boto3 finds it, so that a local region is found by its variables."""
    from daft.io import IOConfig, S3Config

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return IOConfig()
    keys = {"key_id": os.environ.get("AWS_ACCESS_KEY_ID"), "access_key": os.environ.get("AWS_SECRET_ACCESS_KEY")}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return IOConfig(
        s3=S3Config(endpoint_url=endpoint, region_name=region, use_ssl=endpoint.startswith("https"), **keys)
    )


def _read(data: Sequence[str], storage: Any) -> "daft.DataFrame":
    """The rows of all files, whose names end alike. Raises `InvalidJob`."""
    import daft

    paths = [_pattern(name) for name in data]
    kinds = {_suffix(path, storage) for path in paths}
    if len(kinds) != 1:
        raise InvalidJob(f"--engine reads files of one kind at a time, got {', '.join(sorted(kinds))}.")
    (kind,) = kinds
    try:
        if kind in PARQUET_SUFFIXES:
            return daft.read_parquet(paths, io_config=storage)
        if kind in LINES:
            return daft.read_json(paths, io_config=storage)
        if kind == ".csv":
            return daft.read_csv(paths, has_headers=False, io_config=storage)
    except (daft.exceptions.DaftCoreException, FileNotFoundError, OSError) as error:
        raise InvalidData(f"cannot be read ({_reason(error)}).", place=(Source(", ".join(data)),)) from None
    raise InvalidJob(f"--engine reads names that end in .parquet, .csv or .jsonl, got {kind or 'no suffix'}.")


def _pattern(name: str) -> str:
    """A folder stands for the files in it at any depth."""
    is_folder = name.endswith("/") or ("://" not in name and Path(name).is_dir())
    return _absolute(f"{name.rstrip('/')}/**" if is_folder else name)


def _absolute(name: str) -> str:
    """The same place for a worker in another folder."""
    return name if "://" in name else str(Path(name).absolute())


def _suffix(path: str, storage: Any) -> str:
    name = PurePosixPath(path).name
    if name in ("**", "*"):
        found = _listed(path, storage)
        name = next(
            (PurePosixPath(each).name for each in found if not PurePosixPath(each).name.startswith((".", "_"))), ""
        )
    return PurePosixPath(name).suffix.lower()


def _listed(path: str, storage: Any) -> list[str]:
    import daft

    if "://" not in path and not Path(path.partition("*")[0]).exists():
        return []
    try:
        return [str(each) for each in daft.from_glob_path(path, io_config=storage).to_pydict()["path"]]
    except (daft.exceptions.DaftCoreException, FileNotFoundError):
        return []


def _require_ours(out: str, storage: Any) -> None:
    """Raises `InvalidJob` if the folder has files of others: all in it are replaced."""
    for path in _listed(f"{out}/**", storage):
        name = PurePosixPath(path).name
        if name != "_SUCCESS" and not name.endswith(".parquet"):
            raise InvalidJob(f"has files other than Parquet, such as {name}.", place=(Source(out),))


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
