"""Errors, by whose they are."""

import ast
import pickle
import re
from http import HTTPStatus

import pytest

from forecastle.contract import errors
from forecastle.contract.errors import (
    ForecastleError,
    InvalidData,
    OutOfModelSpace,
    PlatformError,
    Stopped,
    UserError,
)
from forecastle.contract.place import At, Source
from tests.pages import REPOSITORY

CLASSES = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ForecastleError)]
LEAVES = [each for each in CLASSES if each not in (ForecastleError, UserError, PlatformError)]


@pytest.mark.parametrize("kind", LEAVES)
def test_an_error_is_the_users_or_the_platforms(kind: type[ForecastleError]) -> None:
    if issubclass(kind, UserError):
        assert 400 <= kind.status < 500
        assert kind.exit_code == 1
    else:
        assert issubclass(kind, PlatformError)
        full = kind is OutOfModelSpace
        assert kind.status == (HTTPStatus.INSUFFICIENT_STORAGE if full else HTTPStatus.SERVICE_UNAVAILABLE)
        assert kind.exit_code == (143 if kind is Stopped else 3)


def test_statuses_of_the_users_errors_tell_them_apart() -> None:
    statuses = [kind.status for kind in LEAVES if issubclass(kind, UserError)]
    assert len(set(statuses)) == len(statuses) - 3  # 400, 408 and 431 are of two errors each


@pytest.mark.parametrize("kind", LEAVES)
def test_the_tree_at_the_files_head_is_the_tree(kind: type[ForecastleError]) -> None:
    assert errors.__doc__ is not None
    assert f"── {kind.__name__}" in errors.__doc__


@pytest.mark.parametrize("folder", ["serving", "training", "container"])
def test_a_place_is_given_as_data(folder: str) -> None:
    """No error's text is composed of a place and what was expected there."""
    for source in (REPOSITORY / folder).rglob("*.py"):
        lines = source.read_text("utf-8").splitlines()
        composed = [line for line in lines if re.search(r"""f?["'][^"']*: expected """, line)]
        assert [line for line in composed if "click." not in line] == []  # click's own errors are text


@pytest.mark.parametrize("folder", ["algorithms", "contract", "formats"])
def test_no_error_is_made_of_a_sentence_with_its_place(folder: str) -> None:
    names = {kind.__name__ for kind in CLASSES}
    for source in (REPOSITORY / folder).rglob("*.py"):
        calls = [each for each in ast.walk(ast.parse(source.read_text("utf-8"))) if isinstance(each, ast.Call)]
        raised = [each for each in calls if isinstance(each.func, ast.Name) and each.func.id in names]
        texts = [ast.unparse(argument) for each in raised for argument in each.args]
        assert [text for text in texts if ": expected " in text] == []


def test_an_error_seen_from_further_out_has_the_place_before_its_sentence() -> None:
    error = InvalidData("row 3: expected a number.").within("train/part.csv")
    assert isinstance(error, InvalidData)
    assert str(error) == error.sentence == "train/part.csv: row 3: expected a number."


@pytest.mark.parametrize(
    "error",
    [
        InvalidData(place=(Source("a.csv"), At("row", 3)), expected="a number", got="'x'"),
        InvalidData("cannot be read.", place=(Source("a.csv"),)),
    ],
)
def test_str_repr_and_pickle_have_the_sentence(error: InvalidData) -> None:
    copy = pickle.loads(pickle.dumps(error))

    assert str(error) == error.sentence
    assert repr(error) == f"InvalidData({error.sentence!r})"
    assert (type(copy), vars(copy), str(copy)) == (InvalidData, vars(error), error.sentence)
