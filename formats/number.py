"""Decimal numbers in text, parsed to the nearest float32.

In kernels, `text` is (bytes,), and indices are into it.
"""

import re

import numpy as np
from numpy.typing import NDArray

from forecastle.kernels.compiled import kernel
from forecastle.kernels.pointer import memory
from forecastle.kernels.word import load_word, trailing_zeros

# At and above this, a number is rounded to infinity as a float32.
FLOAT32_OVERFLOW = 2.0**128 * (1 - 2.0**-25)

_SPLITTER = 2.0**27 + 1.0  # cuts a float64 in two halves of 26 bits
_TINY = 1e-60  # replaces numbers that float32 rounds to 0 and float64 does not
_MINUS, _PLUS, _POINT, _ZERO, _NINE, _CAPITAL_E, _SMALL_E = b"-+.09Ee"
_POWERS_OF_TEN = np.array([float(f"1e{exponent}") for exponent in range(70)])
_REST_OF_POWERS = np.array([float(10**exponent - int(float(10**exponent))) for exponent in range(70)])
_WHOLE_POWERS_OF_TEN = np.array([10**exponent for exponent in range(9)], np.uint64)
_NUMBER = re.compile(rb"[+-]?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?")


@kernel
def parse(text: NDArray[np.uint8], i: int, stop: int, strict: bool) -> tuple[float, int]:
    """The number that begins at `text[i]`, and the index after it; -1 if there is no number.

    The value rounds to `np.float32(float(token))`, and is itself a float32 if `float(token)` is one. It is NaN if
    float64 arithmetic cannot decide this, too close to the middle of two float32 or too large; `settle` parses such a
    token again. `strict` is JSON's grammar; without it `+1`, `.5`, `5.` and `007` are also numbers.
    """
    text = memory(text)
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
    if digits > 19:  # more than fit the mantissa
        mantissa, digits, exponent = _truncated(text, begin, i)
    if i < stop and (text[i] == _SMALL_E or text[i] == _CAPITAL_E):
        power, i = _exponent(text, i + 1, stop)
        if i < 0:
            return 0.0, -1
        exponent += power
    if exponent == 0 and mantissa <= np.uint64(1 << 53):
        value = float(np.int64(mantissa))
    else:
        value = _scaled(mantissa, digits, exponent)
    return (-value if negative else value), i


@kernel
def parse_short(text: NDArray[np.uint8], i: int, stop: int) -> tuple[float, int]:
    """A fast path of `parse`, for most numbers: up to eight digits from `text[i]` on.

    → their value, and the index after them, which is below `stop`; `i` if there are no digits, or too near the end.
    """
    if i + 8 >= stop:
        return 0.0, i
    value, digits = _eight_digits_at(text, i)
    return float(np.int64(value)), i + digits


@kernel
def parse_decimal(text: NDArray[np.uint8], begin: int, stop: int) -> tuple[float, int]:
    """A fast path of `parse`: an optional minus, up to eight digits, a point and digits, at most 19 in all.

    → the value of `parse`, and the index after them, which is below `stop`; `begin` if there is no such number, or too
    near the end.
    """
    if begin + 19 > stop:
        return 0.0, begin
    i = begin + (text[begin] == _MINUS)
    whole, digits = _eight_digits_at(text, i)
    i += digits
    if digits == 0 or text[i] != _POINT:
        return 0.0, begin
    fraction, decimals = _eight_digits_at(text, i + 1)
    if decimals == 0:
        return 0.0, begin
    mantissa, end = whole * _WHOLE_POWERS_OF_TEN[decimals] + fraction, i + 1 + decimals
    if decimals < 8:  # at most 15 digits: the quotient of two exact float64 is the nearest one
        value = float(np.int64(mantissa)) / _POWERS_OF_TEN[decimals]
    else:
        mantissa, end = _run(text, end, stop, mantissa)
        decimals = end - i - 1
        digits += decimals
        if digits > 19 or end == stop:
            return 0.0, begin
        value = _scaled(mantissa, digits, -decimals)
    return (-value if text[begin] == _MINUS else value), end


@kernel
def _run(text: NDArray[np.uint8], i: int, stop: int, mantissa: np.uint64) -> tuple[np.uint64, int]:
    """`mantissa` with the digits from `text[i]` on appended, modulo 2⁶⁴, and the index after them."""
    while i + 8 <= stop:
        value, digits = _eight_digits_at(text, i)
        mantissa = mantissa * _WHOLE_POWERS_OF_TEN[digits] + value
        i += digits
        if digits < 8:
            return mantissa, i
    while i < stop:
        digit = np.uint8(text[i] - _ZERO)
        if digit > 9:
            break
        mantissa = mantissa * np.uint64(10) + np.uint64(digit)
        i += 1
    return mantissa, i


