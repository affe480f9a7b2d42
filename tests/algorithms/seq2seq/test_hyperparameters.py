"""SageMaker's hyperparameters of Sequence to Sequence, and ours."""

import re

import pytest

from forecastle.algorithms.seq2seq.hyperparameters import OURS, Seq2SeqHyperparameters
from forecastle.contract.errors import InvalidJob

# "Sequence2Sequence Hyperparameters", AWS's developer guide: names and defaults.
SAGEMAKERS = """
max_seq_len_source 100, max_seq_len_target 100, encoder_type rnn, decoder_type rnn, num_layers_encoder 1,
num_layers_decoder 1, rnn_num_hidden 1024, rnn_cell_type lstm, rnn_decoder_state_init last, rnn_residual_connections
false, rnn_first_residual_layer 2, cnn_kernel_width_encoder 3, cnn_kernel_width_decoder 5, cnn_num_hidden 512,
cnn_activation_type glu, cnn_hidden_dropout 0, num_embed_source 512, num_embed_target 512, embed_dropout_source 0,
embed_dropout_target 0, rnn_attention_type mlp, rnn_attention_num_hidden -, rnn_attention_in_upper_layers true,
rnn_decoder_hidden_dropout 0, batch_size 64, bucketing_enabled true, bucket_width 10, loss_type cross-entropy,
training_metric perplexity, optimized_metric perplexity, bleu_sample_size 0, max_num_batches -1,
checkpoint_frequency_num_batches 1000, checkpoint_threshold 3, max_num_epochs -, optimizer_type adam,
weight_init_type xavier, weight_init_scale 2.34, xavier_factor_type in, learning_rate 0.0003, weight_decay 0,
momentum -, clip_gradient 1, lr_scheduler_type plateau_reduce, plateau_reduce_lr_factor 0.5,
plateau_reduce_lr_threshold 3, fixed_rate_lr_half_life 10, beam_size 5"""
DEFAULTS = dict(re.findall(r"(\w+)\s+([^\s,]+)", SAGEMAKERS))


def test_the_names_and_defaults_are_sagemakers() -> None:
    assert len(DEFAULTS) == 48
    given = {name: value for name, value in DEFAULTS.items() if value != "-"}
    assert Seq2SeqHyperparameters.parse(given).model_dump() == Seq2SeqHyperparameters.parse({}).model_dump()
    known = set(Seq2SeqHyperparameters.known()) | Seq2SeqHyperparameters.without_effect
    assert known == {*DEFAULTS, *OURS}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"encoder_type": "cnn"},
            "encoder_type must be rnn; cnn, SageMaker's convolutional network, is not implemented. Got 'cnn'.",
        ),
        (
            {"decoder_type": "cnn"},
            "decoder_type must be rnn; cnn, SageMaker's convolutional network, is not implemented. Got 'cnn'.",
        ),
        ({"beam_size": "0"}, "beam_size must be an integer in [1, 100]. Got '0'."),
        ({"weight_init_scale": "-1"}, "weight_init_scale must be a number of at least 0. Got '-1'."),
        ({"rnn_attention_type": "luong"}, "rnn_attention_type must be one of dot, fixed, mlp, bilinear. Got 'luong'."),
        ({"embed_dropout_source": "1.5"}, "embed_dropout_source must be a number in [0, 1). Got '1.5'."),
        ({"optimised_metric": "bleu"}, "optimised_metric is unknown: did you mean optimized_metric?"),
        (
            {"rnn_num_hidden": "33"},
            "rnn_num_hidden must be even, as half of the encoder's cells read backwards. Got 33.",
        ),
        (
            {"momentum": "0.9"},
            "momentum is for optimizer_type sgd alone: leave it out. Got 0.9 with adam.",
        ),
        (
            {"weight_tying": "trg_softmax"},
            "num_embed_target must be rnn_num_hidden, 1024, with weight_tying trg_softmax. Got 512.",
        ),
        ({"max_num_batches": "0"}, "max_num_batches must be an integer of at least 1, or -1. Got '0'."),
    ],
)
def test_a_wrong_one_gets_one_sentence(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidJob) as raised:
        Seq2SeqHyperparameters.parse(given)
    assert raised.value.sentence == f"Hyperparameter {sentence}"
