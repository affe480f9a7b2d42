"""The vector of a network's parameters: fresh ones, and what lies where in it."""

import numpy as np

from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.training.native.learner import plan_of
from forecastle.algorithms.deepar.training.native.plan import layer_at
from forecastle.algorithms.deepar.training.native.vector import WeightVector
from forecastle.algorithms.deepar.training.native.weights import embedding_size
from tests.algorithms.deepar.waves import settings

GIVEN = settings(cardinality=(4, 3), num_dynamic_feat=2, num_layers=3)


def test_the_arrays_follow_one_another_in_the_networks_order() -> None:
    parameters = WeightVector.of(GIVEN)
    vector = np.arange(parameters.size, dtype=np.float32)

    network = GIVEN.network(parameters.split(vector))

    np.testing.assert_array_equal(np.concatenate([array.ravel() for array in network.arrays().values()]), vector)
    assert list(network.arrays()) == list(parameters.shapes)
    assert Network.from_artifact(network.parameters(), network.arrays()).parameters() == network.parameters()


def test_the_kernels_find_each_layer_at_its_offset() -> None:
    plan, starts, at = plan_of(GIVEN), {}, 0
    for name, array in WeightVector.of(GIVEN).split(WeightVector.of(GIVEN).initial(0)).items():
        starts[name] = at
        at += array.size

    assert [layer_at(plan, layer) for layer in range(3)] == [starts[f"layer{n}_input_weight"] for n in range(3)]
    assert layer_at(plan, 3) == starts["embedding0"]
    assert layer_at(plan, 3) + embedding_size(plan) == starts["projection_weight"]


def test_a_network_does_not_change_with_what_it_was_made_of() -> None:
    parameters = WeightVector.of(GIVEN)
    vector = parameters.initial(0)
    network = GIVEN.network(parameters.split(vector))
    vector[:] = 0

    assert network.layers[0].input_weight.any()


def test_a_seed_draws_the_same_parameters_another_seed_others() -> None:
    parameters = WeightVector.of(GIVEN)

    np.testing.assert_array_equal(parameters.initial(3), parameters.initial(3))
    assert (parameters.initial(3) != parameters.initial(4)).any()
