"""seq2seq's training and translations beside the same network in eager PyTorch.

    python -m benchmarks.seq2seq [--json] [--runs 5] [--only training,losses,translation,memory]

The network has 256 LSTM cells, MLP attention, embeddings of 256 and 4,000 words of English and of German, which are
those of Tatoeba's sentences (../shared/data). It is trained on batches of 64, which have sentences of similar lengths;
then 64 other sentences of 10 words are translated with a beam of 5, all at once and one by one. Everything runs on one
core, in turn, and a second is one of the processor's time, so that other work does not count; medians. PyTorch drops
sentences that are done, as ours does, or keeps them in the batch to the end, as Sockeye 1 does (`…_kept`). It needs an
interpreter that has torch 2.13, which the variable TORCH_PYTHON names. Ratios above 1 say how many times faster ours
is, but for those called `…_over_…`, which are quotients of what the two columns say.
"""

import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.contender import THREADS, memory
from benchmarks.real_series import FOLDER
from benchmarks.report import Row, report
from forecastle.algorithms.seq2seq.architecture import END, UNKNOWN, Architecture
from forecastle.algorithms.seq2seq.inference.beam import translate
from forecastle.algorithms.seq2seq.network import Network
from forecastle.algorithms.seq2seq.training.learner import Batch
from forecastle.algorithms.seq2seq.training.native.learner import NativeLearner
from forecastle.algorithms.seq2seq.training.settings import Optimization, Regularization

DATA = FOLDER / "tatoeba_eng_deu.tsv.gz"
WORDS, CELLS, BATCH, BEAM, ALPHA, LONGEST = 4000, 256, 64, 5, 1.0, 30
LENGTH, SENTENCES, MOST = 10, 64, 14
EPOCHS, COUNTED = 3, 20  # of the network that translates; batches of each run of the training's
COMPARED = 30  # batches whose losses are compared
RATE, SMOOTHING, CLIP = 1e-3, 0.1, 1.0
EPSILON = 1e-12  # of Adam: so small that it does not matter that MXNet, as ours, adds it elsewhere than PyTorch
ARCHITECTURE = Architecture(WORDS, WORDS, rnn_num_hidden=CELLS, num_embed_source=CELLS, num_embed_target=CELLS)

TARGETS = {
    "training_vs_torch": 1.5,
    "losses_over_1e-3": 1.0,
    "translation_of_64_vs_torch": 5.0,
    "translation_of_one_vs_torch": 5.0,
    "one_p50_over_10_ms": 1.0,
    "memory_over_500_mib": 1.0,
}
Pair = tuple[list[int], list[int]]


def main() -> None:
    os.environ |= dict.fromkeys(THREADS, "1")
    report(__doc__, PARTS, TARGETS)


def training_rows(runs: int) -> Iterator[Row]:
    """Target words a second."""
    network, some = Network.initial(ARCHITECTURE, 0), list(batches(corpus().train, 0))[:COUNTED]
    learner, tokens = _learner(network), sum(int(batch.target_lengths.sum()) for batch in some)
    with peer(network, some) as ask:

        def ours() -> float:
            return _busy(lambda: [learner.step(batch, RATE, 0) for batch in some])

        rates = [(tokens / ours(), tokens / ask("train")["busy"]) for _ in range(runs + 1)][1:]
    yield _row("training_vs_torch", "target words a second", rates, lambda pair: pair[0] / pair[1])


def loss_rows(runs: int) -> Iterator[Row]:
    """The largest difference of a batch's mean loss, from the same weights on, without dropout."""
    del runs
    network, some = Network.initial(ARCHITECTURE, 0), list(batches(corpus().train, 0))[:COMPARED]
    learner = _learner(network)
    with peer(network, some) as ask:
        theirs = ask("train")["losses"]
    outcomes = [learner.step(batch, RATE, 0) for batch in some]
    own = [outcome.negative_log_likelihood / outcome.tokens for outcome in outcomes]
    most = max(abs(one - other) for one, other in zip(own, theirs, strict=True))
    yield "losses_over_1e-3", f"the most that a loss differs in {COMPARED} batches", most, 1e-3, most / 1e-3


def translation_rows(runs: int) -> Iterator[Row]:
    network, sources = trained(), [np.array(source, np.int32) for source, _ in corpus().test]
    options: dict[str, Any] = {"beam_size": BEAM, "length_penalty": ALPHA, "longest": LONGEST, "threads": 1}
    with peer(network, []) as ask:
        theirs = ask("translate")["words"]
        ours = [found[0].words.tolist() for found in translate(network, sources, **options)]
        same = sum(one == other for one, other in zip(ours, theirs, strict=True))
        yield "sentences_with_the_same_words", f"of {SENTENCES}", same, SENTENCES, same / SENTENCES

        def at_once() -> float:
            return 1e3 * _busy(lambda: translate(network, sources, **options)) / SENTENCES

        def median() -> float:
            return 1e3 * statistics.median(
                _busy(lambda source=source: translate(network, [source], **options))  # type: ignore[misc]
                for source in sources
            )

        for key, what in {"translation_of_64_vs_torch": "translate", "translation_of_64_vs_kept": "keep"}.items():
            times = [(at_once(), 1e3 * ask(what)["busy"] / SENTENCES) for _ in range(runs)]
            yield _row(key, "ms a sentence, all at once", times, lambda pair: pair[1] / pair[0])
        times = [(median(), 1e3 * ask("one")["busy"]) for _ in range(runs)]
        yield _row("translation_of_one_vs_torch", "ms a sentence alone, p50", times, lambda pair: pair[1] / pair[0])
        p50 = statistics.median(own for own, _ in times)
        yield "one_p50_over_10_ms", "ms a sentence alone, p50", p50, 10.0, p50 / 10


