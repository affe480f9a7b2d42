"""Training windows."""

import numpy as np
import pytest

from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.windows import WindowSource, Work, work_per_epoch
from forecastle.contract.errors import InvalidData
from tests.algorithms.deepar.waves import settings, waves

START = np.datetime64("2024-01-01", "s")
HISTORY = 8 + max(Frequency.parse("D").lags)  # of the settings


def ramp(length: int) -> Series:
    return Series(START, np.arange(1, length + 1, dtype=np.float32))


@pytest.mark.parametrize(
    ("series", "batch_size", "work"),
    [
        (14, 64, Work(46, 640 / 644, 640)),
        (200, 32, Work(2, 0.8, 320)),
        (156, 128, Work(9, 1280 / 1404, 1280)),
        (370, 64, Work(2, 640 / 740, 640)),
        (640, 64, Work(1, 1.0, 640)),
        (5000, 64, Work(1, 1.0, 5000)),
    ],
)
def test_an_epoch_is_as_much_work_as_in_sagemaker(series: int, batch_size: int, work: Work) -> None:
    assert work_per_epoch(series, batch_size) == work


def test_an_epoch_draws_ten_batches_on_average_anew_each_time() -> None:
    source = WindowSource(waves(14, 120), settings(mini_batch_size=64))
    epochs = [source.draw(np.random.default_rng(seed)) for seed in range(50)]
    assert np.mean([len(drawn) for drawn in epochs]) == pytest.approx(640, abs=5 * np.sqrt(640 / 50))
    assert not np.array_equal(epochs[0][:100], epochs[1][:100])
    assert np.array_equal(epochs[0], source.draw(np.random.default_rng(0)))
    counts = np.bincount(np.concatenate(epochs)[:, 0], minlength=14)
    assert counts.min() > 0.8 * counts.mean()


def test_windows_begin_anywhere_where_the_horizon_fits() -> None:
    source = WindowSource([ramp(10)], settings(prediction_length=4))
    drawn = source.draw(np.random.default_rng(0))
    assert set(drawn[:, 1]) == set(range(7))
    for row, cut in enumerate(drawn[:, 1]):
        windows = source.batch(drawn[row : row + 1])
        assert windows.future[0].tolist() == [cut + 1, cut + 2, cut + 3, cut + 4]
        assert windows.past[0, HISTORY - cut :].tolist() == list(range(1, cut + 1))
        assert windows.past_observed[0].sum() == cut


def test_long_series_give_more_windows_than_short_ones() -> None:
    source = WindowSource([ramp(13), ramp(103)], settings())
    drawn = source.draw(np.random.default_rng(0))
    assert (drawn[:, 0] == 1).sum() > 4 * (drawn[:, 0] == 0).sum()


def test_series_shorter_than_the_horizon_give_none() -> None:
    source = WindowSource([ramp(3), ramp(4), ramp(2)], settings())
    drawn = source.draw(np.random.default_rng(0))
    assert source.batch(drawn[:1]).future[0].tolist() == [1, 2, 3, 4]
    with pytest.raises(InvalidData) as caught:
        WindowSource([ramp(3), ramp(2)], settings())
    assert caught.value.sentence == (
        "Channel train: expected a series of at least prediction_length=4 values, got at most 3."
    )


def test_missing_values_are_not_observed_and_stand_as_a_value_in_the_support() -> None:
    values = np.array([0, np.nan, 0.5, 1, np.nan, 0.25], np.float32)
    for likelihood, filling in (("student-T", 0.0), ("beta", 0.5)):
        source = WindowSource([Series(START, values)], settings(likelihood=likelihood))
        windows = source.batch(np.array([[0, 2]]))
        assert windows.past_observed[0, -3:].tolist() == [0, 1, 0]
        assert windows.past[0, -1] == filling
        assert windows.future_observed[0].tolist() == [1, 1, 0, 1]
        assert windows.future[0, 2] == filling
        assert windows.past_features[0, -3, 0] == filling


def test_beta_keeps_away_from_0_and_1() -> None:
    source = WindowSource([Series(START, np.array([0, 1, 0, 1], np.float32))], settings(likelihood="beta"))
    future = source.batch(np.array([[0, 0]])).future
    assert future.min() == np.float32(1e-6)
    assert future.max() == np.float32(1 - 1e-6)


@pytest.mark.mxnet
def test_windows_are_those_of_gluonts() -> None:
    from gluonts import transform

    series = waves(3, 40, cat=True, dynamic=True)
    series[1].target[[3, 20, 21]] = np.nan
    source = WindowSource(series, settings(num_dynamic_feat=1, cardinality=(2,)))
    frequency = Frequency.parse("D")
    for index, each in enumerate(series):
        assert each.dynamic_feat is not None
        known = np.concatenate(
            [
                frequency.time_features(each.start, 0, 40),
                np.log10(2 + np.arange(40, dtype=np.float32))[None],
                each.dynamic_feat,
            ]
        )
        entry = {
            "start": 0,
            "target": np.nan_to_num(each.target),
            "observed_values": 1.0 - np.isnan(each.target),
            "time_feat": known,
        }
        splitter = transform.InstanceSplitter(
            target_field="target",
            is_pad_field="is_pad",
            start_field="start",
            forecast_start_field="forecast_start",
            instance_sampler=transform.TestSplitSampler(),
            past_length=HISTORY,
            future_length=4,
            time_series_fields=["time_feat", "observed_values"],
        )
        for cut in (0, 1, 7, 8, 20, 36):
            theirs = splitter._split_instance(entry, cut)
            ours = source.batch(np.array([[index, cut]]))
            assert np.array_equal(ours.past[0], theirs["past_target"])
            assert np.array_equal(ours.past_observed[0], theirs["past_observed_values"])
            assert np.array_equal(ours.future[0], theirs["future_target"])
            assert np.array_equal(ours.future_observed[0], theirs["future_observed_values"])
            assert np.allclose(ours.past_features[0, -8:], theirs["past_time_feat"][-8:], atol=1e-6)
            assert np.allclose(ours.future_features[0], theirs["future_time_feat"], atol=1e-6)
            assert ours.cat.tolist() == [[index % 2]]
