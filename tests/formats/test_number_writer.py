import math

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from forecastle.formats import number_writer
from forecastle.kernels.compiled import kernel


@kernel
def _write(value: float, out: NDArray[np.uint8]) -> int:
    return number_writer.write(value, out, 0)


def _written(value: float) -> str:
    out = np.zeros(number_writer.LONGEST, np.uint8)
    return out[: _write(value, out)].tobytes().decode()


@settings(deadline=None, max_examples=600)
@given(
    st.one_of(
        st.floats(1e-4, 5e5), st.floats(2.0**-13, 2.0**19, width=32), st.integers(0, 2**53).map(lambda n: n / 2**34)
    )
)
@example(0.5 + 2.0**-11)  # its tenth decimal is followed by an exact 5
@example(0.00048828125)
@example(0.99999999996)
@example(0.0)
def test_a_number_is_written_as_python_writes_it_with_ten_decimals(value: float) -> None:
    if abs(value) >= 1e-4 or value == 0:
        assert _written(value) == repr(round(value, 10))
        assert _written(-value) == repr(round(-value, 10))


@settings(deadline=None)
@given(st.floats(-(2.0**62), 2.0**62))
def test_a_number_of_any_size_reads_back_as_itself_rounded(value: float) -> None:
    text = _written(value)
    assert float(text) == round(value, 10)
    assert "e" not in text
    assert math.copysign(1, float(text)) == math.copysign(1, value)
