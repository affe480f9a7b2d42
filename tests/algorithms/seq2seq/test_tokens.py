"""Text to ids and back."""

import json

import numpy as np
import pytest

from forecastle.algorithms.seq2seq.architecture import UNKNOWN
from forecastle.algorithms.seq2seq.tokens import SPECIAL, Subwords, Words, from_files
from forecastle.contract.errors import InvalidData, InvalidJob
from tests.algorithms.seq2seq.jobs import pairs

TEXTS = [text for pair in pairs() for text in pair]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_subwords_give_a_text_back_also_one_of_unknown_words(kind: str) -> None:
    tokens = Subwords.learn(TEXTS, kind, 60, "source")
    assert tokens.size <= 60
    for text in ("one two.", "zweieinhalb vfr x.", "  seven   ate\tnine "):
        known = "".join(each for each in text if each in "".join(TEXTS) or each.isspace())
        assert tokens.decode(tokens.encode(known)) == " ".join(known.split())
    assert UNKNOWN in tokens.encode("☃")
    assert tokens.pieces(tokens.encode("one."))[-1] == "."  # a stop is a token of its own


def test_the_same_texts_give_the_same_subwords() -> None:
    first, second = (Subwords.learn(TEXTS, "bpe", 60, "source") for _ in range(2))
    assert first.content() == second.content()
    again = Subwords.parse(first.content())
    np.testing.assert_array_equal(again.encode("one six"), first.encode("one six"))


def test_too_few_subwords_for_the_characters_are_refused() -> None:
    texts = [chr(0x4E00 + number) for number in range(3000)]
    with pytest.raises(InvalidJob, match="vocabulary_size must be larger: the source texts have 3000 different char"):
        Subwords.learn(texts, "bpe", 100, "source")


def test_words_are_those_of_the_vocabulary() -> None:
    words = Words([*SPECIAL, "a", "b"])
    ids = words.encode("b a  c")
    assert ids.tolist() == [5, 4, UNKNOWN]
    assert words.decode(ids) == "b a <unk>"
    assert Words.parse(words.content()).encode("b a c").tolist() == ids.tolist()


FOUR = '"<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[]", "Expected an object of words and their ids, got a list."),
        ('{"a": 0}', '["<pad>"]: expected 0, got none.'),
        (f'{{{FOUR.replace("1", "7")}, "a": 1}}', '["<unk>"]: expected 1, got 7.'),
        (f"{{{FOUR}}}", "Expected words in addition to the four special ones, got none."),
        (f'{{{FOUR}, "a": 6}}', '["a"]: expected an id from 0 to 4, as there are 5 words, got 6.'),
        (f'{{{FOUR}, "a": 4, "b": 4}}', '["b"]: expected an id of its own, not that of "a", got 4.'),
        (f'{{{FOUR}, "a": "4"}}', '["a"]: expected an id from 0 to 4, as there are 5 words, got "4".'),
    ],
)
def test_a_wrong_vocabulary_gets_one_sentence(content: str, sentence: str) -> None:
    with pytest.raises(InvalidData) as raised:
        Words.parse(content.encode())
    assert raised.value.sentence == sentence


def test_a_model_of_sentencepiece_is_checked() -> None:
    with pytest.raises(InvalidData, match=r"^source\.model: expected a model of sentencepiece, got other bytes\.$"):
        from_files({"source.model": b"import os"}, "source")
    with pytest.raises(InvalidData, match=r"^files: expected source\.json or source\.model, got neither\.$"):
        from_files({"target.json": json.dumps(SPECIAL).encode()}, "source")
