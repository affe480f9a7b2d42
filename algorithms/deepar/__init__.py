"""DeepAR: `from forecastle.algorithms.deepar import DeepAR` is the estimator."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecastle.algorithms.deepar.estimator import DeepAR

__all__ = ["DeepAR"]


def __getattr__(name: str) -> Any:
    """Import the estimator, and scikit-learn, at its first use: a server needs neither."""
    if name != "DeepAR":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from forecastle.algorithms.deepar.estimator import DeepAR

    return DeepAR
