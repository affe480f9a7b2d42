"""Typed values from strings, with faults in one grammar."""

import contextlib
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from forecastle.contract.errors import InvalidJob
from forecastle.contract.typed_text import TypedText, expectation


class Recipe(TypedText):
    noun = "Ingredient"

    cups: int = Field(ge=1, le=12)
    sugar: float = Field(0.5, gt=0)
    salt: float | None = Field(None, ge=0, lt=1)
    warm: bool = Field(False)
    name: str = Field("cake")
    kind: Literal["sweet", "savoury"] = Field("sweet")
    tags: list[Literal["quick", "cheap"]] = Field([])
    number: int = Field(1, alias="RECIPE_NUMBER")
    oven: Literal["auto", ""] | int = Field("auto")
    layers: Literal["auto"] | list[int] = Field("auto")
    hours: list[float] = Field([])
    guests: int | None = Field(7, ge=1)
    rating: object = Field(None, json_schema_extra={"must_be": "stars"})

    @model_validator(mode="after")
    def _salted(self) -> "Recipe":
        if self.kind == "savoury" and self.salt is None:
            raise ValueError("Ingredient salt is required where kind is savoury.")
        return self


def test_strings_become_values() -> None:
    recipe = Recipe.parse({"cups": "3", "sugar": "1e-1", "salt": " 0.5", "warm": "True", "tags": '["quick"]'})
    assert (recipe.cups, recipe.sugar, recipe.salt, recipe.warm, recipe.tags) == (3, 0.1, 0.5, True, ["quick"])


@pytest.mark.parametrize("value", ["3", '"3"', ' "3" ', '"3.0"', 3, 3.0])
def test_a_value_may_be_json_in_json_or_no_string_at_all(value: object) -> None:
    assert Recipe.parse({"cups": value}).cups == 3


@pytest.mark.parametrize("value", ['["quick", "cheap"]', '"[\\"quick\\", \\"cheap\\"]"', ["quick", "cheap"]])
def test_a_list_arrives_as_json_text(value: object) -> None:
    assert Recipe.parse({"cups": 1, "tags": value}).tags == ["quick", "cheap"]


WHOLE = ["10", " 10 ", "+10", "10.0", "10.", "1e1", "1.0E+1", "100e-1", 10, 10.0]


@pytest.mark.parametrize("value", WHOLE)
def test_a_whole_number_is_one_in_whatever_notation_and_field(value: object) -> None:
    recipe = Recipe.parse({"cups": value, "guests": value, "oven": value, "layers": [value]})
    assert [recipe.cups, recipe.guests, recipe.oven, recipe.layers] == [10, 10, 10, [10]]
    assert {type(each) for each in (recipe.cups, recipe.guests, recipe.oven)} == {int}


@pytest.mark.parametrize(
    "value", ["[3, 2]", "[3.0, 2e0]", '["3", "2.0"]', "['3', '2']", "(3, 2)", "('3', '2',)", [3, 2.0]]
)
def test_a_list_of_whole_numbers_is_one_in_whatever_notation(value: object) -> None:
    assert Recipe.parse({"cups": 1, "layers": value}).layers == [3, 2]


@pytest.mark.parametrize(
    "value", ["1.5", "1_0", "1e-1", "0x10", "ten", "1e999999999", "9" * 5000, "nan", "inf", True, [1], "٣"]
)
@pytest.mark.parametrize("name", ["cups", "guests", "oven", "RECIPE_NUMBER"])
def test_what_is_no_whole_number_is_refused_in_every_field(name: str, value: object) -> None:
    with pytest.raises(InvalidJob, match=rf"^Ingredient {name} must be .*an integer"):
        Recipe.parse({"cups": 1} | {name: value})


def test_a_large_whole_number_is_read_to_its_last_digit() -> None:
    assert Recipe.parse({"cups": 1, "RECIPE_NUMBER": "9007199254740993.0"}).number == 9007199254740993


@pytest.mark.parametrize("value", ["", '""', "null", "None", None])
def test_an_optional_value_may_be_given_as_nothing(value: object) -> None:
    assert Recipe.parse({"cups": 1, "guests": value, "salt": value}).model_dump(include={"guests", "salt"}) == {
        "guests": None,
        "salt": None,
    }


