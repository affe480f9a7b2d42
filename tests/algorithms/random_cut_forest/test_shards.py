"""A sample of the rows of several hosts."""

import io
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from forecastle.algorithms import find
from forecastle.algorithms.group import Group, packed
from forecastle.algorithms.interface import Job
from forecastle.algorithms.random_cut_forest.hyperparameters import RandomCutForestHyperparameters
from forecastle.algorithms.random_cut_forest.training.reservoir import Reservoir
from forecastle.algorithms.random_cut_forest.training.shards import Sample, draw_counts, draw_from_all, seed_of_host
from forecastle.contract.channel import Channel
from forecastle.contract.settings import EnvironmentSettings
from forecastle.training.job_log import StreamLog
from tests.algorithms.groups import on_hosts

CAPACITY = 40


def drawn(sizes: list[int], seed: int) -> list[Sample]:
    """What each host gets if the hosts have so many rows, which are numbered."""
    ends = np.cumsum(sizes)

    def on_host(group: Group) -> Sample:
        count, end = sizes[group.number], ends[group.number]
        rows = np.arange(end - count, end, dtype=np.float32)[:, None]
        reservoir = Reservoir(CAPACITY, 1, seed_of_host(seed, group.number))
        reservoir.add(rows)
        sample = reservoir.sample()
        own = Sample(reservoir.seen, sample, sample[:, 0] % 2 == 0, rows[-3:])
        return draw_from_all(own, CAPACITY, 4, seed, group)

    return on_hosts(len(sizes), on_host)


def test_every_row_is_drawn_as_often_whatever_the_size_of_its_shard() -> None:
    sizes, repetitions = [10, 0, 60, 230], 800
    kept = np.zeros(300, np.int64)
    places = np.zeros(CAPACITY)
    for seed in range(repetitions):
        sample = drawn(sizes, seed)[0].rows[:, 0].astype(np.int64)
        assert len(np.unique(sample)) == CAPACITY
        kept[sample] += 1
        places += sample
    # Each row is kept with the probability 40 / 300, so its count is binomial; rows of a sample are not independent.
    chi = ((kept - kept.mean()) ** 2).sum() / (kept.mean() * (1 - CAPACITY / 300))
    assert 0.001 < stats.chi2(299).sf(chi) < 0.999
    shards = [part.mean() for part in np.split(kept, np.cumsum(sizes)[:-1]) if len(part)]
    np.testing.assert_allclose(shards, repetitions * CAPACITY / 300, rtol=0.06)
    # Trees get ranges of the sample, so every place must be as likely for every shard.
    np.testing.assert_allclose(places / repetitions, 149.5, atol=5 * 300 / np.sqrt(12 * repetitions))


def test_all_hosts_get_the_same_sample_which_depends_on_the_seed_only() -> None:
    one, other, third = drawn([100, 0, 300], 3), drawn([100, 0, 300], 3), drawn([100, 0, 300], 4)
    for sample in (*one, *other):
        assert sample.seen == 400
        assert np.array_equal(sample.rows, one[0].rows)
        assert np.array_equal(sample.exact, sample.rows[:, 0] % 2 == 0)
        assert sample.last[:, 0].tolist() == [99, 397, 398, 399]
    assert not np.array_equal(third[0].rows, one[0].rows)


def test_all_rows_are_kept_in_order_if_there_are_few() -> None:
    for sample in drawn([11, 0, 20], 0):
        assert sample.rows[:, 0].tolist() == list(range(31))


def test_the_counts_are_multivariate_hypergeometric() -> None:
    counts = np.array([draw_counts([5, 0, 30, 65], 20, seed) for seed in range(3000)])
    assert (counts.sum(axis=1) == 20).all()
    assert not counts[:, 1].any()
    for host, size in ((0, 5), (2, 30), (3, 65)):
        expected = stats.hypergeom(100, size, 20)
        assert counts[:, host].mean() == pytest.approx(expected.mean(), abs=4 * expected.std() / np.sqrt(3000))
        assert counts[:, host].var() == pytest.approx(expected.var(), rel=0.15)


def test_a_shard_may_have_billions_of_rows() -> None:
    counts = draw_counts([10**11, 3 * 10**11], 10_000, seed=1)
    assert sum(counts) == 10_000
    assert counts[0] == pytest.approx(2_500, abs=200)


def test_a_host_sends_about_a_megabyte_for_a_hundred_trees_of_256_rows_of_ten_columns() -> None:
    rows = np.random.default_rng(0).normal(size=(100 * 256, 10)).astype(np.float32)
    sent: list[int] = []

    class Counting(Group):
        def exchange(self, part: bytes, combine: object) -> bytes:
            sent.append(len(part))
            return super().exchange(part, combine)  # type: ignore[arg-type]

    own = Sample(10**6, rows, np.ones(len(rows), np.bool_), rows[-500:])
    assert np.array_equal(
        np.sort(draw_from_all(own, len(rows), 500, 0, Counting()).rows, axis=0), np.sort(rows, axis=0)
    )
    assert sum(sent) < 1.1 * 2**20
    assert len(packed({"rows": rows})) < 1.01 * rows.nbytes


def test_rows_that_every_host_has_count_once(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).normal(size=(200, 1)).round(3)
    for name, numbers in (("train", rows), ("test", np.column_stack([rows[:, 0] > 2, rows]))):
        np.savetxt(tmp_path / name, numbers, "%g", ",")
    given = RandomCutForestHyperparameters.parse({"feature_dim": "1", "num_trees": "50", "seed": "3"})
    algorithm = find("random_cut_forest")
    logs = [io.StringIO() for _ in range(2)]

    def on_host(group: Group, sharded: bool) -> tuple[int, dict[str, float]]:
        path = tmp_path / "test" if group.leads or not sharded else tmp_path / "none"
        test = Channel("test", path, sharded=sharded, may_be_empty=True)
        channels = {"train": Channel("train", tmp_path / "train"), "test": test}
        log = StreamLog(logs[group.number], "algo", {})
        job = Job(given, channels, log, lambda: False, group=group)
        model = algorithm.fit(job)
        return model.artifact().parameters["training_rows"], algorithm.evaluate(model, job)

    (alone,) = on_hosts(1, lambda group: on_host(group, False))
    assert alone[0] == 200
    for sharded in (False, True):
        first, second = on_hosts(2, lambda group, sharded=sharded: on_host(group, sharded))  # type: ignore[misc]
        assert first == alone
        assert second == (200, {})
    assert "test f1 <score>=" not in logs[1].getvalue()


def test_the_first_host_samples_rows_alone_that_every_host_has() -> None:
    given = RandomCutForestHyperparameters.parse({"feature_dim": "1"})
    algorithm, settings = find("random_cut_forest"), EnvironmentSettings.from_environ({})
    replicated, sharded = Channel("train", Path()), Channel("train", Path(), sharded=True)
    assert algorithm.trains_alone(given, {"train": replicated}, settings) == (
        "every host has all rows, and sampling them once is enough"
    )
    assert algorithm.trains_alone(given, {"train": sharded}, settings) is None
