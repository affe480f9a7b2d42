"""Make the golden arrays: losses and gradients of DeepAR's training network, from PyTorch's autograd in float64.

    python -m tests.algorithms.deepar.golden.make

Run by hand from the repository's root, where torch 2.13 and numpy are installed. Each file of `gradients/` holds what
an engine is asked (`settings`, `window …`, `weight …`) and what comes of it (`losses` of each window, `gradient …` of
their mean). The network is written down once more here, from the docstring of `algorithms/deepar/network.py` and from
GluonTS' `DeepARTrainingNetwork`, and shares nothing with either engine.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.settings import Settings
from forecastle.algorithms.deepar.training.windows import Windows, WindowSource
from tests.algorithms.deepar.waves import settings

FOLDER = Path(__file__).parent / "gradients"
EPSILON = float(np.finfo(np.float32).eps)

Weights = Mapping[str, Any]  # of tensors


@dataclass(frozen=True, slots=True)
class Case:
    """A network, and what it is shown."""

    likelihood: str
    windows: int
    cells: int
    layers: int
    time_freq: str = "M"
    cardinality: tuple[int, ...] = ()
    dynamic: int = 0
    missing: float = 0.0
    network: str = "gluonts"
    context: int = 7
    horizon: int = 4


CASES = {
    "student_t": Case("student-T", windows=9, cells=12, layers=2, cardinality=(3, 2), dynamic=2, missing=0.1),
    "gaussian": Case("gaussian", windows=3, cells=5, layers=3, cardinality=(3, 2), dynamic=1, missing=0.2),
    "negative_binomial": Case(
        "negative-binomial", windows=7, cells=9, layers=1, cardinality=(3, 2), dynamic=1, missing=0.1
    ),
    "beta": Case("beta", windows=10, cells=6, layers=2, cardinality=(3, 2), dynamic=2, missing=0.1),
    "absolute": Case("deterministic-L1", windows=6, cells=11, layers=3, cardinality=(3, 2), dynamic=1, missing=0.1),
    "student_t_alone": Case("student-T", windows=33, cells=16, layers=3, time_freq="W", missing=0.05),
    "gaussian_alone": Case("gaussian", windows=1, cells=1, layers=1),
    "negative_binomial_alone": Case("negative-binomial", windows=16, cells=8, layers=2),
    "beta_alone": Case("beta", windows=5, cells=3, layers=3, time_freq="W"),
    "absolute_alone": Case("deterministic-L1", windows=8, cells=24, layers=2),
    "student_t_40_cells": Case("student-T", windows=17, cells=40, layers=2, time_freq="2H", context=12, horizon=8),
    "student_t_one_step": Case("student-T", windows=4, cells=7, layers=2, context=1, horizon=1, missing=0.3),
    "student_t_sagemaker": Case(
        "student-T", windows=19, cells=12, layers=2, cardinality=(3, 2), dynamic=1, missing=0.3, network="sagemaker"
    ),
    "gaussian_sagemaker": Case("gaussian", windows=3, cells=5, layers=3, missing=0.4, network="sagemaker"),
    "negative_binomial_sagemaker": Case(
        "negative-binomial", windows=17, cells=9, layers=2, missing=0.3, context=23, horizon=6, network="sagemaker"
    ),
    "beta_sagemaker": Case("beta", windows=10, cells=6, layers=1, dynamic=1, missing=0.3, network="sagemaker"),
    "absolute_sagemaker": Case(
        "deterministic-L1", windows=18, cells=8, layers=3, time_freq="W", missing=0.2, network="sagemaker"
    ),
    "student_t_sagemaker_without_gaps": Case("student-T", windows=6, cells=7, layers=2, network="sagemaker"),
}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for number, (name, case) in enumerate(CASES.items()):
        rng = np.random.default_rng(number)
        given = settings_of(case)
        windows, weights = windows_of(case, given, rng), weights_of(case, given, rng)
        losses, gradients = differentiated(given, windows, weights)
        largest = max(np.abs(gradient).max() for gradient in gradients.values())
        assert largest < 9.9 * clip_scale(given), f"{name}: a gradient of {largest} would be clipped"
        arrays: Any = {f"window {field.name}": getattr(windows, field.name) for field in fields(Windows)}
        arrays |= {f"weight {key}": weight for key, weight in weights.items()}
        arrays |= {f"gradient {key}": gradient.astype(np.float32) for key, gradient in gradients.items()}
        np.savez_compressed(
            FOLDER / f"{name}.npz",
            settings=np.array(json.dumps(given.record())),
            losses=losses.astype(np.float32),
            **arrays,
        )
        size = (FOLDER / f"{name}.npz").stat().st_size
        print(f"{name:26} {size:8,} bytes  loss {losses.mean():9.4f}  largest gradient {largest:.3f}")


def clip_scale(given: Settings) -> float:
    """What an engine divides a gradient by before it is clipped."""
    return given.data.mean_magnitude if given.given.likelihood.point else 1.0


def settings_of(case: Case) -> Settings:
    return settings(
        time_freq=case.time_freq,
        context_length=case.context,
        prediction_length=case.horizon,
        likelihood=case.likelihood,
        cardinality=case.cardinality,
        num_dynamic_feat=case.dynamic,
        num_cells=case.cells,
        num_layers=case.layers,
        dropout_rate=0.0,
        network=case.network,
        learning_rate=0.001,
        mini_batch_size=case.windows,
        epochs=1,
        seed=0,
        default_scale=8.0,
    )


def windows_of(case: Case, given: Settings, rng: np.random.Generator) -> Windows:
    """Of series of all lengths: many start within their window; the first has nothing observed in its context."""
    furthest = max(Frequency.parse(case.time_freq).lags) + case.context
    series = []
    for number in range(case.windows):
        length = case.horizon + int(rng.integers(1, 2 * furthest if number % 2 else case.context + 2))
        target: NDArray[np.float32] = (rng.poisson(8 * rng.gamma(1.5, size=length)) + 1).astype(np.float32)
        if case.likelihood == "beta":
            target = (np.round(256 * rng.beta(1.5, 2.5, length).clip(0.02, 0.98)) / 256).astype(np.float32)
        target[rng.random(length) < case.missing] = np.nan
        if number == 0 and case.windows > 1:
            target[: length - case.horizon] = np.nan
        cat = tuple(int(rng.integers(categories)) for categories in case.cardinality)
        dynamic = coarse(rng.normal(size=(case.dynamic, length))) if case.dynamic else None
        series.append(Series(np.datetime64("2012-02-27T22:00:00", "s"), target, cat, dynamic))
    last = [(index, len(each.target) - case.horizon) for index, each in enumerate(series)]
    return WindowSource(series, given).batch(np.array(last))


def weights_of(case: Case, given: Settings, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    frequency = Frequency.parse(case.time_freq)
    dimensions = [given.given.embedding_dimension] * len(case.cardinality) or [1]
    width = len(frequency.lags) + len(frequency.features) + 1 + case.dynamic + sum(dimensions) + 2
    rows, cells = len(LIKELIHOODS[case.likelihood].parameters), case.cells

    def drawn(*shape: int) -> NDArray[np.float32]:
        return coarse(rng.uniform(-1, 1, shape) / np.sqrt(cells))

    weights = {}
    for layer in range(case.layers):
        weights[f"layer{layer}_input_weight"] = drawn(4 * cells, cells if layer else width)
        weights[f"layer{layer}_hidden_weight"] = drawn(4 * cells, cells)
        weights[f"layer{layer}_input_bias"] = drawn(4 * cells)
        weights[f"layer{layer}_hidden_bias"] = drawn(4 * cells)
    for number, (categories, dimension) in enumerate(zip(case.cardinality or (1,), dimensions)):
        weights[f"embedding{number}"] = drawn(categories, dimension)
    return weights | {"projection_weight": drawn(rows, cells), "projection_bias": drawn(rows)}


def coarse(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rounded to what compresses well."""
    rounded: NDArray[np.float32] = (np.round(256 * values) / 256).astype(np.float32)
    return rounded


