"""`model_algo-1-symbol.json`: MXNet's graph of operators, as data. Nothing in it is run.

Source: `Symbol.tojson` in MXNet 1.x. Nodes come after the nodes whose outputs they use, so a graph whose inputs
all refer to earlier nodes has no cycles.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place
from forecastle.contract.quotation import as_json

VARIABLE = "null"  # the operator of an input or a parameter
MOST_NODES = 2_000_000  # 1200 for each step of the largest known network


class Ref(NamedTuple):
    """An output of a node."""

    node: int
    output: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """An operator, its attributes as strings, and the outputs that it uses."""

    op: str
    name: str
    attributes: Mapping[str, str]
    inputs: tuple[Ref, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Graph:
    """All nodes, in order, and the graph's only output."""

    nodes: tuple[Node, ...]
    head: Ref

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Graph":
        """Parse a graph. Raises `InvalidData` if an input is not an earlier node, or two variables share a name."""
        written = document.get("nodes")
        if not isinstance(written, list) or not 0 < len(written) <= MOST_NODES:
            raise InvalidData(place=("nodes",), expected=f"a list of 1 to {MOST_NODES} nodes")
        nodes = tuple(_node(each, number) for number, each in enumerate(written))
        variables = set()
        for number, node in enumerate(nodes):
            if node.op == VARIABLE:
                if node.name in variables:
                    got = f"another {node.name[:40]!r}"
                    raise InvalidData(place=("nodes", number), expected="a unique name", got=got)
                variables.add(node.name)
        heads = document.get("heads")
        if not isinstance(heads, list) or len(heads) != 1:
            raise InvalidData(place=("heads",), expected="one output, that of the samples", got=as_json(heads))
        return cls(nodes, _ref(heads[0], len(nodes), ("heads", 0)))


def _node(written: object, number: int) -> Node:
    place: Place = ("nodes", number)
    if not isinstance(written, dict):
        raise InvalidData(place=place, expected="an object", got=as_json(written))
    op, name = written.get("op"), written.get("name")
    if not isinstance(op, str) or not isinstance(name, str):
        got = f"{as_json(op)} and {as_json(name)}"
        raise InvalidData(place=place, expected="op and name, two strings", got=got)
    attributes = written.get("attrs", {})
    if not isinstance(attributes, dict) or not all(isinstance(value, str) for value in attributes.values()):
        raise InvalidData(place=(*place, "attrs"), expected="an object of strings", got=as_json(attributes))
    inputs = written.get("inputs")
    if not isinstance(inputs, list) or (op == VARIABLE and inputs):
        expected = "a list, empty for a variable"
        raise InvalidData(place=(*place, "inputs"), expected=expected, got=as_json(inputs))
    return Node(op, name, attributes, tuple(_ref(each, number, (*place, "inputs")) for each in inputs))


def _ref(written: object, end: int, place: Place) -> Ref:
    """An output of a node before `end`."""
    if not isinstance(written, list) or len(written) not in (2, 3) or any(type(each) is not int for each in written):
        raise InvalidData(place=place, expected="[node, output, version]", got=as_json(written))
    node, output = written[:2]
    if not 0 <= node < end or not 0 <= output < MOST_NODES:
        expected = "an output of an earlier node, as there are no cycles"
        raise InvalidData(place=place, expected=expected, got=as_json(written))
    return Ref(node, output)
