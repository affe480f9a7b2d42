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

    Raises `InvalidData` if there are no labels, or labels other than 0 and 1.
    """
    assert isinstance(model, RandomCutForestModel)
    log, wanted = job.log, job.hyperparameters.eval_metrics
    if "test" not in job.channels:
        log.line("Test data is not provided.")
        return {}
    scores, labels = _scored(model, job)
    metrics = measures(labels, scores > model.threshold)
    names = [name for name in metrics if ("accuracy" if name == "accuracy" else "precision_recall_fscore") in wanted]
    for name in names:
        log.line(f"#quality_metric: host={log.host}, test {name} <score>={metrics[name]}")
    return {f"test:{name}": metrics[name] for name in names}


def measures(labels: NDArray[np.bool_], found: NDArray[np.bool_]) -> dict[str, float]:
    """Accuracy, precision, recall and F1 of `found` (rows,) against `labels` (rows,); 0 if one is not defined."""
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(labels, found, average="binary", zero_division=0)
    accuracy = accuracy_score(labels, found)
    return {"accuracy": float(accuracy), "precision": float(precision), "recall": float(recall), "f1": float(f1)}


def _scored(
    model: RandomCutForestModel, job: Job[RandomCutForestHyperparameters]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores and labels of every row of the test channel, (rows,) each."""
    scores: list[NDArray[np.float32]] = []
    labels: list[NDArray[np.bool_]] = []
    for block in labelled_blocks(job.channels["test"], job.hyperparameters.feature_dim, job.stopping):
        assert block.labels is not None
        scores.append(score(model.forest, block.features, threads=job.threads, exact=block.exact))
        labels.append(block.labels == 1)
    return np.concatenate(scores).astype(np.float64), np.concatenate(labels)
