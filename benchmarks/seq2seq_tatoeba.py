"""How well seq2seq translates after a training on Tatoeba's sentences, and the same network in PyTorch.

    python -m benchmarks.seq2seq_tatoeba [--json] [--epochs N] [--set NAME=VALUE …] [--torch] [--threads 2]

1,000 sentences of at most 12 words are held out, chosen by a hash of their text; no pair with one of these sources is
trained on. The hyperparameters are those of `forecastle train seq2seq --data`, but for what `--set` gives. BLEU is
sacrebleu's if this interpreter has it, else the job's own, whose figures are the same; of translations with a beam of
5.

With `--torch` PyTorch trains, from the same first weights, the same batches of the same subwords in the same order,
with the same learning rates, dropout, label smoothing, clipping and Adam; its own random numbers draw what is dropped.
It needs an interpreter that has torch, which the variable TORCH_PYTHON names, and uses a GPU if there is one. Our beam
search translates with its weights.

`--measure` only says how many seconds an epoch takes. A training that is not over at the Unix time `--until` ends
there, and says so.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
import zlib
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.seq2seq import DATA
from forecastle.algorithms.interface import Job
from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters
from forecastle.algorithms.seq2seq.inference.beam import translate
from forecastle.algorithms.seq2seq.network import Network
from forecastle.algorithms.seq2seq.tokens import Tokens
from forecastle.algorithms.seq2seq.training.batches import Batches
from forecastle.algorithms.seq2seq.training.bleu import corpus_bleu
from forecastle.algorithms.seq2seq.training.corpus import Texts, read_corpus
from forecastle.algorithms.seq2seq.training.dataset import read_dataset
from forecastle.algorithms.seq2seq.training.job import fit
from forecastle.algorithms.seq2seq.training.laptop import hyperparameters
from forecastle.algorithms.seq2seq.training.plan import Plan
from forecastle.algorithms.seq2seq.training.schedule import learning_rate
from forecastle.contract.channel import Channel

HELD_OUT, MOST_WORDS, BEAM = 1000, 12, 5
LONGEST = 50  # tokens of a translation
MEASURED = 40  # batches
Pair = tuple[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one line for programs")
    parser.add_argument("--epochs", type=int, help="instead of as many as take about twenty minutes")
    parser.add_argument("--pairs", type=int, help="only so many, for trying this out")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a hyperparameter")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--torch", action="store_true", help="PyTorch trains")
    parser.add_argument("--penalties", default="", help="length penalties to compare, such as 0.5,1,2")
    parser.add_argument("--measure", action="store_true", help="only the seconds of an epoch")
    parser.add_argument("--until", type=float, default=float("inf"), help="a Unix time")
    parser.add_argument("--translations", type=Path, help="a file for source, reference and translation of each")
    arguments = parser.parse_args()
    given = dict(item.split("=", 1) for item in arguments.set)
    if arguments.epochs:
        given["max_num_epochs"] = str(arguments.epochs)
    with tempfile.TemporaryDirectory() as folder:
        train, held_out = split(arguments.pairs)
        path = Path(folder, "train", "pairs.tsv")
        path.parent.mkdir()
        path.write_text("".join(f"{source}\t{target}\n" for source, target in train))
        channel = Channel("train", path.parent)
        given |= hyperparameters(given, channel)
        log = Log(quiet=arguments.json)
        job = Job(
            Seq2SeqHyperparameters.parse(given),
            {"train": channel},
            log,
            stopping=lambda: time.time() > arguments.until,
            threads=arguments.threads,
        )
        if arguments.measure:
            print(json.dumps({"epoch_seconds": seconds_of_an_epoch(job)}))
            return
        begin = time.time()
        network, source, target, more = (by_torch if arguments.torch else by_ours)(job, arguments.until)
        seconds = time.time() - begin
    references = [text for _, text in held_out]

    def found(penalty: float) -> list[str]:
        return translations(network, source, target, [text for text, _ in held_out], penalty, arguments.threads)

    texts = found(job.hyperparameters.length_penalty)
    if arguments.translations:
        lines = ("\t".join((text, wanted, found)) for (text, wanted), found in zip(held_out, texts, strict=True))
        arguments.translations.write_text("".join(f"{line}\n" for line in lines))
    result: dict[str, Any] = scores(texts, references) | more
    result |= {"seconds": round(seconds, 1), "epochs": int(given["max_num_epochs"]), "trained_pairs": len(train)}
    result |= {"trainer": "torch" if arguments.torch else "native", "set": arguments.set, "perplexities": log.values}
    show(result, arguments.json)
    for penalty in filter(None, arguments.penalties.split(",")):
        show({"length_penalty": penalty} | scores(found(float(penalty)), references), arguments.json)


def show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(result), flush=True)
    else:
        print("\n".join(f"{name:20} {value}" for name, value in result.items()), flush=True)


def split(most: int | None = None) -> tuple[list[Pair], list[Pair]]:
    """The pairs to train on, and the held-out ones."""
    corpus = read_corpus(Channel("train", DATA), None, lambda: False)
    assert isinstance(corpus, Texts)
    pairs = [pair for pair in corpus.pairs if pair != ("eng", "deu")]
    pairs = sorted(pairs, key=lambda pair: (zlib.crc32(f"held out {pair[0]}".encode()), pair))[:most]
    short = list({source: (source, target) for source, target in pairs}.values())
    short = [pair for pair in short if len(pair[0].split()) <= MOST_WORDS]
    held_out = short[: min(HELD_OUT, len(short) // 5)]
    sources = {_plain(source) for source, _ in held_out}
    return [pair for pair in pairs if _plain(pair[0]) not in sources], held_out


def _plain(text: str) -> str:
    return text.lower().rstrip(".!? ")


class Log:
    """A job's log on standard output, unless it is quiet; keeps the perplexities of the validation."""

    host = "algo-1"

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.values: list[float] = []

    def line(self, text: str) -> None:
        if "epoch=" in text and " validation perplexity " in text:
            self.values.append(round(float(text.rpartition("=")[2]), 2))
        if not self.quiet:
            print(text, flush=True)

    warning = line

    def metrics(self, operation: str, since: float, values: Mapping[str, Any]) -> None:
        pass

    def progress(self, share: float, note: str = "") -> None:
        pass


