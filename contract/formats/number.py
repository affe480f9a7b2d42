"""Decimal numbers in text: read into float32 exactly, written with ten decimals at the most."""

import re

import numpy as np
from numpy.typing import NDArray

from contract.compiled import kernel

# From here on a number is rounded to infinity when it becomes a float32.
FLOAT32_OVERFLOW = 2.0**128 * (1 - 2.0**-25)
# A written number takes no more bytes than this: sign, 19 digits, point, 10 digits.
LONGEST = 31
# Numbers that `write` writes are smaller than this.
WRITE_LIMIT = 2.0**63

_MINUS, _PLUS, _POINT, _ZERO, _NINE, _CAPITAL_E, _SMALL_E = b"-+.09Ee"
_POWERS_OF_TEN = np.array([float(f"1e{exponent}") for exponent in range(70)])
_PAIRS = np.frombuffer("".join(f"{pair:02}" for pair in range(100)).encode(), np.uint8)
_NUMBER = re.compile(rb"[+-]?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?")


@kernel
def parse(text: NDArray[np.uint8], i: int, stop: int, strict: bool) -> tuple[float, int]:
    """The number that begins at `text[i]`, and the index behind it; -1 where there is no number.

    The value rounds to `np.float32(float(token))`. It is NaN where that cannot be told with float64 arithmetic: too
    close to the middle of two float32, or too large; `settle` reads such a token again. `strict` is JSON's grammar;
    without it `+1`, `.5`, `5.` and `007` are numbers too.
    """
    negative = i < stop and text[i] == _MINUS
    if negative or (i < stop and text[i] == _PLUS and not strict):
        i += 1
    begin = i
    mantissa, i = _run(text, i, stop, np.uint64(0))
    digits = i - begin
    if strict and (digits == 0 or (digits > 1 and text[begin] == _ZERO)):
        return 0.0, -1
    exponent = 0
    if i < stop and text[i] == _POINT:
        point = i
        mantissa, i = _run(text, i + 1, stop, mantissa)
        exponent = point + 1 - i
        digits -= exponent
        if strict and exponent == 0:
            return 0.0, -1
    if digits == 0:
        return 0.0, -1
    if digits > 19:  # more than the mantissa holds
        mantissa, digits, exponent = _cut_off(text, begin, i)
    if i < stop and (text[i] == _SMALL_E or text[i] == _CAPITAL_E):
        power, i = _exponent(text, i + 1, stop)
        if i < 0:
            return 0.0, -1
        exponent += power
    value = _scaled(mantissa, digits, exponent)
    return (-value if negative else value), i


@kernel
def _run(text: NDArray[np.uint8], i: int, stop: int, mantissa: np.uint64) -> tuple[np.uint64, int]:
    while i < stop:
        digit = np.uint8(text[i] - _ZERO)
        if digit > 9:
            break
        mantissa = mantissa * np.uint64(10) + np.uint64(digit)
        i += 1
    return mantissa, i


@kernel
def _cut_off(text: NDArray[np.uint8], i: int, stop: int) -> tuple[np.uint64, int, int]:
    """The first 19 significant digits of `text[i:stop]`, digits around a point at the most; and the exponent."""
    mantissa, digits, exponent, behind_point = np.uint64(0), 0, 0, 0
    for at in range(i, stop):
        if text[at] == _POINT:
            behind_point = 1
        elif digits < 19:
            mantissa = mantissa * np.uint64(10) + np.uint64(text[at] - _ZERO)
            digits += mantissa != 0
            exponent -= behind_point
        else:
            exponent += 1 - behind_point
    return mantissa, digits, exponent


@kernel
def _exponent(text: NDArray[np.uint8], i: int, stop: int) -> tuple[int, int]:
    negative = i < stop and text[i] == _MINUS
    if negative or (i < stop and text[i] == _PLUS):
        i += 1
    begin, power = i, 0
    while i < stop and _ZERO <= text[i] <= _NINE:
        power = min(power * 10 + int(text[i] - _ZERO), 1 << 40)  # longer than any mantissa, so it never cancels out
        i += 1
    return (-power if negative else power), (i if i > begin else -1)


