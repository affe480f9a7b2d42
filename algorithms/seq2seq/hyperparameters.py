"""The hyperparameters of Sequence to Sequence.

Source: "Sequence2Sequence Hyperparameters", AWS's developer guide, from which the names and defaults are; those that
are listed in `OURS` are additions.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from forecastle.contract.hyperparameters import Hyperparameters

OURS = (
    "subwords",
    "vocabulary_size",
    "without_final_stop",
    "weight_tying",
    "label_smoothing",
    "length_penalty",
    "seed",
)
MOST = 1_000_000  # of sizes: far more than is sensible

PositiveInteger = Annotated[int, Field(ge=1, le=MOST)]
CountOrAll = Annotated[int, Field(ge=-1)]


def _some(count: int) -> int:
    """The count unless it is 0, which would be a model without training."""
    if count == 0:
        raise ValueError
    return count


_CNN: dict[str, Any] = {"must_be": "rnn; cnn, SageMaker's convolutional network, is not implemented"}


class Seq2SeqHyperparameters(Hyperparameters):
    """The hyperparameters of a job."""

    without_effect: ClassVar[frozenset[str]] = frozenset(
        {
            "cnn_kernel_width_encoder",
            "cnn_kernel_width_decoder",
            "cnn_num_hidden",
            "cnn_activation_type",
            "cnn_hidden_dropout",
        }
    )

    max_seq_len_source: PositiveInteger = Field(
        100, description="Tokens of a source sequence in training; further ones are cut off."
    )
    max_seq_len_target: PositiveInteger = Field(
        100, description="Tokens of a target sequence: in training further ones are cut off, answers end there."
    )
    encoder_type: Literal["rnn"] = Field(
        "rnn", description="Type of the encoder: a bidirectional recurrent network.", json_schema_extra=_CNN
    )
    decoder_type: Literal["rnn"] = Field(
        "rnn", description="Type of the decoder: a recurrent network with attention.", json_schema_extra=_CNN
    )
    num_layers_encoder: PositiveInteger = Field(1, description="Layers of the encoder.")
    num_layers_decoder: PositiveInteger = Field(1, description="Layers of the decoder.")
    rnn_num_hidden: PositiveInteger = Field(1024, description="Cells in each layer of encoder and decoder.")
    rnn_cell_type: Literal["lstm", "gru"] = Field("lstm", description="Type of the cells.")
    rnn_decoder_state_init: Literal["last", "avg", "zero"] = Field(
        "last", description="The decoder's first state: the encoder's last one, its mean, or zero."
    )
    rnn_residual_connections: bool = Field(False, description="Whether stacked layers have residual connections.")
    rnn_first_residual_layer: PositiveInteger = Field(
        2, description="The first layer with a residual connection, counted from 1."
    )
    num_embed_source: PositiveInteger = Field(512, description="Size of the embedding of a source token.")
    num_embed_target: PositiveInteger = Field(512, description="Size of the embedding of a target token.")
    embed_dropout_source: float = Field(0.0, ge=0, lt=1, description="Dropout of source embeddings.")
    embed_dropout_target: float = Field(0.0, ge=0, lt=1, description="Dropout of target embeddings.")
    rnn_attention_type: Literal["dot", "fixed", "mlp", "bilinear"] = Field(
        "mlp", description="Attention: mlp is Bahdanau's and Luong's concat, bilinear Luong's general."
    )
    rnn_attention_num_hidden: PositiveInteger | None = Field(
        None,
        description="Hidden units of the attention mlp; by default rnn_num_hidden.",
        json_schema_extra={"must_be": f"an integer in [1, {MOST}]"},
    )
    rnn_attention_in_upper_layers: bool = Field(
        True, description="Whether the attention's context is an input of all decoder layers or only of the first."
    )
    rnn_decoder_hidden_dropout: float = Field(
        0.0, ge=0, lt=1, description="Dropout of the state that combines the context with the decoder's output."
    )
    batch_size: PositiveInteger = Field(64, description="Pairs per training step.")
    bucketing_enabled: bool = Field(True, description="Whether a batch has pairs of similar lengths only.")
    bucket_width: PositiveInteger = Field(10, description="Tokens by which the lengths within a batch may differ.")
    loss_type: Literal["cross-entropy"] = Field("cross-entropy", description="The loss.")
    training_metric: Literal["perplexity", "accuracy"] = Field(
        "perplexity", description="The metric of training batches in the log."
    )
    optimized_metric: Literal["perplexity", "accuracy", "bleu"] = Field(
        "perplexity", description="The validation metric by which the best checkpoint is chosen and training stops."
    )
    bleu_sample_size: CountOrAll = Field(
        0,
        description="Validation pairs that are translated for BLEU at each checkpoint, drawn once; -1 for all, 0 for "
        "none. If optimized_metric is bleu, 0 also means all.",
    )
    max_num_batches: Annotated[CountOrAll, AfterValidator(_some)] = Field(
        -1,
        description="Maximum number of training steps; -1 for no maximum.",
        json_schema_extra={"must_be": "an integer of at least 1, or -1"},
    )
    checkpoint_frequency_num_batches: PositiveInteger = Field(
        1000, description="Training steps after which the model is validated and a checkpoint is written."
    )
    checkpoint_threshold: PositiveInteger = Field(
        3, description="Checkpoints without an improvement of optimized_metric after which training stops."
    )
    max_num_epochs: PositiveInteger | None = Field(
        None,
        description="Maximum number of passes over the training data; if it is given, checkpoint_threshold stops "
        "nothing.",
        json_schema_extra={"must_be": f"an integer in [1, {MOST}]"},
    )
    optimizer_type: Literal["adam", "sgd", "rmsprop"] = Field("adam", description="Optimizer.")
    weight_init_type: Literal["uniform", "xavier"] = Field("xavier", description="Distribution of initial weights.")
    weight_init_scale: float = Field(2.34, ge=0, description="Scale of initial weights.")
    xavier_factor_type: Literal["in", "out", "avg"] = Field(
        "in", description="What xavier divides the scale by: inputs, outputs or their mean."
    )
    learning_rate: float = Field(0.0003, gt=0, description="Initial learning rate.")
    weight_decay: float = Field(0.0, ge=0, description="Weight decay.")
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        None, description="Momentum of sgd.", json_schema_extra={"must_be": "a number in [0, 1)"}
    )
    clip_gradient: float = Field(
        1.0, description="Gradients are clipped to this absolute value; negative for no clipping."
    )
    lr_scheduler_type: Literal["plateau_reduce", "fixed_rate_inv_t", "fixed_rate_inv_sqrt_t", "cosine"] = Field(
        "plateau_reduce",
        description="How the learning rate falls: on a plateau of optimized_metric, or with time; with cosine, which "
        "is ours, to 0 at the end that max_num_epochs or max_num_batches sets.",
    )
    plateau_reduce_lr_factor: float = Field(
        0.5, gt=0, lt=1, description="Factor of the learning rate on a plateau, for plateau_reduce."
    )
    plateau_reduce_lr_threshold: PositiveInteger = Field(
        3, description="Checkpoints without improvement that are a plateau, for plateau_reduce."
    )
    fixed_rate_lr_half_life: PositiveInteger = Field(
        10, description="Checkpoints after which the learning rate is halved, for fixed_rate_…."
    )
    beam_size: int = Field(5, ge=1, le=100, description="Width of the beam search, in requests and for BLEU.")

    subwords: Literal["bpe", "unigram"] = Field(
        "bpe", description="How text is split into subwords, by sentencepiece; only for text."
    )
    vocabulary_size: int = Field(
        4000, ge=32, le=50_000, description="Subwords of each language, at most; only for text."
    )
    without_final_stop: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the pairs that are also learned without the full stop at their ends, so that requests "
        "may omit it; only for text.",
    )
    weight_tying: Literal["none", "trg_softmax", "src_trg_softmax"] = Field(
        "none",
        description="Weights that are the same ones, for small data: trg_softmax, those of the target's embeddings and "
        "the output; src_trg_softmax, the source's embeddings, too, with one vocabulary for both languages.",
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of the target's probability that is spread over all words in training."
    )
    length_penalty: float = Field(
        1.0,
        ge=0,
        le=10,
        description="Exponent of the length penalty (Wu et al., 2016) in the beam search: above 0 it favours longer "
        "translations.",
    )
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="Makes training repeatable: the same seed and data give the same model."
    )

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        sizes = {"num_embed_target": self.num_embed_target, "num_embed_source": self.num_embed_source}
        if self.rnn_num_hidden % 2:
            raise ValueError(
                f"{self.noun} rnn_num_hidden must be even, as half of the encoder's cells read backwards. "
                f"Got {self.rnn_num_hidden}."
            )
        tied = {"none": 0, "trg_softmax": 1, "src_trg_softmax": 2}[self.weight_tying]
        for name, size in list(sizes.items())[:tied]:
            if size != self.rnn_num_hidden:
                raise ValueError(
                    f"{self.noun} {name} must be rnn_num_hidden, {self.rnn_num_hidden}, with weight_tying "
                    f"{self.weight_tying}. Got {size}."
                )
        return self

    @model_validator(mode="after")
    def _cosine_has_an_end(self) -> Self:
        if self.lr_scheduler_type == "cosine" and self.max_num_epochs is None and self.max_num_batches < 0:
            raise ValueError(
                f"{self.noun} lr_scheduler_type cosine needs max_num_epochs or max_num_batches, as the rate is 0 there."
            )
        return self

    @model_validator(mode="after")
    def _sgd_alone_has_momentum(self) -> Self:
        if self.momentum is not None and self.optimizer_type != "sgd":
            raise ValueError(
                f"{self.noun} momentum is for optimizer_type sgd alone: leave it out. "
                f"Got {self.momentum} with {self.optimizer_type}."
            )
        return self
