"""The hyperparameters of DeepAR.

Source: "DeepAR Hyperparameters", AWS's developer guide; `average_weights`, `calibrate`, `network`,
`scale_augmentation` and `seed` are ours.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from forecastle.algorithms.deepar.frequency import EXPECTED, Frequency, frequency_meant
from forecastle.algorithms.deepar.likelihood import DEFAULT, LIKELIHOODS, Likelihood
from forecastle.contract.errors import InvalidData
from forecastle.contract.hyperparameters import Hyperparameters

MOST = 1_000_000  # of sizes of the network, the same as in an artifact: far more than is sensible


def _likelihood(value: object) -> Likelihood:
    """The row of a likelihood's name in any case."""
    if isinstance(value, Likelihood):
        return value
    text = str(value).strip().lower()
    found = next((row for name, row in LIKELIHOODS.items() if text == name.lower()), None)
    if found is None:
        raise ValueError
    return found


def _frequency(value: object) -> Frequency:
    if isinstance(value, Frequency):
        return value
    try:
        return Frequency.parse(value if isinstance(value, str) else "")
    except InvalidData:
        raise ValueError from None


_OURS = ("average_weights", "calibrate", "network", "scale_augmentation", "seed")  # and not SageMaker's

PositiveInteger = Annotated[int, Field(ge=1)]
Off = Literal["ignore", ""]


class DeepARHyperparameters(Hyperparameters):
    """What a job may set."""

    context_length: int = Field(ge=1, le=MOST, description="Past steps that the network is conditioned on.")
    prediction_length: int = Field(ge=1, le=MOST, description="Steps that it forecasts, always as many.")
    epochs: int = Field(ge=1, description="Maximum number of passes over the training data.")
    time_freq: Annotated[Frequency, PlainValidator(_frequency), PlainSerializer(str)] = Field(
        description="Time between two values.", json_schema_extra={"must_be": EXPECTED}
    )
    cardinality: Literal["auto"] | Off | Annotated[list[PositiveInteger], Field(min_length=1)] = Field(
        "auto",
        description="Categories of each feature in `cat`; auto infers them from the data, ignore leaves `cat` unread.",
        json_schema_extra={"must_be": 'auto, ignore, "" or a list of positive integers such as [3, 2]'},
    )
    num_dynamic_feat: Literal["auto"] | Off | PositiveInteger = Field(
        "auto",
        description="Number of series in `dynamic_feat`; auto infers it, ignore leaves them unread.",
        json_schema_extra={"must_be": 'auto, ignore, "" or an integer of at least 1'},
    )
    embedding_dimension: int = Field(10, ge=1, le=MOST, description="Size of the embedding of a category.")
    likelihood: Annotated[Likelihood, PlainValidator(_likelihood), PlainSerializer(str)] = Field(
        DEFAULT,
        description="Distribution of a value given the past.",
        json_schema_extra={"must_be": f"one of {', '.join(LIKELIHOODS)}"},
    )
    num_cells: int = Field(40, ge=1, le=MOST, description="LSTM cells per layer.")
    num_layers: int = Field(2, ge=1, le=MOST, description="LSTM layers.")
    dropout_rate: float = Field(
        0.10, ge=0, lt=1, description="Zoneout rate: the share of the LSTM state that a training step keeps unchanged."
    )
    learning_rate: float = Field(0.001, gt=0, description="Adam's initial learning rate.")
    mini_batch_size: int = Field(128, ge=1, description="Windows per training step.")
    early_stopping_patience: PositiveInteger | None = Field(
        None,
        description="Epochs without improvement after which training stops and keeps the best model.",
        json_schema_extra={"must_be": 'an integer of at least 1, or "" for none'},
    )
    num_eval_samples: int = Field(100, ge=1, description="Sample paths per series when the test channel is scored.")
    test_quantiles: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
        min_length=1,
        description="Quantiles for which the test channel is scored.",
        json_schema_extra={"must_be": "a list of numbers in (0, 1)"},
    )
    average_weights: float = Field(
        0.25,
        ge=0,
        le=1,
        description="Share of the epochs whose weights are averaged: the last ones, or with early_stopping_patience "
        "those around the best one; 0 keeps the weights of the last or the best epoch, as SageMaker does.",
    )
    calibrate: bool = Field(
        False,
        description="Whether to train a second network, without the ends of the series, and store how its quantiles "
        "must be corrected there: for requests with `calibrated`.",
    )
    network: Literal["auto", "sagemaker", "gluonts"] = Field(
        "auto",
        description="Kind of network: sagemaker handles missing values and the time before a series' start as "
        "SageMaker's models do, gluonts as GluonTS does; auto is sagemaker, and gluonts for the engine mxnet.",
    )
    scale_augmentation: float = Field(
        0.0,
        ge=0,
        le=5,
        description="Standard deviation of the logarithm of a random factor for each training window, so that the "
        "network learns from all magnitudes; 0 for none, as in SageMaker. For student-T and gaussian.",
    )
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="Makes training repeatable: the same seed and data give the same model."
    )

    @model_validator(mode="before")
    @classmethod
    def _hint_at_a_frequency(cls, given: object) -> object:
        """Suggest H for `h`, which is how pandas spells it today."""
        text = given.get("time_freq") if isinstance(given, dict) else None
        meant = frequency_meant(text) if isinstance(text, str) else None
        if meant is not None:
            raise ValueError(f"{cls.noun} time_freq must be {EXPECTED}. Got {text!r:.42}: did you mean {meant}?")
        return given

    @model_validator(mode="after")
    def _a_point_has_no_quantiles(self) -> Self:
        if self.calibrate and self.likelihood.point:
            raise ValueError(
                f"{self.noun} calibrate must be false with likelihood {self.likelihood.name}, "
                "all of whose quantiles are the same. Got 'true'."
            )
        return self

    @model_validator(mode="after")
    def _a_scaled_value_is_one_that_it_draws(self) -> Self:
        real = self.likelihood.support is None and not self.likelihood.point
        if self.scale_augmentation and not real:
            raise ValueError(
                f"{self.noun} scale_augmentation must be 0 with likelihood {self.likelihood.name}. "
                f"Got '{self.scale_augmentation}'."
            )
        return self

    @classmethod
    def defaults(cls) -> dict[str, object]:
        """The default configuration in SageMaker's log of this algorithm: strings, in the order of their names.

        Those that are ours are not among them.
        """
        typed = {name: value for name, value in super().defaults().items() if name not in _OURS}
        return {name: "" if value is None else str(value) for name, value in sorted(typed.items())}
