"""Networks with random weights."""

from collections.abc import Sequence

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.algorithms.deepar.network import Layer, Network


def random_network(
    likelihood: str = "student-T",
    *,
    time_freq: str = "2H",
    context_length: int = 10,
    prediction_length: int = 8,
    cells: int = 6,
    layers: int = 2,
    lags: Sequence[int] = (1, 2, 3, 5, 8, 13),
    cardinality: Sequence[int] = (),
    num_dynamic_feat: int = 0,
    default_scale: float = 0.0,
    seed: int = 0,
) -> Network:
    generator, frequency = np.random.default_rng(seed), Frequency.parse(time_freq)

    def weights(*shape: int) -> Floats:
        return generator.uniform(-1, 1, shape).astype(np.float32) * np.float32(1.5 / np.sqrt(cells))

    embeddings = tuple(weights(categories, 2 + number) for number, categories in enumerate(cardinality))
    embeddings = embeddings or (weights(1, 1),)
    inputs = len(lags) + len(frequency.features) + num_dynamic_feat + 3
    inputs += sum(embedding.shape[1] for embedding in embeddings)
    parameters = len(LIKELIHOODS[likelihood].parameters)
    return Network(
        frequency=frequency,
        context_length=context_length,
        prediction_length=prediction_length,
        likelihood=LIKELIHOODS[likelihood],
        lags=tuple(lags),
        cardinality=tuple(cardinality),
        num_dynamic_feat=num_dynamic_feat,
        layers=tuple(
            Layer(
                weights(4 * cells, inputs if layer == 0 else cells),
                weights(4 * cells, cells),
                weights(4 * cells),
                weights(4 * cells),
            )
            for layer in range(layers)
        ),
        embeddings=embeddings,
        projection_weight=weights(parameters, cells),
        projection_bias=weights(parameters),
        default_scale=default_scale,
    )
