"""The hyperparameters of DeepAR.

Source: "DeepAR Hyperparameters", AWS's developer guide; `seed` is ours.
"""

from typing import Annotated, Literal

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


PositiveInteger = Annotated[int, Field(ge=1)]
Off = Literal["ignore", ""]


class DeepARHyperparameters(Hyperparameters):
    """What a job may set."""

    context_length: int = Field(ge=1, le=MOST, description="Steps the network sees before it forecasts.")
    prediction_length: int = Field(ge=1, le=MOST, description="Steps it is trained to forecast, and always forecasts.")
    epochs: int = Field(ge=1, description="Passes over the training data, at most.")
    time_freq: Annotated[Frequency, PlainValidator(_frequency), PlainSerializer(str)] = Field(
        description="Time from one value to the next.", json_schema_extra={"must_be": EXPECTED}
    )
    cardinality: Literal["auto"] | Off | Annotated[list[PositiveInteger], Field(min_length=1)] = Field(
        "auto",
        description="Categories of each feature in `cat`; auto takes them from the data, ignore does without.",
        json_schema_extra={"must_be": 'auto, ignore, "" or a list of positive integers such as [3, 2]'},
    )
    num_dynamic_feat: Literal["auto"] | Off | PositiveInteger = Field(
        "auto",
        description="Series in `dynamic_feat`; auto takes them from the data, ignore does without.",
        json_schema_extra={"must_be": 'auto, ignore, "" or an integer of at least 1'},
    )
    embedding_dimension: int = Field(10, ge=1, le=MOST, description="Size of a category's embedding.")
    likelihood: Annotated[Likelihood, PlainValidator(_likelihood), PlainSerializer(str)] = Field(
        DEFAULT,
        description="Distribution of a value, given the past.",
        json_schema_extra={"must_be": f"one of {', '.join(LIKELIHOODS)}"},
    )
    num_cells: int = Field(40, ge=1, le=MOST, description="LSTM cells in a layer.")
    num_layers: int = Field(2, ge=1, le=MOST, description="LSTM layers.")
    dropout_rate: float = Field(
        0.10, ge=0, lt=1, description="Zoneout: share of the states that a step keeps, in training."
    )
    learning_rate: float = Field(0.001, gt=0, description="Initial learning rate of Adam.")
    mini_batch_size: int = Field(128, ge=1, description="Windows in a step of training.")
    early_stopping_patience: PositiveInteger | None = Field(
        None,
        description="Epochs without a better loss after which training ends; the best model is then kept.",
        json_schema_extra={"must_be": 'an integer of at least 1, or "" for none'},
    )
    num_eval_samples: int = Field(100, ge=1, description="Paths drawn for each series of the test channel.")
    test_quantiles: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
        min_length=1,
        description="Quantiles that the test channel is scored by.",
        json_schema_extra={"must_be": "a list of numbers in (0, 1)"},
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

    @classmethod
    def defaults(cls) -> dict[str, object]:
        """The default configuration in SageMaker's log of this algorithm: strings, in the order of their names.

        `seed`, which is ours, is not among them: no string means that it is drawn.
        """
        typed = super().defaults()
        del typed["seed"]
        return {name: "" if value is None else str(value) for name, value in sorted(typed.items())}
