"""The likelihood in SageMaker's graph: its projections, its mean and its samples.

SageMaker's models of two likelihoods are known, and a graph's distribution is compared with theirs. For the others we
assume that the parameters are named as in GluonTS, and that links and draws are the same as ours.
"""

from forecastle.algorithms.deepar.likelihood import GAUSSIAN, STUDENT_T, Likelihood
from forecastle.algorithms.deepar.sagemaker.graph import VARIABLE, Graph, Ref
from forecastle.algorithms.deepar.sagemaker.pattern import Pattern
from forecastle.contract.errors import InvalidData

KNOWN = (GAUSSIAN, STUDENT_T)
POINT_NAMES = (("mu",), ("location",), ("loc",))  # possible names of the parameter of a point likelihood
LINEAR = 20.0  # at and above this, softplus(x) is x
_MOST_OPERATORS = 200  # from a step's projections to a draw; those of Student's t are 31
_WEIGHT = "_Noneproj_weight"


def weight_of(name: str) -> str:
    return f"{name}{_WEIGHT}"


def bias_of(name: str) -> str:
    return f"{name}_Noneproj_bias"


def projections(graph: Graph, likelihood: Likelihood) -> tuple[str, ...]:
    """The names of the graph's projections, in our order. Raises `InvalidData` if they are not the likelihood's."""
    candidates = POINT_NAMES if likelihood.point else (likelihood.parameters,)
    names = {node.name for node in graph.nodes if node.op == VARIABLE and node.name.endswith("proj_weight")}
    for expected in candidates:
        if names == set(map(weight_of, expected)):
            return expected
    expected_names = " or ".join(", ".join(map(weight_of, each)) for each in candidates)
    raise InvalidData(
        expected=f"the projections of the likelihood {likelihood}, {expected_names}",
        got=f"{', '.join(sorted(names)) or 'none':.120}: the structure of the network is unknown",
    )


class Distribution:
    """The nodes that compute the distribution of each step."""

    def __init__(self, pattern: Pattern, likelihood: Likelihood) -> None:
        self._pattern = pattern
        self._known = likelihood.number in KNOWN
        self._freedom = likelihood.number == STUDENT_T
        self.names = projections(pattern.graph, likelihood)
        self._at: dict[Ref, dict[str, Ref]] = {}  # the last layer's output → its projections
        weights = {weight_of(name): name for name in self.names}
        for number, node in enumerate(pattern.graph.nodes):
            if node.op == "FullyConnected" and len(node.inputs) == 3:
                name = weights.get(pattern.node(node.inputs[1]).name)
                if name is not None:
                    pattern.require_variable(node.inputs[2], bias_of(name))
                    self._at.setdefault(node.inputs[0], {})[name] = Ref(number)

    def outputs(self) -> list[Ref]:
        """The last layer's outputs in the order of the steps: each uses the step before it, so its nodes come later."""
        return sorted(self._at)

    def require_mean(self, ref: Ref, output: Ref, scale: Ref) -> None:
        """Whether `ref` is the mean of the distribution that the last layer's `output` gives."""
        if self._known:
            self._scaled(ref, self._of(output, "mu"), scale)
        else:
            self._require_of(ref, output, scale)

    def require_sample(self, ref: Ref, output: Ref, scale: Ref) -> None:
        """Whether `ref` is a draw from the distribution that the last layer's `output` gives."""
        pattern = self._pattern
        if not self._known:
            self._require_of(ref, output, scale)
            return
        mean, spread = pattern.inputs(ref, "_sample_normal", 2)
        self.require_mean(mean, output, scale)
        sigma = self._of(output, "sigma")
        if not self._freedom:
            self._scaled_softplus(spread, sigma, scale)
            return
        self._require_scalar(spread, "_rdiv_scalar", 1.0)
        root = pattern.only_input(pattern.only_input(spread, "_rdiv_scalar"), "sqrt")
        half, rate = pattern.inputs(root, "_sample_gamma", 2)
        self._require_scalar(half, "_div_scalar", 2.0)
        freedom = pattern.only_input(half, "_div_scalar")
        self._require_scalar(freedom, "_plus_scalar", 2.0)
        self._softplus(pattern.only_input(freedom, "_plus_scalar"), self._of(output, "nu"))
        self._require_scalar(rate, "_rdiv_scalar", 2.0)
        factor, square = pattern.inputs(pattern.only_input(rate, "_rdiv_scalar"), "elemwise_mul", 2)
        pattern.same(factor, freedom, "the degrees of freedom")
        self._scaled_softplus(pattern.only_input(square, "square"), sigma, scale)

    def _of(self, output: Ref, name: str) -> Ref:
        if output not in self._at or name not in self._at[output]:
            raise self._pattern.wrong(output, f"an output that {weight_of(name)} is applied to")
        return self._at[output][name]

    def _scaled(self, ref: Ref, value: Ref, scale: Ref) -> None:
        factor, other = self._pattern.inputs(ref, "elemwise_mul", 2)
        self._pattern.same(factor, value, "a projection")
        self._pattern.same(other, scale, "the scale")

    def _scaled_softplus(self, ref: Ref, raw: Ref, scale: Ref) -> None:
        positive, _ = self._pattern.inputs(ref, "elemwise_mul", 2)
        self._softplus(positive, raw)
        self._scaled(ref, positive, scale)

    def _softplus(self, ref: Ref, raw: Ref) -> None:
        """(x < 20)·softplus((x < 20)·x) + (x ≥ 20)·x"""
        pattern = self._pattern
        below, above = pattern.inputs(ref, "elemwise_add", 2)
        small, curved = pattern.inputs(below, "elemwise_mul", 2)
        same, x = pattern.inputs(pattern.only_input(curved, "Activation", act_type="softrelu"), "elemwise_mul", 2)
        pattern.same(same, small, "the same comparison")
        pattern.same(x, raw, "a projection")
        large, x = pattern.inputs(above, "elemwise_mul", 2)
        pattern.same(x, raw, "a projection")
        for compared, op in ((small, "broadcast_lesser"), (large, "broadcast_greater_equal")):
            x, limit = pattern.inputs(compared, op, 2)
            pattern.same(x, raw, "a projection")
            self._require_scalar(limit, "_plus_scalar", LINEAR)
            pattern.only_input(pattern.only_input(limit, "_plus_scalar"), "zeros_like")

    def _require_scalar(self, ref: Ref, op: str, value: float) -> None:
        self._pattern.inputs(ref, op, 1)
        if self._pattern.number(ref, "scalar") != value:
            raise self._pattern.wrong(ref, f"{op} {value}")

    def _require_of(self, ref: Ref, output: Ref, scale: Ref) -> None:
        """Whether a value is computed from this step's projections and the scale, and nothing else."""
        known = {scale, *self._at.get(output, {}).values()}
        seen, ahead, found = set(), [ref], False
        while ahead:
            each = ahead.pop()
            if each in known:
                found = found or each != scale
            elif each not in seen:
                seen.add(each)
                if self._pattern.node(each).op in (VARIABLE, "FullyConnected") or len(seen) > _MOST_OPERATORS:
                    raise self._pattern.wrong(each, "a value computed from the step's projections")
                ahead += self._pattern.node(each).inputs
        if not found:
            raise self._pattern.wrong(ref, "a value computed from the step's projections")
