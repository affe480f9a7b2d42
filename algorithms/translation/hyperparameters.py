"""The hyperparameters of translation: how a model translates unless a request says otherwise."""

from typing import Literal

from pydantic import Field

from forecastle.contract.hyperparameters import Hyperparameters


class TranslationHyperparameters(Hyperparameters):
    """The hyperparameters of a job, which packs a model and trains nothing."""

    beam_size: int = Field(5, ge=1, le=100, description="Width of the beam; a request may set another.")
    length_penalty: float = Field(
        1.0, ge=0, le=10, description="Scores are divided by the length to this power; a request may set another."
    )
    max_seq_len_target: int = Field(256, ge=1, le=100_000, description="Tokens of a translation, at most.")
    source_prefix: str = Field(
        "", description="Tokens before every source sentence, separated by spaces, such as >>deu<< or eng_Latn."
    )
    target_prefix: str = Field(
        "", description="Tokens that every translation starts with, such as deu_Latn; they are not in answers."
    )
    compute_type: Literal["default", "auto", "int8", "int8_float32", "float32"] = Field(
        "default", description="The type of products: default is that of the model's weights."
    )
