"""Elementary functions of groups of vectors, lane by lane, for compiled kernels; see `group` for their type.

The polynomials are Chebyshev interpolations on the reduced range; errors are relative to float64.
"""

from forecastle.kernels.compiled import inlined
from forecastle.kernels.lanes import Floats, bits_of, choose, exceeds, floats_of, fma, maximum, to_floats

LOG2_E = 1.4426950408889634
LN_2 = 0.6931471805599453
# Adding it to a number below 2²² leaves the nearest integer in the last bits; subtracting it gives that integer.
_ROUNDING = 1.5 * 2**23


@inlined
def exp2(x: Floats) -> Floats:
    """2^x for x in [−126, 127]; error 3e-7."""
    rounded = x + _ROUNDING
    rest = x - (rounded - _ROUNDING)
    power = fma(rest, 1.3400432165823137e-3, 9.67603709788144e-3)
    power = fma(power, rest, 5.5503272142078036e-2)
    power = fma(power, rest, 0.24022107355830186)
    power = fma(power, rest, 0.6931472067106205)
    power = fma(power, rest, 1.0000000754953497)
    return floats_of(bits_of(power) + (bits_of(rounded) << 23))


@inlined
def exp2_less_1(x: Floats) -> Floats:
    """2^x − 1 for x in [−100, 100]; error 3e-7, also for small x."""
    rounded = x + _ROUNDING
    rest = x - (rounded - _ROUNDING)
    power = fma(rest, 1.5461447463419292e-4, 1.3390867351418068e-3)
    power = fma(power, rest, 9.618056669884323e-3)
    power = fma(power, rest, 5.550357104252919e-2)
    power = fma(power, rest, 0.24022650922342756)
    power = fma(power, rest, 0.6931471880293429) * rest
    whole = floats_of((bits_of(rounded) << 23) + 0x3F800000)
    return fma(power, whole, whole - 1.0)


@inlined
def log2(x: Floats) -> Floats:
    """log₂ x for x in [2^−60, 2^60]; error 3e-7, also near 1."""
    bits = bits_of(x)
    exponent = ((bits + 0x20000000) - 0x3F3504F3) >> 23  # of x / √½, plus 64
    mantissa = floats_of(bits - ((exponent << 23) - 0x20000000))
    return _log2_near_1(mantissa - 1.0) + (to_floats(exponent) - 64.0)


@inlined
def _log2_near_1(x: Floats) -> Floats:
    """log₂(1 + x) for x in [√½ − 1, √2 − 1]."""
    ratio = fma(x, 0.12614981274221967, -0.2074228887051706)
    ratio = fma(ratio, x, 0.21567021279952198)
    ratio = fma(ratio, x, -0.23892011714029113)
    ratio = fma(ratio, x, 0.287918270332971)
    ratio = fma(ratio, x, -0.36070483563904643)
    ratio = fma(ratio, x, 0.48091061156348336)
    ratio = fma(ratio, x, -0.7213473332942859)
    ratio = fma(ratio, x, 1.4426950037582975)
    return ratio * x


@inlined
def softplus(x: Floats) -> Floats:
    """log(1 + e^x), but at least 2^−23, the smallest positive parameter in GluonTS; error 1e-6."""
    magnitude = maximum(x, 0.0 - x)
    small = exp2(maximum(magnitude * -LOG2_E, -100.0))  # e^−|x|, in (0, 1]
    upper = exceeds(small, 0.41421356)
    folded = choose(upper, (small - 1.0) * 0.5, small)  # 1 + small, or half of it
    return maximum(fma(_log2_near_1(folded) + choose(upper, 1.0, 0.0), LN_2, maximum(x, 0.0)), 1.1920929e-07)


@inlined
def sine_and_cosine(quarter: Floats) -> tuple[Floats, Floats]:
    """sin and cos of `quarter` · π/2, for a `quarter` in [−½, ½]; error 3e-7."""
    square = quarter * quarter
    sine = fma(square, -0.004602163104758229, 0.07968022285810601)
    sine = fma(sine, square, -0.6459634781534175)
    sine = fma(sine, square, 1.5707963219600274) * quarter
    cosine = fma(square, -0.020408255467109657, 0.25359860771244747)
    cosine = fma(cosine, square, -1.2336970108360306)
    return sine, fma(cosine, square, 0.9999999723759497)
