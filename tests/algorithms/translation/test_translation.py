"""A Transformer of a few phrases, which is the example: packed, served and refused."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentencepiece import SentencePieceTrainer

from forecastle import PredictorError, RandomCutForest, Seq2SeqPredictor
from forecastle.algorithms import find
from forecastle.algorithms.interface import Model, Payload
from forecastle.container.cli import main
from forecastle.contract.artifact import read_artifact
from forecastle.contract.errors import UserError
from forecastle.contract.media_type import JSON, RECORDIO, MediaType
from forecastle.formats import sequences
from forecastle.formats.sequences import Sequences

TRANSLATION = find("translation")
EXAMPLE = TRANSLATION.example_folder / "input" / "data" / "model"
VOCABULARY = json.loads((EXAMPLE / "shared_vocabulary.json").read_text())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model[Any, Any]:
    return imported(EXAMPLE, tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the converted model, to be changed."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "converted"))


def imported(folder: Path, out: Path) -> Model[Any, Any]:
    assert main(["import", "ctranslate2", str(folder), "--out", str(out)]) == 0
    return TRANSLATION.load(read_artifact(out), TRANSLATION.settings.from_environ({}))


def trained(folder: Path, out: Path, **given: str) -> Model[Any, Any]:
    settings = [f"--set={name}={value}" for name, value in given.items()]
    assert main(["train", "translation", "--data", str(folder), "--out", str(out), *settings]) == 0
    return TRANSLATION.load(read_artifact(out), TRANSLATION.settings.from_environ({}))


def body(*sentences: str, **configuration: Any) -> bytes:
    return json.dumps({"instances": [{"data": text} for text in sentences], "configuration": configuration}).encode()


def answer(model: Model[Any, Any], asked: bytes, media_type: str = JSON, threads: int = 1) -> bytes:
    request = model.decode(Payload(asked, MediaType.parse(media_type)))
    (prediction,) = model.predict([request], threads)
    return model.encode(prediction, media_type)


def targets(model: Model[Any, Any], *sentences: str) -> list[str]:
    return [each["target"] for each in json.loads(answer(model, body(*sentences)))["predictions"]]


def test_it_answers_as_the_lab_expects(model: Model[Any, Any]) -> None:
    found = answer(model, (TRANSLATION.example_folder / "request.json").read_bytes())
    assert found == b'{"predictions":[{"target":"Ich liebe dich"},{"target":"Ich liebe dich auch"}]}'


@pytest.mark.parametrize("form", ["packed", "as it was converted"])
def test_the_client_of_translations_takes_a_model_s_folder(form: str, tmp_path: Path) -> None:
    if form == "packed":
        imported(EXAMPLE, tmp_path)
    predictor = Seq2SeqPredictor(tmp_path if form == "packed" else EXAMPLE)
    assert predictor.predict(["I love you", "Good night"]) == ["Ich liebe dich", "Gute Nacht"]
    assert predictor.best("I love you", 2)[0][0] == "Ich liebe dich"
    found = predictor.attention("I love you, too.")
    assert found.matrix.shape == (len(found.target_tokens), len(found.source_tokens))


def test_the_client_of_translations_refuses_what_does_not_translate(tmp_path: Path) -> None:
    forest = RandomCutForest(num_trees=50, random_state=0).fit(np.arange(300.0)[:, None])
    with pytest.raises(ValueError, match=r"^target: expected a URL, .*, got RandomCutForest, which does not translate"):
        Seq2SeqPredictor(forest)
    forest.save(tmp_path)
    expected = r"algorithm: expected a model of seq2seq or translation, got one of 'random_cut_forest'\.$"
    with pytest.raises(PredictorError, match=expected):
        Seq2SeqPredictor(tmp_path)


def test_without_a_temporary_folder_it_answers_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert targets(imported(EXAMPLE, tmp_path), "I love you") == ["Ich liebe dich"]


def test_attention_n_best_and_scores(model: Model[Any, Any]) -> None:
    asked = body("I love you, too.", attention_matrix="true", n_best=3, scores=True)
    (found,) = json.loads(answer(model, asked))["predictions"]
    assert found["target"] == "Ich liebe dich auch."
    assert "".join(found["source_tokens"]) == "▁I▁love▁you,▁too."
    assert "".join(found["target_tokens"]) == "▁Ich▁liebe▁dich▁auch."
    matrix = np.array(found["matrix"])
    assert matrix.shape == (len(found["target_tokens"]), len(found["source_tokens"]))
    assert np.all(matrix.sum(axis=1) <= 1 + 1e-6)
    assert found["source_tokens"][matrix[0].argmax()] == "▁I"
    scores = [each["score"] for each in found["n_best"]]
    assert len(scores) == 3
    assert sorted(scores, reverse=True) == scores


def test_an_answer_depends_neither_on_other_requests_nor_on_threads(model: Model[Any, Any]) -> None:
    asked = [body(f"I love music {word}" * 3, scores=True, attention_matrix=True) for word in ("", "you", "Hello")]
    asked.append(body(*[f"{word} you see the sea" for word in VOCABULARY[4:80] if '"' not in word], scores=True))
    alone = [answer(model, each) for each in asked]
    requests = [model.decode(Payload(each, MediaType.parse(JSON))) for each in asked]
    for threads in (1, 2):
        together = model.predict(requests, threads)
        assert [model.encode(each, JSON) for each in together] == alone


def test_sentences_of_several_configurations_keep_their_order(model: Model[Any, Any]) -> None:
    wide = {"beam_size": 3, "n_best": 2}
    instances = [
        {"data": "Thank you very much", "configuration": wide},
        {"data": "Hello"},
        {"data": "Good night", "configuration": wide},
    ]
    found = json.loads(answer(model, json.dumps({"instances": instances}).encode()))["predictions"]
    assert [each["target"] for each in found] == ["Vielen Dank", "Hallo", "Gute Nacht"]
    assert [len(each.get("n_best", "1")) for each in found] == [2, 1, 2]


def test_records_have_the_ids_of_the_vocabulary(model: Model[Any, Any]) -> None:
    ids = [VOCABULARY.index(piece) for piece in ("▁I", "▁love", "▁you")]
    found = answer(model, sequences.write(source=Sequences.of([ids])), RECORDIO)
    (target,) = sequences.decode(found, ("target",))
    assert [VOCABULARY[number] for number in target[0]] == ["▁Ich", "▁liebe", "▁dich"]


def test_one_sentencepiece_model_and_vocabularies_of_other_names_serve_as_well(folder: Path, tmp_path: Path) -> None:
    (folder / "target.spm").unlink()
    (folder / "source.spm").rename(folder / "vocab.ende.spm")
    (folder / "shared_vocabulary.json").unlink()
    for side in ("source", "target"):
        (folder / f"{side}_vocabulary.txt").write_text("\n".join(VOCABULARY) + "\n", "utf-8")
    assert targets(imported(folder, tmp_path / "out"), "I love you") == ["Ich liebe dich"]


def test_the_end_is_appended_where_the_converter_left_it_to_the_tokenizer(folder: Path, tmp_path: Path) -> None:
    sentences = ("I love music", "You see me", "Thank you", "Good luck")
    found = []
    for name, adds in (("engine", True), ("tokenizer", False)):
        configure(folder, add_source_eos=adds, decoder_start_token="</s>")
        model = imported(folder, tmp_path / name)
        found.append(answer(model, body(*sentences, scores=True, attention_matrix=True)))
    assert found[0] == found[1]


def test_prefixes_are_the_model_s_and_not_in_answers(folder: Path, tmp_path: Path) -> None:
    model = trained(folder, tmp_path / "out", target_prefix="▁Du", source_prefix="▁You")
    asked = body("love me", attention_matrix=True)
    (found,) = json.loads(answer(model, asked))["predictions"]
    assert found["target"] == "liebst mich"
    assert np.shape(found["matrix"]) == (len(found["target_tokens"]), len(found["source_tokens"]))
    assert "".join(found["source_tokens"]) == "▁love▁me"


def test_a_prefix_that_the_model_does_not_know_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "translation", "--data", str(folder), "--out", str(folder / "out")]
    assert main([*arguments, "--set", "target_prefix=deu_Latn"]) == 1
    expected = "Hyperparameter target_prefix must have tokens of the model's vocabulary. Got deu_Latn."
    assert expected in capsys.readouterr().err


def test_a_prefix_takes_no_tokens_from_the_translation(folder: Path, tmp_path: Path) -> None:
    model = trained(folder, tmp_path / "out", target_prefix="▁Ich", max_seq_len_target="1")
    assert targets(model, "I love you") == ["liebe"]


@pytest.mark.parametrize(("name", "positions"), [("source_prefix", 63), ("target_prefix", 64)])
def test_a_prefix_leaves_room_in_the_model(
    name: str, positions: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = f"{name}={'▁you ' * positions}"
    assert main(["train", "translation", "--data", str(folder), "--out", str(folder / "out"), "--set", given]) == 1
    expected = f"must have fewer tokens than the model has positions, {positions}. Got {positions}."
    assert f"Hyperparameter {name} {expected}" in capsys.readouterr().err


def test_a_sentence_that_is_too_long_for_the_model_is_refused(model: Model[Any, Any]) -> None:
    longest = " ".join(["love"] * 63)
    assert targets(model, longest)
    with pytest.raises(UserError, match=r"^instances\[0\]\.data: expected at most 63 tokens, got 64: send its"):
        answer(model, body(f"{longest} love"))


def configure(folder: Path, **given: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | given))


def cut(folder: Path) -> None:
    file = folder / "model.bin"
    file.write_bytes(file.read_bytes()[:20_000])


def rename_specification(folder: Path) -> None:
    file = folder / "model.bin"
    file.write_bytes(file.read_bytes().replace(b"\x10\x00TransformerSpec\0", b"\x0c\x00WhisperSpec\0", 1))


def other_subwords(folder: Path) -> None:
    """Those of a language that the model does not know."""
    words = ["".join(chr(0x3B1 + letter % 24) for letter in word.encode()) for word in VOCABULARY]
    SentencePieceTrainer.train(
        sentence_iterator=iter(words), model_prefix=str(folder / "other"), vocab_size=80, minloglevel=2
    )
    (folder / "other.model").rename(folder / "target.spm")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda at: (at / "config.json").unlink(), "expected config.json of a model that was converted"),
        (lambda at: (at / "config.json").write_text("{"), "config.json: expected JSON, got other content."),
        (lambda at: configure(at, unk_token=3), "config.json: unk_token: expected a token, got 3."),
        (lambda at: (at / "shared_vocabulary.json").unlink(), "expected source_vocabulary.json or shared_vocabulary"),
        (
            lambda at: (at / "shared_vocabulary.json").write_text(json.dumps(VOCABULARY[:-3])),
            "shared_vocabulary.json: expected 161 tokens, as model.bin has, got 158.",
        ),
        (
            lambda at: (at / "shared_vocabulary.json").write_text('{"a": 1}'),
            "shared_vocabulary.json: expected a list of tokens, got other content.",
        ),
        (
            lambda at: [(at / f"{side}.spm").unlink() for side in ("source", "target")],
            "expected source.spm, or one vocab.spm for both languages: the text's subwords, got none: copy it",
        ),
        (lambda at: (at / "target.spm").write_bytes(b"x"), "target.spm: expected a model of sentencepiece, got other"),
        (other_subwords, "target.spm: expected the subwords of shared_vocabulary.json, got "),
        (cut, "model.bin: expected a complete model of CTranslate2, got a part of one, or a damaged one."),
        (rename_specification, "model.bin: expected a Transformer with an encoder and a decoder, got a Whisper."),
    ],
)
def test_a_model_that_is_incomplete_or_does_not_fit_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], Any], sentence: str
) -> None:
    spoil(folder)
    assert main(["import", "ctranslate2", str(folder), "--out", str(folder / "out")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{folder}: {sentence}" in line.replace(f"{folder}, ", f"{folder}: ")
    assert main(["train", "translation", "--data", str(folder), "--out", str(folder / "out")]) == 1
    assert f"Channel model: {sentence}" in capsys.readouterr().err
    assert not (folder / "out" / "manifest.json").exists()


def test_what_only_ctranslate2_finds_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "model.bin"
    file.write_bytes(file.read_bytes().replace(b"encoder/layer_norm/gamma", b"encoder/layer_norm/delta"))
    assert main(["train", "translation", "--data", str(folder), "--out", str(folder / "out")]) == 1
    *_, line = capsys.readouterr().err.splitlines()
    assert "Channel model: model.bin: CTranslate2 cannot load the model: " in line


def test_without_ctranslate2_the_sentence_says_what_to_install(model: Model[Any, Any], tmp_path: Path) -> None:
    del model  # imported with it
    script = (
        "import sys\n"
        "sys.modules['ctranslate2'] = None\n"  # as if it were not installed
        "from forecastle.container.cli import main\n"
        f"assert main(['import', 'ctranslate2', {str(EXAMPLE)!r}, '--out', 'out']) == 0\n"
        "assert main(['algorithms']) == 0\n"
        "sys.exit(main(['check', 'out']))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith(
        "Translation requires CTranslate2, which is not installed: pip install 'forecastle[translation]'."
    )
    assert "translation: Translation" in done.stdout
