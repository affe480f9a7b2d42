"""DeepAR's forecasts of generated series, compared with the law that generated them.

    python -m benchmarks.deepar_truth [--json] [--runs 5] [--only ar1,missing,counts,slopes]

Each run trains a network by `native` for 100 epochs with its own seed; figures are means over the runs. Losses and
coverage are exact expectations under the law given the past, not counted on values that were drawn.

`ar1`: 100 series of 500 days around 20, y[t] − 20 = 0.9 (y[t−1] − 20) + a normal number, 30 days ahead: the expected
quantile loss of the deciles over that of the law's own, and the share of values to expect in the band from 0.1 to 0.9.
`missing`: the same with 30 % of the values missing at random; the law is then that of the last value observed.
`counts`: 100 series of 500 independent counts, negative binomial with means from 2 to 30 and dispersion 0.5, by the
likelihood negative-binomial. `slopes`: 100 series y[t] = 20 ± 2 x[t] + a normal number / 2, the sign by their category,
x a dynamic feature: the change of the forecast's mean where x[t] is 1 higher, for each category.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import nbinom, norm

from benchmarks.engine_speed import Clock, settings_of
from benchmarks.gluonts_mxnet import Asked
from benchmarks.report import Row, report
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.train import train

DECILES = np.arange(1, 10) / 10
SERIES, LENGTH, STEPS, EPOCHS = 100, 500, 30, 100
LEVEL, COEFFICIENT = 20.0, 0.9
DISPERSION = 0.5
SLOPE, NOISE = 2.0, 0.5
START = np.datetime64("2020-01-01T00:00:00", "s")

Doubles = NDArray[np.float64]


def main() -> None:
    report(__doc__, PARTS, {})


def ar1_rows(name: str, share: float, runs: int) -> Iterator[Row]:
    """The loss over the law's own, and the coverage, of series with a share of values missing."""
    series = ar1(share)
    networks = [trained(series, seed) for seed in range(runs)]
    mean, spread = ar1_law(series)
    found = [judged(quantiles_of(network, series), partial(normal_loss, mean, spread)) for network in networks]
    best = float(normal_loss(mean, spread, mean + spread * norm.ppf(DECILES)[:, None, None]).sum())
    loss = float(np.mean(found)) / best
    yield f"{name}_loss_over_true", "expected quantile loss of the deciles: ours, the law's", loss * best, best, loss
    shares = []
    for network in networks:
        quantiles = quantiles_of(network, series)
        shares.append(float((ndtr((quantiles[8] - mean) / spread) - ndtr((quantiles[0] - mean) / spread)).mean()))
    coverage = float(np.mean(shares))
    yield f"{name}_coverage", "expected share in the band from 0.1 to 0.9: ours, nominal", coverage, 0.8, coverage / 0.8


def count_rows(runs: int) -> Iterator[Row]:
    """The loss of counts over the law's own."""
    series, means = counts()
    networks = [trained(series, seed, likelihood="negative-binomial") for seed in range(runs)]
    own = np.repeat(count_law(means).ppf(DECILES[:, None, None]), STEPS, axis=2)
    best = float(count_loss(means, own).sum())
    found = [judged(quantiles_of(network, series), partial(count_loss, means)) for network in networks]
    loss = float(np.mean(found)) / best
    yield "counts_loss_over_true", "expected quantile loss of the deciles: ours, the law's", loss * best, best, loss
    shares = []
    for network in networks:
        quantiles = quantiles_of(network, series)
        shares.append(float((count_law(means).cdf(quantiles[8]) - count_law(means).cdf(quantiles[0] - 1e-6)).mean()))
    inside = float((count_law(means).cdf(own[8]) - count_law(means).cdf(own[0] - 1)).mean())
    coverage = float(np.mean(shares))
    yield "counts_coverage", "expected share from 0.1 to 0.9: ours, the law's own", coverage, inside, coverage / inside


def slope_rows(runs: int) -> Iterator[Row]:
    """The slopes of both categories."""
    found = np.array([slopes(trained(sloped(), seed, likelihood="gaussian")) for seed in range(runs)])
    for category, (slope, true) in enumerate(zip(found.mean(axis=0), (SLOPE, -SLOPE))):
        yield f"slope_of_category_{category}", "change of the mean for x + 1: ours, true", slope, true, slope / true


