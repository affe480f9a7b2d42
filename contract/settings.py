"""The settings of servers and jobs, read once from the environment; each algorithm may add its own."""

import re
from collections.abc import Mapping
from typing import ClassVar, Literal, Self, TypeVar

from pydantic import Field, PrivateAttr, field_validator, model_validator

from forecastle.contract.environment import BASE_DIR, PORT
from forecastle.contract.typed_text import TypedText

REALTIME_BYTES = 25 * 2**20
BATCH_BYTES = 100 * 2**20

ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@\s]+")  # scheme, host and perhaps a port, nothing else


class EnvironmentSettings(TypedText):
    """A table of settings: a field's alias is its environment variable."""

    noun: ClassVar[str] = "Setting"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the table from `environ`; a variable that is empty counts as not set. Raises `InvalidJob`."""
        return cls.parse({name: environ[name] for name in cls.known() if environ.get(name)})


Table = TypeVar("Table", bound=EnvironmentSettings)


class Settings(EnvironmentSettings):
    """The settings of every server and job, with the names that SageMaker or AWS's containers use, if they do."""

    _environ: Mapping[str, str] = PrivateAttr(default_factory=dict)

    base_dir: str = Field(  # type: ignore[literal-required]
        BASE_DIR.default,
        alias=BASE_DIR.name,
        description="Root of the /opt/ml tree.",
    )
    algorithm: str | None = Field(
        None,
        alias="FORECASTLE_ALGORITHM",
        description="The algorithm of a training job; by default inferred from its hyperparameters and channels.",
    )
    default_algorithm: str | None = Field(
        None,
        alias="FORECASTLE_DEFAULT_ALGORITHM",
        description="The algorithm of training jobs whose hyperparameters and channels fit none, or several.",
    )
    model_name: str | None = Field(
        None,
        alias="FORECASTLE_MODEL_NAME",
        description="The name of a server's only model, in paths under /v2 and in logs; by default its algorithm's.",
    )
    algorithm_folders: str | None = Field(
        None, alias="FORECASTLE_ALGORITHMS", description="Folders with additional algorithms, separated by colons."
    )
    host: str = Field("127.0.0.1", alias="FORECASTLE_HOST", description="The address to bind; the image sets 0.0.0.0.")
    port: int = Field(  # type: ignore[literal-required]
        int(PORT.default),
        alias=PORT.name,
        ge=0,
        le=65535,
        description="The port to bind; 0 picks a free one.",
    )
    workers: int = Field(
        1,
        alias="MODEL_SERVER_WORKERS",
        ge=1,
        le=256,
        description="Server processes, each with its own copy of the model. A single one uses all cores.",
    )
    threads: int | None = Field(
        None,
        alias="FORECASTLE_THREADS",
        ge=1,
        le=1024,
        description="Threads per process for training and prediction; by default one per core.",
    )
    job_name: str = Field(
        "", alias="TRAINING_JOB_NAME", description="Set in training jobs, whose hosts recognize each other by it."
    )
    job_arn: str = Field("", alias="TRAINING_JOB_ARN", description="The same.")
    leader: str = Field(
        "",
        alias="FORECASTLE_LEADER",
        pattern=r"^(.+:([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5]))?$",
        description="Where the leading host of a training job on several hosts listens, as HOST:PORT; by default its "
        "name and port 9099.",
        json_schema_extra={"must_be": "a host and a port such as algo-1:9099"},
    )
    hosts_timeout: float = Field(
        900.0,
        alias="FORECASTLE_HOSTS_TIMEOUT",
        gt=0,
        description="Seconds that the hosts of a training job wait for each other at its start.",
    )
    hosts_secret: str = Field(
        "",
        alias="FORECASTLE_HOSTS_SECRET",
        description="A secret that the hosts of a training job must share, in addition to the job's description.",
    )
    timeout: float = Field(
        60.0,
        alias="MODEL_SERVER_TIMEOUT",
        gt=0,
        description="Time limit of a request in seconds; 600 by default in batch transform.",
    )
    queue: int = Field(
        256,
        alias="FORECASTLE_QUEUE",
        ge=1,
        le=1_000_000,
        description="Requests that may be queued or running; further ones are answered with 503.",
    )
    max_content_length: int = Field(
        REALTIME_BYTES,
        alias="MAX_CONTENT_LENGTH",
        ge=1,
        description="Size limit of a request body in bytes; 100 MiB by default in batch transform.",
    )
    default_accept: str | None = Field(
        None,
        alias="SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT",
        description="The Accept header assumed for requests without one.",
    )
    cors_origins: str = Field(
        "",
        alias="FORECASTLE_CORS_ORIGINS",
        description="Origins whose pages may call the server, separated by commas; * allows any.",
        json_schema_extra={"must_be": "* or origins such as https://charts.example, separated by commas"},
    )
    multi_model: bool = Field(
        False,
        alias="SAGEMAKER_MULTI_MODEL",
        description="Set on a multi-model endpoint: models are loaded and unloaded with POST and DELETE /models.",
    )
    batch: bool = Field(False, alias="SAGEMAKER_BATCH", description="Set by batch transform.")
    batch_strategy: Literal["SINGLE_RECORD", "MULTI_RECORD"] = Field(
        "MULTI_RECORD",
        alias="SAGEMAKER_BATCH_STRATEGY",
        description="Records per request in batch transform: one, or as many as fit.",
    )
    max_payload_in_mb: int = Field(
        6,
        alias="SAGEMAKER_MAX_PAYLOAD_IN_MB",
        ge=0,
        le=100,
        description="MiB that batch transform sends per request; 0 means the server's limit.",
    )
    max_concurrent_transforms: int | None = Field(
        None,
        alias="SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
        ge=0,
        description="Concurrent requests of batch transform; by default one per core.",
    )

    @field_validator("batch", "multi_model", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _as_browsers_send_them(cls, value: str) -> str:
        origins = [origin.strip().lower() for origin in value.split(",") if origin.strip()]
        if not all(origin == "*" or ORIGIN.fullmatch(origin) for origin in origins):
            raise ValueError
        return ",".join(origins)

    @model_validator(mode="after")
    def _one_process_for_several_models(self) -> Self:
        if self.multi_model and self.workers > 1:
            raise ValueError(
                "Setting MODEL_SERVER_WORKERS must be 1 if SAGEMAKER_MULTI_MODEL is true: "
                f"all models are loaded into one process, which uses all cores. Got '{self.workers}'."
            )
        return self

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        settings = super().from_environ(environ)
        if settings.batch:
            batch_defaults = {"timeout": 600.0, "max_content_length": BATCH_BYTES}
            unset = {name: value for name, value in batch_defaults.items() if name not in settings.model_fields_set}
            settings = settings.model_copy(update=unset)
        settings._environ = dict(environ)
        return settings

    def __eq__(self, other: object) -> bool:
        """Whether all settings are the same; the rest of the environment does not matter."""
        return isinstance(other, Settings) and self.model_dump() == other.model_dump()

    __hash__ = EnvironmentSettings.__hash__

    def of(self, table: type[Table]) -> Table:
        """An algorithm's own settings, from the same environment. Raises `InvalidJob`."""
        return table.from_environ(self._environ)
