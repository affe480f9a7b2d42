"""The notebook's picture of a forecast: a fan chart for each series, and its dynamic features below."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms import chart
from forecastle.algorithms.chart import Chart, Line, Panel
from forecastle.algorithms.deepar.data.collection import Collection, Item
from forecastle.algorithms.deepar.fan_chart import fan_panel
from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.start import read_start
from forecastle.algorithms.deepar.timeline import positions, shifted
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.place import text_of

MOST_SERIES = 10

Floats = NDArray[np.float64]


class Forecaster(Protocol):
    """Forecasts the series of a collection; see `DeepARPredictor.forecasts`."""

    def __call__(
        self,
        collection: Collection,
        num_samples: int,
        return_samples: bool,
        quantiles: Sequence[float | str],
        seed: int | None,
    ) -> Mapping[str, Floats]: ...


@dataclass(frozen=True, slots=True)
class Picture:
    """The options of a picture; see `DeepARPredictor.plot`."""

    forecast_date: Any = None
    show_samples: bool = False
    plot_history: int = 7 * 12
    confidence: float = 80
    num_samples: int = 100
    seed: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 100:
            raise ValueError(f"confidence: expected a percentage between 0 and 100, got {self.confidence!r}.")
        if self.plot_history < 1:
            raise ValueError(f"plot_history: expected at least 1 step, got {self.plot_history!r}.")

    @property
    def levels(self) -> tuple[float, float]:
        """The quantiles at the band's edges."""
        return round(0.5 - self.confidence / 200, 6), round(0.5 + self.confidence / 200, 6)


def figure_of(
    forecasts: Forecaster, collection: Collection, frequency: Frequency, picture: Picture, ahead: int | None
) -> Any:
    """matplotlib's figure of the forecasts of a collection; `ahead` is the number of forecast steps, None if unknown.

    Raises `ValueError`, `ImportError`, `PredictorError`."""
    if len(collection.items) > MOST_SERIES:
        raise ValueError(
            f"ts: expected at most {MOST_SERIES} series to draw, got {len(collection.items)}: choose some."
        )
    whole = collection.items
    known = [_until(item, frequency, picture, ahead) for item in whole]
    low, high = picture.levels
    columns = forecasts(
        replace(collection, items=tuple(known)),
        picture.num_samples,
        picture.show_samples,
        [low, 0.5, high],
        picture.seed,
    )
    quantiles = {level: columns[str(level)] for level in (low, 0.5, high)}
    samples = [values for name, values in columns.items() if name.startswith("sample_")]
    panels: list[Panel] = []
    for number, (item, past) in enumerate(zip(whole, known)):
        fan = {level: values[number] for level, values in quantiles.items()}
        paths = np.array([values[number] for values in samples]) if samples else None
        panels += _panels(item, past, fan, paths, frequency, picture.plot_history)
    try:
        return chart.figure_of(Chart(panels))
    except InvalidJob as error:
        raise ImportError(error.sentence) from None


def _until(item: Item, frequency: Frequency, picture: Picture, ahead: int | None) -> Item:
    """The series up to the date from which it is forecast, and its features up to the end of the forecast."""
    if picture.forecast_date is None:
        return item
    date = picture.forecast_date
    try:
        time = read_start(date.item() if isinstance(date, np.datetime64) else date, ("forecast_date",))
        step = int(positions(np.array([time]), frequency, ("forecast_date",), item.base)[0])
    except InvalidData as error:
        raise ValueError(error.sentence) from None
    if not 0 <= step < len(item.target):
        last = shifted(item.base, len(item.target) - 1, 1, frequency, month_ends=item.month_ends)[0]
        raise ValueError(f"forecast_date: expected a time of {text_of(item.place)}, {item.base} to {last}, got {time}.")
    known = step + 1
    features = item.dynamic_feat
    if features is not None and ahead is not None:
        features = [row[: known + ahead] for row in features]
    return replace(item, target=item.target[:known], dynamic_feat=features)


def _panels(
    item: Item,
    past: Item,
    quantiles: dict[float, Floats],
    samples: Floats | None,
    frequency: Frequency,
    history: int,
) -> Iterator[Panel]:
    known, steps = len(past.target), len(quantiles[0.5])
    first = max(0, known - history)
    times = shifted(item.base, first, known + steps - first, frequency, month_ends=item.month_ends)
    category = "" if not item.cat else f", category {', '.join(map(str, item.cat))}"
    yield fan_panel(
        f"{item.key}{category}".lstrip(", "),
        past.target[first:],
        quantiles,
        times=times,
        samples=samples,
        actual=item.target[known : known + steps],
    )
    for number, row in enumerate(item.dynamic_feat or ()):
        shown = row[first : known + steps]
        yield Panel("", f"Feature {number}", [Line(times[: len(shown)], shown, "score")])