Trained = tuple[Network, Tokens, Tokens, dict[str, Any]]


def by_ours(job: Job[Seq2SeqHyperparameters], until: float) -> Trained:
    model = fit(job)
    stopped = {"stopped": True} if time.time() > until else {}
    return model.network, model.source, model.target, {**model.metrics, **stopped}


def by_torch(job: Job[Seq2SeqHyperparameters], until: float) -> Trained:
    """The same training by `benchmarks.seq2seq_tatoeba_torch`, in a process of its own."""
    data, given = read_dataset(job), job.hyperparameters
    plan = Plan(given, data.source.size, data.target.size, "", given.seed or 0)
    batches = Batches(data.train, given)
    learner = plan.learner(1)
    assert given.max_num_epochs
    limit = given.max_num_epochs * len(batches)
    epochs = [rows for epoch in range(given.max_num_epochs) for rows in batches.epoch(plan.seed, epoch)]
    initial = learner.network()
    with tempfile.TemporaryDirectory() as folder:
        arrays: dict[str, Any] = dict(initial.arrays())
        np.savez(Path(folder, "network.npz"), **arrays)
        np.savez(
            Path(folder, "data.npz"),
            **data.train._asdict(),
            rows=np.concatenate(epochs),
            ends=np.cumsum([len(rows) for rows in epochs]),
            rates=np.array([learning_rate(done, [], given, limit) for done in range(limit)]),
        )
        how = plan.optimization
        problem = {
            "parameters": initial.parameters(),
            "dropout": {name: getattr(given, name) for name in DROPOUT},
            "smoothing": given.label_smoothing,
            "clip": how.clip_gradient,
            "epsilon": how.epsilon,
            "seed": plan.seed,
            "until": until,
        }
        Path(folder, "problem.json").write_text(json.dumps(problem))
        python = os.environ["TORCH_PYTHON"]
        subprocess.run([python, "-m", "benchmarks.seq2seq_tatoeba_torch", folder], check=True)
        with np.load(Path(folder, "trained.npz")) as packed:
            arrays = {name: packed[name] for name in packed.files}
    more = {"training_seconds": float(arrays.pop("seconds")), "batches_of": [int(arrays.pop("batches")), limit]}
    return Network.from_artifact(initial.parameters(), arrays), data.source, data.target, more


DROPOUT = ("embed_dropout_source", "embed_dropout_target", "rnn_decoder_hidden_dropout")


def seconds_of_an_epoch(job: Job[Seq2SeqHyperparameters]) -> float:
    data, given = read_dataset(job), job.hyperparameters
    plan, batches = Plan(given, data.source.size, data.target.size, "", 1), Batches(data.train, given)
    learner = plan.learner(job.threads)
    first, *others = (batches.batch(rows) for rows in islice(batches.epoch(1, 0), MEASURED + 1))
    learner.step(first, 0.001, 1)
    begin = time.time()
    for batch in others:
        learner.step(batch, 0.001, 1)
    return (time.time() - begin) / len(others) * len(batches)


def translations(
    network: Network, source: Tokens, target: Tokens, texts: list[str], penalty: float, threads: int
) -> list[str]:
    ids = [source.encode(text) for text in texts]
    found = translate(network, ids, beam_size=BEAM, length_penalty=penalty, longest=LONGEST, threads=threads)
    return [target.decode(best.words) for (best, *_) in found]


def scores(texts: list[str], references: list[str]) -> dict[str, Any]:
    """BLEU, and what lies behind it if sacrebleu computes it."""
    try:
        import sacrebleu  # type: ignore[import-not-found]
    except ImportError:
        return {"bleu": round(corpus_bleu(texts, references), 2)}
    bleu = sacrebleu.corpus_bleu(texts, [references])
    chrf = sacrebleu.corpus_chrf(texts, [references])
    return {"bleu": round(bleu.score, 2), "brevity": round(bleu.bp, 3), "chrf": round(chrf.score, 2)}


if __name__ == "__main__":
    main()
