"""Random Cut Forest: `from forecastle.algorithms.random_cut_forest import RandomCutForest` is the estimator."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecastle.algorithms.random_cut_forest.estimator import RandomCutForest

__all__ = ["RandomCutForest"]


def __getattr__(name: str) -> Any:
    """Import the estimator, and scikit-learn, at its first use: a server needs neither."""
    if name != "RandomCutForest":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from forecastle.algorithms.random_cut_forest.estimator import RandomCutForest

    return RandomCutForest
