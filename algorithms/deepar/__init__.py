"""DeepAR: `from forecastle.algorithms.deepar import DeepAR` is the estimator."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecastle.algorithms.deepar.estimator import DeepAR

__all__ = ["DeepAR"]


def __getattr__(name: str) -> Any:
    """The estimator, and scikit-learn with it, at its first use: a server does without both."""
    if name != "DeepAR":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from forecastle.algorithms.deepar.estimator import DeepAR

    return DeepAR
