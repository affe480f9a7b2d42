"""How a network is trained, by the names of SageMaker's hyperparameters."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Regularization:
    """What makes learning by heart harder; rates are in [0, 1).

    Attributes
    ----------
    embed_dropout_source, embed_dropout_target : of the words' embeddings.
    rnn_decoder_hidden_dropout : of what the attentional state is computed from.
    label_smoothing : not one of SageMaker's hyperparameters; see `native.loss`.
    """

    embed_dropout_source: float = 0.0
    embed_dropout_target: float = 0.0
    rnn_decoder_hidden_dropout: float = 0.0
    label_smoothing: float = 0.0


@dataclass(frozen=True, slots=True)
class Optimization:
    """How gradients change weights: as MXNet's optimisers do.

    Attributes
    ----------
    optimizer_type : adam, sgd or rmsprop.
    momentum : of sgd.
    weight_decay : added to gradients, times the weights.
    clip_gradient : gradients are clipped to ± this, one by one; negative: they are not.
    clip_norm : all gradients together are first scaled down to at most this norm; 0: they are not. Not one of
        SageMaker's hyperparameters.
    per_token : whether gradients are of the mean loss of a word; else, as in Sockeye 1, of a sentence.
    beta1, beta2, epsilon : of adam; rmsprop's decay is `RMSPROP_DECAY`. MXNet adds epsilon where it weighs up to thirty
        times more than in PyTorch, in the first steps; with gradients of a word's loss 1e-8 slows these down.
    """

    optimizer_type: str = "adam"
    momentum: float = 0.0
    weight_decay: float = 0.0
    clip_gradient: float = 1.0
    clip_norm: float = 0.0
    per_token: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8


RMSPROP_DECAY = 0.9
