"""A network's arrays in one flat vector, in the order of `Settings.shapes`.

Initial weights are GluonTS-MXNet's: uniform in ±√(6 / (inputs + outputs)), biases 0 (Glorot, Bengio, "Understanding the
difficulty of training deep feedforward neural networks", 2010), but for the forget gate's where the network's kind says
so. In GluonTS the projection is one matrix for each parameter of the likelihood, and so has one output.
"""

import math
from dataclasses import dataclass

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.training.settings import Settings


@dataclass(frozen=True, slots=True)
class WeightVector:
    """The place of each array in the vector."""

    shapes: dict[str, tuple[int, ...]]  # by name
    size: int
    forget_bias: float  # at first, in `input_bias`

    @classmethod
    def of(cls, settings: Settings) -> "WeightVector":
        shapes = settings.shapes()
        return cls(shapes, sum(map(math.prod, shapes.values())), settings.kind.forget_bias)

    def split(self, vector: Floats) -> dict[str, Floats]:
        """Views of the arrays in the vector, (size,), by name."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes.values()])
        parts = np.split(vector, ends[:-1])
        return {name: part.reshape(shape) for part, (name, shape) in zip(parts, self.shapes.items())}

    def initial(self, seed: int) -> Floats:
        """Initial weights, (size,)."""
        rng, vector = np.random.default_rng(seed), np.zeros(self.size, np.float32)
        for name, array in self.split(vector).items():
            if not name.endswith("_bias"):
                outputs = 1 if name == "projection_weight" else array.shape[0]
                most = math.sqrt(6 / (array.shape[1] + outputs))
                array[:] = rng.uniform(-most, most, array.shape)
            elif name.endswith("_input_bias"):
                np.split(array, 4)[1][:] = self.forget_bias
        return vector
