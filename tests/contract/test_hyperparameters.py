"""A job's hyperparameters."""

from typing import ClassVar

import pytest

from forecastle.contract.errors import InvalidJob
from forecastle.contract.hyperparameters import Hyperparameters


class Forest(Hyperparameters):
    without_effect: ClassVar[frozenset[str]] = frozenset({"mini_batch_size"})

    trees: int
    depth: int = 8
    sagemaker_known: int = 0


def test_names_of_the_platform_and_names_without_effect_are_left_out() -> None:
    given = {"trees": "3", "_kvstore": "x", "sagemaker_program": "train.py", "mini_batch_size": "1000"}
    assert Forest.parse(given) == Forest(trees=3)


def test_a_name_that_the_algorithm_knows_is_never_left_out() -> None:
    assert Forest.parse({"trees": 1, "sagemaker_known": "5"}).sagemaker_known == 5


def test_any_other_name_is_refused() -> None:
    with pytest.raises(InvalidJob, match=r"^Hyperparameter tree is unknown: did you mean trees\?$"):
        Forest.parse({"trees": 1, "tree": "3"})


def test_what_is_required_and_what_is_not() -> None:
    assert Forest.required() == {"trees"}
    assert Forest.defaults() == {"depth": 8, "sagemaker_known": 0}
