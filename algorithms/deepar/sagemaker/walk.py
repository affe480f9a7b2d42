"""The structure of SageMaker's network for predictions, from its graph, all of which is compared with the known one.

The graph is unrolled: a step of each layer for each step of the context and of the forecast. At each step,

    input      dates, age and dynamic features; embeddings and log(scale); lags / scale
    states     those of the previous step, with zoneout: where(Dropout(1), new, old), which is new in predictions;
               0 while the context is padded
    value      the observed one; if it is missing, the mean of this step's distribution; if it is padded, 0
"""

from collections.abc import Sequence
from dataclasses import dataclass

from forecastle.algorithms.deepar.likelihood import Likelihood
from forecastle.algorithms.deepar.sagemaker.cells import Step, read_step
from forecastle.algorithms.deepar.sagemaker.distribution import Distribution
from forecastle.algorithms.deepar.sagemaker.graph import VARIABLE, Graph, Ref
from forecastle.algorithms.deepar.sagemaker.pattern import Pattern
from forecastle.algorithms.deepar.sagemaker.scale import OBSERVED, TARGET, Scale, read_no_scale, read_scale
from forecastle.contract.errors import InvalidData

PADDED, PAST, FUTURE, CATEGORIES = "isPaddedTrain", "timeFeaturesTrain", "timeFeaturesPred", "itemFeatures"
_FEATURES, _STATIC, _LAGS = "features", "static", "lags"


@dataclass(frozen=True, slots=True)
class Structure:
    """What the graph determines.

    Attributes
    ----------
    lags : in the order of the network's inputs.
    parts : the order of a step's inputs: "features" (dates, age, dynamic), "static" (embeddings, log(scale)), "lags".
    embeddings : the rows and columns of each.
    projections : the names of the distribution's parameters, in the order of our rows.
    """

    context_length: int
    lags: tuple[int, ...]
    parts: tuple[str, ...]
    embeddings: tuple[tuple[int, int], ...]
    projections: tuple[str, ...]
    default_scale: float
    dropout_rate: float
    layers: int
    cells: int


def read_structure(graph: Graph, likelihood: Likelihood, train_length: int, prediction_length: int) -> Structure:
    """Compare the graph with the known structure. Raises `InvalidData` if it differs."""
    pattern = Pattern(graph)
    distribution = Distribution(pattern, likelihood)
    outputs = distribution.outputs()
    context = len(outputs) - prediction_length
    if not 0 < context < train_length:
        raise InvalidData(
            expected=f"{prediction_length} steps of a forecast, after a context shorter than the train_length "
            f"{train_length}",
            got=f"{len(outputs)} steps in all",
        )
    walk = _Walk(pattern, train_length, context, prediction_length)
    samples, walk.repeats = walk.samples(graph.head)
    layers, cells = _size(graph)
    steps = [read_step(pattern, output, layers, cells) for output in outputs]
    parts, static, lagged = walk.inputs(steps)
    scale_at = pattern.inputs(lagged[0], "broadcast_div", 2)[1]
    if likelihood.scaled:
        scale = read_scale(pattern, scale_at, train_length, context)
    else:
        scale = read_no_scale(pattern, scale_at)
    dropout = walk.require_states(steps)
    lags, values = walk.lags(lagged, scale, samples)
    for step, value in values.items():
        walk.require_value(value, step, distribution, outputs[step], scale)
    future_scale = pattern.inputs(lagged[context], "broadcast_div", 2)[1]
    for output, sample in zip(outputs[context:], samples):
        distribution.require_sample(sample, output, future_scale)
    return Structure(
        context_length=context,
        lags=lags,
        parts=parts,
        embeddings=walk.embeddings(static, scale),
        projections=distribution.names,
        default_scale=scale.default,
        dropout_rate=dropout,
        layers=layers,
        cells=cells,
    )


