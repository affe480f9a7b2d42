"""What a model predicts for a request."""

from dataclasses import dataclass

from forecastle.algorithms.deepar.inference.configuration import Configuration
from forecastle.algorithms.deepar.inference.forecast import Forecast


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Prediction:
    """The forecasts of a request's series, in their order, and the configuration of the response."""

    forecasts: tuple[Forecast, ...]
    configuration: Configuration
