import pytest

from forecastle.contract.errors import InvalidData
from forecastle.contract.place import At, Key, Place, Source, as_json, text_of


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ((), ""),
        (("instances", 2, "data", "features", 0), "instances[2].data.features[0]"),
        ((At("line", 3), "instance", "features"), "line 3: instance.features"),
        ((Source("train/a.csv"), At("row", 3), At("column", 2)), "train/a.csv: row 3, column 2"),
        ((Source("train/a.json"), At("line", 7), "target", 0), "train/a.json, line 7: target[0]"),
        ((Source("inputdataconfig.json"), "train", "ContentType"), "inputdataconfig.json: train.ContentType"),
        (("children", 5, At("tree", 1)), "children[5], tree 1"),
        (("data", Key("MT_001"), "index", 1), 'data["MT_001"].index[1]'),
        ((Source("\udcff.csv"), Key("\ud83d")), r'\udcff.csv["\ud83d"]'),
        (("data", Key((7, "é")), Key("ds")), "data[(7, 'é')][\"ds\"]"),
    ],
)
def test_a_place_is_written_from_the_outside_inwards(place: Place, text: str) -> None:
    assert text_of(place) == text


def test_a_place_as_json_has_keys_as_members_and_indexes() -> None:
    place = ("data", Key("é"), Key(3), Key((7, "x")), "index", 1)
    assert as_json(place) == ["data", "é", 3, "(7, 'x')", "index", 1]


def test_an_error_keeps_its_place_as_data() -> None:
    error = InvalidData(place=(At("row", 3),), expected="a number", got="'x'").within("train/a.csv")

    assert error.place == (Source("train/a.csv"), At("row", 3))
    assert (error.expected, error.got) == ("a number", "'x'")
    assert str(error) == error.sentence == "train/a.csv: row 3: expected a number, got 'x'."


def test_a_sentence_without_a_place_begins_with_a_capital_letter_until_there_is_one() -> None:
    error = InvalidData(expected='"instances", which is missing')

    assert error.sentence == 'Expected "instances", which is missing.'
    assert error.within("Body").sentence == 'Body: expected "instances", which is missing.'


def test_a_sentence_of_another_form_only_gets_the_place() -> None:
    assert InvalidData("The stream is broken.").within("a.gz").sentence == "a.gz: The stream is broken."