def memory_rows(runs: int) -> Iterator[Row]:
    """What an epoch of training needs, beyond imports and sentences."""
    del runs
    some = list(batches(corpus().train, 0))[:COUNTED]
    _learner(Network.initial(ARCHITECTURE, 0)).step(some[0], RATE, 0)  # compiles
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory("VmRSS")
    learner = _learner(Network.initial(ARCHITECTURE, 0))
    for batch in some:
        learner.step(batch, RATE, 0)
    more = memory("VmHWM") - before
    yield "memory_over_500_mib", "MiB at the most, beyond imports and sentences", more, 500.0, more / 500


class Corpus(NamedTuple):
    """Pairs of sentences as ids: those to learn, of at most MOST words, and those to translate, of LENGTH words."""

    train: list[Pair]
    test: list[Pair]


@cache
def corpus() -> Corpus:
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        next(lines)  # the columns' names
        texts = [[re.findall(r"\w+|[^\w\s]", text.lower()) for text in line.split("\t")[:2]] for line in lines]
    ids = []
    for side in range(2):
        counts = Counter(word for pair in texts for word in pair[side])
        ids.append({word: number for number, (word, _) in enumerate(counts.most_common(WORDS - END - 1), END + 1)})
    pairs: list[Pair] = [
        ([ids[0].get(word, UNKNOWN) for word in source], [ids[1].get(word, UNKNOWN) for word in target])
        for source, target in texts
        if max(len(source), len(target)) <= MOST
    ]
    test = [number for number, (source, _) in enumerate(pairs) if len(source) == LENGTH][:SENTENCES]
    return Corpus([pair for number, pair in enumerate(pairs) if number not in test], [pairs[number] for number in test])


def batches(pairs: list[Pair], seed: int) -> Iterator[Batch]:
    """All pairs in a random order; those of a batch have similar lengths."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pairs)).tolist()
    several = []
    for first in range(0, len(order), 50 * BATCH):
        alike = sorted(order[first : first + 50 * BATCH], key=lambda one: (len(pairs[one][1]), len(pairs[one][0])))
        several += [alike[start : start + BATCH] for start in range(0, len(alike), BATCH)]
    for number in rng.permutation(len(several)):
        chosen = [pairs[one] for one in several[number]]
        source, source_lengths = _padded([source for source, _ in chosen])
        target, target_lengths = _padded([[*target, END] for _, target in chosen])
        yield Batch(source, source_lengths, target, target_lengths)


def _padded(sentences: list[list[int]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    lengths = np.array([len(sentence) for sentence in sentences])
    rows = np.zeros((len(sentences), lengths.max()), np.int32)
    for row, sentence in zip(rows, sentences):
        row[: len(sentence)] = sentence
    return rows, lengths


def trained() -> Network:
    """A network after some epochs."""
    learner = NativeLearner(
        Network.initial(ARCHITECTURE, 0),
        Regularization(0.2, 0.2, 0.2, SMOOTHING),
        Optimization(clip_norm=CLIP, per_token=True),
    )
    for epoch in range(EPOCHS):
        for number, batch in enumerate(batches(corpus().train, epoch)):
            learner.step(batch, 2 * RATE, 1000 * epoch + number)
    return learner.network()


def _learner(network: Network) -> NativeLearner:
    """What PyTorch computes, too: without dropout, as its random numbers are others."""
    how = Optimization(clip_gradient=-1.0, clip_norm=CLIP, per_token=True, epsilon=EPSILON)
    return NativeLearner(network, Regularization(label_smoothing=SMOOTHING), how, threads=1)


@contextmanager
def peer(network: Network, some: list[Batch]) -> Iterator[Callable[[str], dict[str, Any]]]:
    """A process of PyTorch that trains on some batches or translates, as it is asked to."""
    python = os.environ.get("TORCH_PYTHON", "")
    if not python:
        sys.exit("The variable TORCH_PYTHON must name an interpreter that has torch.")
    with tempfile.TemporaryDirectory() as folder:
        arrays: dict[str, Any] = dict(network.arrays())
        np.savez(Path(folder, "network.npz"), **arrays)
        for number, batch in enumerate(some):
            np.savez(Path(folder, f"batch{number}.npz"), source=batch.source, target=batch.target)
        problem = {
            "parameters": network.parameters(),
            "sources": [source for source, _ in corpus().test],
            "batches": len(some),
            "rate": RATE,
            "smoothing": SMOOTHING,
            "clip": CLIP,
            "epsilon": EPSILON,
            "beam": BEAM,
            "alpha": ALPHA,
            "longest": LONGEST,
        }
        Path(folder, "problem.json").write_text(json.dumps(problem))
        process = subprocess.Popen(
            [python, "-m", "benchmarks.seq2seq_torch", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(what: str) -> dict[str, Any]:
            stdin.write(f"{what}\n")
            stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
            return answer

        try:
            yield ask
        finally:
            stdin.close()
            process.wait()


def _busy(work: Callable[[], object]) -> float:
    """Seconds of the processor's time."""
    start = time.process_time()
    work()
    return time.process_time() - start


def _row(key: str, what: str, pairs: list[tuple[float, float]], ratio: Callable[[tuple[float, float]], float]) -> Row:
    own, other = (statistics.median(column) for column in zip(*pairs))
    return key, what, own, other, statistics.median(map(ratio, pairs))


PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "training": training_rows,
    "losses": loss_rows,
    "translation": translation_rows,
    "memory": memory_rows,
}

if __name__ == "__main__":
    main()
