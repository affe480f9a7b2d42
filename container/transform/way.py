"""The way from a source to its answers: the target, how it is asked, and how a source is read."""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from forecastle.container.target_options import Chosen
from forecastle.contract.errors import InvalidData, InvalidJob

if TYPE_CHECKING:
    from forecastle.container.target import Target
    from forecastle.container.transform.plan import Output, Source
    from forecastle.container.transform.requests import Outcome, Records, Requests
    from forecastle.container.transform.run import Reading
    from forecastle.container.transform.tables import Rows
    from forecastle.contract.media_type import MediaType
    from forecastle.contract.transform.packs import Limit, Pack, Position
    from forecastle.contract.transform.split import Split

MEBIBYTE = 2**20
PAYLOAD_MIB = 6.0  # for a server that does not say what it takes, as in SageMaker
PAYLOAD_HERE_MIB = 0.25  # enough that calls cost nothing, and little enough that all cores have work
LONGEST_RECORD_MIB = 100.0  # in a model that is loaded here


@dataclass(frozen=True, slots=True)
class Options:
    """The values of the options that say how records are sent."""

    content_type: str | None
    accept: str | None
    attributes: str
    input_filter: str
    output_filter: str
    join: bool
    max_payload: float | None
    concurrency: int | None


@dataclass(frozen=True, slots=True)
class Way:
    """The target and how it is asked.

    Attributes
    ----------
    asked : what the answers depend on, by the names that users know.
    """

    target: "Target"
    limit: "Limit"
    threads: int
    asked: dict[str, Any]


def way_of(chosen: Chosen, options: Options, timeout: float) -> Way:
    from forecastle.algorithms import find
    from forecastle.container import target
    from forecastle.contract.transform.packs import Limit
    from forecastle.kernels.threads import available_cores

    if chosen.model is not None:
        found = target.model_here(chosen.model, os.environ | {"SAGEMAKER_BATCH": "true"}, threads=1)
        size, most, threads = PAYLOAD_HERE_MIB, LONGEST_RECORD_MIB, available_cores()
        identity = _digest(chosen.model)
    else:
        found = chosen.remote(timeout)
        said = {} if chosen.endpoint else target.execution_parameters(chosen.address, timeout)
        size = most = float(said.get("MaxPayloadInMB") or PAYLOAD_MIB)
        threads = int(said.get("MaxConcurrentTransforms") or 1)
        identity = found.name
    size, most = (options.max_payload or size), max(most, options.max_payload or 0)
    asked = {
        "version of forecastle": version("forecastle"),
        "model": identity,
        "--target-model": chosen.target_model,
        "--content-type": options.content_type,
        "--accept": options.accept,
        "--attributes": options.attributes,
        "--input-filter": options.input_filter,
        "--output-filter": options.output_filter,
        "--join": options.join,
        "size of a request": size,
    }
    if found.algorithm is not None:
        asked |= find(found.algorithm).settings.from_environ(os.environ).model_dump(mode="json")
    limit = Limit(int(size * MEBIBYTE), int(most * MEBIBYTE), "--max-payload")
    return Way(found, limit, options.concurrency or threads, asked)


def _digest(model: Path) -> str:
    """The digest of a model's files."""
    digest = hashlib.sha256()
    for path in sorted(model.rglob("*")) if model.is_dir() else [model]:
        if path.is_file() and not path.name.startswith("."):
            digest.update(f"{path.relative_to(model)}\0".encode())
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def reading(
    way: Way, options: Options, tolerant: bool, output: "Output", source: "Source", begin: "Position", stack: ExitStack
) -> "Reading":
    from forecastle.container.transform.plan import PARQUET_MAGIC
    from forecastle.container.transform.run import Reading
    from forecastle.contract.media_type import MediaType
    from forecastle.contract.transform.packs import packs

    if source.is_parquet:
        return _rows(output, source, begin, way, options, tolerant)
    if output.is_parquet:
        raise InvalidJob(f"{source.name}: a Parquet file of answers needs one as input, whose columns it keeps.")
    file, raw = stack.enter_context(source.opened())
    try:
        if file.peek(len(PARQUET_MAGIC)).startswith(PARQUET_MAGIC):
            raise InvalidJob(f"{source.name}: Parquet is not read from a stream or from gzip: name an unpacked file.")
        media_type = source.media_type(file) if options.content_type is None else MediaType.parse(options.content_type)
        _skip(file, raw, begin.offset)
    except InvalidData as error:
        raise error.within(source.name) from None
    requests = _requests(source, media_type, way, options, tolerant)
    found = _placed(packs(file, _split(media_type), way.limit, begin, tolerant=tolerant), source.name)
    return Reading(found, requests.answered, raw.tell if raw.seekable() else lambda: 0)