def differentiated(
    given: Settings, windows: Windows, weights: Mapping[str, NDArray[np.float32]]
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """The loss of each window, and the gradient of their mean for each weight."""
    tensors = {name: torch.tensor(weight, dtype=torch.float64, requires_grad=True) for name, weight in weights.items()}
    losses = losses_of(given, windows, tensors)
    losses.mean().backward()
    return losses.detach().numpy(), {name: tensor.grad.numpy() for name, tensor in tensors.items()}


def losses_of(given: Settings, windows: Windows, weights: Weights) -> Any:
    """The mean negative log-likelihood of each window's observed values, (windows,)."""
    context = given.given.context_length
    past, past_observed = double(windows.past), double(windows.past_observed)
    values = torch.cat([past[:, -context:], double(windows.future)], dim=1)
    observed = torch.cat([past_observed[:, -context:], double(windows.future_observed)], dim=1)
    default = given.data.mean_magnitude if given.given.network == "sagemaker" else None
    scale = scale_of(past[:, -context:], past_observed[:, -context:], default)
    if not given.given.likelihood.scaled:
        scale = torch.ones_like(scale)
    if given.given.network == "sagemaker":
        raw = step_by_step(given, windows, weights, scale, observed)
    else:
        outputs = inputs_of(given, windows, weights, scale)
        for layer in range(given.given.num_layers):
            hidden = lstm(outputs, [weights[f"layer{layer}_{part}"] for part in PARTS])
            outputs = hidden + outputs if layer else hidden
        raw = outputs @ weights["projection_weight"].T + weights["projection_bias"]
    loss = step_losses(given.given.likelihood.name, raw.unbind(-1), values, scale)
    return torch.where(observed > 0, loss, 0.0).sum(1) / observed.sum(1).clamp(min=1)


PARTS = ("input_weight", "hidden_weight", "input_bias", "hidden_bias")


def scale_of(context: Any, observed: Any, default: float | None) -> Any:
    """(windows, 1): the mean of |y|; where it is none or 0, the default, or that of all that the batch observed."""
    sums, counts = (context.abs() * observed).sum(1), observed.sum(1)
    whole = sums.sum() / counts.sum().clamp(min=1) if default is None else torch.full_like(sums, default)
    return torch.where(sums > 0, sums / counts.clamp(min=1), whole).clamp(min=1e-10)[:, None]


def inputs_of(given: Settings, windows: Windows, weights: Weights, scale: Any) -> Any:
    """(windows, steps, inputs)."""
    lags, context = given.given.time_freq.lags, given.given.context_length
    sequence = torch.cat([double(windows.past), double(windows.future)], dim=1)
    steps, whole = context + given.given.prediction_length, sequence.shape[1]
    lagged = torch.stack([sequence[:, whole - steps - lag : whole - lag] for lag in lags], dim=2) / scale[:, :, None]
    dynamic = torch.cat([double(windows.past_features)[:, -context:], double(windows.future_features)], dim=1)
    cat = torch.tensor(windows.cat, dtype=torch.int64)
    embedded = [weights[f"embedding{number}"][cat[:, number]] for number in range(cat.shape[1])]
    static = torch.cat([*embedded, torch.zeros_like(scale), scale.log()], dim=1)
    return torch.cat([lagged, dynamic, static[:, None].expand(-1, steps, -1)], dim=2)


def lstm(inputs: Any, weights: Sequence[Any]) -> Any:
    """(windows, steps, cells), from zero states."""
    hidden = memory = torch.zeros(len(inputs), weights[1].shape[1], dtype=torch.float64)
    outputs = []
    for step in inputs.unbind(1):
        hidden, memory = cell(step, hidden, memory, weights)
        outputs.append(hidden)
    return torch.stack(outputs, dim=1)


def cell(inputs: Any, hidden: Any, memory: Any, weights: Sequence[Any]) -> tuple[Any, Any]:
    """The new states h and c, (windows, cells) each."""
    input_weight, hidden_weight, input_bias, hidden_bias = weights
    gates = inputs @ input_weight.T + input_bias + hidden @ hidden_weight.T + hidden_bias
    enter, forget, candidate, leave = gates.chunk(4, dim=1)
    memory = forget.sigmoid() * memory + enter.sigmoid() * candidate.tanh()
    return leave.sigmoid() * memory.tanh(), memory


def step_by_step(given: Settings, windows: Windows, weights: Weights, scale: Any, observed: Any) -> Any:
    """The likelihoods' parameters before their links, (windows, steps, parameters), of SageMaker's network.

    Before a series' start the states are 0 at each step; a missing value after it is the mean of its step.
    """
    lags = given.given.time_freq.lags
    past, steps = windows.past.shape[1], observed.shape[1]
    sequence = [*(torch.cat([double(windows.past), double(windows.future)], dim=1) / scale).unbind(1)]
    known = inputs_of(given, windows, weights, scale)[:, :, len(lags) :]
    padded = torch.tensor(windows.padded)[:, None]
    states = [(torch.zeros(len(scale), given.given.num_cells, dtype=torch.float64),) * 2] * given.given.num_layers
    parameters = []
    for step in range(steps):
        place = past - given.given.context_length + step
        outputs = torch.cat([torch.stack([sequence[place - lag] for lag in lags], dim=1), known[:, step]], dim=1)
        before_start = padded > place
        for layer, (hidden, memory) in enumerate(states):
            old = torch.where(before_start, 0.0, hidden), torch.where(before_start, 0.0, memory)
            states[layer] = cell(outputs, *old, [weights[f"layer{layer}_{part}"] for part in PARTS])
            outputs = states[layer][0] + outputs if layer else states[layer][0]
        parameters.append(outputs @ weights["projection_weight"].T + weights["projection_bias"])
        missing = (observed[:, step] == 0) & (padded[:, 0] <= place)
        sequence[place] = torch.where(missing, mean_of(given.given.likelihood.name, parameters[-1]), sequence[place])
    return torch.stack(parameters, dim=1)


def mean_of(likelihood: str, raw: Any) -> Any:
    """The mean over the scale, (windows,)."""
    if likelihood == "beta":
        return positive(raw[:, 0]) / (positive(raw[:, 0]) + positive(raw[:, 1]))
    return positive(raw[:, 0]) if likelihood == "negative-binomial" else raw[:, 0]


def step_losses(likelihood: str, raw: Sequence[Any], values: Any, scale: Any) -> Any:
    """−log p of each value, (windows, steps), or its absolute error."""
    law = torch.distributions
    if likelihood == "deterministic-L1":
        return (values - raw[0] * scale).abs()
    if likelihood == "negative-binomial":
        mean, shape = positive(raw[0]) * scale, positive(raw[1])
        return -law.NegativeBinomial(1 / shape, logits=(shape * mean).log(), validate_args=False).log_prob(values)
    if likelihood == "beta":
        return -law.Beta(positive(raw[0]), positive(raw[1]), validate_args=False).log_prob(values)
    if likelihood == "gaussian":
        unit = law.Normal(raw[0], positive(raw[1]))
    else:
        unit = law.StudentT(2 + positive(raw[2]), raw[0], positive(raw[1]))
    return scale.log() - unit.log_prob(values / scale)


def positive(raw: Any) -> Any:
    return torch.nn.functional.softplus(raw, threshold=100).clamp(min=EPSILON)


def double(array: NDArray[np.float32]) -> Any:
    return torch.tensor(array, dtype=torch.float64)


if __name__ == "__main__":
    main()