@kernel
def _scaled(mantissa: np.uint64, digits: int, exponent: int) -> float:
    """mantissa · 10^exponent, good enough for rounding to float32; NaN where it is not."""
    if mantissa == 0 or digits + exponent < -46:  # below half of the smallest float32
        return 0.0
    if digits + exponent > 39:
        return np.nan
    if exponent == 0:
        value = float(mantissa)
    elif exponent > 0:
        value = float(mantissa) * _POWERS_OF_TEN[exponent]
    else:
        value = float(mantissa) / _POWERS_OF_TEN[-exponent]
    if mantissa <= np.uint64(1 << 53) and -22 <= exponent <= 22:
        return float(value)  # both operands are exact, so the quotient is the nearest float64 (Clinger 1990)
    # Otherwise up to four roundings lie behind it, each of 2^-53: does float32 see a difference within twice that?
    margin = value * 2.0**-50
    low, high = np.float32(value - margin), np.float32(value + margin)
    return float(value if low == high and value < 3.4e38 else np.nan)


def settle(text: bytes, values: NDArray[np.float32], doubtful: NDArray[np.int64]) -> int | None:
    """Read again what `parse` left open: rows of (index in `values`, place in `text`).

    The index of the first number that no float32 holds, or None where all are finite.
    """
    for index, place in doubtful.tolist():
        match = _NUMBER.match(text, place)
        value = float(match[0]) if match else np.nan
        if not abs(value) < FLOAT32_OVERFLOW:
            return int(index)
        values[index] = value
    return None


@kernel
def write(value: float, out: NDArray[np.uint8], at: int) -> int:
    """Write `value`, of less than `WRITE_LIMIT`, to `out[at:]`; the index behind it.

    Correctly rounded to ten decimals, without trailing zeros but for one: what `repr(round(value, 10))` says for
    0 and from 1e-4 to 5e5. Beyond, it has no exponent and perhaps more digits, but reads back as the same float64.
    """
    if np.signbit(value):
        out[at] = _MINUS
        at += 1
        value = -value
    whole = int(value)
    decimals = _ten_decimals(value - float(whole))
    if decimals == 10_000_000_000:
        whole, decimals = whole + 1, 0
    at = _write_whole(whole, out, at)
    out[at] = _POINT
    first, second = _split(decimals, np.uint64(100_000))
    _write_five(first, out, at + 1)
    at += 6
    if second > 0:
        _write_five(second, out, at)
        at += 5
    while out[at - 1] == _ZERO and out[at - 2] != _POINT:
        at -= 1
    return at


@kernel
def _ten_decimals(fraction: float) -> int:
    """fraction · 10^10, rounded half to even as if computed without error, for fraction in [0, 1)."""
    scaled = fraction * 1e10
    nearest = int(scaled)
    rest = scaled - float(nearest)
    if rest == 0.5:  # of the product itself, rounded: 1e10 has 24 significant bits, so those of both halves are exact
        high = float(np.float32(fraction))
        error = (high * 1e10 - scaled) + (fraction - high) * 1e10
        return nearest + int(error > 0 or (error == 0 and nearest & 1 == 1))
    return nearest + int(rest > 0.5)


@kernel
def _write_whole(number: int, out: NDArray[np.uint8], at: int) -> int:
    end, rest = at + 1, number
    while rest > 9:
        rest, _ = _split(rest, np.uint64(10))
        end += 1
    for place in range(end - 1, at - 1, -1):
        number, digit = _split(number, np.uint64(10))
        out[place] = np.uint8(_ZERO + digit)
    return end


@kernel
def _write_five(number: int, out: NDArray[np.uint8], at: int) -> None:
    first, rest = _split(number, np.uint64(10_000))
    second, third = _split(rest, np.uint64(100))
    out[at] = np.uint8(_ZERO + first)
    out[at + 1] = _PAIRS[2 * second]
    out[at + 2] = _PAIRS[2 * second + 1]
    out[at + 3] = _PAIRS[2 * third]
    out[at + 4] = _PAIRS[2 * third + 1]


@kernel
def _split(number: int, unit: np.uint64) -> tuple[int, int]:
    """divmod, unsigned: that takes a third of the time."""
    quotient = int(np.int64(np.uint64(number) // unit))
    return quotient, number - quotient * int(np.int64(unit))
