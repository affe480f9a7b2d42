"""The engine that trains: what it computes, and what it keeps."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms import deepar
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.settings import DeepARSettings
from forecastle.algorithms.deepar.training.checkpoint import FILE, seed_in
from forecastle.algorithms.deepar.training.epochs import learning_rate
from forecastle.algorithms.deepar.training.learner import Trained
from forecastle.algorithms.deepar.training.settings import Settings
from forecastle.algorithms.deepar.training.train import train
from forecastle.algorithms.deepar.training.windows import WindowSource
from forecastle.contract.errors import InvalidJob
from tests.algorithms.deepar.waves import Recorded, after, learner_of, needs_mxnet, never, settings, waves


@pytest.fixture(params=["native", pytest.param("mxnet", marks=needs_mxnet)])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def trained(engine: str, given: Settings, watcher: Recorded | None = None, **more: Any) -> Trained:
    series = waves(likelihood=given.given.likelihood.name)
    return train(series, given, watcher or Recorded(), more.pop("stopping", never), engine=engine, **more)


def same(left: Network, right: Network) -> bool:
    pairs = zip(left.arrays().items(), right.arrays().items())
    return all(one == other and np.array_equal(a, b) for (one, a), (other, b) in pairs)


def test_our_own_engine_is_the_default_and_the_reference_is_asked_for() -> None:
    assert DeepARSettings.from_environ({}).engine == "native"
    assert DeepARSettings.from_environ({"DEEPAR_ENGINE": "mxnet"}).engine == "mxnet"


def test_the_reference_says_what_it_lacks_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gluonts.mx", None)  # as Python has it for "there is none"
    with pytest.raises(InvalidJob, match=r"^The engine mxnet cannot be loaded \(.*\): it needs the packages mxnet 1\."):
        trained("mxnet", settings())


def test_an_engine_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidJob) as caught:
        DeepARSettings.from_environ({"DEEPAR_ENGINE": "abacus"})
    assert caught.value.sentence == "Setting DEEPAR_ENGINE must be one of native, mxnet. Got 'abacus'."


def test_the_learning_rate_is_halved_after_ten_epochs_without_a_better_loss() -> None:
    better = [float(20 - epoch) for epoch in range(20)]
    assert learning_rate(0.1, better) == 0.1
    assert learning_rate(0.1, [*better, *[5.0] * 9]) == 0.1
    assert learning_rate(0.1, [*better, *[5.0] * 10]) == 0.05
    assert learning_rate(0.1, [*better, *[5.0] * 20]) == 0.025
    assert learning_rate(0.1, [*better, *[5.0] * 9, 0.5, *[5.0] * 9]) == 0.1


def test_the_learning_rate_ends_where_gluonts_has_its_least() -> None:
    assert learning_rate(1e-3, [1.0] * 200) == 5e-5
    assert learning_rate(1e-5, [1.0] * 200) == 1e-5  # one that begins below is left as it is


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_likelihood_is_learned(engine: str, likelihood: str) -> None:
    scale = 0.5 if likelihood == "beta" else 10.0
    watcher = Recorded()
    given = settings(likelihood=likelihood, epochs=6, default_scale=scale)
    network = trained(engine, given, watcher).network
    losses = [loss for _, loss, _, _ in watcher.epochs]
    reduction = losses[0] - losses[-1]
    assert reduction > (0.2 * losses[0] if likelihood == "deterministic-L1" else 0.1)
    assert network.likelihood.name == likelihood
    assert network.projection_weight.shape == (len(LIKELIHOODS[likelihood].parameters), 6)
    assert same(network, Network.from_artifact(network.parameters(), network.arrays()))


@pytest.mark.parametrize("cardinality", [(), (2,), (2, 1)])
@pytest.mark.parametrize("dynamic", [0, 1])
def test_a_network_takes_what_it_is_made_for(engine: str, cardinality: tuple[int, ...], dynamic: int) -> None:
    series = [replace(each, cat=(*each.cat, 0)[: len(cardinality)]) for each in waves(cat=True, dynamic=bool(dynamic))]
    given = settings(cardinality=cardinality, num_dynamic_feat=dynamic, epochs=1, num_layers=1)
    network = train(series, given, Recorded(), never, engine=engine).network
    assert [each.shape for each in network.embeddings] == ([(size, 3) for size in cardinality] or [(1, 1)])
    inputs = len(network.lags) + 3 + 1 + dynamic + sum(each.shape[1] for each in network.embeddings) + 2
    assert [layer.input_weight.shape for layer in network.layers] == [(24, inputs)]
    assert Network.from_artifact(network.parameters(), network.arrays()).num_dynamic_feat == dynamic


@needs_mxnet
@pytest.mark.parametrize("likelihood", ["student-T", "gaussian", "negative-binomial"])
def test_the_loss_is_that_of_gluonts_own_network(likelihood: str) -> None:
    given = settings(
        likelihood=likelihood, cardinality=(2,), num_dynamic_feat=1, dropout_rate=0.0, mini_batch_size=8, num_layers=3
    )
    source = WindowSource(waves(likelihood=likelihood, cat=True, dynamic=True), given)
    drawn = source.draw(np.random.default_rng(0))[:5]
    drawn[0, 1] = 0  # nothing of it is known: its scale is that of the others in its batch
    windows = source.batch(drawn)
    windows.future_observed[1, 2] = 0
    learner: Any = learner_of("mxnet", given)
    weights = {name: each.data().asnumpy() for name, each in learner._weights.items()}
    ours = learner.step(windows, 0.0, 0)
    assert ours.shape == (5,)
    np.testing.assert_allclose(ours, _loss_of_gluonts(given, weights, windows), rtol=2e-5)


def _loss_of_gluonts(given: Settings, weights: dict[str, NDArray[np.float32]], windows: Any) -> NDArray[np.float32]:
    import mxnet as mx
    from gluonts.mx.distribution import GaussianOutput, NegativeBinomialOutput, StudentTOutput
    from gluonts.mx.model.deepar._network import DeepARTrainingNetwork

    outputs = {"student-T": StudentTOutput, "gaussian": GaussianOutput, "negative-binomial": NegativeBinomialOutput}
    lags = list(given.given.time_freq.lags)
    net = DeepARTrainingNetwork(
        num_layers=given.given.num_layers,
        num_cells=given.given.num_cells,
        cell_type="lstm",
        history_length=given.given.context_length + max(lags),
        context_length=given.given.context_length,
        prediction_length=given.given.prediction_length,
        distr_output=outputs[given.given.likelihood.name](),
        dropout_rate=0.1,  # which is without effect outside training
        cardinality=list(given.data.cardinality),
        embedding_dimension=[given.given.embedding_dimension],
        lags_seq=lags,
    )
    net.initialize()
    inputs = [
        windows.cat,
        np.zeros((len(windows), 1)),
        windows.past_features,
        windows.past,
        windows.past_observed,
        np.zeros_like(windows.past),
        windows.future_features,
        windows.future,
        windows.future_observed,
    ]
    arrays = [mx.nd.from_numpy(np.array(array, np.float32)) for array in inputs]
    net(*arrays)  # now its weights have shapes
    theirs = net._collect_params_with_prefix()
    for name, weight in weights.items():
        # Cells stand within the zoneout's there, which dropout_rate=0 does without here.
        parts = name.split(".")
        middle = ["base_cell"] if parts[0] == "rnn" else []
        theirs[".".join([*parts[:2], *middle, *parts[2:]])].data()[:] = weight
    loss: NDArray[np.float32] = net(*arrays)[0].asnumpy()
    return loss


@needs_mxnet
def test_a_step_is_one_of_mxnets_adam() -> None:
    import mxnet as mx

    given = settings(dropout_rate=0.0)
    source = WindowSource(waves(), given)
    drawn = source.draw(np.random.default_rng(0))
    ours: Any = learner_of("mxnet", given)
    theirs: Any = learner_of("mxnet", given)
    optimizer = mx.optimizer.Adam(learning_rate=0.01, wd=1e-8, clip_gradient=10.0)
    trainer = mx.gluon.Trainer(theirs._net.collect_params(), optimizer, kvstore=None)
    for step in range(5):
        windows = source.batch(drawn[7 * step : 7 * step + 7])
        ours.step(windows, 0.01, step)
        with mx.autograd.record():
            losses = theirs._net(*theirs._inputs(windows))[0]
        losses.backward()
        trainer.step(7)
    for name, weight in ours._weights.items():
        np.testing.assert_allclose(weight.data().asnumpy(), theirs._weights[name].data().asnumpy(), atol=1e-6)


def test_a_batch_whose_loss_is_not_finite_changes_nothing(engine: str) -> None:
    given = settings()
    source = WindowSource(waves(), given)
    windows = source.batch(source.draw(np.random.default_rng(0))[:16])
    learner = learner_of(engine, given)
    before = learner.network()
    windows.past[3] = np.inf
    assert not np.isfinite(learner.step(windows, 0.01, 0)[3])
    assert same(learner.network(), before)


def test_a_loss_that_is_never_finite_ends_the_training_with_advice(engine: str) -> None:
    with pytest.raises(
        InvalidJob, match=r"^The loss of epoch \d is not a finite number: lower the hyperparameter learn"
    ):
        trained(engine, settings(learning_rate=1e38, likelihood="deterministic-L1"))


def test_weights_that_are_not_finite_make_no_model(engine: str) -> None:
    with pytest.raises(InvalidJob, match=r"^The trained network contains numbers that are not finite: lower the h"):
        trained(engine, settings(learning_rate=1e39, likelihood="deterministic-L1", epochs=1))


def test_zoneout_is_there_in_training_only(engine: str) -> None:
    source = WindowSource(waves(), settings())
    windows = source.batch(source.draw(np.random.default_rng(0))[:16])
    learner = learner_of(engine, settings())
    losses = [learner.step(windows, 0.0, seed) for seed in (1, 1, 2)]
    assert np.array_equal(losses[0], losses[1])
    assert not np.array_equal(losses[0], losses[2])
    without = learner_of(engine, settings(dropout_rate=0.0))
    assert np.array_equal(without.step(windows, 0.0, 1), without.step(windows, 0.0, 2))


def test_the_same_seed_gives_the_same_network_and_another_another(engine: str) -> None:
    given = settings(epochs=1)
    first = trained(engine, given).network
    assert same(first, trained(engine, given).network)
    assert not same(first, trained(engine, settings(epochs=1, seed=6)).network)


def test_an_interrupted_training_goes_on_to_what_an_uninterrupted_one_gives(engine: str, tmp_path: Path) -> None:
    whole = trained(engine, settings(epochs=4))
    stopping = after(25)
    first = trained(engine, settings(epochs=4), checkpoints=tmp_path, stopping=lambda: next(stopping))
    assert first.stopped
    assert 0 < len(first.losses) < 4
    watcher = Recorded()
    second = trained(engine, settings(epochs=4), watcher, checkpoints=tmp_path)
    assert watcher.first_epoch == len(first.losses)
    assert watcher.notices == [f"Continuing from the checkpoint in {tmp_path}: {len(first.losses)} epochs are done."]
    assert second.losses == whole.losses
    assert same(second.network, whole.network)
    assert not second.stopped
    again = trained(engine, settings(epochs=4), checkpoints=tmp_path)
    assert same(again.network, whole.network)
    assert seed_in(tmp_path) == 5


def test_a_checkpoint_that_is_broken_or_another_jobs_is_left_aside(engine: str, tmp_path: Path) -> None:
    trained(engine, settings(epochs=1), checkpoints=tmp_path)
    for change in ({"num_cells": 5}, {"seed": 9}, {"early_stopping_patience": 3}):
        watcher = Recorded()
        trained(engine, settings(epochs=1, **change), watcher, checkpoints=tmp_path)
        assert watcher.first_epoch == 0
        assert watcher.notices == [
            f"{tmp_path / FILE} is a checkpoint of other hyperparameters or data: training starts over."
        ]
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:999])
    watcher = Recorded()
    trained(engine, settings(epochs=1), watcher, checkpoints=tmp_path)
    assert watcher.first_epoch == 0
    assert watcher.notices[0].startswith(f"{tmp_path / FILE} is not a readable checkpoint (")
    assert seed_in(tmp_path) == 5
    assert seed_in(tmp_path / "none") is None


def test_early_stopping_keeps_the_best_network(engine: str) -> None:
    watcher = Recorded()
    # A rate at which the loss soon gets worse.
    done = trained(engine, settings(epochs=20, early_stopping_patience=3, learning_rate=0.5, seed=1), watcher)
    assert len(done.losses) < 20
    assert done.epoch == done.losses.index(min(done.losses)) == len(done.losses) - 4
    assert done.loss == min(done.losses)
    assert [improved for _, _, _, improved in watcher.epochs[-4:]] == [True, False, False, False]
    until_best = trained(engine, settings(epochs=done.epoch + 1, learning_rate=0.5, seed=1))
    assert same(done.network, until_best.network)
    assert not done.stopped


def test_without_early_stopping_the_last_network_is_kept(engine: str) -> None:
    done = trained(engine, settings(epochs=6, learning_rate=0.5, seed=1))
    assert done.epoch == 5
    assert done.loss == done.losses[5]


def test_sigterm_in_the_first_batch_leaves_a_network(engine: str) -> None:
    stopping, watcher = after(0), Recorded()
    done = trained(engine, settings(), watcher, stopping=lambda: next(stopping))
    assert done.stopped
    assert done.losses == ()
    assert [(epoch, batch) for epoch, batch, _ in watcher.batches] == [(0, 0)]
    assert np.isfinite(done.loss)


def test_mxnet_and_gluonts_are_imported_by_the_engine_alone() -> None:
    package = Path(deepar.__file__).parent
    importing = re.compile(r"^\s*(import|from) (mxnet|gluonts)\b", re.M)
    assert [path.name for path in package.rglob("*.py") if importing.search(path.read_text())] == ["mxnet.py"]
