"""Groups of lanes, beside numpy's arithmetic on arrays."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from forecastle.kernels.compiled import inlined
from forecastle.kernels.lanes import (
    SIZES,
    Size,
    absolute,
    aligned,
    bits_of,
    choose,
    count_up,
    exceeds,
    fetch,
    floats_of,
    fma,
    high_product,
    load,
    maximum,
    minimum,
    spread,
    square_root,
    store,
    to_floats,
    turn,
    within,
)
from forecastle.kernels.pointer import memory
from forecastle.kernels.tiles import load_each, tile_rows

generator = np.random.default_rng(0)
A, B = (generator.normal(size=48).astype(np.float32) for _ in range(2))
WORDS = generator.integers(0, 2**32, 48, np.uint32)


def lanewise(function: Callable[..., Any], *arrays: Any) -> Any:
    """What the function gives for 8, 16 and 24 lanes at a time, the same bytes for all."""
    inner = inlined(function)

    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def run(a: Any, b: Any, out: Any, size: Size) -> None:
        for at in range(0, len(out), len(size) * 8):
            store(memory(out), at, inner(load(memory(a), at, size), load(memory(b), at, size)))

    results = []
    for size in SIZES.values():
        out = np.empty(48, np.float32)
        run(arrays[0], arrays[1], out, size)
        results.append(out)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0].view(np.uint32), other.view(np.uint32))
    return results[0]


def test_floats_are_computed_lane_by_lane() -> None:
    ours = lanewise(lambda a, b: (a + b) * 2.0 - 1.0 / b + (3.0 - a) / 0.5, A, B)

    two, one, half = np.float32(2), np.float32(1), np.float32(0.5)
    np.testing.assert_array_equal(ours, (A + B) * two - one / B + (np.float32(3) - A) / half)


def test_the_smaller_the_larger_and_the_chosen() -> None:
    ours = lanewise(lambda a, b: choose(exceeds(a, 0.5), minimum(a, b), maximum(b, 0.25)), A, B)

    np.testing.assert_array_equal(ours, np.where(A > 0.5, np.minimum(A, B), np.maximum(B, np.float32(0.25))))


def test_of_a_number_and_none_the_second_is_taken() -> None:
    none = np.full(48, np.nan, np.float32)

    np.testing.assert_array_equal(lanewise(lambda a, b: minimum(a, b) + maximum(a, b), none, B), B + B)


def test_a_fused_product_is_as_exact_as_its_parts() -> None:
    ours = lanewise(lambda a, b: fma(a, b, 1.0) + fma(0.5, a, b), A, B)

    np.testing.assert_allclose(ours, A * B + 1 + 0.5 * A + B, rtol=1e-5, atol=1e-6)


def test_square_roots() -> None:
    np.testing.assert_array_equal(lanewise(lambda a, b: square_root(a * a) + b, A, B), np.abs(A) + B)


def test_absolute_values() -> None:
    np.testing.assert_array_equal(lanewise(lambda a, b: absolute(a - b), A, B), np.abs(A - B))


@pytest.mark.parametrize("size", SIZES.values())
@pytest.mark.parametrize(("first", "stop"), [(0, 8), (2, 5), (-3, 4), (7, 40), (5, 5), (12, 15)])
def test_lanes_of_a_range_are_chosen(size: Size, first: int, stop: int) -> None:
    @numba.njit  # type: ignore[untyped-decorator]
    def run(out: Any, first: int, stop: int, size: Size) -> None:
        store(memory(out), 0, choose(within(first, stop, size), 1.0, load(memory(out), 0, size)))

    out = np.zeros(8 * len(size), np.float32)
    run(out, first, stop, size)

    lanes = np.arange(len(out))
    np.testing.assert_array_equal(out, (first <= lanes) & (lanes < stop))


def test_words_wrap_around_and_are_shifted() -> None:
    words = WORDS.view(np.float32)

    ours = lanewise(
        lambda a, b: floats_of((((bits_of(a) * 0x9E3779B9) ^ (bits_of(b) >> 7)) << 3) + 5 - (bits_of(a) & 0xFF)),
        words,
        words,
    )

    expected = (((WORDS * np.uint32(0x9E3779B9)) ^ (WORDS >> np.uint32(7))) << np.uint32(3)) + np.uint32(5)
    np.testing.assert_array_equal(ours.view(np.uint32), expected - (WORDS & np.uint32(0xFF)))


def test_the_upper_half_of_a_product() -> None:
    words = WORDS.view(np.float32)

    ours = lanewise(lambda a, b: floats_of(high_product(bits_of(a), 0xD2511F53) ^ (bits_of(b) & 0)), words, words)

    expected = (WORDS.astype(np.uint64) * np.uint64(0xD2511F53)) >> np.uint64(32)
    np.testing.assert_array_equal(ours.view(np.uint32), expected.astype(np.uint32))


def test_words_as_signed_numbers() -> None:
    words = WORDS.view(np.float32)

    ours = lanewise(lambda a, b: to_floats(bits_of(a)) + to_floats(bits_of(b)) * 0.0, words, words)

    np.testing.assert_array_equal(ours, WORDS.view(np.int32).astype(np.float32))


@pytest.mark.parametrize("size", SIZES.values())
def test_counting_and_spreading(size: Size) -> None:
    @numba.njit  # type: ignore[untyped-decorator]
    def run(out: Any, size: Size) -> None:
        store(memory(out), 0, to_floats(count_up(np.uint32(7), size)) + spread(np.float32(0.5), size))

    out = np.empty(8 * len(size), np.float32)
    run(out, size)

    np.testing.assert_array_equal(out, np.arange(7, 7 + len(out)) + 0.5)


@pytest.mark.parametrize("shape", [(1,), (3, 24), (0, 16), (5, 7, 2)])
def test_aligned_arrays_begin_with_a_line_of_the_cache(shape: tuple[int, ...]) -> None:
    array = aligned(*shape)

    assert array.shape == shape
    assert array.flags.c_contiguous
    assert array.size == 0 or array.ctypes.data % 64 == 0


def test_rows_are_turned_into_columns() -> None:
    source, target = generator.normal(size=(8, 12)).astype(np.float32), np.zeros((9, 20), np.float32)

    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def run(source: Any, target: Any) -> None:
        fetch(memory(source), 3, 0)  # without effect on what is read
        fetch(memory(target), 20, 1)
        turn(memory(source), 3, 12, memory(target), 20 + 5, 20)

    run(source, target)

    expected = np.zeros((9, 20), np.float32)
    expected[1:9, 5:13] = source[:, 3:11].T
    np.testing.assert_array_equal(target, expected)


def test_rows_in_any_order_become_a_tile() -> None:
    rows, tile = generator.normal(size=(5, 16)).astype(np.float32), np.zeros(3 + 64, np.float32)
    order = np.array([9, 4, 0, 0, 3, 1, 2, 4, 1], np.int32)

    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def run(rows: Any, order: Any, tile: Any) -> None:
        tile_rows(memory(rows), 16, memory(order), 1, 8, memory(tile), 3)

    run(rows, order, tile)

    np.testing.assert_array_equal(tile[3:].reshape(8, 8), rows[order[1:], 8:].T)
    assert not tile[:3].any()


def test_vectors_that_are_apart_are_loaded_as_a_group() -> None:
    numbers, out, size = np.arange(100, dtype=np.float32), np.zeros(24, np.float32), SIZES[3]

    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def run(numbers: Any, out: Any) -> None:
        store(memory(out), 0, load_each(memory(numbers), 2, 40, size))

    run(numbers, out)

    np.testing.assert_array_equal(out, np.concatenate([np.arange(first, first + 8) for first in (2, 42, 82)]))
