"""The hyperparameters of DeepAR."""

import pytest

from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.contract.errors import InvalidJob

REQUIRED = {"context_length": "84", "prediction_length": "84", "epochs": "400", "time_freq": "2H"}


def parsed(**given: object) -> DeepARHyperparameters:
    return DeepARHyperparameters.parse(REQUIRED | given)


def sentence(**given: object) -> str:
    with pytest.raises(InvalidJob) as caught:
        parsed(**given)
    return caught.value.sentence


def test_what_is_not_given_is_as_in_sagemaker() -> None:
    assert parsed().model_dump() == {
        "cardinality": "auto",
        "num_dynamic_feat": "auto",
        "embedding_dimension": 10,
        "likelihood": "student-T",
        "num_cells": 40,
        "num_layers": 2,
        "dropout_rate": 0.10,
        "learning_rate": 0.001,
        "mini_batch_size": 128,
        "early_stopping_patience": None,
        "num_eval_samples": 100,
        "test_quantiles": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
        "average_weights": 0.25,
        "calibrate": False,
        "network": "auto",
        "scale_augmentation": 0.0,
        "seed": None,
        "context_length": 84,
        "prediction_length": 84,
        "epochs": 400,
        "time_freq": "2H",
    }


def test_the_default_configuration_is_strings_as_in_sagemaker_s_log() -> None:
    assert DeepARHyperparameters.defaults() == {
        "cardinality": "auto",
        "dropout_rate": "0.1",
        "early_stopping_patience": "",
        "embedding_dimension": "10",
        "learning_rate": "0.001",
        "likelihood": "student-T",
        "mini_batch_size": "128",
        "num_cells": "40",
        "num_dynamic_feat": "auto",
        "num_eval_samples": "100",
        "num_layers": "2",
        "test_quantiles": "[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]",
    }
    assert list(DeepARHyperparameters.defaults()) == sorted(DeepARHyperparameters.defaults())
    assert parsed(**DeepARHyperparameters.defaults()) == parsed()


@pytest.mark.parametrize("name", REQUIRED)
def test_these_are_required(name: str) -> None:
    given = {key: value for key, value in REQUIRED.items() if key != name}
    with pytest.raises(InvalidJob, match=f"Hyperparameter {name} is required: it must be "):
        DeepARHyperparameters.parse(given)


def test_strings_in_either_style_of_client_become_values() -> None:
    plain = parsed(cardinality="[3, 2]", num_dynamic_feat="2", test_quantiles="[0.5]", early_stopping_patience="15")
    quoted = parsed(
        cardinality='"[3, 2]"', num_dynamic_feat='"2"', test_quantiles='"[0.5]"', early_stopping_patience='"15"'
    )
    assert plain == quoted
    assert (plain.cardinality, plain.num_dynamic_feat, plain.test_quantiles) == ([3, 2], 2, [0.5])
    assert plain.early_stopping_patience == 15


def test_numbers_and_lists_may_be_written_as_clients_write_them() -> None:
    given = parsed(
        context_length="84.0",
        epochs="4e2",
        cardinality="[3.0, '2']",
        num_dynamic_feat="2.0",
        early_stopping_patience="15.0",
        seed="7.0",
        test_quantiles="['0.1', '0.5']",
    )
    assert (given.context_length, given.epochs, given.cardinality, given.num_dynamic_feat) == (84, 400, [3, 2], 2)
    assert (given.early_stopping_patience, given.seed, given.test_quantiles) == (15, 7, [0.1, 0.5])


@pytest.mark.parametrize("value", ["auto", "ignore", ""])
def test_cardinality_and_num_dynamic_feat_know_words(value: str) -> None:
    assert parsed(cardinality=value, num_dynamic_feat=value).cardinality == value
    assert parsed(cardinality=f'"{value}"', num_dynamic_feat=f'"{value}"').num_dynamic_feat == value


def test_an_empty_patience_is_none() -> None:
    assert parsed(early_stopping_patience="None").early_stopping_patience is None
    assert parsed(early_stopping_patience="").early_stopping_patience is None
    assert parsed(early_stopping_patience='""').early_stopping_patience is None


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_likelihood_goes_by_its_name_in_any_case(name: str) -> None:
    assert parsed(likelihood=name.lower()).likelihood is LIKELIHOODS[name]
    assert parsed(likelihood=f'"{name.upper()}"').likelihood is LIKELIHOODS[name]