def _rows(
    output: "Output", source: "Source", begin: "Position", way: Way, options: Options, tolerant: bool
) -> "Reading":
    """Of a Parquet file."""
    from forecastle.container.transform.run import Reading
    from forecastle.container.transform.tables import Table, columns_of, in_columns, media_type_of
    from forecastle.contract.media_type import CSV, MediaType

    assert source.path is not None
    if output.is_parquet and (options.join or options.output_filter != "$"):
        raise InvalidJob("A Parquet file of answers keeps all columns: leave --join and --output-filter out.")
    table = Table.opened(source.path)
    types = way.target.batch_types
    named = options.content_type or media_type_of(table.file.schema_arrow, lambda name: types is None or name in types)
    media_type, columns = MediaType.parse(named), None
    if media_type.essence == CSV and not options.join and options.output_filter == "$":
        columns = columns_of(table.file.schema_arrow, options.input_filter)  # much faster than a filter of text
        options = replace(options, input_filter="$")
    requests = _requests(source, media_type, way, options, tolerant)
    size, rows, read = source.size(), max(1, table.file.metadata.num_rows), 0

    def packs() -> "Iterator[Records]":
        nonlocal read
        for found in table.packs(begin, media_type.essence, way.limit.size or MEBIBYTE, columns):
            read = found.end.offset
            yield found

    def answered(found: "Rows") -> "Outcome":
        outcome = requests.answered(found)
        return in_columns(found, outcome, outcome.media_type) if output.is_parquet else outcome

    return Reading(packs(), answered, lambda: size * read // rows)


def requests_of(
    target: "Target", media_type: "MediaType", *, source: str, options: Options, most: int, tolerant: bool
) -> "Requests":
    """How records of a source are sent. Raises `InvalidJob` for filters that do not fit the media type."""
    from forecastle.container.transform.requests import Requests, accept_of
    from forecastle.contract.transform.processing import Processing

    processing = Processing.of(media_type.essence, options.input_filter, options.output_filter, options.join)
    accept = options.accept
    if accept is None and not processing.by_record and target.batch_types is not None:
        accept = target.batch_types.get(media_type.essence)
    return Requests(
        ask=target.answer,
        source=source,
        media_type=media_type,
        accept=accept or accept_of(media_type.essence, processing),
        attributes=options.attributes,
        processing=processing,
        most=most,
        tolerant=tolerant,
    )


def _requests(source: "Source", media_type: "MediaType", way: Way, options: Options, tolerant: bool) -> "Requests":
    most = way.limit.most or sys.maxsize
    return requests_of(way.target, media_type, source=source.name, options=options, most=most, tolerant=tolerant)


def _split(media_type: "MediaType") -> "Split":
    from forecastle.contract.media_type import CSV, JSON, RECORDIO
    from forecastle.contract.transform.split import SPLITS, Lines

    if media_type.essence == CSV:
        return Lines(quoted=True)
    return SPLITS[{JSON: "None", RECORDIO: "RecordIO"}.get(media_type.essence, "Line")]


def _skip(file: BinaryIO, raw: BinaryIO, size: int) -> None:
    """Go to the place `size` bytes after the beginning."""
    if file is raw:
        if size:
            file.seek(size)
        return
    while size > 0 and (skipped := len(file.read(min(size, MEBIBYTE)))):
        size -= skipped


def _placed(found: "Iterator[Pack]", name: str) -> "Iterator[Pack]":
    """The same packs; an error has the source's name."""
    try:
        yield from found
    except InvalidData as error:
        raise error.within(name) from None
