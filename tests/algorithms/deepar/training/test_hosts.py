"""Several hosts that train one network together."""

import io
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from forecastle.algorithms import find
from forecastle.algorithms.deepar.likelihood import DEFAULT
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.settings import DeepARSettings
from forecastle.algorithms.deepar.training.fields import OptionalFields
from forecastle.algorithms.deepar.training.learner import Trained
from forecastle.algorithms.deepar.training.shards import read_everywhere
from forecastle.algorithms.deepar.training.team import Team
from forecastle.algorithms.deepar.training.train import train
from forecastle.algorithms.group import Group
from forecastle.algorithms.interface import Job
from forecastle.contract.channel import Channel
from forecastle.contract.errors import InvalidData
from forecastle.training.job_log import StreamLog
from tests.algorithms.deepar.waves import Recorded, after, json_lines, never, settings, waves
from tests.algorithms.groups import on_hosts

GIVEN = settings(mini_batch_size=40, epochs=2)  # three micro-batches a batch


def trained_by(size: int, stops: Sequence[int] = ()) -> list[Trained]:
    """The result on each host; host n is asked to stop after `stops[n]` questions."""

    def on_host(group: Group) -> Trained:
        answers = after(stops[group.number]) if stops else None
        team = Team(group, never if answers is None else lambda: next(answers))
        return train(waves(), GIVEN, Recorded(), never, threads=1, team=team)

    return on_hosts(size, on_host)


@pytest.mark.parametrize("size", [2, 4])
def test_hosts_learn_what_one_host_learns_of_the_whole_batches(size: int) -> None:
    (alone,) = trained_by(1)
    hosts = trained_by(size)
    for each in hosts:
        assert each.losses == pytest.approx(alone.losses, rel=1e-4)
        for name, array in alone.network.arrays().items():
            np.testing.assert_allclose(each.network.arrays()[name], array, atol=1e-3)


def test_the_hosts_networks_are_the_same_to_the_bit() -> None:
    first, second = trained_by(2)
    assert first.losses == second.losses
    for name, array in first.network.arrays().items():
        assert np.array_equal(second.network.arrays()[name], array), name


def test_all_hosts_stop_after_the_same_batch_when_one_is_asked_to() -> None:
    first, second = trained_by(2, stops=[10_000, 13])
    assert (first.stopped, second.stopped) == (True, True)
    assert len(first.losses) == len(second.losses) == 1
    assert first.loss == second.loss


def shard(folder: Path, host: int, series: dict[str, Sequence[Series]]) -> Channel:
    """The channel of a host with these files."""
    path = folder / str(host) / "train"
    path.mkdir(parents=True)
    for name, content in series.items():
        (path / name).write_text(json_lines(content))
    return Channel("train", path, sharded=True, may_be_empty=True)


def targets(series: Sequence[Series]) -> list[list[float]]:
    return [each.target.tolist() for each in series]


@pytest.mark.parametrize("dynamic", [False, True])
def test_every_host_gets_the_series_of_all_in_the_order_of_their_files(tmp_path: Path, dynamic: bool) -> None:
    a, b, c = (waves(count, cat=True, dynamic=dynamic) for count in (1, 3, 2))
    channels = [shard(tmp_path, 0, {"b.json": b}), shard(tmp_path, 1, {"a.json": a, "c.json": c})]
    channels.append(shard(tmp_path, 2, {}))
    together = shard(tmp_path, 3, {"a.json": a, "b.json": b, "c.json": c})
    (alone,) = on_hosts(1, lambda group: read_everywhere(together, OptionalFields(), DEFAULT, never, group))
    for each in on_hosts(
        3, lambda group: read_everywhere(channels[group.number], OptionalFields(), DEFAULT, never, group)
    ):
        assert each.cardinality == alone.cardinality == (2,)
        assert each.num_dynamic_feat == alone.num_dynamic_feat == int(dynamic)
        assert targets(each.series) == targets(alone.series)
        assert [one.cat for one in each.series] == [one.cat for one in alone.series]
        assert [one.start for one in each.series] == [one.start for one in alone.series]
        features = [
            list(chain(*(() if one.dynamic_feat is None else one.dynamic_feat.tolist()))) for one in each.series
        ]
        assert all(features) == dynamic
        assert each.first == "train/a.json, line 1"


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        (
            {"b.json": waves(1)},
            "train/b.json, line 1: expected 1 categories and 0 dynamic features, as in train/a.json",
        ),
        ({"b.json": waves(1, cat=True, dynamic=True)}, "got 1 categories and 1 dynamic features"),
    ],
)
def test_shards_with_different_fields_are_refused(
    tmp_path: Path, second: dict[str, Sequence[Series]], sentence: str
) -> None:
    channels = [shard(tmp_path, 0, {"a.json": waves(2, cat=True)}), shard(tmp_path, 1, second)]
    with pytest.raises(InvalidData, match=sentence):
        on_hosts(
            2,
            lambda group: read_everywhere(channels[group.number], OptionalFields(), DEFAULT, never, group),
        )


def test_shards_that_are_all_empty_are_refused(tmp_path: Path) -> None:
    channels = [shard(tmp_path, host, {}) for host in range(2)]
    with pytest.raises(InvalidData, match=r"Channel train: expected time series, got none\."):
        on_hosts(
            2,
            lambda group: read_everywhere(channels[group.number], OptionalFields(), DEFAULT, never, group),
        )


@pytest.mark.parametrize(
    ("batch", "engine", "sharded", "reason"),
    [
        (16, "native", False, "mini_batch_size 16 is too small to divide: it must be above 16"),
        (17, "native", False, None),
        (16, "native", True, None),
        (128, "mxnet", True, "the engine mxnet trains on one host"),
    ],
)
def test_hosts_train_together_if_each_has_something_to_do(
    batch: int, engine: str, sharded: bool, reason: str | None
) -> None:
    given = settings(mini_batch_size=batch).given
    channels = {"train": Channel("train", Path(), sharded=sharded)}
    own = DeepARSettings.from_environ({"DEEPAR_ENGINE": engine})
    assert find("deepar").trains_alone(given, channels, own) == reason


def test_a_host_s_shard_may_be_checked_without_the_others(tmp_path: Path) -> None:
    few = shard(tmp_path, 0, {"a.json": waves(2, cat=True)})
    sentences: list[str] = []
    for channel in (few, shard(tmp_path, 1, {})):
        job = Job(settings().given, {"train": channel}, StreamLog(io.StringIO(), "algo-2", {}), never)
        sentences += find("deepar").examine(job)
    assert sentences[0].startswith("Channel train: 2 series with 120 values")
    assert sentences[1:] == ["Channel train: this host has no series."]
