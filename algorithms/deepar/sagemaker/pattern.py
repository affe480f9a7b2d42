"""Comparison of a graph with its expected structure, from an output back to its inputs."""

import ast
import math
from collections.abc import Sequence

from forecastle.algorithms.deepar.sagemaker.graph import VARIABLE, Graph, Node, Ref
from forecastle.contract.errors import InvalidData


class Pattern:
    """A graph and checks of its nodes. Every method raises `InvalidData` if a node is not the expected one."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def node(self, ref: Ref) -> Node:
        return self.graph.nodes[ref.node]

    def wrong(self, ref: Ref, expected: str) -> InvalidData:
        node = self.node(ref)
        return InvalidData(
            place=("nodes", ref.node),
            expected=expected,
            got=f"{node.op[:40]} {node.name[:40]!r} of {len(node.inputs)} inputs: the graph's structure is unknown",
        )

    def inputs(self, ref: Ref, op: str, count: int | None = None, **attributes: str) -> Sequence[Ref]:
        """The inputs of a node that is an `op` with these attributes and a single output."""
        if ref.output != 0:
            raise self.wrong(ref, f"the only output of {op}")
        return self.inputs_of_any_output(ref, op, count, **attributes)

    def inputs_of_any_output(self, ref: Ref, op: str, count: int | None = None, **attributes: str) -> Sequence[Ref]:
        node = self.node(ref)
        same = all(node.attributes.get(name) == value for name, value in attributes.items())
        if node.op != op or not same or (count is not None and len(node.inputs) != count):
            with_ = "".join(f" {name}={value}" for name, value in attributes.items())
            raise self.wrong(ref, f"{op}{with_}" + ("" if count is None else f" of {count} inputs"))
        return node.inputs

    def only_input(self, ref: Ref, op: str, **attributes: str) -> Ref:
        return self.inputs(ref, op, 1, **attributes)[0]

    def is_op(self, ref: Ref, op: str) -> bool:
        return self.node(ref).op == op

    def number(self, ref: Ref, name: str) -> float:
        """An attribute that is a finite number."""
        try:
            value = float(self.node(ref).attributes.get(name, ""))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.wrong(ref, f"a number as {name}")
        return value

    def variable(self, ref: Ref) -> str:
        """The name of a variable."""
        self.inputs(ref, VARIABLE, 0)
        return self.node(ref).name

    def require_variable(self, ref: Ref, name: str) -> None:
        if self.variable(ref) != name:
            raise self.wrong(ref, f"the variable {name}")

    def slice_of(self, ref: Ref, name: str, axis: int, count: int, *, expanded: bool) -> int:
        """The index of this node among the `count` slices of the variable `name` along `axis`."""
        sliced = self.inputs_of_any_output(
            ref, "SliceChannel", 1, axis=str(axis), num_outputs=str(count), squeeze_axis="True"
        )[0]
        if ref.output >= count:
            raise self.wrong(ref, f"one of {count} slices")
        self.require_variable(self.only_input(sliced, "expand_dims", axis="2") if expanded else sliced, name)
        return ref.output

    def same(self, ref: Ref, other: Ref, what: str) -> None:
        if ref != other:
            raise self.wrong(ref, f"{what}, nodes[{other.node}]")

    def shape(self, ref: Ref) -> tuple[int, ...]:
        """The attribute `shape`, a string with a tuple of integers."""
        try:
            value = ast.literal_eval(self.node(ref).attributes.get("shape", "")[:100])
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            value = None
        if not isinstance(value, tuple) or not all(type(each) is int for each in value):
            raise self.wrong(ref, "a shape, a tuple of integers")
        return value
