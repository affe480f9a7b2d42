"""The kinds of network that are trained: GluonTS', and SageMaker's as far as its models show it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Kind:
    """What training differs in from kind to kind; the artifact contains what inference must know.

    Attributes
    ----------
    forget_bias : what the forget gates' biases of the inputs begin with; all other biases begin with 0.
    reset_while_padded, missing_is_mean : see `Network`.
    default_scale_of_all : whether the scale of a window without observed values is the mean of |y| over the training
        set, as in inference, or over the window's batch.
    own_date_features : by the frequency's unit, where they are not the frequency's.
    """

    name: str
    forget_bias: float
    reset_while_padded: bool
    missing_is_mean: bool
    default_scale_of_all: bool
    own_date_features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


GLUONTS = Kind("gluonts", 0.0, reset_while_padded=False, missing_is_mean=False, default_scale_of_all=False)
SAGEMAKER = Kind(
    "sagemaker",
    1.0,
    reset_while_padded=True,
    missing_is_mean=True,
    default_scale_of_all=True,
    own_date_features={"D": ("day of week", "day of month", "day of year", "week of year")},
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (GLUONTS, SAGEMAKER)} | {"auto": SAGEMAKER}
