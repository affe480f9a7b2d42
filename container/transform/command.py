"""The verb `forecastle transform`."""

import functools
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecastle.container.target_options import TARGET_OPTIONS, Chosen, timeout_option
from forecastle.contract.errors import INTERRUPTED_EXIT_CODE, Stopped

if TYPE_CHECKING:
    from forecastle.container.transform.plan import Output
    from forecastle.container.transform.way import Options

TIMEOUT_SECONDS = 600.0


def _with(options: "tuple[Callable[[Any], Any], ...]") -> Callable[[Any], Any]:
    def decorated(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


def _at_least_a_byte(context: click.Context, option: click.Parameter, mebibytes: float | None) -> float | None:
    if mebibytes is not None and not 2**-20 <= mebibytes < math.inf:
        raise click.BadParameter(f"expected at least a byte, got {mebibytes} MiB.", context, option)
    return mebibytes


@click.command()
@click.option("--data", metavar="PATH", multiple=True, help="A file, a folder or a pattern; may be repeated.")
@click.option("--out", metavar="PATH", help="A file or a folder for the answers, or - for standard output.")
@_with(TARGET_OPTIONS)
@click.option("--content-type", metavar="TYPE", help="The media type of the data; detected if omitted.")
@click.option("--accept", metavar="TYPE", help="The media type of the answers; one record a line if omitted.")
@click.option("--attributes", metavar="TEXT", default="", help="Custom attributes, such as attribution=true.")
@click.option("--input-filter", metavar="JSONPATH", default="$", help="The part of a record to send, such as $[1:].")
@click.option("--output-filter", metavar="JSONPATH", default="$", help="The part of an answer to write.")
@click.option("--join", is_flag=True, help="Write each record together with its answer.")
@click.option(
    "--errors", type=click.Path(path_type=Path), help="A file for refused records; otherwise one is an error."
)
@click.option(
    "--max-payload",
    type=click.FloatRange(min=0, min_open=True),
    callback=_at_least_a_byte,
    metavar="MIB",
    help="The size of a request; by default what the server takes.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    metavar="N",
    help="Requests at a time; by default one a core, or the server's.",
)
@timeout_option(TIMEOUT_SECONDS)
@click.option("--restart", is_flag=True, help="Discard what an interrupted run has written.")
@click.option(
    "--engine", metavar="ENGINE", help="daft, or a Ray cluster: ray://HOST:PORT. Tables in, a folder of Parquet out."
)
def transform(
    data: tuple[str, ...],
    out: str | None,
    url: str | None,
    endpoint: str | None,
    model: Path | None,
    target_model: str | None,
    errors: Path | None,
    timeout: float,
    restart: bool,
    engine: str | None,
    **given: Any,
) -> int | None:
    """Answer every record of files, as a batch transform job does.

    The records of --data, by default standard input, are sent in requests of several records, and the answers are
    written in the same order: to NAME.out beside each file, or in the folder --out, or all to the file --out. CSV, JSON
    Lines, RecordIO and JSON are read, also compressed with gzip; Parquet is answered with Parquet. Outputs get their
    names when they are complete. A run that was interrupted in any way goes on if it is started again.

    \b
    Examples:
      forecastle transform --model ./taxi --data rides.csv
      forecastle transform --model ./taxi --data rides/ --out scores/ --errors refused.jsonl
      forecastle transform --model ./taxi --data rides.csv --input-filter '$[1:]' --join
      forecastle transform --url http://10.0.0.7:8080 < series.jsonl > forecasts.jsonl
    """
    from forecastle.container.compile_bar import compilation_reported
    from forecastle.container.transform.journal import ERRORS
    from forecastle.container.transform.plan import STANDARD, outputs
    from forecastle.container.transform.run import Tally, Work, run
    from forecastle.container.transform.way import Options, reading, way_of
    from forecastle.contract.bar import Bar

    options = Options(**given)
    chosen = Chosen(url, endpoint, model, target_model)
    if engine is not None:
        if errors is not None or restart:
            raise click.UsageError("--errors and --restart are not of use with --engine.")
        _by_engine(engine, data, out, chosen, options, timeout)
        return None
    plan = outputs(data or (STANDARD,), out, errors)
    with compilation_reported(sys.stderr):
        way = way_of(chosen, options, timeout)
    work = Work(
        outputs=plan,
        read=functools.partial(reading, way, options, errors is not None),
        asked=way.asked | {ERRORS: None if errors is None else str(errors.absolute())},
        threads=way.threads,
        waiting=2 * way.threads + 1,
        errors=errors,
        restart=restart,
        finish=_finished,
    )
    total = sum(source.size() for output in plan for source in output.sources)
    tally = Tally(Bar(sys.stderr, os.environ), total)
    try:
        run(work, tally)
    except (KeyboardInterrupt, SystemExit) as stopped:
        tally.bar.draw(1.0)
        onward = ": the same command goes on from there" if all(output.can_go_on for output in plan) else ""
        click.echo(f"Stopped after {tally.records:,} records{onward}.", err=True)
        return INTERRUPTED_EXIT_CODE if isinstance(stopped, KeyboardInterrupt) else Stopped.exit_code
    except BaseException:
        tally.bar.draw(1.0)
        raise
    refused = f", {tally.refused:,} refused: {errors}" if errors is not None else ""
    click.echo(f"{tally.records:,} records, {tally.rate:,.0f} a second{refused}", err=True)
    return None


def _by_engine(
    engine: str, data: tuple[str, ...], out: str | None, chosen: Chosen, options: "Options", timeout: float
) -> None:
    """Raises `UsageError` and what `engine.run` raises."""
    from forecastle.container.transform.engine import DAFT, RAY, Job, run

    if engine != DAFT and not engine.startswith(RAY):
        raise click.UsageError(f"--engine is {DAFT} or {RAY}HOST:PORT, got {engine!r}.")
    if not data or out is None:
        raise click.UsageError("--engine needs --data and --out, a folder for Parquet.")
    if options.join or options.output_filter != "$":
        raise click.UsageError("--engine keeps all columns: leave --join and --output-filter out.")
    count = run(Job(engine, data, out, chosen, options, timeout))
    click.echo(f"{count:,} rows in {out}", err=True)


def _finished(output: "Output", part: Path) -> bool:
    """Write a table; other outputs are their parts."""
    if output.is_parquet:
        from forecastle.container.transform.tables import assemble

        source = output.sources[0].path
        assert output.path is not None
        assert source is not None
        assemble(part, output.path, source)
    return output.is_parquet
