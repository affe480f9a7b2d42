"""A training job through the driver: its log, its end, its checkpoints, and what it says of bad input."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from forecastle.algorithms import find
from forecastle.algorithms.seq2seq.training.corpus import Texts
from forecastle.algorithms.seq2seq.training.dataset import held_out
from forecastle.algorithms.seq2seq.training.text import read_texts
from forecastle.contract.artifact import read_artifact
from forecastle.contract.channel import Channel
from forecastle.contract.errors import ForecastleError, InvalidJob
from forecastle.contract.opt_ml import OptMl
from forecastle.formats import sequences
from forecastle.formats.sequences import Sequences
from forecastle.training.job import train_files
from tests.algorithms.seq2seq import jobs
from tests.training.tree import write_job

QUALITY = re.compile(r"#quality_metric: host=algo-1, epoch=\d+, validation (\w+) <score>=(\S+)")


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_job_on_text_logs_its_metrics_and_keeps_its_best_checkpoint(tmp_path: Path) -> None:
    tree = jobs.of_text(tmp_path, {"optimized_metric": "accuracy", "bleu_sample_size": "4", "max_num_epochs": "3"})
    log = jobs.log_of(tree)
    found = QUALITY.findall(log)
    assert {name for name, _ in found} == {"perplexity", "accuracy", "bleu"}
    accuracies = [float(value) for name, value in found if name == "accuracy"]
    assert len(accuracies) == 5  # three epochs of nine batches: one each five, and the end
    metrics = read_artifact(tree.model).metrics
    assert metrics["validation:accuracy"] == max(accuracies)
    for name, regex in find("seq2seq").metrics.items():  # what a region's metrics and tuning jobs read
        (*_, last) = re.findall(regex, log)
        assert float(last) == metrics.get(name, float(last)), name
    assert json.loads((tree.output_data / "metrics.json").read_text()) == metrics


def test_a_job_on_records_learns_and_its_model_has_the_vocabulary(record_job: OptMl) -> None:
    artifact = read_artifact(record_job.model)
    assert json.loads(artifact.files["source.json"]) == jobs.SOURCE
    assert json.loads(artifact.files["target.json"]) == jobs.TARGET
    assert 1 < artifact.metrics["validation:perplexity"] < len(jobs.TARGET)


def test_text_with_a_vocabulary_is_split_at_white_space(tmp_path: Path) -> None:
    spaced = [(source.replace(".", " ."), target.replace(".", " .")) for source, target in jobs.pairs()]
    data = {"train/a.tsv": "\n".join("\t".join(pair) for pair in spaced), **jobs.VOCABULARIES}
    tree = write_job(tmp_path, jobs.SMALL | {"max_num_epochs": "1"}, data)
    log = jobs.log_of(tree)
    assert "the model is validated on 60 pairs that it learns from" in log
    assert "Vocabulary: 11 source tokens, 11 target tokens." in log


def test_a_seed_makes_it_repeatable_whatever_the_threads_and_the_checkpoints(text_job: OptMl, tmp_path: Path) -> None:
    """A job that is stopped after its first checkpoint and continued has the bytes of one that ran through."""
    tree = jobs.of_text(tmp_path, {"max_num_batches": "5"})
    tree.checkpoints.mkdir()
    jobs.log_of(tree, FORECASTLE_THREADS="1")
    tree = jobs.of_text(tmp_path)  # as long as the other
    log = jobs.log_of(tree, FORECASTLE_THREADS="2")
    assert f"Continuing from the checkpoint in {tree.checkpoints}: 5 batches are done." in log
    ours, theirs = files_of(tree.model), files_of(text_job.model)
    assert ours == theirs


def test_a_checkpoint_of_another_job_is_not_continued(tmp_path: Path) -> None:
    tree = jobs.of_text(tmp_path, {"max_num_epochs": "1"})
    tree.checkpoints.mkdir()
    jobs.log_of(tree)
    log = jobs.log_of(jobs.of_text(tmp_path, {"max_num_epochs": "1", "learning_rate": "0.02"}))
    assert "is a checkpoint of other hyperparameters or data: training starts over." in log


def test_a_rate_that_falls_to_the_end_is_not_continued_to_another_end(tmp_path: Path) -> None:
    given = {"lr_scheduler_type": "cosine", "max_num_batches": "5", "max_num_epochs": ""}
    tree = jobs.of_text(tmp_path, given)
    tree.checkpoints.mkdir()
    assert "Checkpoint [1] after 5 batches: perplexity best so far, learning rate 0\n" in jobs.log_of(tree)
    log = jobs.log_of(jobs.of_text(tmp_path, given | {"max_num_batches": "6"}))
    assert "is a checkpoint of other hyperparameters or data: training starts over." in log


def test_it_stops_when_checkpoints_no_longer_improve(tmp_path: Path) -> None:
    given = {"max_num_epochs": "", "checkpoint_frequency_num_batches": "1", "learning_rate": "1e-12"}
    given |= {"checkpoint_threshold": "2", "optimized_metric": "accuracy", "max_num_batches": "50"}
    log = jobs.log_of(jobs.of_text(tmp_path, given))
    assert len(re.findall(r"validation accuracy <score>=", log)) == 3 + 1  # the best, two others, the end's
    assert "Loading parameters from the best checkpoint (1)" in log


def test_a_command_needs_no_hyperparameters(tmp_path: Path) -> None:
    """What the command takes by default; one batch of it."""
    file, log = tmp_path / "pairs.jsonl", io.StringIO()
    file.write_text(jobs.json_lines(jobs.pairs()), "utf-8")
    given = {"max_num_batches": "1", "rnn_num_hidden": "16"}
    train_files("seq2seq", file, tmp_path / "model", given, log, {}, test=file)
    assert "Channel validation: 60 pairs" in log.getvalue()
    used = read_artifact(tmp_path / "model").hyperparameters
    assert (used["rnn_cell_type"], used["num_embed_target"], used["without_final_stop"]) == ("gru", 16, 0.2)
    inferred, channels = find("seq2seq").infer, {"train": Channel("train", file)}
    taken = inferred({}, channels)
    assert (taken["max_num_epochs"], taken["lr_scheduler_type"], taken["vocabulary_size"]) == ("60", "cosine", "2000")
    assert "lr_scheduler_type" not in inferred({"max_num_batches": "-1"}, channels)  # without an end


def test_a_command_learns_more_subwords_of_more_characters(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("".join(f"one {number}\t{chr(0x4E00 + number)}\n" for number in range(600)), "utf-8")
    assert "vocabulary_size" not in find("seq2seq").infer({}, {"train": Channel("train", file)})


def test_pairs_are_held_out_of_large_data(tmp_path: Path) -> None:
    given = [(f"{source} {number}", target) for number, (source, target) in enumerate(jobs.pairs(1200))]
    data = {"train/a.jsonl": jobs.json_lines(given)}
    tree = write_job(tmp_path, jobs.SMALL, data)
    environ = os.environ | {"FORECASTLE_ALGORITHM": "seq2seq"}
    command = [sys.executable, "-m", "forecastle", "check", str(tree.base)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    found = re.search(r"(\d+) of the pairs are held out for it, (\d+) are trained on", done.stdout)
    assert found is not None
    out, kept = map(int, found.groups())
    assert out + kept == 1200
    assert 10 < out < 50


def test_the_note_says_on_how_many_pairs_a_model_is_validated() -> None:
    """At most 500, also where none can be held out: here all pairs have the same source."""
    for count in (700, 2000):
        _, validation, note = held_out(Texts([("one", str(number)) for number in range(count)]))
        assert len(validation) == 500
        assert "the model is validated on 500 pairs that it learns from" in note


def test_exports_of_tatoebas_have_each_text_after_its_id() -> None:
    lines = b"1276\tLet's try.\t77\tVersuchen wir es!\none\teins\tCC-BY 2.0\n1\t2\n"
    texts = [(source, target) for _, source, target in read_texts(io.BytesIO(lines))]
    assert texts == [("Let's try.", "Versuchen wir es!"), ("one", "eins"), ("1", "2")]


GOOD = jobs.json_lines(jobs.pairs(3))
RECORDS = {"train/train.rec": jobs.records(jobs.pairs(3)), "validation/val.rec": jobs.records(jobs.pairs(3))}


def pair_of_ids(source: list[int], target: list[int]) -> bytes:
    return sequences.write(source=Sequences.of([[4], source]), target=Sequences.of([[4], target]))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            {"train/a.jsonl": GOOD + "\n{"},
            (
                "train/a.jsonl, line 5, column 2: expected valid JSON, got nothing (expecting property"
                " name enclosed in double quotes)."
            ),
        ),
        ({"train/a.jsonl": GOOD + '{"source": "one"}'}, 'train/a.jsonl, line 4: expected "target", which is missing.'),
        (
            {"train/a.jsonl": GOOD + '{"source": "one", "target": 1}'},
            "train/a.jsonl, line 4: target: expected a string, got 1.",
        ),
        (
            {"train/a.jsonl": GOOD + '{"source": " ", "target": "eins"}'},
            "train/a.jsonl, line 4: source: expected a text, got an empty one.",
        ),
        (
            {"train/a.jsonl": GOOD + '{"source": "\\ud800", "target": "x"}'},
            (
                "train/a.jsonl, line 4: source: expected characters of Unicode, not half of a "
                "surrogate pair (character 1), got \\ud800."
            ),
        ),
        (
            {"train/a.tsv": b"one\teins\ntwo\tzw\xffei\n"},
            "train/a.tsv, line 2: expected text in UTF-8, got the byte 0xff at byte 7 of the line.",
        ),
        (
            {"train/a.tsv": "one\teins\ntwo zwei\n"},
            ("train/a.tsv, line 2: expected a source text, a tab and its target text, got no tab in 'two zwei'."),
        ),
        (
            {"train/a.jsonl": GOOD, "train/b.rec": RECORDS["train/train.rec"], **jobs.VOCABULARIES},
            ("train/b.rec: expected the format of the channel's other files, text or RecordIO, got the other one."),
        ),
        (
            RECORDS,
            (
                "Channel vocab is required, as train/train.rec is RecordIO: it must contain "
                "vocab.src.json and vocab.trg.json, the words of the ids."
            ),
        ),
        (
            {"train/a.rec": RECORDS["train/train.rec"], **jobs.VOCABULARIES},
            ("Channel validation is required, as the train channel is RecordIO: it must contain records of that kind."),
        ),
        (
            RECORDS | {"vocab/vocab.src.json": jobs.VOCABULARIES["vocab/vocab.src.json"]},
            "Channel vocab: expected vocab.trg.json, the target language's words and ids, got none.",
        ),
        (
            RECORDS | jobs.VOCABULARIES | {"vocab/vocab.trg.json": "[]"},
            "vocab/vocab.trg.json: expected an object of words and their ids, got a list.",
        ),
        (
            RECORDS | jobs.VOCABULARIES | {"vocab/vocab.trg.json": '{"<pad>": 0, "eins": 4, "eins": 5}'},
            'vocab/vocab.trg.json: expected an object of words and their ids, got one with "eins" twice.',
        ),
        (
            RECORDS
            | jobs.VOCABULARIES
            | {"vocab/vocab.trg.json": '{"<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3, "\\ud83d": 4}'},
            r'vocab/vocab.trg.json["\ud83d"]: expected a word of Unicode characters, got half of a surrogate pair.',
        ),
        (
            RECORDS | jobs.VOCABULARIES | {"train/train.rec": pair_of_ids([5, 99], [4])},
            (
                "train/train.rec: record 2: source[1]: expected an id from 0 to 10, as vocab.src.json "
                "has 11 words, got 99."
            ),
        ),
        (
            RECORDS | jobs.VOCABULARIES | {"train/train.rec": pair_of_ids([5], [])},
            "train/train.rec: record 2: target: expected at least one id, got none.",
        ),
        (
            {"train/a.jsonl": GOOD, **jobs.VOCABULARIES, "validation/val.rec": RECORDS["validation/val.rec"]},
            "Channel validation: expected text, as the train channel is, got RecordIO.",
        ),
    ],
)
def test_bad_input_gets_one_sentence_with_its_place(
    data: dict[str, str | bytes], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ForecastleError) as raised:
        jobs.log_of(write_job(tmp_path, jobs.SMALL, data))
    assert raised.value.sentence == sentence


def test_a_network_that_memory_cannot_hold_is_refused_before_it_is_made(tmp_path: Path) -> None:
    given = jobs.SMALL | {"rnn_num_hidden": "200000"}
    with pytest.raises(
        InvalidJob, match=r"^The network has [\d,]+ weights, .* lower the hyperparameters rnn_num_hidden, 2"
    ):
        jobs.log_of(write_job(tmp_path, given, {"train/a.jsonl": GOOD}))


def test_a_network_whose_loss_overflows_is_not_a_model(tmp_path: Path) -> None:
    given = jobs.SMALL | {"weight_init_scale": "1e30"}
    with pytest.raises(
        InvalidJob, match=r"^The trained network is of no use, as its validation perplexity is not finite"
    ):
        jobs.log_of(write_job(tmp_path, given, {"train/a.jsonl": GOOD}))


def test_the_log_says_how_many_pairs_are_cut_off(tmp_path: Path) -> None:
    pairs = [*jobs.pairs(3), ("one " * 50, "eins")]
    given = jobs.SMALL | {"max_seq_len_source": "30"}
    log = jobs.log_of(write_job(tmp_path, given, {"train/a.jsonl": jobs.json_lines(pairs)}))
    assert "Channel train: 1 of the pairs are cut off at max_seq_len_source, 30, or max_seq_len_target, 100." in log
