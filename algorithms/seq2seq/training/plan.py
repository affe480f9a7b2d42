"""The plan of a training: hyperparameters, the network that follows from them and the data, and the seed."""

import math
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from forecastle.algorithms.seq2seq.architecture import Architecture
from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters
from forecastle.algorithms.seq2seq.network import Initialization, Network, shapes
from forecastle.algorithms.seq2seq.training.learner import Learner
from forecastle.algorithms.seq2seq.training.native.learner import NativeLearner
from forecastle.algorithms.seq2seq.training.settings import Optimization, Regularization
from forecastle.contract.errors import InvalidJob
from forecastle.contract.free_memory import available_memory

# For a weight: itself, two gradients, two means of the optimizer, and the packed matrices forward and backward.
BYTES_PER_WEIGHT = 28

# Those that may differ when a training continues, as they only say when it ends, or are recorded apart.
_ENDS = {"max_num_batches", "max_num_epochs"}
_FREE = {"checkpoint_threshold", "training_metric", "seed"}


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that determines a training."""

    given: Seq2SeqHyperparameters
    source_words: int
    target_words: int
    data: str  # the fingerprint of the data
    seed: int  # that of the hyperparameters, or one drawn for this job

    @property
    def architecture(self) -> Architecture:
        return _of(Architecture, self.given, source_words=self.source_words, target_words=self.target_words)

    @property
    def optimization(self) -> Optimization:
        return _of(Optimization, self.given)

    @property
    def weights(self) -> int:
        """The number of the network's weights."""
        return sum(map(math.prod, shapes(self.architecture).values()))

    def learner(self, threads: int) -> Learner:
        """A network with fresh weights, to be trained on so many threads.

        Raises `InvalidJob` if there is too little memory for it.
        """
        given = self.given
        needed, free = BYTES_PER_WEIGHT * self.weights, available_memory()
        if needed > free:
            raise InvalidJob(
                f"The network has {self.weights:,} weights, whose training takes {needed / 1e6:,.0f} MB of memory, and "
                f"{free / 1e6:,.0f} MB are free: lower the hyperparameters rnn_num_hidden, {given.rnn_num_hidden}, "
                f"num_embed_…, num_layers_… or vocabulary_size."
            )
        return NativeLearner(
            Network.initial(self.architecture, self.seed, _of(Initialization, given)),
            _of(Regularization, given),
            self.optimization,
            threads,
        )

    def record(self) -> dict[str, Any]:
        """Everything that determines the result, as flat JSON: jobs with equal values are the same."""
        free = _FREE if self.given.lr_scheduler_type == "cosine" else _FREE | _ENDS
        return self.given.model_dump(mode="json", exclude=free) | {"data": self.data, "seed": self.seed}


T = TypeVar("T", Architecture, Initialization, Regularization, Optimization)


def _of(kind: type[T], given: Seq2SeqHyperparameters, **more: Any) -> T:
    """The record with the hyperparameters of its fields' names; None, where it is a default, is left out."""
    names = {field.name for field in fields(kind)} & Seq2SeqHyperparameters.model_fields.keys()
    values: dict[str, Any] = {name: value for name in names if (value := getattr(given, name)) is not None}
    return kind(**values, **more)
