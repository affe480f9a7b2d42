"""Sliders of a forecast: their callbacks, without a browser."""

import io
import subprocess
import sys
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from forecastle import DeepAR, DeepARPredictor, explore

STEPS, LENGTH = 6, 200
SMALL: dict[str, Any] = {"epochs": 1, "num_cells": 8, "mini_batch_size": 16, "seed": 5}


@pytest.fixture(scope="module")
def wide() -> pd.DataFrame:
    times = pd.date_range("2024-01-01", periods=LENGTH, freq="2h")
    rhythm = 1.5 + np.sin(np.arange(LENGTH) * np.pi / 6)
    return pd.DataFrame({"MT_001": 10 * rhythm, "MT_002": 50 * rhythm}, times)


@pytest.fixture(scope="module")
def fitted(wide: pd.DataFrame) -> DeepAR:
    return DeepAR("2h", STEPS, **SMALL).fit(wide)


def pixels(explorer: Any) -> Any:
    return matplotlib.image.imread(io.BytesIO(explorer.image.value), format="png")


def test_each_control_draws_another_picture(fitted: DeepAR, wide: pd.DataFrame) -> None:
    explorer = explore(fitted, wide)
    seen = [explorer.image.value]
    assert pixels(explorer).shape[1] > 800
    for name, value in (
        ("series", 1),
        ("known", 120),
        ("confidence", 95),
        ("history", 24),
        ("missing", 0.3),
        ("samples", True),
    ):
        explorer.controls[name].value = value
        assert explorer.image.value not in seen, name
        seen.append(explorer.image.value)
        assert explorer.message.value == ""
    explorer.controls["missing"].value = 0.0
    explorer.controls["samples"].value = False
    assert explorer.image.value == seen[4]  # the same paths are drawn again


def test_the_box_has_the_notebook_s_controls(fitted: DeepAR, wide: pd.DataFrame) -> None:
    explorer = explore(DeepARPredictor(fitted), wide["MT_001"])
    assert list(explorer.controls) == ["series", "known", "confidence", "history", "missing", "samples"]
    confidence, missing = explorer.controls["confidence"], explorer.controls["missing"]
    assert (confidence.min, confidence.max, confidence.step, confidence.value) == (60, 95, 5, 80)
    assert (missing.min, missing.max, missing.step) == (0.0, 0.95, 0.05)
    assert set(explorer.box.children) >= {*explorer.controls.values(), explorer.image, explorer.message}


def test_a_shorter_series_ends_the_slider_where_it_ends(fitted: DeepAR, wide: pd.DataFrame) -> None:
    explorer = explore(fitted, {"long": wide["MT_001"], "short": wide["MT_002"][:50]})
    assert explorer.controls["known"].value == 150
    explorer.controls["series"].value = 1
    assert (explorer.controls["known"].max, explorer.controls["known"].value) == (50, 50)
    assert explorer.message.value == ""


def test_features_reach_to_the_end_of_each_forecast(wide: pd.DataFrame) -> None:
    times = pd.date_range("2024-01-01", periods=LENGTH + STEPS, freq="2h")
    special = pd.DataFrame({"special": (np.arange(len(times)) % 11 == 0) * 1.0}, index=times)
    model = DeepAR("2h", STEPS, **SMALL).fit(wide, dynamic_feat=special)
    explorer = explore(model, wide, dynamic_feat=special)
    for known in (60, 200):
        explorer.controls["known"].value = known
        assert explorer.message.value == ""


def test_a_refusal_is_shown_and_the_sliders_go_on(fitted: DeepAR, wide: pd.DataFrame) -> None:
    explorer = explore(fitted, wide, cat=[0, 0])
    assert "expected none, as the model was trained without categories" in explorer.message.value
    assert explorer.image.value == b""


def test_without_ipywidgets_there_is_one_sentence() -> None:
    code = (
        "import sys; sys.modules['ipywidgets'] = None; import forecastle; "
        "forecastle.explore('http://127.0.0.1:9', {'start': '2024-01-01', 'target': [1.0], 'freq': 'D'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: Sliders are drawn with ipywidgets, which is not installed: pip install 'forecastle[widgets]'."
    )
