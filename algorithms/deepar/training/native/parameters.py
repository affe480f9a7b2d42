"""A network's parameters as one flat vector, as what learns holds them: one behind the other, in the order of `arrays`.

Fresh ones are drawn as GluonTS-MXNet draws them: uniform in ±√(6 / (inputs + outputs)), biases 0 (Glorot, Bengio,
"Understanding the difficulty of training deep feedforward neural networks", 2010). The projection is one matrix for
each parameter of the likelihood there, and so has one output.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.network import Layer, Network
from forecastle.algorithms.deepar.training.engine import Settings


@dataclass(frozen=True, slots=True)
class Parameters:
    """Where each array of a network lies in the vector."""

    shapes: dict[str, tuple[int, ...]]  # by the names of `Network.arrays`
    size: int

    @classmethod
    def of(cls, settings: Settings) -> "Parameters":
        shapes = _shapes(settings)
        return cls(shapes, sum(map(math.prod, shapes.values())))

    def split(self, vector: Floats) -> dict[str, Floats]:
        """The arrays that lie in the vector, without a copy."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes.values()])
        parts = np.split(vector, ends[:-1])
        return {name: part.reshape(shape) for part, (name, shape) in zip(parts, self.shapes.items())}

    def drawn(self, seed: int) -> Floats:
        """Fresh parameters, (size,)."""
        rng, vector = np.random.default_rng(seed), np.zeros(self.size, np.float32)
        for name, array in self.split(vector).items():
            if not name.endswith("_bias"):
                outputs = 1 if name == "projection_weight" else array.shape[0]
                most = math.sqrt(6 / (array.shape[1] + outputs))
                array[:] = rng.uniform(-most, most, array.shape)
        return vector


def network_of(settings: Settings, arrays: dict[str, NDArray[np.float32]]) -> Network:
    """The network of these arrays, which are copied."""
    arrays = {name: array.copy() for name, array in arrays.items()}
    return Network(
        frequency=settings.frequency,
        context_length=settings.context_length,
        prediction_length=settings.prediction_length,
        likelihood=settings.likelihood,
        lags=settings.frequency.lags,
        cardinality=settings.cardinality,
        num_dynamic_feat=settings.num_dynamic_feat,
        layers=tuple(
            Layer(**{part: arrays[f"layer{number}_{part}"] for part in Layer.__dataclass_fields__})
            for number in range(settings.num_layers)
        ),
        embeddings=tuple(arrays[f"embedding{number}"] for number in range(max(1, len(settings.cardinality)))),
        projection_weight=arrays["projection_weight"],
        projection_bias=arrays["projection_bias"],
        default_scale=settings.default_scale,
    )


def moving_inputs(settings: Settings) -> int:
    """How many inputs of a step differ from the last step's: lags, time features, age, dynamic features."""
    frequency = settings.frequency
    return len(frequency.lags) + len(frequency.features) + 1 + settings.num_dynamic_feat


def step_inputs(settings: Settings) -> int:
    """All inputs of a step: those that move, the embeddings, a zero and log(scale)."""
    return moving_inputs(settings) + sum(dimension for _, dimension in embedding_shapes(settings)) + 2


def embedding_shapes(settings: Settings) -> list[tuple[int, int]]:
    """(categories, dimension) of each; a constant of one number where the network takes no category."""
    return [(categories, settings.embedding_dimension) for categories in settings.cardinality] or [(1, 1)]


def _shapes(settings: Settings) -> dict[str, tuple[int, ...]]:
    cells, embeddings = settings.num_cells, embedding_shapes(settings)
    inputs = step_inputs(settings)
    shapes: dict[str, tuple[int, ...]] = {}
    for number in range(settings.num_layers):
        shapes |= {
            f"layer{number}_input_weight": (4 * cells, inputs if number == 0 else cells),
            f"layer{number}_hidden_weight": (4 * cells, cells),
            f"layer{number}_input_bias": (4 * cells,),
            f"layer{number}_hidden_bias": (4 * cells,),
        }
    shapes |= {f"embedding{number}": shape for number, shape in enumerate(embeddings)}
    rows = len(settings.likelihood.parameters)
    return shapes | {"projection_weight": (rows, cells), "projection_bias": (rows,)}