def ar1(missing: float = 0.0) -> list[Series]:
    """Series of the first order, with a share of values missing."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(SERIES, 100 + LENGTH))
    values = np.zeros_like(noise)
    for step in range(1, noise.shape[1]):
        values[:, step] = COEFFICIENT * values[:, step - 1] + noise[:, step]
    gone = rng.random((SERIES, LENGTH)) < missing
    observed = np.where(gone, np.nan, LEVEL + values[:, 100:])
    return [Series(START, row.astype(np.float32)) for row in observed]


def ar1_law(series: Sequence[Series]) -> tuple[Doubles, Doubles]:
    """Mean and standard deviation of each step of the future, (series, steps), given the past."""
    last = np.array([np.flatnonzero(~np.isnan(one.target))[-1] for one in series])
    value = np.array([one.target[index] for one, index in zip(series, last)], np.float64)
    ahead = np.arange(1, STEPS + 1) + (LENGTH - 1 - last)[:, None]
    shrunk = COEFFICIENT**ahead
    return LEVEL + shrunk * (value - LEVEL)[:, None], np.sqrt((1 - shrunk**2) / (1 - COEFFICIENT**2))


def normal_loss(mean: Doubles, spread: Doubles, quantiles: Doubles) -> Doubles:
    """The expected loss of quantiles, (levels, series, steps), of normal values."""
    z = (quantiles - mean) / spread
    loss: Doubles = spread * (norm.pdf(z) + z * (ndtr(z) - DECILES[:, None, None]))
    return loss


def counts() -> tuple[list[Series], Doubles]:
    """Series of independent counts, and the mean of each, (series, 1)."""
    rng = np.random.default_rng(0)
    means = np.geomspace(2, 30, SERIES)[:, None]
    values = count_law(means).rvs((SERIES, LENGTH), random_state=rng)
    return [Series(START, row.astype(np.float32)) for row in values], means


def count_law(means: Doubles) -> "nbinom":
    shape = 1 / DISPERSION
    return nbinom(shape, shape / (shape + means))


def count_loss(means: Doubles, quantiles: Doubles) -> Doubles:
    """The expected loss of quantiles, (levels, series, steps), of counts with these means, (series, 1)."""
    values = np.arange(1000)
    mass = count_law(means).pmf(values)  # (series, values)
    losses = []
    for level, row in zip(DECILES, quantiles):
        above = row[..., None] - values  # (series, steps, values)
        losses.append((np.where(above > 0, (1 - level) * above, -level * above) * mass[:, None]).sum(axis=-1))
    return np.stack(losses)


def sloped() -> list[Series]:
    """Series that follow a dynamic feature up or down, by their category; its values are known ahead."""
    rng = np.random.default_rng(0)
    series = []
    for index in range(SERIES):
        feature = rng.normal(size=LENGTH + STEPS)
        noise = NOISE * rng.normal(size=LENGTH)
        target = LEVEL + (SLOPE if index % 2 == 0 else -SLOPE) * feature[:LENGTH] + noise
        series.append(Series(START, target.astype(np.float32), (index % 2,), feature[None].astype(np.float32)))
    return series


def slopes(network: Network) -> tuple[float, float]:
    """The mean change of the forecast's mean where the feature is 1 higher, of each category."""
    series = sloped()
    higher = []
    for one in series:
        assert one.dynamic_feat is not None
        feature = one.dynamic_feat.copy()
        feature[:, LENGTH:] += 1
        higher.append(replace(one, dynamic_feat=feature))
    first, second = (
        np.stack([one.mean for one in forecast(network, each, num_samples=200, quantiles=[], seed=0)])
        for each in (series, higher)
    )
    change = (second - first).mean(axis=1)  # (series,)
    return float(change[::2].mean()), float(change[1::2].mean())


def trained(series: Sequence[Series], seed: int, epochs: int = EPOCHS, **given: object) -> Network:
    asked = Asked("D", 2 * STEPS, STEPS, epochs)
    settings = settings_of(asked, series, seed, network="sagemaker", **given)
    return train(series, settings, Clock(), lambda: False).network


def quantiles_of(network: Network, series: Sequence[Series]) -> Doubles:
    """The deciles of the future, (levels, series, steps)."""
    forecasts = forecast(network, series, num_samples=200, quantiles=DECILES.tolist(), seed=0)
    return np.stack([one.quantiles for one in forecasts], axis=1).astype(np.float64)


def judged(quantiles: Doubles, loss: Callable[[Doubles], Doubles]) -> float:
    return float(loss(quantiles).sum())


PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "ar1": partial(ar1_rows, "ar1", 0.0),
    "missing": partial(ar1_rows, "missing", 0.3),
    "counts": count_rows,
    "slopes": slope_rows,
}

if __name__ == "__main__":
    main()
