"""Every operation with whatever its shape allows, and with what it does not: an answer, or a refusal that says why."""

import functools
import warnings
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.region.running_region import RunningRegion
from tests.region.test_wire import DEEPEST, MODELS, TEXT, operations

LONGEST = 40


def constrained(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Mostly what a shape allows, its constraints included; sometimes what only its type does."""
    kind, limits = shape.type_name, shape.metadata
    least, most = int(limits.get("min", 0)), int(min(limits.get("max", LONGEST), 2**31))
    if kind == "structure":
        wanted = shape.required_members if depth >= DEEPEST else list(shape.members)
        required = {name: constrained(shape.members[name], depth + 1) for name in shape.required_members}
        optional = {name: constrained(shape.members[name], depth + 1) for name in wanted if name not in required}
        return st.fixed_dictionaries(required, optional=optional)
    if kind == "list":
        return st.lists(constrained(shape.member, depth + 1), min_size=least, max_size=max(least, 2))
    if kind == "map":
        return st.dictionaries(constrained(shape.key, depth + 1), constrained(shape.value, depth + 1), max_size=2)
    if kind == "string":
        return st.sampled_from(shape.enum) if getattr(shape, "enum", None) else _text(limits, least)
    if kind in ("integer", "long"):
        usual = st.integers(least, max(least, most)) if "max" in limits else st.integers(least, least + 5000)
        return st.one_of(usual, st.integers(-(2**31), 2**31 - 1))
    return {
        "float": st.floats(width=32),
        "double": st.floats(),
        "boolean": st.booleans(),
        "timestamp": st.one_of(st.integers(0, 2**31), st.sampled_from([0.5, -1])),
        "blob": st.binary(min_size=1),
    }[kind]


def _text(limits: Any, least: int) -> st.SearchStrategy[str]:
    pattern = limits.get("pattern")
    if pattern is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            try:
                matching = st.from_regex(pattern, fullmatch=True).map(lambda text: text[:LONGEST])
                matching.validate()
            except Exception:  # an expression of Java's alone
                return TEXT
        return st.one_of(matching, matching, matching, TEXT)
    return st.text(
        st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=least, max_size=max(least, 40)
    )


@pytest.mark.parametrize(("service", "name"), operations())
@settings(
    max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=[Phase.generate]
)
@given(data=st.data())
def test_no_request_is_a_fault_of_the_regions(
    region: RunningRegion, service: str, name: str, data: st.DataObject
) -> None:
    client = _client(region, service)
    operation = MODELS[service].operation_model(name)
    sent = data.draw(constrained(operation.input_shape)) if operation.input_shape else {}
    method = next(each for each, wire in client.meta.method_to_api_mapping.items() if wire == name)
    try:
        status = getattr(client, method)(**sent)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    except HTTPClientError:  # a header that no client can send
        return
    assert status < 500


@functools.cache
def _client(region: RunningRegion, service: str) -> Any:
    return region.client(service, parameter_validation=False)
