"""Decimal numbers, written as text with at most ten decimals."""

import math

import numpy as np
from numpy.typing import NDArray

from forecastle.kernels.compiled import inlined, kernel
from forecastle.kernels.pointer import memory
from forecastle.kernels.word import leading_zeros, store_word

LONGEST = 31  # bytes of a number, at most: sign, 19 digits, point, 10 digits
WRITE_LIMIT = 2.0**63  # `write` accepts numbers below this

_MINUS, _POINT, _ZERO = b"-.0"


@inlined
def write(value: float, out: NDArray[np.uint8], at: int) -> int:
    """Write `value`, of less than `WRITE_LIMIT`, to `out[at:]`, (bytes,). → the index after it.

    It is correctly rounded to ten decimals, without trailing zeros except one: the same text as
    `repr(round(value, 10))` for 0 and from 1e-4 to 5e5. Outside of that it has no exponent and perhaps more digits, but
    parses to the same float64.
    """
    text = memory(out)
    if np.signbit(value):
        text[at] = _MINUS
        at += 1
        value = -value
    whole = int(value)
    decimals = _ten_decimals(value - float(whole))
    if decimals == 10_000_000_000:
        whole, decimals = whole + 1, 0
    if whole < 10:
        text[at] = np.uint8(_ZERO + whole)
        at += 1
    else:
        at = _write_whole(whole, text, at)
    # Divisions as multiplications: LLVM's own code for them has branches that cannot be predicted.
    first = (decimals >> 8) * 90071993 >> 45  # decimals // 10^8; the factor is 2^45 / 5^8, rounded up
    others = decimals - first * 100_000_000
    tens = first * 103 >> 10
    text[at] = _POINT
    text[at + 1] = np.uint8(_ZERO + tens)
    text[at + 2] = np.uint8(_ZERO + first - tens * 10)
    if others == 0:
        return at + (2 if first == tens * 10 else 3)
    digits = _eight_digits(np.uint64(others))
    store_word(text, at + 3, digits + np.uint64(0x3030_3030_3030_3030))
    zeros: int = leading_zeros(digits) >> 3  # after the last digit that is not 0
    return at + 11 - zeros


@inlined
def _ten_decimals(fraction: float) -> int:
    """fraction · 10^10, rounded half to even as if computed without error, for fraction in [0, 1)."""
    scaled = fraction * 1e10
    nearest = np.rint(scaled)
    if abs(scaled - nearest) == 0.5:  # of the rounded product: its rounding error decides
        high = float(np.float32(fraction))  # 1e10 has 24 significant bits, so the products of both halves are exact
        error = (high * 1e10 - scaled) + (fraction - high) * 1e10
        if error != 0:
            nearest = scaled + math.copysign(0.5, error)
    return int(nearest)


@kernel
def _write_whole(number: int, out: NDArray[np.uint8], at: int) -> int:
    """Write `number`, which is not negative, to `out[at:]`, (bytes,). → the index after it."""
    end, rest = at + 1, number
    while rest > 9:
        rest, _ = _split(rest, np.uint64(10))
        end += 1
    for place in range(end - 1, at - 1, -1):
        number, digit = _split(number, np.uint64(10))
        out[place] = np.uint8(_ZERO + digit)
    return end


@inlined
def _eight_digits(number: np.uint64) -> np.uint64:
    """The eight digits of `number`, one per byte, the first one lowest: split into halves, pairs and digits."""
    high = number * np.uint64(109951163) >> np.uint64(40)  # number // 10,000
    halves = high | (number - high * np.uint64(10_000)) << np.uint64(32)
    # n · 5243 >> 19 is n // 100 up to 9,999, and n · 103 >> 10 is n // 10 up to 99.
    high = (halves * np.uint64(5243) >> np.uint64(19)) & np.uint64(0x0000_007F_0000_007F)
    pairs = high | (halves - high * np.uint64(100)) << np.uint64(16)
    high = (pairs * np.uint64(103) >> np.uint64(10)) & np.uint64(0x000F_000F_000F_000F)
    return high | (pairs - high * np.uint64(10)) << np.uint64(8)


@kernel
def _split(number: int, unit: np.uint64) -> tuple[int, int]:
    """divmod, unsigned, which takes a third of the time."""
    quotient = int(np.int64(np.uint64(number) // unit))
    return quotient, number - quotient * int(np.int64(unit))
