"""Beam search, batched over sentences.

Each sentence has a beam of some hypotheses. At each step the best extensions by a word are kept; one that ends with
</s> is finished, and takes its place in the beam for good. The first word is never </s>: training has no empty target,
so no translation is empty. The search of a sentence ends when its beam is full of finished ones, or when none of the
others can come among the best that were asked for.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from forecastle.algorithms.seq2seq.architecture import END, START
from forecastle.algorithms.seq2seq.arrays import Floats, Indices, Words
from forecastle.algorithms.seq2seq.inference.candidates import Doubles, best_candidates
from forecastle.algorithms.seq2seq.inference.decoder import State, advance, read, score
from forecastle.algorithms.seq2seq.inference.weights import Weights
from forecastle.algorithms.seq2seq.network import Network
from forecastle.formats.translation.hypothesis import Hypothesis
from forecastle.kernels.arrays import Flags
from forecastle.kernels.lanes import aligned
from forecastle.kernels.threads import available_cores, in_parallel

# Sentences at once: more make no product faster, but take more memory. The encoder takes 12 numbers for each state of
# each source word, so that is at most 48 MiB, or a sentence.
MOST_SENTENCES = 64
MOST_STATES = 1 << 20
# Hypotheses whose next words are scored at once: their scores stay in a core's cache until the best ones are chosen.
MOST_SCORED = 192
_WEIGHTS: WeakKeyDictionary[Network, Weights] = WeakKeyDictionary()


def prepare(network: Network) -> Weights:
    """Pack a network's weights, once for each network; `translate` does it at its first call."""
    if network not in _WEIGHTS:
        _WEIGHTS[network] = Weights.of(network)
    return _WEIGHTS[network]


