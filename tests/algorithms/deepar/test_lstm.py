"""The cell that keeps its activations, beside the forecaster's and beside differences in float64."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.lstm import activations, gate_gradients, new_output, new_state, tanh
from forecastle.kernels.elementary import LOG2_E
from forecastle.kernels.lanes import SIZES, Size, fma, load, store
from forecastle.kernels.pointer import memory

FACTORS = np.array([-LOG2_E, -LOG2_E, -2 * LOG2_E, -LOG2_E])[:, None]
generator = np.random.default_rng(0)


@numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
def forward(gates: Any, state: Any, out: Any, size: Size) -> None:
    """The new state and output twice: with activations that are kept, and by the forecaster's cell; then the former."""
    rows, old = memory(gates), load(memory(state), 0, size)
    a, b, c, d = load(rows, 0, size), load(rows, 16, size), load(rows, 32, size), load(rows, 48, size)
    enter, keep, made, leave = activations(a, b, c, d)
    new = fma(keep, old, enter * made)
    to, state = memory(out), new_state(a, b, c, old)
    store(to, 0, new)
    store(to, 16, leave * tanh(new))
    store(to, 32, state)
    store(to, 48, new_output(d, state))
    store(to, 64, enter)
    store(to, 80, keep)
    store(to, 96, made)
    store(to, 112, leave)


@numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
def backward(gates: Any, others: Any, out: Any, size: Size) -> None:
    rows, more, to = memory(gates), memory(others), memory(out)
    opened = (load(rows, 0, size), load(rows, 16, size), load(rows, 32, size), load(rows, 48, size))
    of_gates, of_state = gate_gradients(
        opened, load(more, 0, size), load(more, 16, size), load(more, 32, size), load(more, 48, size)
    )
    store(to, 0, of_gates[0])
    store(to, 16, of_gates[1])
    store(to, 32, of_gates[2])
    store(to, 48, of_gates[3])
    store(to, 64, of_state)


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-x)))


def computed(gates: NDArray[np.float64], state: NDArray[np.float64]) -> tuple[Any, Any]:
    new = sigmoid(gates[1]) * state + sigmoid(gates[0]) * np.tanh(gates[2])
    return new, sigmoid(gates[3]) * np.tanh(new)


def test_the_cell_is_the_forecasters() -> None:
    gates = np.concatenate([generator.normal(size=(4, 12)) * 4, np.full((4, 2), 60.0), np.full((4, 2), -60.0)], axis=1)
    state, out = generator.normal(size=16).astype(np.float32), np.empty((8, 16), np.float32)

    forward((gates * FACTORS).astype(np.float32), state, out, SIZES[2])

    np.testing.assert_allclose(out[:2], out[2:4], atol=1e-6)
    np.testing.assert_allclose(out[:2], computed(gates, state.astype(float)), atol=1e-6)
    expected = [sigmoid(gates[0]), sigmoid(gates[1]), np.tanh(gates[2]), sigmoid(gates[3])]
    np.testing.assert_allclose(out[4:], expected, atol=1e-6)


def test_the_gradients_of_the_gates_are_their_differences() -> None:
    gates, state = generator.normal(size=(4, 16)), generator.normal(size=16)
    of_state, of_output = generator.normal(size=(2, 16))
    opened = np.array([sigmoid(gates[0]), sigmoid(gates[1]), np.tanh(gates[2]), sigmoid(gates[3])])
    others = np.array([np.tanh(computed(gates, state)[0]), state, of_output, of_state])
    out = np.empty((5, 16), np.float32)

    backward(opened.astype(np.float32), others.astype(np.float32), out, SIZES[2])

    def worth(gates: NDArray[np.float64], state: NDArray[np.float64]) -> Any:
        new, output = computed(gates, state)
        return of_state * new + of_output * output

    step = 1e-6
    for gate in range(4):
        moved = np.zeros((4, 1))
        moved[gate] = step
        difference = (worth(gates + moved, state) - worth(gates - moved, state)) / (2 * step)
        np.testing.assert_allclose(out[gate], difference, atol=2e-6)
    difference = (worth(gates, state + step) - worth(gates, state - step)) / (2 * step)
    np.testing.assert_allclose(out[4], difference, atol=2e-6)
