"""The settings of DeepAR, in addition to those of every algorithm."""

from typing import Literal

from pydantic import Field

from forecastle.contract.settings import EnvironmentSettings


class DeepARSettings(EnvironmentSettings):
    """`DEEPAR_INFERENCE_CONFIG` is SageMaker's; see "DeepAR Inference Formats", AWS's developer guide."""

    engine: Literal["native", "mxnet"] = Field(
        "native",
        alias="DEEPAR_ENGINE",
        description="The trainer: native is our own, mxnet the reference, GluonTS' network on MXNet.",
    )
    calibrated: bool = Field(
        False,
        alias="DEEPAR_CALIBRATED",
        description="Whether requests that do not say get calibrated quantiles; the model must have been trained with "
        "the hyperparameter calibrate.",
    )
    inference_config: str = Field(
        "",
        alias="DEEPAR_INFERENCE_CONFIG",
        description="The configuration of JSON Lines requests, as in batch transform.",
        json_schema_extra={"must_be": "a JSON object, as `configuration` is in a JSON request"},
    )
