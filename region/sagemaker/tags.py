"""Tags of resources, by ARN."""

from typing import Any

from forecastle.region.local_region import LocalRegion
from forecastle.region.wire.refusal import invalid

Request = dict[str, Any]

KIND = "Tags"
MOST = 50


def add(region: LocalRegion, request: Request) -> Request:
    """AddTags."""
    return {"Tags": keep(region, request["ResourceArn"], request["Tags"])}


def list_(region: LocalRegion, request: Request) -> Request:
    """ListTags."""
    return {"Tags": tags_of(region, request["ResourceArn"])}


def delete(region: LocalRegion, request: Request) -> Request:
    """DeleteTags."""
    left = [tag for tag in tags_of(region, request["ResourceArn"]) if tag["Key"] not in request["TagKeys"]]
    region.state.put(KIND, request["ResourceArn"], {"Tags": left})
    return {}


def keep(region: LocalRegion, resource: str, tags: list[dict[str, str]]) -> list[dict[str, str]]:
    """Add tags or replace their values; return all tags."""
    with region.state.exclusive():
        merged = {tag["Key"]: tag["Value"] for tag in [*tags_of(region, resource), *tags]}
        if len(merged) > MOST:
            raise invalid(f"{resource} would have {len(merged)} tags; the limit is {MOST}.")
        described = [{"Key": key, "Value": value} for key, value in merged.items()]
        region.state.put(KIND, resource, {"Tags": described})
    return described


def tags_of(region: LocalRegion, resource: str) -> list[dict[str, str]]:
    record = region.state.get(KIND, resource)
    return [] if record is None else list(record["Tags"])
