"""Artifacts in SageMaker's format, of any small network: what two genuine ones have, node by node."""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ref = list[int]
PROJECTIONS = {
    "gaussian": ("mu", "sigma"),
    "student-t": ("mu", "sigma", "nu"),
    "negative-binomial": ("mu", "alpha"),
    "beta": ("alpha", "beta"),
    "deterministic-L1": ("mu",),
}
DATES = {
    "M": ["month_of_year"],
    "W": ["day_of_month", "week_of_year"],
    "D": ["day_of_week", "day_of_month", "day_of_year", "week_of_year"],
    "H": ["hour_of_day", "day_of_week", "day_of_month", "day_of_year"],
    "min": ["minute_of_hour", "hour_of_day", "day_of_week", "day_of_month", "day_of_year"],
}


@dataclass(frozen=True)
class Recipe:
    """What a network is to be like; `parts` is the order of a step's inputs."""

    likelihood: str = "gaussian"
    time_freq: str = "D"
    context: int = 6
    future: int = 4
    lags: Sequence[int] = (1, 2, 3, 7, 9)
    cells: int = 5
    layers: int = 2
    cardinality: Sequence[int] = ()
    num_dynamic_feat: int = 0
    dropout: float = 0.1
    default_scale: float = 7.5
    parts: Sequence[str] = ("features", "static", "lags")
    paths: int = 100
    seed: int = 0

    @property
    def train(self) -> int:
        return self.context + max(self.lags)

    @property
    def dates(self) -> list[str]:
        return DATES[self.time_freq.lstrip("0123456789")]


@dataclass
class Artifact:
    """The three files' content, to be altered before it is written."""

    config: dict[str, Any]
    symbol: dict[str, Any]
    arrays: dict[str, Floats] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model_algo-1-config.json").write_text(json.dumps(self.config))
        (folder / "model_algo-1-symbol.json").write_text(json.dumps(self.symbol))
        (folder / "model_algo-1-0000.params").write_bytes(params(self.arrays))
        return folder


def artifact(recipe: Recipe) -> Artifact:
    embedded = list(recipe.cardinality) or [1]
    config = {
        "cardinality": embedded,
        "category_provided": bool(recipe.cardinality),
        "num_dynamic_feat": recipe.num_dynamic_feat,
        "likelihood": recipe.likelihood,
        "time_freq": recipe.time_freq,
        "prediction_length": recipe.future,
        "train_length": recipe.train,
        "date_feature_names": recipe.dates,
        "data_shapes": [],
        "model_simultaneous_samples": recipe.paths,
        "pred_batch_size": 1,
        "model_version": 5,
    }
    generator = np.random.default_rng(recipe.seed)

    def weights(*shape: int) -> Floats:
        return np.asarray(generator.uniform(-1, 1, shape) * 1.2 / np.sqrt(recipe.cells), np.float32)

    inputs = len(recipe.dates) + 1 + recipe.num_dynamic_feat + 10 * len(embedded) + 1 + len(recipe.lags)
    arrays = {f"embed_{number}_weight": weights(rows, 10) for number, rows in enumerate(embedded)}
    for layer in range(recipe.layers):
        arrays[f"lstm_l_{layer}i2h_weight"] = weights(4 * recipe.cells, inputs if layer == 0 else recipe.cells)
        arrays[f"lstm_l_{layer}i2h_bias"] = weights(4 * recipe.cells)
        arrays[f"lstm_l_{layer}h2h_weight"] = weights(4 * recipe.cells, recipe.cells)
        arrays[f"lstm_l_{layer}h2h_bias"] = weights(4 * recipe.cells)
    for name in PROJECTIONS[recipe.likelihood]:
        arrays[f"{name}_Noneproj_weight"] = weights(1, recipe.cells)
        arrays[f"{name}_Noneproj_bias"] = weights(1)
    names = list(arrays)
    generator.shuffle(names)  # in no order, as in a genuine one
    return Artifact(config, _Builder(recipe).document(), {name: arrays[name] for name in names})


def params(arrays: Mapping[str, Floats]) -> bytes:
    content = struct.pack("<QQQ", 0x112, 0, len(arrays))
    for array in arrays.values():
        content += struct.pack("<IiI", 0xF993FAC9, 0, array.ndim) + struct.pack(f"<{array.ndim}q", *array.shape)
        content += struct.pack("<iii", 1, 0, 0) + array.astype("<f4").tobytes()
    content += struct.pack("<Q", len(arrays))
    for name in arrays:
        content += struct.pack("<Q", len(name) + 4) + b"arg:" + name.encode()
    return content


