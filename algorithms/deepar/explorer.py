"""The notebook's interactive forecast: sliders, and a picture that they update. Needs ipywidgets and matplotlib."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from forecastle.algorithms.deepar.data.collection import Collection, Item
from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.picture import Picture, figure_of
from forecastle.algorithms.deepar.predictor import DeepARPredictor
from forecastle.algorithms.deepar.timeline import shifted
from forecastle.client.errors import PredictorError

SEED = 42  # the notebook's; each update has the same missing values and sample paths
DRAWN_DPI = 90


def explore(
    predictor: Any,
    series: Any,
    *,
    cat: Any = None,
    dynamic_feat: Any = None,
    start: Any = None,
    num_samples: int = 100,
) -> Explorer:
    """An interactive forecast for a notebook, as in SageMaker's electricity notebook.

    predictor : a `DeepARPredictor`, a fitted `DeepAR`, or another target of `DeepARPredictor`, such as a URL.
    series, cat, dynamic_feat, start : one series or several, in the forms of `DeepARPredictor.predict`. Dynamic
        features must cover the series, and may extend beyond them.
    num_samples : the paths that are drawn.

    Sliders choose the series, the number of known steps (the others are drawn as actual values), the confidence of
    the band, the steps of history shown, the share of values that are missing, and whether sample paths are drawn.

    Raises `ImportError` if ipywidgets is not installed, and `ValueError` with the place of an error in the series.
    """
    _ipywidgets()
    if not isinstance(predictor, DeepARPredictor):
        predictor = DeepARPredictor(predictor)
    frequency = predictor.frequency_of(series)
    collection = predictor.read(series, frequency, cat, dynamic_feat, start)
    return Explorer(predictor, collection, frequency, num_samples)


class Explorer:
    """Sliders and a picture; a notebook displays them as the last value of a cell.

    Attributes
    ----------
    controls : the widgets by their names: series, known, confidence, history, missing, samples.
    image : the picture, as PNG.
    message : the error, if the forecast failed.
    box : the controls, the message and the image.
    """

    def __init__(
        self, predictor: DeepARPredictor, collection: Collection, frequency: Frequency, num_samples: int
    ) -> None:
        ipywidgets = _ipywidgets()
        self._predictor, self._collection, self._frequency = predictor, collection, frequency
        self._num_samples = num_samples
        self.controls: Mapping[str, Any] = _controls(ipywidgets, collection)
        self.image = ipywidgets.Image(format="png")
        self.message = ipywidgets.HTML()
        self.box = ipywidgets.VBox([*self.controls.values(), self.message, self.image])
        self.controls["series"].observe(self._choose, "value")
        for name, control in self.controls.items():
            if name != "series":
                control.observe(self._draw, "value")
        self._draw(None)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.box)

    def _choose(self, change: Any) -> None:
        """Choose another series, whose length ends the slider of known steps."""
        known, length = self.controls["known"], len(self._item.target)
        before = known.value
        known.max = max(length, known.min)
        known.value = min(before, length)
        if known.value == before:  # then the slider did not draw
            self._draw(change)

    @property
    def _item(self) -> Item:
        number: int = self.controls["series"].value
        return self._collection.items[number]

    def _draw(self, _: Any) -> None:
        values = {name: control.value for name, control in self.controls.items()}
        item = _with_missing(self._item, values["known"], values["missing"])
        last = shifted(item.base, values["known"] - 1, 1, self._frequency, month_ends=item.month_ends)[0]
        picture = Picture(last, values["samples"], values["history"], values["confidence"], self._num_samples)
        picture = replace(picture, seed=self._seed)
        one, ahead = Collection((item,), "one"), self._predictor.prediction_length
        try:
            figure = figure_of(self._predictor.forecasts, one, self._frequency, picture, ahead)
        except (PredictorError, ValueError) as error:
            self.message.value = f"<b>{html.escape(str(error))}</b>"
            return
        self.message.value = ""
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=DRAWN_DPI)
        self.image.value = png.getvalue()

    @property
    def _seed(self) -> int | None:
        """SageMaker's own endpoints refuse a seed."""
        return None if self._predictor.endpoint_name else SEED


def _ipywidgets() -> Any:
    try:
        import ipywidgets
    except ImportError:
        raise ImportError(
            "Sliders are drawn with ipywidgets, which is not installed: pip install 'forecastle[widgets]'."
        ) from None
    return ipywidgets


def _controls(widgets: Any, collection: Collection) -> dict[str, Any]:
    style = {"description_width": "11em"}
    later = {"style": style, "continuous_update": False, "layout": widgets.Layout(width="40em")}
    options = [(_name(item, number), number) for number, item in enumerate(collection.items)]
    length = len(collection.items[0].target)
    return {
        "series": widgets.Dropdown(options=options, value=0, description="Series", style=style),
        "known": widgets.IntSlider(max(1, length * 3 // 4), 1, max(length, 1), 1, description="Known steps", **later),
        "confidence": widgets.IntSlider(80, 60, 95, 5, description="Confidence, %", **later),
        "history": widgets.IntSlider(84, 12, 84 * 20, 12, description="Steps of history shown", **later),
        "missing": widgets.FloatSlider(0.0, min=0.0, max=0.95, step=0.05, description="Share missing", **later),
        "samples": widgets.Checkbox(False, description="Sample paths", style=style),
    }


def _name(item: Item, number: int) -> str:
    return str(item.key) if str(item.key) else f"Series {number}"


def _with_missing(item: Item, known: int, share: float) -> Item:
    """The series with a share of its first `known` values missing, as by the notebook's `drop_at_random`."""
    missing = np.random.default_rng(SEED).random(len(item.target)) < share
    missing[known:] = False
    return replace(item, target=np.where(missing, np.nan, item.target))
