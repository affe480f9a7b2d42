"""The settings of translation, in addition to those of every algorithm."""

from pydantic import Field

from forecastle.contract.settings import EnvironmentSettings

MAX_TOKENS = "TRANSLATION_MAX_TOKENS"


class TranslationSettings(EnvironmentSettings):
    """Limits of requests."""

    max_tokens: int = Field(  # type: ignore[literal-required]
        1000,
        alias=MAX_TOKENS,
        ge=1,
        le=100_000,
        description="Subwords of a sentence in a request, at most; a model may have a lower limit of its own.",
    )
