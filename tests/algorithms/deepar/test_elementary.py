"""Elementary functions of lanes, beside numpy's in float64."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms.deepar.lstm import new_output, new_state
from forecastle.kernels.elementary import LOG2_E, exp2, exp2_less_1, log2, sine_and_cosine, softplus
from forecastle.kernels.lanes import SIZES, Size, load, store
from forecastle.kernels.pointer import memory

Doubles = NDArray[np.float64]
LEAST = float(np.finfo(np.float32).eps)


@pytest.mark.parametrize(
    ("function", "reference", "low", "high", "error"),
    [
        (exp2, np.exp2, -126, 127, 3e-7),
        (exp2_less_1, lambda x: np.expm1(x * np.log(2)), -30, 40, 3e-7),
        (exp2_less_1, lambda x: np.expm1(x * np.log(2)), -1e-4, 1e-4, 3e-7),
        (log2, np.log2, 1e-12, 1, 3e-7),
        (log2, np.log2, 0.98, 1, 3e-7),
        (log2, np.log2, 1, 1e12, 3e-7),
        (softplus, lambda x: np.maximum(np.logaddexp(x, 0), LEAST), -120, 120, 2e-6),
        (softplus, lambda x: np.logaddexp(x, 0), -3, 3, 6e-7),
    ],
)
def test_functions_are_exact(
    function: Callable[..., Any], reference: Callable[[Doubles], Doubles], low: float, high: float, error: float
) -> None:
    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def run(x: Any, out: Any, size: Size) -> None:
        for at in range(0, len(x), 24):
            store(memory(out), at, function(load(memory(x), at, size)))

    x = np.linspace(low, high, 24_000).astype(np.float32)
    ours = np.empty_like(x)
    run(x, ours, SIZES[3])

    np.testing.assert_allclose(ours, reference(x.astype(float)), rtol=error)


def test_sine_and_cosine_are_exact() -> None:
    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def run(x: Any, sines: Any, cosines: Any, size: Size) -> None:
        for at in range(0, len(x), 24):
            sine, cosine = sine_and_cosine(load(memory(x), at, size))
            store(memory(sines), at, sine)
            store(memory(cosines), at, cosine)

    x = np.linspace(-0.5, 0.5, 24_000).astype(np.float32)
    sines, cosines = np.empty_like(x), np.empty_like(x)
    run(x, sines, cosines, SIZES[3])

    np.testing.assert_allclose(sines, np.sin(np.pi / 2 * x.astype(float)), rtol=3e-7, atol=1e-12)
    np.testing.assert_allclose(cosines, np.cos(np.pi / 2 * x.astype(float)), rtol=3e-7)


def test_a_cell_is_exact_for_gates_of_every_size() -> None:
    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def run(gates: Any, states: Any, outputs: Any, size: Size) -> None:
        count = len(states)
        for at in range(0, count, 24):
            state = new_state(
                load(memory(gates), at, size),
                load(memory(gates), count + at, size),
                load(memory(gates), 2 * count + at, size),
                load(memory(states), at, size),
            )
            output = new_output(load(memory(gates), 3 * count + at, size), state)
            store(memory(states), at, state)
            store(memory(outputs), at, output)

    generator = np.random.default_rng(0)
    gates = generator.normal(size=(4, 24_000)) * 10.0 ** generator.integers(-3, 4, 24_000)
    states = generator.normal(size=24_000) * 10.0 ** generator.integers(-2, 3, 24_000)
    folded = (gates * -LOG2_E * np.array([1, 1, 2, 1])[:, None]).astype(np.float32)
    ours, outputs = states.astype(np.float32), np.empty(24_000, np.float32)
    run(folded, ours, outputs, SIZES[3])

    enter, forget, made, leave = np.clip(gates, -700, 700)
    expected = states / (1 + np.exp(-forget)) + np.tanh(made) / (1 + np.exp(-enter))
    np.testing.assert_allclose(ours, expected, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(outputs, np.tanh(expected) / (1 + np.exp(-leave)), rtol=2e-5, atol=2e-6)
