"""The settings of DeepAR: environment variables beside those that every algorithm has."""

from typing import Literal

from pydantic import Field

from forecastle.contract.settings import EnvironmentSettings


class DeepARSettings(EnvironmentSettings):
    """`DEEPAR_INFERENCE_CONFIG` is SageMaker's; see "DeepAR Inference Formats", AWS's developer guide."""

    engine: Literal["native", "mxnet"] = Field(
        "native",
        alias="DEEPAR_ENGINE",
        description="What trains: our own trainer, or the reference, GluonTS' network on MXNet.",
    )
    inference_config: str = Field(
        "",
        alias="DEEPAR_INFERENCE_CONFIG",
        description="The configuration of requests in JSON Lines, as in batch transform.",
        json_schema_extra={"must_be": "a JSON object, as `configuration` is in a JSON request"},
    )
