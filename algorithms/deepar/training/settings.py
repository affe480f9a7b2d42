"""The settings of a training: a job's hyperparameters, facts about its data, and the seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.network import Layer, Network
from forecastle.algorithms.deepar.training.kind import KINDS, Kind


@dataclass(frozen=True, slots=True)
class Facts:
    """What the training data determine.

    Attributes
    ----------
    cardinality : of each categorical feature that is used; () if there is none.
    num_dynamic_feat : the dynamic features that are used.
    mean_magnitude : the mean of |y| over all observed values; 0 if none is observed.
    """

    cardinality: tuple[int, ...]
    num_dynamic_feat: int
    mean_magnitude: float


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a training; the network's sizes follow from them."""

    given: DeepARHyperparameters
    data: Facts
    seed: int  # that of the hyperparameters, or one drawn for this job

    @property
    def kind(self) -> Kind:
        return KINDS[self.given.network]

    @property
    def history(self) -> int:
        """The steps of a training window before those to forecast: the context and the largest lag."""
        return self.given.context_length + self.given.time_freq.lags[-1]

    @property
    def gradient_scale(self) -> float:
        """The factor of gradients before they are clipped.

        An absolute error grows with the series' values; dividing its gradient by their mean avoids clipping.
        """
        point = self.given.likelihood.point and self.data.mean_magnitude > 0
        return 1 / self.data.mean_magnitude if point else 1.0

    @property
    def own_date_features(self) -> tuple[str, ...] | None:
        """As the network's."""
        return self.kind.own_date_features.get(self.given.time_freq.unit)

    @property
    def varying_inputs(self) -> int:
        """The number of inputs that differ from step to step: lags, time features, age, dynamic features."""
        frequency = self.given.time_freq
        dates = frequency.features if self.own_date_features is None else self.own_date_features
        return len(frequency.lags) + len(dates) + 1 + self.data.num_dynamic_feat

    @property
    def step_inputs(self) -> int:
        """The number of all inputs of a step: those that vary, the embeddings, a zero and log(scale)."""
        return self.varying_inputs + sum(dimension for _, dimension in self.embedding_shapes) + 2

    @property
    def embedding_shapes(self) -> list[tuple[int, int]]:
        """(categories, dimension) of each embedding; a constant of one number if there is no category."""
        return [(categories, self.given.embedding_dimension) for categories in self.data.cardinality] or [(1, 1)]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each of the network's arrays, by the names of `Network.arrays`."""
        cells, shapes = self.given.num_cells, dict[str, tuple[int, ...]]()
        for number in range(self.given.num_layers):
            shapes |= {
                f"layer{number}_input_weight": (4 * cells, self.step_inputs if number == 0 else cells),
                f"layer{number}_hidden_weight": (4 * cells, cells),
                f"layer{number}_input_bias": (4 * cells,),
                f"layer{number}_hidden_bias": (4 * cells,),
            }
        shapes |= {f"embedding{number}": shape for number, shape in enumerate(self.embedding_shapes)}
        rows = len(self.given.likelihood.parameters)
        return shapes | {"projection_weight": (rows, cells), "projection_bias": (rows,)}

    def network(self, arrays: Mapping[str, Floats]) -> Network:
        """The network of these arrays, which are copied; their names and shapes are those of `shapes`."""
        arrays = {name: array.copy() for name, array in arrays.items()}
        given, data = self.given, self.data
        return Network(
            frequency=given.time_freq,
            context_length=given.context_length,
            prediction_length=given.prediction_length,
            likelihood=given.likelihood,
            lags=given.time_freq.lags,
            cardinality=data.cardinality,
            num_dynamic_feat=data.num_dynamic_feat,
            layers=tuple(
                Layer(**{part: arrays[f"layer{number}_{part}"] for part in Layer.__dataclass_fields__})
                for number in range(given.num_layers)
            ),
            embeddings=tuple(arrays[f"embedding{number}"] for number in range(len(self.embedding_shapes))),
            projection_weight=arrays["projection_weight"],
            projection_bias=arrays["projection_bias"],
            default_scale=data.mean_magnitude,
            own_date_features=self.own_date_features,
            reset_while_padded=self.kind.reset_while_padded,
            missing_is_mean=self.kind.missing_is_mean,
        )

    def record(self) -> dict[str, Any]:
        """Everything that determines the result, as flat JSON: jobs with equal values are the same."""
        given = self.given.model_dump(mode="json", include=_TRAINING)
        data = {
            "cardinality": list(self.data.cardinality),
            "num_dynamic_feat": self.data.num_dynamic_feat,
            "default_scale": self.data.mean_magnitude,
        }
        return given | data | {"network": self.kind.name, "seed": self.seed}


# The hyperparameters that training depends on, without those of the test channel.
_TRAINING = {
    "time_freq", "context_length", "prediction_length", "likelihood", "embedding_dimension", "num_cells", "num_layers",
    "dropout_rate", "learning_rate", "mini_batch_size", "epochs", "early_stopping_patience",
    "average_weights", "scale_augmentation",
}  # fmt: skip