@kernel
def _eight_digits_at(text: NDArray[np.uint8], i: int) -> tuple[np.uint64, int]:
    """The value and the number of the digits from `text[i]` on, up to eight: all bytes at once."""
    word = load_word(memory(text), i) ^ np.uint64(0x3030_3030_3030_3030)
    # In a byte other than a digit, one of the high bits is set, or is after adding 6.
    others = (word | (word + np.uint64(0x0606_0606_0606_0606))) & np.uint64(0xF0F0_F0F0_F0F0_F0F0)
    digits = trailing_zeros(others) >> 3
    half = np.uint64(32 - 4 * digits)  # of the shift that moves them to the end of the word, after zeros
    word = word << half << half
    word = (word * np.uint64(10) + (word >> np.uint64(8))) & np.uint64(0x00FF_00FF_00FF_00FF)
    word = (word * np.uint64(100) + (word >> np.uint64(16))) & np.uint64(0x0000_FFFF_0000_FFFF)
    return (word * np.uint64(10_000) + (word >> np.uint64(32))) & np.uint64(0xFFFF_FFFF), digits


@kernel
def _truncated(text: NDArray[np.uint8], i: int, stop: int) -> tuple[np.uint64, int, int]:
    """The first 19 significant digits of `text[i:stop]`, digits and perhaps a point; their number; the exponent."""
    mantissa, digits, exponent, after_point = np.uint64(0), 0, 0, 0
    for at in range(i, stop):
        if text[at] == _POINT:
            after_point = 1
        elif digits < 19:
            mantissa = mantissa * np.uint64(10) + np.uint64(text[at] - _ZERO)
            digits += mantissa != 0
            exponent -= after_point
        else:
            exponent += 1 - after_point
    return mantissa, digits, exponent


@kernel
def _exponent(text: NDArray[np.uint8], i: int, stop: int) -> tuple[int, int]:
    """The exponent from `text[i]` on, and the index after it; -1 if there is none."""
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
    """mantissa · 10^exponent as `parse` returns it; NaN if it cannot be decided."""
    if mantissa == 0:
        return 0.0
    if digits + exponent < -46:  # below half of the smallest float32
        return _TINY if exponent > -300 else np.nan  # float64 may round the latter to 0
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
    # Otherwise it was rounded up to four times, by 2^-53 each: does float32 see a difference within twice that?
    margin = value * 2.0**-50
    low, high = np.float32(value - margin), np.float32(value + margin)
    if low != high or value >= 3.4e38:
        return np.nan
    nearest = float(low)
    if abs(value - nearest) > margin:
        return value
    return _beside_float32(value, nearest, mantissa, digits, exponent)


@kernel
def _beside_float32(value: float, nearest: float, mantissa: np.uint64, digits: int, exponent: int) -> float:
    """`nearest`, a float32, if float64 rounds mantissa · 10^exponent to it, else a float64 next to it.

    NaN if pairs of float64 cannot decide it. `value` is the product with a few roundings. The distance is computed in
    pairs of float64 whose sum is the number: Dekker, "A floating-point technique for extending the available
    precision", 1971.
    """
    high = float(mantissa)
    low = float(np.int64(mantissa - np.uint64(high)))
    power = _POWERS_OF_TEN[abs(exponent)]
    rest = _REST_OF_POWERS[abs(exponent)]
    if exponent >= 0:
        product, error = _exact_product(high, power)
        distance = (product - nearest) + (error + (high * rest + low * power))
        unit = 1.0
    else:  # everything multiplied by 10^-exponent
        product, error = _exact_product(nearest, power)
        distance = (high - product) + (low - (error + nearest * rest))
        unit = power
    step = np.uint64(np.float64(nearest).view(np.uint64) & np.uint64(0x7FF0_0000_0000_0000)).view(np.float64)
    half = step * 2.0**-53 * unit  # of the distance to the next float64
    if distance < 0.0 and step == nearest:
        half *= 0.5
    doubt = half * 2.0**-30
    if digits >= 19:  # perhaps truncated: the number is up to one unit of the mantissa larger
        doubt += power if exponent >= 0 else 1.0
    if abs(distance) + doubt <= half:
        return nearest
    if abs(distance) - doubt <= half:
        return np.nan
    return value if value != nearest else float(np.nextafter(nearest, np.inf))


@kernel
def _exact_product(a: float, b: float) -> tuple[float, float]:
    """a · b, rounded, and the rounding error."""
    product = a * b
    a_high = a * _SPLITTER - (a * _SPLITTER - a)
    b_high = b * _SPLITTER - (b * _SPLITTER - b)
    a_low, b_low = a - a_high, b - b_high
    return product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


def settle(text: bytes, values: NDArray[np.float32], doubtful: NDArray[np.int64]) -> tuple[int | None, list[int]]:
    """Parse again the numbers that `parse` could not decide.

    values : written, one for each number of the text.
    doubtful : (n, 2), index in `values` and in `text` of each of these numbers.
    → the index in `values` of the first number that is too large for float32, or None; of those that float32 rounds.
    """
    rounded: list[int] = []
    for index, place in doubtful.tolist():
        match = _NUMBER.match(text, place)
        value = float(match[0]) if match else np.nan
        if not abs(value) < FLOAT32_OVERFLOW:
            return int(index), rounded
        values[index] = value
        if float(values[index]) != value:
            rounded.append(int(index))
    return None, rounded
