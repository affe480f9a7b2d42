"""A training job of Sequence to Sequence: from the channels' bytes to a model."""

import secrets
from collections.abc import Iterator

import numpy as np

from forecastle.algorithms.interface import Job
from forecastle.algorithms.seq2seq.arrays import Words
from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters
from forecastle.algorithms.seq2seq.model import Seq2SeqModel
from forecastle.algorithms.seq2seq.training.batches import Batches
from forecastle.algorithms.seq2seq.training.checkpoint import seed_in
from forecastle.algorithms.seq2seq.training.dataset import Dataset, read_dataset
from forecastle.algorithms.seq2seq.training.learner import Pairs
from forecastle.algorithms.seq2seq.training.log import TrainingLog
from forecastle.algorithms.seq2seq.training.plan import Plan
from forecastle.algorithms.seq2seq.training.train import limit_of, train
from forecastle.algorithms.seq2seq.training.validation import Validation
from forecastle.contract.errors import InvalidJob, Stopped


def fit(job: Job[Seq2SeqHyperparameters]) -> Seq2SeqModel:
    """Train a network on the channels.

    A job that is stopped by SIGTERM keeps the model trained so far. Raises `InvalidData` for an error in the data,
    `InvalidJob` if the hyperparameters do not fit it, `Stopped` on SIGTERM before there is a model.
    """
    data, given, line = read_dataset(job), job.hyperparameters, job.log.line
    if data.note:
        line(data.note)
    for sentence in _described(data, given):
        line(sentence)
    seed = given.seed if job.checkpoints is None or given.seed is not None else seed_in(job.checkpoints)
    plan = Plan(
        given=given,
        source_words=data.source.size,
        target_words=data.target.size,
        data=data.fingerprint(),
        seed=secrets.randbits(63) if seed is None else seed,
    )
    batches = Batches(data.train, given)
    learner = plan.learner(job.threads)
    count = sum(array.size for array in learner.network().arrays().values())
    line(f"Network: {count} parameters, an epoch has {len(batches)} batches")
    line("Number of GPUs being used: 0")
    trained = train(
        learner,
        batches,
        Validation(data, given, plan.seed, job.threads),
        plan,
        TrainingLog(job.log, given, len(batches), limit_of(plan, len(batches))),
        job.stopping,
        job.checkpoints,
    )
    if trained.stopped:
        if not trained.batches:
            raise Stopped("Stopped by SIGTERM before the first batch: there is no model.")
        line("Stopped by SIGTERM: the model is the one trained so far.")
    if trained.checkpoint:
        line(f"Loading parameters from the best checkpoint ({trained.checkpoint})")
    finite = all(np.isfinite(array).all() for array in trained.network.arrays().values())
    if not finite or not np.isfinite(list(trained.metrics.values())).all():
        what = "its validation perplexity" if finite else "it"
        raise InvalidJob(
            f"The trained network is of no use, as {what} is not finite: lower the hyperparameter "
            f"learning_rate, {given.learning_rate}, or weight_init_scale, {given.weight_init_scale}."
        )
    for name, value in trained.metrics.items():
        line(f"#quality_metric: host={job.log.host}, validation {name} <score>={value}")
    return Seq2SeqModel(
        trained.network,
        data.source,
        data.target,
        metrics={f"validation:{name}": value for name, value in trained.metrics.items()},
        seed=plan.seed,
        beam_size=given.beam_size,
        length_penalty=given.length_penalty,
        training_pairs=len(data.train.source_ends),
        examples=data.examples,
    )


def examine(job: Job[Seq2SeqHyperparameters]) -> Iterator[str]:
    """Read all pairs without training, and yield a line for each channel. Raises what `fit` raises on data."""
    data = read_dataset(job)
    if data.note:
        yield data.note
    yield from _described(data, job.hyperparameters)


def _described(data: Dataset, given: Seq2SeqHyperparameters) -> Iterator[str]:
    for name, pairs in (("train", data.train), ("validation", data.validation)):
        yield (
            f"Channel {name}: {len(pairs.source_ends):,} pairs of {_mean(pairs.source, pairs):.1f} and "
            f"{_mean(pairs.target, pairs):.1f} tokens on average."
        )
    if data.cut_off:
        yield (
            f"Channel train: {data.cut_off:,} of the pairs are cut off at max_seq_len_source, "
            f"{given.max_seq_len_source}, or max_seq_len_target, {given.max_seq_len_target}."
        )
    yield f"Vocabulary: {data.source.size:,} source tokens, {data.target.size:,} target tokens."


def _mean(words: Words, pairs: Pairs) -> float:
    return len(words) / len(pairs.source_ends)
