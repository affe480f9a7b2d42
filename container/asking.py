"""The verbs that send a request: `forecastle invoke` and `forecastle plot`."""

import functools
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecastle.container.completion import complete_chart_options
from forecastle.container.garbage import never_collect
from forecastle.container.pairs import pair
from forecastle.container.target_options import TARGET_OPTIONS, Chosen, timeout_option
from forecastle.contract.errors import InvalidData, InvalidJob

if TYPE_CHECKING:
    from forecastle.algorithms.chart import Chart
    from forecastle.algorithms.interface import Algorithm, Payload
    from forecastle.container.target import Answer, Target

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Selection:
    """The request and the target that a command line selects; see `_target_options`."""

    request: str
    url: str | None
    endpoint: str | None
    model: Path | None
    target_model: str | None
    content_type: str | None
    timeout: float

    def target(self) -> "Target":
        from forecastle.container import target

        chosen = Chosen(self.url, self.endpoint, self.model, self.target_model)
        return target.model_here(chosen.model) if chosen.model else chosen.remote(self.timeout)


def _target_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that select the request and the target, as its argument `selection`."""
    names = _Selection.__dataclass_fields__.keys()

    @functools.wraps(command)
    def with_selection(**given: Any) -> None:
        command(_Selection(**{name: given.pop(name) for name in names}), **given)

    selected: Callable[..., None] = with_selection
    for option in reversed(
        (
            click.argument("request", metavar="[REQUEST]", default="-", type=click.Path(allow_dash=True)),
            *TARGET_OPTIONS,
            click.option("--content-type", metavar="TYPE", help="The request's media type; detected if omitted."),
            timeout_option(TIMEOUT_SECONDS),
        )
    ):
        selected = option(selected)
    return selected


@click.command()
@_target_options
@click.option("--attributes", metavar="TEXT", default="", help="Custom attributes, such as attribution=true.")
@click.option(
    "--output",
    type=click.Choice(["table", "json", "csv"]),
    help="The form of the answer.  [default: table on a terminal, json otherwise]",
)
def invoke(selection: _Selection, attributes: str, output: str | None) -> None:
    """Send a request to a server, an endpoint or a model.

    The answer is printed as a table, as JSON or as CSV. REQUEST is a file, or standard input if it is omitted.

    \b
    Examples:
      forecastle invoke rows.csv
      echo 41250 | forecastle invoke --model ./taxi
      forecastle invoke --url http://10.0.0.7:8080 request.json --output csv
      forecastle invoke --endpoint taxi rows.csv --attributes attribution=true
    """
    never_collect()
    from forecastle.algorithms.interface import Payload
    from forecastle.container.answer_table import table_of
    from forecastle.container.request_file import read_request
    from forecastle.container.target import ACCEPT
    from forecastle.contract.media_type import JSON

    body, media_type = read_request(selection.request, selection.content_type)
    target = selection.target()
    answer = target.answer(Payload(body, media_type, attributes), ACCEPT)
    wanted = output or ("table" if sys.stdout.isatty() else "json")
    if answer.media_type != JSON:
        if output in ("table", "csv"):
            raise InvalidJob(f"--output {output}: the answer is {answer.media_type}, not JSON: leave the option out.")
        _write(answer)
    elif wanted == "json":
        _write(answer)
    else:
        table = table_of(answer.body)
        click.echo(table.text() if wanted == "table" else table.csv(), nl=False)


@click.command()
@_target_options
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The PNG to write; needs matplotlib.")
@click.option(
    "--set",
    "given",
    metavar="NAME=VALUE",
    multiple=True,
    shell_complete=complete_chart_options,
    help="An option of the chart; may be repeated.",
)
def plot(selection: _Selection, out: Path | None, given: tuple[str, ...]) -> None:
    """Draw the answer to a request, in the terminal or as a PNG.

    Forecasts are a fan chart: the series, the median and the bands between quantiles. Anomalies are the values and
    their scores, with a dot where a score is above the mean plus three standard deviations. Translations are heat maps
    of the attention. REQUEST is a file, or standard input if it is omitted.

    \b
    Options of the chart, by --set:
      DeepAR                time_freq, history, hold_out, series
      Random Cut Forest     sigmas, column
      Sequence to Sequence  sentence

    \b
    Examples:
      forecastle plot --model ./taxi rides.csv --out rides.png
      forecastle plot request.json --set history=168
      forecastle plot --model ./demand test.json --set hold_out=12 --set series=3
    """
    never_collect()
    from forecastle.algorithms.chart import save
    from forecastle.algorithms.interface import Payload
    from forecastle.container.request_file import read_request
    from forecastle.container.terminal_chart import lines_of

    body, media_type = read_request(selection.request, selection.content_type)
    options = dict(map(pair, given))
    if out is not None:
        _require_matplotlib()
    chart = _chart(selection.target(), Payload(body, media_type), options)
    if out is not None:
        save(chart, out)
        click.echo(f"The chart is in {out}." + (f" {chart.note}" if chart.note else ""))
        return
    for line in lines_of(chart, shutil.get_terminal_size().columns, encoding=sys.stdout.encoding or "ascii"):
        click.echo(line)


def _chart(target: "Target", payload: "Payload", given: dict[str, str]) -> "Chart":
    """The chart of the first algorithm that knows the request, or of the model's own. Raises `InvalidJob`."""
    from forecastle.algorithms import find
    from forecastle.contract.media_type import JSON
    from forecastle.training.catalogue import catalogue

    own = [find(target.algorithm)] if target.algorithm else list(catalogue().usable.values())
    charting, refused = [each for each in own if _has_chart(each)], None
    for algorithm in charting:
        options = algorithm.chart_options()
        known = {
            name: str(value)
            for name, value in (target.hyperparameters or {}).items()
            if name in options.known() and value is not None
        }
        if not target.algorithm and not options.known().keys() >= given.keys():
            continue
        try:
            chart = algorithm.plot(target.ask, payload, options.parse(known | given))
        except InvalidData as error:  # it may be for another algorithm
            if target.algorithm:
                raise
            refused = refused or error
            continue
        if chart is not None:
            return chart
    if refused is not None:
        raise refused
    if not charting:
        raise InvalidJob(f"{own[0].title} has no chart: `forecastle invoke` prints the answer.")
    if not target.algorithm and given:
        for algorithm in charting:
            algorithm.chart_options().parse(given)  # names the option that is wrong, if it is no algorithm's
    titles = " or ".join(each.title for each in charting)
    target.ask(payload.body, str(payload.content_type), JSON)  # a refusal has the place in the request
    raise InvalidJob(f"The request is none of {titles}, whose answers have a chart.")


def _has_chart(algorithm: "Algorithm[Any]") -> bool:
    from forecastle.algorithms.interface import Algorithm

    return type(algorithm).plot is not Algorithm.plot


def _require_matplotlib() -> None:
    """Fail before the request is sent if the picture cannot be drawn."""
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        raise InvalidJob(
            "A PNG is drawn with matplotlib, which is not installed: pip install 'forecastle[demo]', or leave --out "
            "out to draw in the terminal."
        )


def _write(answer: "Answer") -> None:
    """Print the answer unchanged, with a line end after text."""
    sys.stdout.flush()
    sys.stdout.buffer.write(answer.body)
    if not answer.body.endswith(b"\n") and not answer.media_type.endswith("protobuf"):
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
