"""The settings of Sequence to Sequence, in addition to those of every algorithm."""

from pydantic import Field

from forecastle.contract.settings import EnvironmentSettings

MAX_TOKENS = "SEQ2SEQ_MAX_TOKENS"


class Seq2SeqSettings(EnvironmentSettings):
    """Limits of requests."""

    max_tokens: int = Field(  # type: ignore[literal-required]
        1000,
        alias=MAX_TOKENS,
        ge=1,
        le=100_000,
        description="Tokens (words or subwords) of a sentence in a request, at most; a longer one is refused.",
    )
