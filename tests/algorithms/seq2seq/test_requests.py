"""Requests and answers of a model, bytes in and bytes out."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecastle.algorithms.interface import Payload
from forecastle.algorithms.seq2seq.model import Seq2SeqModel
from forecastle.algorithms.seq2seq.network import Network
from forecastle.algorithms.seq2seq.settings import Seq2SeqSettings
from forecastle.algorithms.tensors import Given, Tensor
from forecastle.contract.artifact import read_artifact
from forecastle.contract.errors import InvalidData, NotAcceptable, PayloadTooLarge, UserError
from forecastle.contract.media_type import JSON, JSON_LINES, RECORDIO, MediaType
from forecastle.formats import sequences
from forecastle.formats.sequences import Sequences
from tests.algorithms.seq2seq import jobs


@pytest.fixture(scope="module")
def text(text_model: Path) -> Seq2SeqModel:
    return Seq2SeqModel.from_artifact(read_artifact(text_model))


@pytest.fixture(scope="module")
def words(record_model: Path) -> Seq2SeqModel:
    settings = Seq2SeqSettings.from_environ({"SEQ2SEQ_MAX_TOKENS": "20"})
    return Seq2SeqModel.from_artifact(read_artifact(record_model), settings)


def ask(model: Seq2SeqModel, body: bytes, media_type: str = JSON, accept: str = "") -> bytes:
    request = model.decode(Payload(body, MediaType.parse(media_type)))
    (prediction,) = model.predict([request], threads=2)
    return model.encode(prediction, accept or media_type)


def predictions(model: Seq2SeqModel, *instances: dict[str, Any], **document: Any) -> list[dict[str, Any]]:
    answer = json.loads(ask(model, json.dumps({"instances": instances, **document}).encode()))
    assert list(answer) == ["predictions"]
    return list(answer["predictions"])


def test_an_answer_has_sagemakers_members_alone(words: Seq2SeqModel) -> None:
    first, second = predictions(words, {"data": "one two ."}, {"data": "three unknown ."})
    assert list(first) == list(second) == ["target"]
    assert set(first["target"].split()) <= {".", "<unk>", *jobs.NUMBERS.values()}


def test_weights_that_overflow_are_an_error_in_one_sentence(words: Seq2SeqModel) -> None:
    arrays = {name: np.full_like(array, 3e38) for name, array in words.network.arrays().items()}
    network = Network.from_artifact(words.network.parameters(), arrays)
    model = Seq2SeqModel(network, words.source, words.target, beam_size=2, length_penalty=1.0)
    with pytest.raises(InvalidData, match="weights are too large: no translation has a finite probability"):
        predictions(model, {"data": "one two ."})


@pytest.mark.parametrize("flag", ["true", True, "True"])
def test_the_matrix_has_a_row_a_target_token_and_a_column_a_source_token(words: Seq2SeqModel, flag: object) -> None:
    (found,) = predictions(words, {"data": "one two three .", "configuration": {"attention_matrix": flag}})
    assert list(found) == ["target", "matrix"]
    assert len(found["matrix"]) == len(found["target"].split())
    for row in found["matrix"]:
        assert len(row) == 4
        assert sum(row) == pytest.approx(1, abs=1e-5)


def test_a_model_of_text_names_the_tokens_of_the_matrix(text: Seq2SeqModel) -> None:
    (found,) = predictions(text, {"data": "one two.", "configuration": {"attention_matrix": "true"}})
    assert len(found["matrix"]) == len(found["target_tokens"])
    assert all(len(row) == len(found["source_tokens"]) for row in found["matrix"])
    assert "".join(found["source_tokens"]).replace("▁", " ").strip() == "one two."
    assert "".join(found["target_tokens"]).replace("▁", " ").strip() == found["target"]


def test_the_best_translations_come_with_scores_in_their_order(text: Seq2SeqModel) -> None:
    default = {"n_best": 3, "beam_size": 4, "scores": True, "length_penalty": 0.5}
    one, other = predictions(
        text, {"data": "one two."}, {"data": "six.", "configuration": {"n_best": 1}}, configuration=default
    )
    assert one["n_best"][0]["target"] == one["target"]
    scores = [each["score"] for each in one["n_best"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == one["score"] < 0
    assert list(other) == ["target", "score"]


def test_batch_transform_s_lines_have_other_names(text: Seq2SeqModel) -> None:
    body = b'{"source": "one two."}\n\n{"source": "six."}\n'
    lines = ask(text, body, JSON_LINES).splitlines()
    live = predictions(text, {"data": "one two."}, {"data": "six."})
    assert [json.loads(line) for line in lines] == live


def test_recordio_has_ids_both_ways(words: Seq2SeqModel) -> None:
    ids = [jobs.SOURCE[word] for word in ("one", "two", ".")]
    body = sequences.write(source=Sequences.of([ids, ids[:1]]), target=Sequences.of([[], []]))
    (found,) = sequences.decode(ask(words, body, RECORDIO), ("target",))
    expected = predictions(words, {"data": "one two ."}, {"data": "one"})
    named = {number: word for word, number in jobs.TARGET.items()}
    assert [" ".join(named[number] for number in found[row].tolist()) for row in range(2)] == [
        each["target"] for each in expected
    ]
    assert json.loads(ask(words, body, RECORDIO, JSON))["predictions"] == expected
    with pytest.raises(NotAcceptable, match="with attention_matrix, scores or n_best, got application/x-recordio"):
        ask(words, b'{"instances": [{"data": "one", "configuration": {"scores": true}}]}', JSON, RECORDIO)


def test_an_answer_depends_on_no_other_request_and_no_thread(text: Seq2SeqModel) -> None:
    bodies = [b'{"instances": [{"data": "%s"}]}' % source.encode() for source, _ in jobs.pairs(9)]
    requests = [text.decode(Payload(body, MediaType.parse(JSON))) for body in bodies]
    alone = [text.encode(text.predict([request], threads=1)[0], JSON) for request in requests]
    together = [text.encode(prediction, JSON) for prediction in text.predict(requests, threads=2)]
    assert together == alone


def sentence(**configuration: Any) -> bytes:
    return json.dumps({"instances": [{"data": "one"}, {"data": "two", "configuration": configuration}]}).encode()


@pytest.mark.parametrize(
    ("body", "media_type", "expected"),
    [
        (b"[]", JSON, "Expected an object, got a list."),
        (b"{}", JSON, 'Expected "instances", which is missing.'),
        (
            b'{"source": "one"}',
            JSON,
            'Expected "instances", got "source": a line with "source" is application/jsonlines.',
        ),
        (b'{"instance": []}', JSON, "instance: unknown member: did you mean instances?"),
        (b'{"instances": []}', JSON, "instances: expected at least one sentence, got none."),
        (b'{"instances": ["one"]}', JSON, 'instances[0]: expected an object with "data", got "one".'),
        (
            b'{"instances": [{"source": "one"}]}',
            JSON,
            "instances[0].source: unknown member; known are data, configuration.",
        ),
        (b'{"instances": [{"data": 1}]}', JSON, "instances[0].data: expected a string, got 1."),
        (b'{"instances": [{"data": " "}]}', JSON, "instances[0].data: expected a sentence, got an empty one."),
        (
            b'{"instances": [{"data": "x\\udc00"}]}',
            JSON,
            (
                "instances[0].data: expected characters of Unicode, not half of a surrogate pair "
                "(character 2), got \\udc00."
            ),
        ),
        (
            json.dumps({"instances": [{"data": "one " * 10_000}]}).encode(),
            JSON,
            "instances[0].data: expected at most 1280 characters, got 40000: "
            "send its sentences one by one, or set SEQ2SEQ_MAX_TOKENS.",
        ),
        (
            json.dumps({"instances": [{"data": "one " * 21}]}).encode(),
            JSON,
            "instances[0].data: expected at most 20 tokens, got 21: "
            "send its sentences one by one, or set SEQ2SEQ_MAX_TOKENS.",
        ),
        (
            sentence(attention_matrx="true"),
            JSON,
            "instances[1].configuration.attention_matrx: unknown member: did you mean attention_matrix?",
        ),
        (
            sentence(attention_matrix="yes"),
            JSON,
            'instances[1].configuration.attention_matrix: expected true or false, got "yes".',
        ),
        (
            sentence(beam_size=0),
            JSON,
            "instances[1].configuration.beam_size: expected an integer from 1 to 100, got 0.",
        ),
        (sentence(n_best=3), JSON, "instances[1].configuration.n_best: expected at most beam_size, 2, got 3."),
        (
            sentence(length_penalty="1"),
            JSON,
            'instances[1].configuration.length_penalty: expected a number from 0 to 10, got "1".',
        ),
        (
            b'{"source": "one"}\n{"data": "two"}',
            JSON_LINES,
            "line 2: data: unknown member; known are source, configuration.",
        ),
        (b"\n", JSON_LINES, 'line 1: expected an object with "source", got nothing.'),
        (
            b'{"source": "one"}\n{"source":\r\n',
            JSON_LINES,
            "line 2, column 11: expected valid JSON, got nothing (expecting value).",
        ),
        (b'{"source": "\xff"}', JSON_LINES, "byte 12: expected text in UTF-8, got another encoding."),
        (
            sequences.write(source=Sequences.of([[4], [4, 11]])),
            RECORDIO,
            "record 2: source[1]: expected an id from 0 to 10, got 11.",
        ),
        (
            sequences.write(source=Sequences.of([[4], []])),
            RECORDIO,
            "record 2: source: expected a sentence, got an empty one.",
        ),
    ],
)
def test_a_wrong_request_gets_one_sentence_with_its_place(
    words: Seq2SeqModel, body: bytes, media_type: str, expected: str
) -> None:
    with pytest.raises(UserError) as raised:
        words.decode(Payload(body, MediaType.parse(media_type)))
    assert raised.value.sentence == expected


def test_a_request_that_takes_more_memory_than_there_is_is_refused_before_it_is_translated(words: Seq2SeqModel) -> None:
    wanted = {"attention_matrix": True, "beam_size": 100, "n_best": 100}
    document = {"instances": [{"data": "one " * 20}] * 30_000, "configuration": wanted}
    with pytest.raises(PayloadTooLarge) as raised:
        words.decode(Payload(json.dumps(document).encode(), MediaType.parse(JSON)))
    assert re.fullmatch(
        r"Body: expected sentences whose translation fits the free memory, got 30000 that take \S+ GB: send fewer at a "
        r"time, or ask for a smaller beam_size or no attention_matrix\.",
        raised.value.sentence,
    )


def test_a_model_whose_vocabulary_does_not_fit_is_refused(record_model: Path) -> None:
    artifact = read_artifact(record_model)
    fewer = {**jobs.SOURCE}
    fewer.pop("six")
    files = {**artifact.files, "source.json": json.dumps(fewer).encode()}
    with pytest.raises(InvalidData, match=r"^files\.source\.json: expected 11 tokens, as the network has, got 10\.$"):
        Seq2SeqModel.from_artifact(replace(artifact, files=files))


def elements(*texts: str | bytes) -> Tensor:
    tensor = np.empty(len(texts), object)
    tensor[:] = [text if isinstance(text, bytes) else text.encode() for text in texts]
    return tensor


def in_tensors(model: Seq2SeqModel, *outputs: str, **tensors: Tensor) -> dict[str, Tensor]:
    form = model.tensors()
    (prediction,) = model.predict([form.decode(Given(tensors, outputs, {}))], threads=2)
    return dict(form.encode(prediction))


def test_sentences_in_tensors_are_translated_as_in_json(words: Seq2SeqModel) -> None:
    wanted = {"beam_size": 2, "scores": True}
    expected = predictions(words, {"data": "one two ."}, {"data": "three ."}, configuration=wanted)
    sentences, configuration = elements("one two .", "three ."), elements(json.dumps(wanted))
    found = in_tensors(words, instances=sentences, configuration=configuration)
    assert found["translations"].tolist() == [each["target"].encode() for each in expected]
    assert found["scores"] == pytest.approx([each["score"] for each in expected])
    assert set(in_tensors(words, instances=sentences)) == {"translations"}
    assert "scores" in in_tensors(words, "scores", instances=sentences)


@pytest.mark.parametrize(
    ("sentence", "configuration", "refusal"),
    [
        (b"\xff", "{}", "instances[1], byte 0: expected text in UTF-8"),
        ("", "{}", "instances[1]: expected a sentence, got an empty one."),
        ("one " * 21, "{}", "instances[1]: expected at most 20 tokens, got 21"),
        ("one", "{", "configuration, line 1, column 2: expected valid JSON"),
        ("one", '{"beam_size": 0}', "configuration.beam_size: expected an integer from 1 to 100, got 0."),
        ("one", '{"n_best": 2}', "configuration.n_best: tensors have no place for it: POST to /invocations."),
    ],
)
def test_a_tensor_amiss_is_refused_with_its_place(
    words: Seq2SeqModel, sentence: str | bytes, configuration: str, refusal: str
) -> None:
    with pytest.raises(InvalidData) as refused:
        in_tensors(words, instances=elements("one", sentence), configuration=elements(configuration))
    assert refused.value.sentence.startswith(refusal)
