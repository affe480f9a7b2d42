"""Evaluation on the test channel: how well the scores separate labelled anomalies from normal rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.interface import Job, Model
from forecastle.algorithms.random_cut_forest.hyperparameters import RandomCutForestHyperparameters
from forecastle.algorithms.random_cut_forest.inference.score import score
from forecastle.algorithms.random_cut_forest.model import RandomCutForestModel
from forecastle.algorithms.random_cut_forest.training.job import labelled_blocks


def evaluate(model: Model[Any, Any], job: Job[RandomCutForestHyperparameters]) -> dict[str, float]:
    """Score the test channel; rows above the model's threshold count as anomalies.

    Of several hosts each scores its shard; a channel that is not sharded is scored by the leading host.
    Raises `InvalidData` if there are no labels, or labels other than 0 and 1.
    """
    assert isinstance(model, RandomCutForestModel)
    log, wanted = job.log, job.hyperparameters.eval_metrics
    if "test" not in job.channels:
        log.line("Test data is not provided.")
        return {}
    found, labels = _scored(model, job)
    metrics = measures(labels, found) if job.group.size == 1 else of_counts(job.group.sum(counts(labels, found)))
    if not job.group.leads:
        return {}
    names = [name for name in metrics if ("accuracy" if name == "accuracy" else "precision_recall_fscore") in wanted]
    for name in names:
        log.line(f"#quality_metric: host={log.host}, test {name} <score>={metrics[name]}")
    return {f"test:{name}": metrics[name] for name in names}


def measures(
    labels: NDArray[np.bool_], found: NDArray[np.bool_], weights: NDArray[np.int64] | None = None
) -> dict[str, float]:
    """Accuracy, precision, recall and F1 of `found` (rows,) against `labels` (rows,); 0 if one is not defined.

    `weights`, (rows,), are the numbers of rows that each stands for; None: one.
    """
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, found, average="binary", zero_division=0, sample_weight=weights
    )
    accuracy = accuracy_score(labels, found, sample_weight=weights)
    return {"accuracy": float(accuracy), "precision": float(precision), "recall": float(recall), "f1": float(f1)}


def counts(labels: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many rows have which label and were found or not, (2, 2)."""
    pairs = 2 * labels.astype(np.int64) + found
    return np.bincount(pairs, minlength=4).reshape(2, 2)


def of_counts(numbers: NDArray[np.int64]) -> dict[str, float]:
    """The `measures` of rows that were counted, (2, 2)."""
    labels, found = np.array([False, False, True, True]), np.array([False, True, False, True])
    return measures(labels, found, numbers.ravel())


def _scored(
    model: RandomCutForestModel, job: Job[RandomCutForestHyperparameters]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each row of the test channel that this host has is above the threshold, and its label, (rows,) each."""
    channel, width = job.channels["test"], job.hyperparameters.feature_dim
    found, labels = [np.empty(0, np.bool_)], [np.empty(0, np.bool_)]
    for block in labelled_blocks(channel, width, job.stopping) if channel.sharded or job.group.leads else ():
        assert block.labels is not None
        scores = score(model.forest, block.features, threads=job.threads, exact=block.exact).astype(np.float64)
        found.append(scores > model.threshold)
        labels.append(block.labels == 1)
    return np.concatenate(found), np.concatenate(labels)
