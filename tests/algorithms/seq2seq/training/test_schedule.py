"""The learning rate and the end of a training, from its checkpoints."""

import math

import pytest

from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters
from forecastle.algorithms.seq2seq.training.schedule import best_checkpoint, exhausted, learning_rate
from forecastle.contract.errors import InvalidJob

FIXED = {"learning_rate": "0.1", "fixed_rate_lr_half_life": "2", "checkpoint_frequency_num_batches": "50"}


@pytest.mark.parametrize("kind", ["fixed_rate_inv_t", "fixed_rate_inv_sqrt_t"])
def test_the_rate_is_halved_after_its_half_life(kind: str) -> None:
    given = Seq2SeqHyperparameters.parse(FIXED | {"lr_scheduler_type": kind})
    assert learning_rate(0, [], given) == 0.1
    assert learning_rate(100, [9.0], given) == pytest.approx(0.05)


def test_the_rate_falls_on_a_plateau() -> None:
    given = Seq2SeqHyperparameters.parse(
        {"learning_rate": "0.1", "plateau_reduce_lr_threshold": "2", "plateau_reduce_lr_factor": "0.5"}
    )
    scores = [9.0, 8.0, 8.5, 8.0, 8.1, 8.2, 7.0, 7.1]
    rates = [learning_rate(0, scores[:count], given) for count in range(len(scores) + 1)]
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.025])


def test_the_rate_falls_to_0_at_the_end() -> None:
    given = Seq2SeqHyperparameters.parse({"learning_rate": "0.1", "lr_scheduler_type": "cosine", "max_num_epochs": "5"})
    rates = [learning_rate(batches, [], given, 100) for batches in (0, 25, 50, 75, 100)]
    assert rates == pytest.approx([0.1, 0.0853553, 0.05, 0.0146447, 0.0], abs=1e-6)


def test_a_rate_that_falls_to_the_end_needs_one() -> None:
    with pytest.raises(InvalidJob, match="cosine needs max_num_epochs or max_num_batches"):
        Seq2SeqHyperparameters.parse({"lr_scheduler_type": "cosine"})
    Seq2SeqHyperparameters.parse({"lr_scheduler_type": "cosine", "max_num_batches": "10"})


def test_the_best_checkpoint_has_the_lowest_perplexity_or_the_highest_of_others() -> None:
    assert best_checkpoint([3.0, 2.0, 2.0, math.nan], "perplexity") == 1
    assert best_checkpoint([3.0, 4.0, 4.0], "bleu") == 1
    assert best_checkpoint([math.nan, 4.0], "accuracy") == 1


def test_training_stops_without_improvement_unless_epochs_are_given() -> None:
    scores = [3.0, 2.0, 2.1, 2.2]
    given = {"checkpoint_threshold": "2"}
    assert exhausted(scores, Seq2SeqHyperparameters.parse(given))
    assert not exhausted(scores[:3], Seq2SeqHyperparameters.parse(given))
    assert not exhausted(scores, Seq2SeqHyperparameters.parse(given | {"max_num_epochs": "9"}))