class _Builder:
    """Writes the graph, operator by operator."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._nodes: list[dict[str, Any]] = []
        self._variables: dict[str, Ref] = {}
        self._repeated: dict[tuple[int, int], Ref] = {}

    def document(self) -> dict[str, Any]:
        recipe = self._recipe
        context, future = recipe.context, recipe.future
        past = self._sliced("timeFeaturesTrain", "2", recipe.train, expanded=False)
        ahead = self._sliced("timeFeaturesPred", "2", future, expanded=False)
        target = self._sliced("trainTarget", "1", recipe.train)
        observed = self._sliced("observedValuesTrain", "1", recipe.train)
        padded = self._sliced("isPaddedTrain", "1", recipe.train)
        first = recipe.train - context
        scale = self._scale(target[first:], observed[first:])
        static = self._static(scale)
        values = list(target)
        old = [(self._op("_zeros", shape=f"(0, {recipe.cells})"),) * 2 for _ in range(recipe.layers)]
        new = old
        samples: list[Ref] = []
        for step in range(context + future):
            at = first + step
            if step < context:
                zeros = self._op("_zeros", shape=f"(0, {recipe.cells})")
                carried = [(h, c) for h, c in old] if step == 0 else self._zoneout(new, old)
                old = [(self._where(padded[at], zeros, h), self._where(padded[at], zeros, c)) for h, c in carried]
                lagged, parts, here = [values[at - lag] for lag in recipe.lags], {}, scale
                parts = {"features": past[at], "static": static}
            else:
                old = self._zoneout(new, old)
                if step == context:
                    old = [(self._repeat(h), self._repeat(c)) for h, c in old]
                here = self._repeat(scale)
                lagged = []
                for lag in recipe.lags:
                    index = at - lag
                    lagged.append(values[index] if index >= recipe.train else self._repeat(values[index]))
                parts = {"features": self._repeat(ahead[step - context]), "static": self._repeat(static)}
            parts["lags"] = self._op("broadcast_div", self._concat(*lagged), here)
            output, new = self._cells(self._concat(*(parts[name] for name in recipe.parts)), old)
            mean, *draw = self._distribution(output, here, drawn=step >= context)
            if step < context:
                missing = self._where(padded[at], self._op("zeros_like", target[at]), mean)
                values[at] = self._where(observed[at], target[at], missing)
            else:
                values += draw
                samples += draw
        shape = f"(-1, {recipe.paths}, {future})"
        head = self._op("Reshape", self._concat(*samples), shape=shape)
        return {"nodes": self._nodes, "heads": [[head[0], 0, 0]], "attrs": {"mxnet_version": ["int", 10301]}}

    def _scale(self, target: Sequence[Ref], observed: Sequence[Ref]) -> Ref:
        if self._recipe.likelihood == "beta":
            flat = self._op("Reshape", self._op("ones_like", target[0]), shape="(-1,)")
            return self._op("expand_dims", flat, axis="1")
        mask = self._concat(*observed)
        total = self._op("sum", self._op("elemwise_mul", self._op("abs", self._concat(*target)), mask), axis="1")
        count = self._op("sum", mask, axis="1")
        any_ = self._op("broadcast_greater", total, self._op("zeros_like", count))
        mean = self._op("broadcast_div", total, self._op("broadcast_maximum", count, self._op("ones_like", count)))
        default = self._op("_mul_scalar", self._op("ones_like", mean), scalar=repr(self._recipe.default_scale))
        floored = self._op("_maximum_scalar", self._where(any_, mean, default), scalar="1e-10")
        return self._op("expand_dims", self._op("Reshape", floored, shape="(-1,)"), axis="1")

    def _static(self, scale: Ref) -> Ref:
        cardinality = list(self._recipe.cardinality) or [1]
        items = self._sliced("itemFeatures", "1", len(cardinality), expanded=False)
        embedded = [
            self._op("Embedding", item, self._variable(f"embed_{n}_weight"), input_dim=str(rows), output_dim="10")
            for n, (item, rows) in enumerate(zip(items, cardinality))
        ]
        return self._concat(self._concat(*embedded), self._op("log", scale))

    def _cells(self, taken: Ref, old: Sequence[tuple[Ref, Ref]]) -> tuple[Ref, list[tuple[Ref, Ref]]]:
        new, hidden = [], str(4 * self._recipe.cells)
        for layer, (h, c) in enumerate(old):
            sides = [
                self._op(
                    "FullyConnected",
                    side,
                    self._variable(f"lstm_l_{layer}{kind}_weight"),
                    self._variable(f"lstm_l_{layer}{kind}_bias"),
                    name=f"lstm_l_{layer}_{len(self._nodes)}_{kind}",
                    num_hidden=hidden,
                )
                for side, kind in ((taken, "i2h"), (h, "h2h"))
            ]
            gates = self._op("SliceChannel", self._op("elemwise_add", *sides), num_outputs="4")
            enter, forget, made, leave = (
                self._op("Activation", [gates[0], number, 0], act_type="tanh" if number == 2 else "sigmoid")
                for number in range(4)
            )
            state = self._op("elemwise_add", self._op("elemwise_mul", forget, c), self._op("elemwise_mul", enter, made))
            output = self._op("elemwise_mul", leave, self._op("Activation", state, act_type="tanh"))
            new.append((output, state))
            taken = self._op("elemwise_add", output, taken) if layer else output
        return taken, new

    def _zoneout(self, new: Sequence[tuple[Ref, Ref]], old: Sequence[tuple[Ref, Ref]]) -> list[tuple[Ref, Ref]]:
        def kept(new: Ref, old: Ref) -> Ref:
            mask = self._op("Dropout", self._op("ones_like", new), p=repr(self._recipe.dropout))
            return self._where(mask, new, old)

        return [(kept(h, before_h), kept(c, before_c)) for (h, c), (before_h, before_c) in zip(new, old)]

    def _distribution(self, output: Ref, scale: Ref, *, drawn: bool) -> list[Ref]:
        """The mean, and where it is wanted a draw."""
        names = PROJECTIONS[self._recipe.likelihood]
        raw = [self._projected(name, output) for name in (names if drawn or "beta" in names else names[:1])]
        match self._recipe.likelihood:
            case "gaussian" | "student-t":
                mean = self._op("elemwise_mul", raw[0], scale)
                if not drawn:
                    return [mean]
                spread = sigma = self._op("elemwise_mul", self._softplus(raw[1]), scale)
                if len(raw) > 2:
                    nu = self._op("_plus_scalar", self._softplus(raw[2]), scalar="2.0")
                    rate = self._op("elemwise_mul", nu, self._op("square", sigma))
                    half = self._op("_div_scalar", nu, scalar="2.0")
                    tau = self._op("_sample_gamma", half, self._op("_rdiv_scalar", rate, scalar="2.0"))
                    spread = self._op("_rdiv_scalar", self._op("sqrt", tau), scalar="1.0")
                return [mean, self._op("_sample_normal", mean, spread)]
            case "negative-binomial":
                mean = self._op("elemwise_mul", self._softplus(raw[0]), scale)
                if not drawn:
                    return [mean]
                return [mean, self._op("_sample_generalized_negative_binomial", mean, self._softplus(raw[1]))]
            case "beta":
                first, second = self._softplus(raw[0]), self._softplus(raw[1])
                mean = self._op("broadcast_div", first, self._op("elemwise_add", first, second))
                return [mean, self._op("_sample_beta", first, second)] if drawn else [mean]
        mean = self._op("elemwise_mul", raw[0], scale)
        return [mean, self._op("_copy", mean)] if drawn else [mean]

    def _projected(self, name: str, output: Ref) -> Ref:
        weight, bias = self._variable(f"{name}_Noneproj_weight"), self._variable(f"{name}_Noneproj_bias")
        return self._op("FullyConnected", output, weight, bias, num_hidden="1")

    def _softplus(self, x: Ref) -> Ref:
        limit = self._op("_plus_scalar", self._op("zeros_like", x), scalar="20.0")
        small, large = self._op("broadcast_lesser", x, limit), self._op("broadcast_greater_equal", x, limit)
        curved = self._op("Activation", self._op("elemwise_mul", small, x), act_type="softrelu")
        return self._op("elemwise_add", self._op("elemwise_mul", small, curved), self._op("elemwise_mul", large, x))

    def _where(self, *refs: Ref) -> Ref:
        return self._op("where", *refs)

    def _repeat(self, ref: Ref) -> Ref:
        key = (ref[0], ref[1])
        if key not in self._repeated:
            self._repeated[key] = self._op("repeat", ref, axis="0", repeats=str(self._recipe.paths))
        return self._repeated[key]

    def _concat(self, *refs: Ref) -> Ref:
        return self._op("Concat", *refs, dim="1", num_args=str(len(refs)))

    def _sliced(self, name: str, axis: str, count: int, *, expanded: bool = True) -> list[Ref]:
        variable = self._variable(name)
        whole = self._op("expand_dims", variable, axis="2") if expanded else variable
        at = self._op("SliceChannel", whole, axis=axis, num_outputs=str(count), squeeze_axis="True")
        return [[at[0], index, 0] for index in range(count)]

    def _variable(self, name: str) -> Ref:
        if name not in self._variables:
            self._variables[name] = self._op("null", name=name)
        return self._variables[name]

    def _op(self, op: str, *inputs: Ref, name: str = "", **attributes: str) -> Ref:
        node: dict[str, Any] = {"op": op, "name": name or f"{op}{len(self._nodes)}", "inputs": list(inputs)}
        self._nodes.append(node | ({"attrs": attributes} if attributes else {}))
        return [len(self._nodes) - 1, 0, 0]