@pytest.mark.parametrize("value", ["['quick', 'cheap']", "('quick', 'cheap')", " [ 'quick' , \"cheap\" ] "])
def test_a_list_may_be_as_python_writes_it(value: str) -> None:
    assert Recipe.parse({"cups": 1, "tags": value}).tags == ["quick", "cheap"]


@pytest.mark.parametrize("value", ["['0.1', '0.5']", '["0.1", 0.5]', "[0.1, 5e-1]", "(0.1, 0.5)"])
def test_numbers_of_a_list_may_be_texts(value: str) -> None:
    assert Recipe.parse({"cups": 1, "hours": value}).hours == [0.1, 0.5]


@pytest.mark.parametrize("value", ["['0.1'", "{'a': 1}", "[[0.1]]", "[true]", "['1_0']", "[" * 100_000, "['it\\'s']"])
def test_what_is_no_list_of_numbers_is_refused(value: str) -> None:
    with pytest.raises(InvalidJob, match=r"^Ingredient hours must be a list, each a number\. Got "):
        Recipe.parse({"cups": 1, "hours": value})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"cups": "20"}, "Ingredient cups must be an integer in [1, 12]. Got '20'."),
        ({"cups": "3.5"}, "Ingredient cups must be an integer in [1, 12]. Got '3.5'."),
        ({"cups": "1_2"}, "Ingredient cups must be an integer in [1, 12]. Got '1_2'."),
        ({"cups": True}, "Ingredient cups must be an integer in [1, 12]. Got true."),
        ({"cups": "true"}, "Ingredient cups must be an integer in [1, 12]. Got 'true'."),
        ({"salt": "0.0_1", "cups": "1"}, "Ingredient salt must be a number in [0, 1). Got '0.0_1'."),
        ({}, "Ingredient cups is required: it must be an integer in [1, 12]."),
        ({"sugar": "0", "cups": "1"}, "Ingredient sugar must be a number above 0. Got '0'."),
        ({"sugar": "nan", "cups": "1"}, "Ingredient sugar must be a number above 0. Got 'nan'."),
        ({"sugar": "inf", "cups": "1"}, "Ingredient sugar must be a number above 0. Got 'inf'."),
        ({"salt": "1", "cups": "1"}, "Ingredient salt must be a number in [0, 1). Got '1'."),
        ({"warm": "hot", "cups": "1"}, "Ingredient warm must be true or false. Got 'hot'."),
        ({"name": ["a"], "cups": "1"}, 'Ingredient name must be text. Got ["a"].'),
        ({"name": None, "cups": "1"}, "Ingredient name must be text. Got null."),
        ({"cups": {"a": [False]}}, 'Ingredient cups must be an integer in [1, 12]. Got {"a": [false]}.'),
        ({"kind": "sour", "cups": "1"}, "Ingredient kind must be one of sweet, savoury. Got 'sour'."),
        ({"tags": "quick", "cups": "1"}, "Ingredient tags must be a list, each one of quick, cheap. Got 'quick'."),
        ({"RECIPE_NUMBER": "x", "cups": "1"}, "Ingredient RECIPE_NUMBER must be an integer. Got 'x'."),
        ({"cup": "1", "cups": "1"}, "Ingredient cup is unknown: did you mean cups?"),
        ({"kind": "savoury", "cups": "1"}, "Ingredient salt is required where kind is savoury."),
    ],
)
def test_a_fault_is_one_sentence(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidJob) as caught:
        Recipe.parse(given)
    assert caught.value.sentence == sentence


def test_a_name_that_is_near_to_none_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidJob, match=r"^Ingredient wxyz is unknown; known are cups, sugar, .*, rating\.$"):
        Recipe.parse({"cups": 1, "wxyz": 1})


def test_what_a_field_must_be_can_be_said_by_the_field() -> None:
    assert expectation(Recipe.known()["rating"]) == "stars"


@given(st.dictionaries(st.sampled_from([*Recipe.known(), "other"]), st.text() | st.integers() | st.lists(st.text())))
def test_whatever_is_given_is_read_or_refused(given: dict[str, object]) -> None:
    with contextlib.suppress(InvalidJob):
        assert 1 <= Recipe.parse(given).cups <= 12


def test_a_value_is_quoted_no_longer_than_a_line() -> None:
    with pytest.raises(InvalidJob) as caught:
        Recipe.parse({"cups": "x" * 1000})
    assert caught.value.sentence.endswith("Got '" + "x" * 39 + "…'.")
