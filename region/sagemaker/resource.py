"""A kind of SageMaker resource: its records, and the operations that every kind has."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forecastle.region.account import arn
from forecastle.region.local_region import LocalRegion
from forecastle.region.sagemaker import tags
from forecastle.region.wire.paging import first_of
from forecastle.region.wire.refusal import Refusal, invalid

Record = dict[str, Any]
Operation = Callable[[LocalRegion, Record], Record]

PAGE = 10  # as SageMaker's when MaxResults is not given


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind of resource. The names of its operations and members begin with the kind's, such as ModelArn.

    Attributes
    ----------
    kind : the name in operations and members, and of the records in the state.
    path : the part of an ARN before the resource's name.
    listed : the member of a List operation's answer. Members of a summary are those of its shape in AWS's model.
    existing, missing : the errors for a name that is taken or unknown, with {name} and {arn}, and their codes.
    described : what Describe and List add to a record.
    """

    kind: str
    path: str
    listed: str
    existing: str
    missing: str
    existing_code: str = "ValidationException"
    missing_code: str = "ValidationException"
    described: Operation | None = None

    @property
    def name(self) -> str:
        """The member with a resource's name."""
        return f"{self.kind}Name"

    @property
    def status(self) -> str:
        """The member with a resource's status, for kinds that have one."""
        return f"{self.kind}Status"

    def arn(self, name: str) -> str:
        return arn("sagemaker", f"{self.path}/{name}")

    def operations(self, create: Operation) -> Mapping[str, Operation]:
        """Create, Describe and List, by the operations' names."""
        return {
            f"Create{self.kind}": create,
            f"Describe{self.kind}": self.describe,
            f"List{self.kind}s": self.list_,
        }

    def add(self, region: LocalRegion, record: Record) -> Record:
        """Keep a new record and its tags; the answer of Create. Raises the refusal of a name that is taken."""
        name = record[self.name]
        resource = self.arn(name)
        with region.state.exclusive():
            if region.state.get(self.kind, name) is not None:
                raise Refusal(self.existing_code, self.existing.format(name=name, arn=resource))
            tags.keep(region, resource, record.get("Tags", []))
            kept = {key: value for key, value in record.items() if key != "Tags"}
            region.state.put(self.kind, name, kept | {f"{self.kind}Arn": resource})
        return {f"{self.kind}Arn": resource}

    def get(self, region: LocalRegion, name: str) -> Record:
        """A record. Raises the refusal of a name that is unknown."""
        record = region.state.get(self.kind, name)
        if record is None:
            raise Refusal(self.missing_code, self.missing.format(name=name, arn=self.arn(name)))
        return record

    def delete(self, region: LocalRegion, request: Record) -> Record:
        name = request[self.name]
        with region.state.exclusive():
            self.get(region, name)
            region.state.delete(self.kind, name)
            region.state.delete(tags.KIND, self.arn(name))
        return {}

    def describe(self, region: LocalRegion, request: Record) -> Record:
        return self._described(region, self.get(region, request[self.name]))

    def list_(self, region: LocalRegion, request: Record) -> Record:
        """One page of the resources that the request asks for, filtered and sorted."""
        found = [record for record in region.state.all(self.kind) if self._matches(record, request)]
        by = {"Name": self.name, "Status": self.status}.get(request.get("SortBy", ""), "CreationTime")
        found.sort(key=lambda record: record[by], reverse=request.get("SortOrder", "Descending") == "Descending")
        answer = page_of(found, request, self.listed)
        return answer | {self.listed: [self._described(region, record) for record in answer[self.listed]]}

    def _described(self, region: LocalRegion, record: Record) -> Record:
        return record if self.described is None else self.described(region, record)

    def _matches(self, record: Record, request: Record) -> bool:
        created = record["CreationTime"]
        changed = record.get("LastModifiedTime", created)
        return (
            request.get("CreationTimeAfter", 0) < created < request.get("CreationTimeBefore", float("inf"))
            and request.get("LastModifiedTimeAfter", 0) < changed < request.get("LastModifiedTimeBefore", float("inf"))
            and request.get("NameContains", "") in record[self.name]
            and request.get("StatusEquals", record.get(self.status)) == record.get(self.status)
        )


def page_of(found: Sequence[Record], request: Record, member: str) -> Record:
    """The page of `found` that the request asks for, and the token of the next."""
    start, count = _start(request.get("NextToken")), request.get("MaxResults", PAGE)
    answer: Record = {member: found[start : start + count]}
    if start + count < len(found):
        answer["NextToken"] = base64.urlsafe_b64encode(str(start + count).encode()).decode()
    return answer


def _start(token: str | None) -> int:
    try:
        text = None if token is None else base64.urlsafe_b64decode(token).decode()
        return first_of(text, "ValidationException")
    except (ValueError, binascii.Error, Refusal):
        raise invalid(f"Invalid NextToken: {str(token)[:100]}") from None
