"""Typed values from strings, with faults in one grammar."""

import contextlib
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from forecastle.contract.errors import InvalidJob
from forecastle.contract.typed_text import JsonList, TypedText, expectation


class Recipe(TypedText):
    noun = "Ingredient"

    cups: int = Field(ge=1, le=12)
    sugar: float = Field(0.5, gt=0)
    salt: float | None = Field(None, ge=0, lt=1)
    warm: bool = Field(False)
    name: str = Field("cake")
    kind: Literal["sweet", "savoury"] = Field("sweet")
    tags: JsonList[Literal["quick", "cheap"]] = Field([])
    number: int = Field(1, alias="RECIPE_NUMBER")
    rating: object = Field(None, json_schema_extra={"must_be": "stars"})

    @model_validator(mode="after")
    def _salted(self) -> "Recipe":
        if self.kind == "savoury" and self.salt is None:
            raise ValueError("Ingredient salt is required where kind is savoury.")
        return self


def test_strings_become_values() -> None:
    recipe = Recipe.parse({"cups": "3", "sugar": "1e-1", "salt": " 0.5", "warm": "True", "tags": '["quick"]'})
    assert (recipe.cups, recipe.sugar, recipe.salt, recipe.warm, recipe.tags) == (3, 0.1, 0.5, True, ["quick"])


@pytest.mark.parametrize("value", ["3", '"3"', ' "3" ', 3])
def test_a_value_may_be_json_in_json_or_no_string_at_all(value: object) -> None:
    assert Recipe.parse({"cups": value}).cups == 3


@pytest.mark.parametrize("value", ['["quick", "cheap"]', '"[\\"quick\\", \\"cheap\\"]"', ["quick", "cheap"]])
def test_a_list_arrives_as_json_text(value: object) -> None:
    assert Recipe.parse({"cups": 1, "tags": value}).tags == ["quick", "cheap"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"cups": "20"}, "Ingredient cups must be an integer in [1, 12]. Got '20'."),
        ({"cups": "3.5"}, "Ingredient cups must be an integer in [1, 12]. Got '3.5'."),
        ({"cups": "1_2"}, "Ingredient cups must be an integer in [1, 12]. Got '1_2'."),
        ({"cups": True}, "Ingredient cups must be an integer in [1, 12]. Got True."),
        ({"cups": "true"}, "Ingredient cups must be an integer in [1, 12]. Got 'true'."),
        ({"salt": "0.0_1", "cups": "1"}, "Ingredient salt must be a number in [0, 1). Got '0.0_1'."),
        ({}, "Ingredient cups is required: it must be an integer in [1, 12]."),
        ({"sugar": "0", "cups": "1"}, "Ingredient sugar must be a number above 0. Got '0'."),
        ({"sugar": "nan", "cups": "1"}, "Ingredient sugar must be a number above 0. Got 'nan'."),
        ({"sugar": "inf", "cups": "1"}, "Ingredient sugar must be a number above 0. Got 'inf'."),
        ({"salt": "1", "cups": "1"}, "Ingredient salt must be a number in [0, 1). Got '1'."),
        ({"warm": "hot", "cups": "1"}, "Ingredient warm must be true or false. Got 'hot'."),
        ({"name": ["a"], "cups": "1"}, "Ingredient name must be text. Got ['a']."),
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
