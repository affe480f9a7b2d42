"""The metrics of a network on the validation pairs: perplexity, accuracy and BLEU."""

import math

import numpy as np

from forecastle.algorithms.seq2seq.arrays import Indices
from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters
from forecastle.algorithms.seq2seq.inference.beam import translate
from forecastle.algorithms.seq2seq.network import Network
from forecastle.algorithms.seq2seq.training.batches import Batches
from forecastle.algorithms.seq2seq.training.bleu import corpus_bleu
from forecastle.algorithms.seq2seq.training.dataset import Dataset
from forecastle.algorithms.seq2seq.training.learner import Learner, Outcome, Pairs

Metrics = dict[str, float]


class Validation:
    """Computes the metrics of a network in training."""

    def __init__(self, data: Dataset, given: Seq2SeqHyperparameters, seed: int, threads: int) -> None:
        self._data, self._given, self._threads = data, given, threads
        self._batches = Batches(data.validation, given)
        self._sample = _sample(data.validation, given, seed)

    def metrics(self, learner: Learner) -> Metrics:
        """The metrics of the network as it is now, by name; BLEU only if it was asked for."""
        total = Outcome(0.0, 0, 0)
        for batch in self._batches.in_order():
            total += learner.evaluate(batch)
        found = metrics_of(total)
        if len(self._sample):
            found["bleu"] = self._bleu(learner.network())
        return found

    def _bleu(self, network: Network) -> float:
        pairs, given, data = self._data.validation, self._given, self._data
        ends = np.concatenate([[0], pairs.source_ends])
        sources = [pairs.source[ends[row] : ends[row + 1]] for row in self._sample]
        found = translate(
            network,
            sources,
            beam_size=given.beam_size,
            length_penalty=given.length_penalty,
            best=1,
            longest=given.max_seq_len_target,
            want_attention=False,
            threads=self._threads,
        )
        texts = [data.target.decode(best[0].words) if best else "" for best in found]
        return corpus_bleu(texts, [data.references[row] for row in self._sample], split=data.is_text)


def metrics_of(outcome: Outcome) -> Metrics:
    """Perplexity and accuracy of a batch, or of several together."""
    loss = outcome.negative_log_likelihood / outcome.tokens
    perplexity = math.exp(loss) if loss < 700 else math.inf  # exp(710) is beyond a float
    return {"perplexity": perplexity, "accuracy": outcome.correct / outcome.tokens}


def _sample(pairs: Pairs, given: Seq2SeqHyperparameters, seed: int) -> Indices:
    """The pairs that are translated for BLEU, (n,)."""
    count, wanted = len(pairs.source_ends), given.bleu_sample_size
    if given.optimized_metric == "bleu" and wanted == 0:
        wanted = -1
    if wanted < 0 or wanted >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, count]).choice(count, wanted, replace=False))