def translate(
    network: Network,
    sources: Sequence[Words],
    *,
    beam_size: int = 5,
    length_penalty: float = 1.0,
    best: int = 1,
    longest: int = 100,
    want_attention: bool = False,
    threads: int | None = None,
) -> list[list[Hypothesis]]:
    """The best translations of each sentence, the best one first.

    The answer to a sentence depends neither on the others nor on the threads.

    Parameters
    ----------
    sources : the ids of each sentence's words, without <s> and </s>; at least one word, all of them in the vocabulary.
    length_penalty : α ≥ 0 of Wu et al., "Google's neural machine translation system", 2016: log-probabilities are
        divided by ((5 + length) / 6)^α, where the length counts </s>. The coverage penalty is not applied.
    best : how many translations of each sentence, at most `beam_size`; a sentence may have fewer, and none if the
        network's numbers overflow.
    longest : the most words of a translation; hypotheses that are as long end there without </s>.
    threads : at most so many; by default one for each available core.
    """
    weights = prepare(network)
    threads = available_cores() if threads is None else threads
    most = max(1, min(MOST_SENTENCES, -(-len(sources) // threads)))
    groups = _groups([len(source) for source in sources], most, MOST_STATES // weights.layout.hidden)
    found: list[list[Hypothesis]] = [[] for _ in sources]

    def work(start: int, stop: int) -> None:
        for numbers in groups[start:stop]:
            search = _Search(len(numbers), beam_size, length_penalty, best, longest, want_attention)
            for number, hypotheses in zip(numbers, search.run(weights, [sources[number] for number in numbers])):
                found[number] = hypotheses

    in_parallel(work, len(groups), block=1, threads=threads)
    return found


def _groups(lengths: list[int], sentences: int, words: int) -> list[list[int]]:
    """The numbers of sentences that are translated together, of similar lengths; at most so many sentences and words,
    but at least one sentence."""
    groups: list[list[int]] = []
    room = 0
    for number in sorted(range(len(lengths)), key=lambda number: lengths[number]):
        if not groups or len(groups[-1]) == sentences or lengths[number] > room:
            groups.append([])
            room = words
        groups[-1].append(number)
        room -= lengths[number]
    return groups


@dataclass(frozen=True, slots=True)
class _Finished:
    score: float
    step: int  # after which it ended
    row: int  # its hypothesis before the last word
    word: int  # its last word; END is not part of it


@dataclass(slots=True, eq=False, repr=False)
class _Search:
    """The search for the translations of some sentences, and its history: for each step the row that each hypothesis
    continues, its word, and the attention's weights for it."""

    sentences: int
    beam_size: int
    length_penalty: float
    best: int
    longest: int
    want_attention: bool
    parents: list[Indices] = field(default_factory=list)
    words: list[Indices] = field(default_factory=list)
    attention: list[Floats] = field(default_factory=list)
    finished: list[list[_Finished]] = field(init=False)  # of each sentence, the best first
    worst: Doubles = field(init=False)  # score of the best ones of each sentence; −∞ until there are as many
    scores: Floats = field(init=False)  # of the words after some hypotheses

    def run(self, weights: Weights, sources: list[Words]) -> list[list[Hypothesis]]:
        """The best hypotheses of each sentence."""
        self.finished, self.worst = [[] for _ in sources], np.full(len(sources), -np.inf)
        most = min(max(MOST_SCORED, self.beam_size), len(sources) * self.beam_size)
        self.scores = aligned(most, weights.layout.target_words)
        memory, state = read(weights, sources)
        live = np.arange(len(sources))  # the sentence of each hypothesis
        words, totals = np.full(len(sources), START), np.zeros(len(sources))
        free = np.full(len(sources), self.beam_size)  # places in each beam
        for step in range(1, self.longest + 1):
            state, attention = advance(weights, memory, live, words, state)
            totals, rows, words, live = self._extend(weights, state, totals, live, free, may_end=step > 1)
            if self.want_attention:
                self.attention.append(attention)
            ended = (words == END) | (step == self.longest)
            self._finish(step, totals, rows, words, live, ended)
            free -= np.bincount(live[ended], minlength=len(free))
            going = ~ended & ~self._hopeless(totals, live)[live]
            totals, rows, words, live = totals[going], rows[going], words[going], live[going]
            self.parents.append(rows)
            self.words.append(words)
            if not len(live):
                break
            state = state.of(rows)
        return [
            [self._hypothesis(each, len(source)) for each in finished[: self.best]]
            for finished, source in zip(self.finished, sources)
        ]

    def _extend(
        self, weights: Weights, state: State, totals: Doubles, live: Indices, free: Indices, *, may_end: bool
    ) -> tuple[Doubles, Indices, Indices, Indices]:
        """The best extensions of each sentence: log-probabilities, rows, words and sentences."""
        starts = np.flatnonzero(np.concatenate([[True], live[1:] != live[:-1], [True]]))  # they are sorted
        sentences = live[starts[:-1]]
        shape = len(sentences), self.beam_size
        best, rows, words = np.empty(shape), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        first = 0
        while first < len(sentences):
            begin, after = starts[first], len(sentences)
            if len(live) - begin > MOST_SCORED:
                after = max(first + 1, int(np.searchsorted(starts, begin + MOST_SCORED, "right")) - 1)
            end = starts[after]
            scores = self.scores[: end - begin]
            score(weights, state.attentional[begin:end], scores)
            best_candidates(
                scores,
                weights.padded["output_bias"],
                weights.layout.architecture.target_words,
                totals[begin:end],
                starts[first : after + 1] - begin,
                free[sentences[first:after]],
                may_end,
                best[first:after],
                rows[first:after],
                words[first:after],
            )
            if begin:
                rows[first:after] += begin
            first = after
        there = best > -np.inf
        return best[there], rows[there], words[there], np.repeat(sentences, there.sum(axis=1))

    def _finish(self, step: int, totals: Doubles, rows: Indices, words: Indices, live: Indices, ended: Flags) -> None:
        penalty = self._penalty(step)
        for place in np.flatnonzero(ended):
            finished = _Finished(float(totals[place]) / penalty, step, int(rows[place]), int(words[place]))
            its = self.finished[live[place]]
            insort(its, finished, key=_by_score)
            if len(its) >= self.best:
                self.worst[live[place]] = its[self.best - 1].score

    def _hopeless(self, totals: Doubles, live: Indices) -> Flags:
        """For each sentence, whether none of its hypotheses can still come among the best."""
        most = np.full(self.sentences, -np.inf)
        np.maximum.at(most, live, totals)
        most /= self._penalty(self.longest)  # no hypothesis gets more probable as it grows
        return self.worst >= most

    def _penalty(self, length: int) -> float:
        return float(((5 + length) / 6) ** self.length_penalty)

    def _hypothesis(self, finished: _Finished, source_words: int) -> Hypothesis:
        words, attention = [], []
        step, row, word = finished.step - 1, finished.row, finished.word
        while True:
            if word != END:
                words.append(word)
                if self.want_attention:
                    attention.append(self.attention[step][row, :source_words])
            if step == 0:
                break
            step -= 1
            row, word = int(self.parents[step][row]), int(self.words[step][row])
        return Hypothesis(
            np.array(words[::-1], np.int32),
            finished.score,
            np.array(attention[::-1], np.float32).reshape(len(words), source_words) if self.want_attention else None,
        )


def _by_score(finished: _Finished) -> float:
    return -finished.score