def _size(graph: Graph) -> tuple[int, int]:
    """The number of layers, from the variables' names, and of cells, from the size of the first layer's output."""
    weights = {node.name for node in graph.nodes if node.op == VARIABLE and node.name.endswith("i2h_weight")}
    if not weights or weights != {f"lstm_l_{layer}i2h_weight" for layer in range(len(weights))}:
        got = f"{', '.join(sorted(weights)):.80}"
        raise InvalidData(expected="weights of layers, lstm_l_0i2h_weight …", got=got)
    for number, node in enumerate(graph.nodes):
        if node.op == "FullyConnected" and "i2h" in node.name:
            hidden = node.attributes.get("num_hidden", "")
            if hidden.isascii() and hidden.isdigit() and len(hidden) < 8 and int(hidden) % 4 == 0:
                return len(weights), int(hidden) // 4
            place = ("nodes", number, "attrs", "num_hidden")
            raise InvalidData(place=place, expected="four times the cells", got=f"{hidden[:40]!r}")
    raise InvalidData(expected="a layer of an LSTM, i2h", got="none")


class _Walk:
    """The graph, and its numbers of steps: `train`, `context` and `future`; `repeats` is the paths of a series."""

    def __init__(self, pattern: Pattern, train: int, context: int, future: int) -> None:
        self._pattern = pattern
        self._train, self._context, self._future = train, context, future
        self.repeats = 0

    def samples(self, head: Ref) -> tuple[Sequence[Ref], int]:
        """The samples of each step, and the number of paths."""
        shape = self._pattern.shape(head)
        if len(shape) != 3 or shape[0] != -1 or shape[1] < 1 or shape[2] != self._future:
            raise self._pattern.wrong(head, f"samples of {self._future} steps")
        joined = self._pattern.only_input(head, "Reshape")
        return self._pattern.inputs(joined, "Concat", self._future, dim="1"), shape[1]

    def inputs(self, steps: Sequence[Step]) -> tuple[tuple[str, ...], Ref, list[Ref]]:
        """The order of the inputs' parts; the nodes of the static inputs, and of each step's lags over the scale."""
        pattern, order, static, lagged = self._pattern, None, None, []
        for number, step in enumerate(steps):
            parts: dict[str, Ref] = {}
            for each in pattern.inputs(step.input, "Concat", 3, dim="1"):
                if pattern.is_op(each, "broadcast_div"):
                    parts[_LAGS] = each
                    continue
                each = self._once(each) if number >= self._context else each
                parts[_STATIC if pattern.is_op(each, "Concat") else _FEATURES] = each
            if len(parts) < 3:
                raise pattern.wrong(step.input, "features, static inputs and lags")
            order = order or tuple(parts)
            static = static or parts[_STATIC]
            if tuple(parts) != order:
                raise pattern.wrong(step.input, "the same order of inputs at each step")
            pattern.same(parts[_STATIC], static, "the same static inputs at each step")
            self._require_features(parts[_FEATURES], number)
            lagged.append(parts[_LAGS])
        assert order is not None
        assert static is not None
        return order, static, lagged

    def _require_features(self, ref: Ref, step: int) -> None:
        past = step < self._context
        name, count = (PAST, self._train) if past else (FUTURE, self._future)
        expected = self._train - self._context + step if past else step - self._context
        if self._pattern.slice_of(ref, name, 2, count, expanded=False) != expected:
            raise self._pattern.wrong(ref, f"slice {expected} of {name}")

    def require_states(self, steps: Sequence[Step]) -> float:
        """Check that each step uses the states of the previous one, 0 if it is padded. Returns the dropout rate."""
        pattern, rates = self._pattern, set()
        for number, step in enumerate(steps):
            for layer, states in enumerate(step.old):
                for kind, ref in enumerate(states):
                    if number < self._context:
                        padded, zeros, ref = pattern.inputs(ref, "where", 3)
                        self._require_step(padded, PADDED, number)
                        pattern.inputs(zeros, "_zeros", 0)
                    if number == 0:
                        pattern.inputs(ref, "_zeros", 0)
                        continue
                    if number == self._context:
                        ref = self._once(ref)
                    before = steps[number - 1]
                    rates.add(self._zoneout(ref, before.new[layer][kind], before.old[layer][kind]))
        if len(rates) > 1:
            got = f"{', '.join(map(str, sorted(rates))):.40}"
            raise InvalidData(expected="the same p at each Dropout", got=got)
        return rates.pop() if rates else 0.0

    def _zoneout(self, ref: Ref, new: Ref, old: Ref) -> float:
        """The probability that a state keeps its old value."""
        pattern = self._pattern
        if ref == new:
            return 0.0
        mask, first, second = pattern.inputs(ref, "where", 3)
        pattern.same(first, new, "the new state")
        pattern.same(second, old, "the old state")
        pattern.same(pattern.only_input(pattern.only_input(mask, "Dropout"), "ones_like"), new, "the new state")
        rate = pattern.number(mask, "p")
        if not 0 <= rate < 1:
            raise pattern.wrong(mask, "a probability")
        return rate

    def lags(
        self, lagged: Sequence[Ref], scale: Scale, samples: Sequence[Ref]
    ) -> tuple[tuple[int, ...], dict[int, Ref]]:
        """The lags, in the order of the inputs, and the nodes of the context's values that they use."""
        pattern, first = self._pattern, self._train - self._context
        joined, divisor = pattern.inputs(lagged[0], "broadcast_div", 2)
        pattern.same(divisor, scale.ref, "the scale")
        slices = [
            pattern.slice_of(each, TARGET, 1, self._train, expanded=True)
            for each in pattern.inputs(joined, "Concat", dim="1")
        ]
        lags = tuple(first - index for index in slices)
        if not lags or min(lags) != 1 or max(lags) != first or len(set(lags)) < len(lags):
            raise pattern.wrong(joined, f"lags from 1 to {first}, the train_length less the context, each once")
        values: dict[int, Ref] = {}
        for number, each in enumerate(lagged):
            joined, divisor = pattern.inputs(each, "broadcast_div", 2)
            future = number >= self._context
            pattern.same(self._once(divisor) if future else divisor, scale.ref, "the scale")
            for lag, value in zip(lags, pattern.inputs(joined, "Concat", len(lags), dim="1")):
                step = number - lag  # of the value, in the context
                if step >= self._context:
                    pattern.same(value, samples[step - self._context], f"the sample of {lag} steps ago")
                    continue
                value = self._once(value) if future else value
                if step < 0:
                    self._require_step(value, TARGET, step)
                else:
                    pattern.same(value, values.setdefault(step, value), f"the value of {lag} steps ago")
        return lags, values

    def require_value(self, ref: Ref, step: int, distribution: Distribution, output: Ref, scale: Scale) -> None:
        """Check that a step's value is the observed one, else the mean, or 0 if it is padded."""
        pattern = self._pattern
        observed, value, missing = pattern.inputs(ref, "where", 3)
        self._require_step(observed, OBSERVED, step)
        self._require_step(value, TARGET, step)
        padded, zeros, mean = pattern.inputs(missing, "where", 3)
        self._require_step(padded, PADDED, step)
        pattern.only_input(zeros, "zeros_like")
        distribution.require_mean(mean, output, scale.ref)

    def embeddings(self, static: Ref, scale: Scale) -> tuple[tuple[int, int], ...]:
        """The shapes of the embeddings, in the order of the categories; log(scale) comes after them."""
        pattern = self._pattern
        joined, log = pattern.inputs(static, "Concat", 2, dim="1")
        pattern.same(pattern.only_input(log, "log"), scale.ref, "the scale")
        refs, shapes = pattern.inputs(joined, "Concat", dim="1"), []
        for number, ref in enumerate(refs):
            category, weight = pattern.inputs(ref, "Embedding", 2)
            pattern.require_variable(weight, f"embed_{number}_weight")
            if pattern.slice_of(category, CATEGORIES, 1, len(refs), expanded=False) != number:
                raise pattern.wrong(category, f"category {number}")
            rows, columns = (int(pattern.number(ref, name)) for name in ("input_dim", "output_dim"))
            shapes.append((rows, columns))
        return tuple(shapes)

    def _require_step(self, ref: Ref, name: str, step: int) -> None:
        """Check that it is the variable's value at a step of the context; steps before the context are negative."""
        index = self._train - self._context + step
        if self._pattern.slice_of(ref, name, 1, self._train, expanded=True) != index:
            raise self._pattern.wrong(ref, f"slice {index} of {name}")

    def _once(self, ref: Ref) -> Ref:
        """The input of the node that repeats it for each path of a series."""
        return self._pattern.only_input(ref, "repeat", axis="0", repeats=str(self.repeats))
