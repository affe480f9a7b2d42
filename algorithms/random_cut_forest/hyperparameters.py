"""The hyperparameters of Random Cut Forest.

Source: "RCF Hyperparameters", AWS's developer guide; `seed` is ours.
"""

from typing import ClassVar, Literal

from pydantic import Field

from forecastle.contract.hyperparameters import Hyperparameters

Metric = Literal["accuracy", "precision_recall_fscore"]


class RandomCutForestHyperparameters(Hyperparameters):
    """The hyperparameters of a job."""

    without_effect: ClassVar[frozenset[str]] = frozenset({"mini_batch_size", "force_dense", "epochs"})

    feature_dim: int = Field(ge=1, le=10_000, description="Number of columns of the data.")
    num_samples_per_tree: int = Field(256, ge=1, le=2048, description="Rows sampled for each tree.")
    num_trees: int = Field(100, ge=50, le=1000, description="Number of trees in the forest.")
    eval_metrics: list[Metric] = Field(
        ["accuracy", "precision_recall_fscore"], description="Metrics that are computed on the test channel."
    )
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="Makes training repeatable: the same seed and data give the same model."
    )
