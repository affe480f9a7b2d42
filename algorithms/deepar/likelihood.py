"""The likelihoods: the distribution of a value given the past.

Everything that depends on the likelihood, except arithmetic, is a field of its row in `LIKELIHOODS`. Kernels use its
number. Another likelihood is a name, a number and a row here, its draws in `inference/draw.py` and its loss
in `training/native/loss.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

GAUSSIAN, BETA, NEGATIVE_BINOMIAL, STUDENT_T, DETERMINISTIC_L1 = range(5)  # their numbers in kernels

LEAST = float(np.finfo(np.float32).eps)  # the smallest positive parameter in GluonTS, 2⁻²³


@dataclass(frozen=True, slots=True)
class Support:
    """The values that a target may have; `description` is the expectation in errors."""

    low: float
    high: float
    description: str


@dataclass(frozen=True, slots=True, eq=False)
class Likelihood:
    """A likelihood and its properties.

    Attributes
    ----------
    parameters : of the distribution, in the order of the projection's rows.
    typical : a value that it may draw, from a number in (0, 1) with a daily pattern; for sample requests.
    gluonts : the class of GluonTS for the same likelihood; None if there is none.
    support : None if a target may have any value.
    fill_value : replaces missing values, and all features before a series' start.
    clip : the range that training clips values to; None if it does not.
    scaled : whether a series' values are divided by its scale; otherwise the scale is 1.
    point : whether it is a single value, trained by its absolute error, instead of a distribution. One path and one
        draw then represent all, and the gradient grows with the series' values.
    vectorised : whether its draws are computed for many paths at once, or one by one.
    """

    name: str
    number: int
    parameters: tuple[str, ...]
    typical: Callable[[float], float]
    gluonts: str | None
    support: Support | None = None
    fill_value: float = 0.0
    clip: tuple[float, float] | None = None
    scaled: bool = True
    point: bool = False
    vectorised: bool = True

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Callable[[str], "Likelihood"], tuple[str]]:
        """Copies and unpickled likelihoods are the row itself."""
        return _row, (self.name,)


def _row(name: str) -> Likelihood:
    return LIKELIHOODS[name]


def _tenths(swing: float) -> float:
    return round(100 * swing, 1)


_ROWS = (
    Likelihood("gaussian", GAUSSIAN, ("mu", "sigma"), _tenths, "GaussianOutput"),
    Likelihood(
        "beta",
        BETA,
        ("alpha", "beta"),
        lambda swing: round(swing, 3),
        "BetaOutput",
        support=Support(0.0, 1.0, "a number in [0, 1], as the likelihood is beta"),
        fill_value=0.5,
        clip=(1e-6, 1 - 1e-6),  # the density is 0 or infinite at 0 and 1
        scaled=False,
        vectorised=False,
    ),
    Likelihood(
        "negative-binomial",
        NEGATIVE_BINOMIAL,
        ("mu", "alpha"),
        lambda swing: round(10 * swing),
        "NegativeBinomialOutput",
        support=Support(0.0, np.inf, "a number that is not negative, as the likelihood is negative-binomial"),
        vectorised=False,
    ),
    Likelihood("student-T", STUDENT_T, ("mu", "sigma", "nu"), _tenths, "StudentTOutput"),
    Likelihood("deterministic-L1", DETERMINISTIC_L1, ("location",), _tenths, None, point=True),
)

LIKELIHOODS: Mapping[str, Likelihood] = {row.name: row for row in _ROWS}
DEFAULT = LIKELIHOODS["student-T"]
ONE_BY_ONE = tuple(row.number for row in _ROWS if not row.vectorised)  # the numbers of those that are not vectorised
MOST_PARAMETERS = max(len(row.parameters) for row in _ROWS)
