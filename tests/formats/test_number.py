import math
from contextlib import suppress
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forecastle.contract.errors import InvalidData
from forecastle.formats import csv, json_lines, number


def _parsed(token: bytes, strict: bool = False) -> tuple[float, int]:
    return number.parse(np.frombuffer(token, np.uint8), 0, len(token), strict)


decimals = st.builds(
    lambda sign, whole, point, fraction, exponent: f"{sign}{whole}{point}{fraction}{exponent}",
    st.sampled_from(["", "-", "+"]),
    st.from_regex(r"[0-9]{1,25}", fullmatch=True),
    st.sampled_from([".", ".0", ".00000"]),
    st.from_regex(r"[0-9]{0,25}", fullmatch=True),
    st.one_of(st.just(""), st.integers(-60, 45).map(lambda power: f"e{power}"), st.just("E+7"), st.just("e-400")),
)
halfway = st.integers(0, 2**31 - 1).map(lambda bits: _halfway(bits))
almost = st.builds(
    lambda held, quarters, digits: _written_in(Fraction(float(held)) + quarters * _gap(held) / 4, digits),
    st.integers(0, 0x7F7FFFFF).map(lambda bits: np.uint32(bits).view(np.float32)),
    st.integers(-12, 12),
    st.integers(14, 60),
)


def _halfway(bits: int) -> str:
    """Exactly between two neighbouring float32, or next to it: where rounding is hardest."""
    low = np.uint32(bits % 0x7F000000).view(np.float32)
    high = np.nextafter(low, np.float32(np.inf))
    middle = (float(low) + float(high)) / 2
    return f"{middle:.{bits % 60 + 17}e}"


def _gap(held: np.float32) -> Fraction:
    """How far the next float64 is from a float32."""
    return Fraction(math.nextafter(float(held), math.inf)) - Fraction(float(held))


def _written_in(value: Fraction, digits: int) -> str:
    with localcontext(Context(prec=digits)):
        return str(Decimal(value.numerator) / Decimal(value.denominator))


@settings(deadline=None, max_examples=600)
@given(st.one_of(decimals, halfway, st.floats(width=64, allow_nan=False, allow_infinity=False).map(repr)))
@example("16777217")
@example("1.00000005960464477539062500000000000000000000000001")
@example("1.000000059604644775390625")
@example("3.4028235677973362e38")
@example("0.000000000000000000000000000000000000000000000700649232162408535461864791644958065640130970938257885878534")
@example("-0")
@example("9007199254740993e22")
def test_a_token_is_read_as_float32_of_float(token: str) -> None:
    expected = float(token)
    if abs(expected) >= number.FLOAT32_OVERFLOW:
        with pytest.raises(InvalidData, match="float32"):
            csv.decode(token.encode())
    else:
        for behind in ("", "\n", "\n1" * 20):  # near the end of a body numbers are read in another way
            value = csv.decode((token + behind).encode()).features[0, 0]
            assert value.tobytes() == np.float32(expected).tobytes()


@settings(deadline=None, max_examples=2000)
@given(st.one_of(almost, decimals, halfway, st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr)))
@example("0.10000000149011612")  # as Python writes a float32
@example("0.100000001490116119384765625")  # as C does, with all digits
@example("0.1000000014901161193847656249999999999999")
@example("0.10000000149011613")
@example("16777216")
@example("16777217")
@example("99999999")
@example("1e-60")
@example("1e-320")
@example("3e-324")
@example("2e-324")
@example("0e-400")
def test_a_row_is_exact_where_float32_holds_what_float_makes_of_its_numbers(token: str) -> None:
    value = float(token)
    if abs(value) < number.FLOAT32_OVERFLOW:
        exact = float(np.float32(value)) == value
        assert csv.decode(f"1,{token}\n2,3\n".encode()).exact.tolist() == [exact, True]
        assert csv.decode((f"1,{token}\n" + 9 * "2,3\n").encode()).exact.tolist() == [exact] + 9 * [True]
        body = f'{{"features":[1,{token.lstrip("+")}]}}\n{{"features":[2,3]}}\n'.encode()
        with suppress(InvalidData):  # no number of JSON
            assert json_lines.decode(body, width=2, max_bytes=1000).exact.tolist() == [exact, True]


@pytest.mark.parametrize("token", ["", "-", "+", ".", "e5", "-.", "1e", "1e+", ".e1", "x"])
def test_what_is_no_number_is_not_read(token: str) -> None:
    assert _parsed(token.encode())[1] == -1


@pytest.mark.parametrize("token", ["+1", ".5", "5.", "5.e1", "01", "-01", "00.5", "-.5"])
def test_strict_numbers_are_those_of_json(token: str) -> None:
    assert _parsed(token.encode())[0] == float(token)
    assert _parsed(token.encode(), strict=True)[1] == -1


@pytest.mark.parametrize("token", ["0", "-0.5", "10", "1e5", "1E-05", "120.250e+1"])
def test_a_number_of_json_is_a_strict_number(token: str) -> None:
    assert _parsed(token.encode(), strict=True) == (float(token), len(token))


def test_a_number_ends_where_the_caller_says() -> None:
    assert number.parse(np.frombuffer(b"12345", np.uint8), 1, 3, False) == (23.0, 3)
