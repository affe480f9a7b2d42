"""What a learner does with batches: it learns, equally on any number of threads, and continues where it was."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms.seq2seq.architecture import END, Architecture
from forecastle.algorithms.seq2seq.inference.beam import translate
from forecastle.algorithms.seq2seq.network import Network
from forecastle.algorithms.seq2seq.training.learner import Batch, Outcome
from forecastle.algorithms.seq2seq.training.native.learner import NativeLearner
from forecastle.algorithms.seq2seq.training.settings import Optimization, Regularization

WORDS = 12
SMALL = Architecture(WORDS, WORDS, "gru", rnn_num_hidden=16, num_embed_source=16, num_embed_target=16)
DROPOUT = Regularization(0.1, 0.2, 0.3, 0.1)
FAST = Optimization(clip_norm=1.0, per_token=True)


def reversals(count: int, seed: int = 0) -> Batch:
    """Sentences of one to four words, translated by their reversal."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 5, count)
    source, target = np.zeros((count, 4), np.int32), np.zeros((count, 5), np.int32)
    for row, length in enumerate(lengths):
        source[row, :length] = rng.integers(4, WORDS, length)
        target[row, : length + 1] = [*source[row, :length][::-1], END]
    return Batch(source, lengths, target, lengths + 1)


def learner_of(threads: int = 1, how: Optimization = FAST, regularization: Regularization = DROPOUT) -> NativeLearner:
    return NativeLearner(Network.initial(SMALL, 1), regularization, how, threads)


def equal(first: dict[str, NDArray[Any]], second: dict[str, NDArray[Any]]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def test_it_learns_to_reverse_sentences_and_translates_so() -> None:
    learner, batch = learner_of(regularization=Regularization()), reversals(64)
    for seed in range(300):
        learner.step(batch, 0.01, seed)
    outcome = learner.evaluate(batch)
    assert outcome.correct == outcome.tokens == batch.target_lengths.sum()
    (found,) = translate(learner.network(), [batch.source[0, : batch.source_lengths[0]]], threads=1)
    assert found[0].words.tolist() == batch.target[0, : batch.target_lengths[0] - 1].tolist()


def test_threads_change_no_bit() -> None:
    one, two = learner_of(1), learner_of(2)
    for seed in range(3):
        batch = reversals(9, seed)
        assert one.step(batch, 0.01, seed) == two.step(batch, 0.01, seed)
    assert equal(one.state(), two.state())


def test_the_seed_decides_what_is_dropped() -> None:
    batch = reversals(8)
    outcomes = [learner_of().step(batch, 0.01, seed).negative_log_likelihood for seed in (1, 1, 2)]
    assert outcomes[0] == outcomes[1] != outcomes[2]


def test_it_continues_from_its_state() -> None:
    first, second = learner_of(), learner_of()
    first.step(reversals(8), 0.01, 1)
    second.restore(first.state())
    for learner in (first, second):
        learner.step(reversals(8, 1), 0.01, 2)
    assert equal(first.state(), second.state())


def test_the_state_of_another_network_is_refused() -> None:
    other = NativeLearner(Network.initial(Architecture(WORDS, WORDS, "gru", rnn_num_hidden=18), 1))
    with pytest.raises(ValueError, match="expected the shape"):
        learner_of().restore(other.state())
    with pytest.raises(KeyError):
        learner_of().restore({})


def test_a_batch_of_one_pair_is_learned() -> None:
    learner = learner_of()
    before = learner.evaluate(reversals(1)).negative_log_likelihood
    for seed in range(5):
        learner.step(reversals(1), 0.01, seed)
    assert learner.evaluate(reversals(1)).negative_log_likelihood < before


def test_a_loss_that_is_not_finite_changes_nothing() -> None:
    network = Network.initial(SMALL, 1)
    network.weights["output_bias"][5] = np.inf
    learner = NativeLearner(network, optimization=FAST)
    before = learner.state()
    assert not np.isfinite(learner.step(reversals(4), 0.01, 1).negative_log_likelihood)
    assert equal(before, learner.state())


def test_outcomes_add_up_over_batches() -> None:
    learner, batch = learner_of(), reversals(8)
    parts = [learner.evaluate(batch.some(pairs)) for pairs in (slice(5), slice(5, None))]
    total = parts[0] + parts[1]
    whole = learner.evaluate(batch)
    assert isinstance(total, Outcome)
    assert (total.tokens, total.correct) == (whole.tokens, whole.correct)
    assert total.negative_log_likelihood == pytest.approx(whole.negative_log_likelihood, rel=1e-6)


@pytest.mark.parametrize(
    "how",
    [
        Optimization("adam", weight_decay=0.1, clip_gradient=0.05),
        Optimization("sgd", momentum=0.9, weight_decay=0.1, clip_gradient=0.05),
        Optimization("rmsprop", weight_decay=0.1, clip_gradient=-1.0),
        Optimization("sgd", clip_gradient=-1.0, clip_norm=0.5, per_token=True),
    ],
    ids=["adam", "sgd", "rmsprop", "norm"],
)
def test_two_steps_of_an_optimizer_are_mxnets(how: Optimization) -> None:
    learner, batch, rate = learner_of(how=how, regularization=Regularization()), reversals(6), 0.01
    mean: Any = 0.0
    square: Any = 0.0
    for step in (1, 2):
        weight = learner.network().weights["hidden_weight"].astype(np.float64)
        learner.step(batch, rate, 0)
        arrays = {name: array.astype(np.float64) for name, array in learner.gradient_arrays().items()}
        factor = 1 / (batch.target_lengths.sum() if how.per_token else 6)
        if how.clip_norm:
            norm = factor * np.sqrt(sum(np.square(array).sum() for array in arrays.values()))
            factor *= min(1.0, how.clip_norm / norm)
        gradient, clip = arrays["hidden_weight"] * factor, how.clip_gradient if how.clip_gradient > 0 else np.inf
        if how.optimizer_type == "sgd":
            mean = how.momentum * mean - rate * (np.clip(gradient, -clip, clip) + how.weight_decay * weight)
            expected = weight + mean
        else:
            gradient = np.clip(gradient + how.weight_decay * weight, -clip, clip)
            decay = 0.999 if how.optimizer_type == "adam" else 0.9
            square = decay * square + (1 - decay) * gradient**2
            mean = 0.9 * mean + 0.1 * gradient
            if how.optimizer_type == "adam":
                corrected = rate * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
                expected = weight - corrected * mean / (np.sqrt(square) + 1e-8)
            else:
                expected = weight - rate * gradient / np.sqrt(square + 1e-8)
        assert learner.network().weights["hidden_weight"] == pytest.approx(expected, abs=2e-6)


def test_padding_stays_zero() -> None:
    learner = NativeLearner(
        Network.initial(Architecture(WORDS, WORDS, rnn_num_hidden=10, num_embed_source=5, num_embed_target=7), 1),
        DROPOUT,
        FAST,
    )
    learner.step(reversals(8), 0.01, 1)
    before = learner.network()
    again = NativeLearner(before, DROPOUT, FAST)  # with padding that is 0
    assert learner.evaluate(reversals(8)) == again.evaluate(reversals(8))