@pytest.mark.parametrize("value", ["M", "W", "D", "H", "min", "2H", "15min", "10D", "999999H"])
def test_a_frequency_is_one_that_the_network_knows(value: str) -> None:
    assert str(parsed(time_freq=value).time_freq) == value
    assert Frequency.parse(value)


@pytest.mark.parametrize("value", ["0H", "B", "s", "W-MON", "m", "-1D", "H2", "", "1000000000D", "999999QE"])
def test_another_frequency_is_refused(value: str) -> None:
    assert sentence(time_freq=value) == (
        f"Hyperparameter time_freq must be M, W, D, H or min, or a multiple such as 15min. Got {value!r}."
    )


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("h", "H"),
        ("2h", "2H"),
        ("2 H", "2H"),
        ("15T", "15min"),
        ("15 min", "15min"),
        ("ME", "M"),
        ("MS", "M"),
        ("QE", "3M"),
        ("2Q", "6M"),
        ("YE", "12M"),
        ("W-SUN", "W"),
        ("2W-SUN", "2W"),
        ("d", "D"),
        ("01D", "D"),
    ],
)
def test_a_frequency_as_pandas_spells_it_is_refused_with_the_spelling_to_use(value: str, meant: str) -> None:
    assert sentence(time_freq=value) == (
        "Hyperparameter time_freq must be M, W, D, H or min, or a multiple such as 15min. "
        f"Got {value!r}: did you mean {meant}?"
    )
    assert str(parsed(time_freq=meant).time_freq) == meant


def test_what_tuning_jobs_and_clients_add_is_accepted() -> None:
    given = {
        "_kvstore": "auto",
        "_num_gpus": "auto",
        "_num_kv_servers": "auto",
        "_tuning_objective_metric": "test:RMSE",
    }
    assert parsed(**given) == parsed()


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        ("context_length", "0", "an integer in [1, 1000000]"),
        ("prediction_length", "1.5", "an integer in [1, 1000000]"),
        ("epochs", "0", "an integer of at least 1"),
        ("embedding_dimension", "-1", "an integer in [1, 1000000]"),
        ("num_cells", "many", "an integer in [1, 1000000]"),
        ("num_layers", "0", "an integer in [1, 1000000]"),
        ("mini_batch_size", "0", "an integer of at least 1"),
        ("num_eval_samples", "0", "an integer of at least 1"),
        ("dropout_rate", "1", "a number in [0, 1)"),
        ("learning_rate", "0", "a number above 0"),
        ("learning_rate", "inf", "a number above 0"),
        ("likelihood", "poisson", "one of gaussian, beta, negative-binomial, student-T, deterministic-L1"),
        ("cardinality", "[0]", 'auto, ignore, "" or a list of positive integers such as [3, 2]'),
        ("cardinality", "[]", 'auto, ignore, "" or a list of positive integers such as [3, 2]'),
        ("cardinality", "[1.5]", 'auto, ignore, "" or a list of positive integers such as [3, 2]'),
        ("cardinality", "some", 'auto, ignore, "" or a list of positive integers such as [3, 2]'),
        ("num_dynamic_feat", "0", 'auto, ignore, "" or an integer of at least 1'),
        ("num_dynamic_feat", "true", 'auto, ignore, "" or an integer of at least 1'),
        ("early_stopping_patience", "0", 'an integer of at least 1, or "" for none'),
        ("early_stopping_patience", "soon", 'an integer of at least 1, or "" for none'),
        ("test_quantiles", "[0.5, 1]", "a list of numbers in (0, 1)"),
        ("test_quantiles", "[]", "a list of numbers in (0, 1)"),
        ("test_quantiles", "0.5", "a list of numbers in (0, 1)"),
        ("seed", "-1", "an integer in [0, 9223372036854775808)"),
    ],
)
def test_a_value_out_of_range_is_refused_in_one_sentence(name: str, value: str, must: str) -> None:
    assert sentence(**{name: value}) == f"Hyperparameter {name} must be {must}. Got {value!r}."


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    assert sentence(num_cell="40") == "Hyperparameter num_cell is unknown: did you mean num_cells?"
