"""List operations: filters, order and pages, the same for every kind of resource."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from forecastle.region.local_region import LocalRegion
from forecastle.region.wire.paging import first_of
from forecastle.region.wire.refusal import Refusal, invalid

PAGE = 10  # as SageMaker's when MaxResults is not given


@dataclass(frozen=True, slots=True)
class Kind:
    """How the resources of a kind are listed."""

    kind: str  # in the state
    answer: str  # the member that the list is in
    members: Sequence[str]  # of a summary
    name: str
    status: str | None = None
    filters: Sequence[Callable[[dict[str, Any], dict[str, Any]], bool]] = ()


def list_of(region: LocalRegion, request: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """One page of the resources that the request asks for."""
    found = [record for record in region.state.all(kind.kind) if _fits(record, request, kind)]
    by = {"Name": kind.name, "Status": kind.status}.get(request.get("SortBy", ""), "CreationTime") or "CreationTime"
    found.sort(key=lambda record: record[by], reverse=request.get("SortOrder", "Descending") == "Descending")
    return page_of([{name: each.get(name) for name in kind.members} for each in found], request, kind.answer)


def page_of(found: Sequence[dict[str, Any]], request: dict[str, Any], member: str) -> dict[str, Any]:
    """The page of `found` that the request asks for, and the token of the next."""
    start, count = _start(request.get("NextToken")), request.get("MaxResults", PAGE)
    answer: dict[str, Any] = {member: found[start : start + count]}
    if start + count < len(found):
        answer["NextToken"] = base64.urlsafe_b64encode(str(start + count).encode()).decode()
    return answer


def _fits(record: dict[str, Any], request: dict[str, Any], kind: Kind) -> bool:
    created, changed = record["CreationTime"], record.get("LastModifiedTime", record["CreationTime"])
    bounds = (
        created > request.get("CreationTimeAfter", 0),
        created < request.get("CreationTimeBefore", float("inf")),
        changed > request.get("LastModifiedTimeAfter", 0),
        changed < request.get("LastModifiedTimeBefore", float("inf")),
        request.get("NameContains", "") in record[kind.name],
        "StatusEquals" not in request or kind.status is None or record[kind.status] == request["StatusEquals"],
    )
    return all(bounds) and all(fits(record, request) for fits in kind.filters)


def _start(token: str | None) -> int:
    try:
        text = None if token is None else base64.urlsafe_b64decode(token).decode()
        return first_of(text, "ValidationException")
    except (ValueError, binascii.Error, Refusal):
        raise invalid(f"Invalid NextToken: {str(token)[:100]}") from None
