"""The objects of a channel, and their paths below its folder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forecastle.region.objects import Missing, Objects, place_below, split
from forecastle.region.sagemaker.jobs import ClientFailure


class NoData(ClientFailure):
    """A channel's objects cannot be read; the sentence is SageMaker's."""


@dataclass(frozen=True, slots=True)
class Source:
    """An object of a channel and its path below the channel's folder."""

    bucket: str
    key: str
    path: str


def sources(channel: dict[str, Any], role: str, objects: Objects, host: int, hosts: int) -> list[Source]:
    """The objects of a channel for one of the job's hosts, in order. Raises `NoData`."""
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise NoData(f"Channel {channel['ChannelName']}: this region reads channels from S3DataSource only.")
    kind, uri = source["S3DataType"], source["S3Uri"]
    try:
        if kind == "ManifestFile":
            found = _in_manifest(uri, objects)
        elif kind == "S3Prefix":
            found = _below(uri, objects)
        else:
            raise NoData(f"Channel {channel['ChannelName']}: this region does not support S3DataType {kind}.")
    except Missing:
        found = []
    if not found:
        bucket, _ = split(uri)
        raise NoData(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
            f'exists in the selected region, that objects exist under that S3 prefix, and that the role "{role}" has '
            f'"s3:ListBucket" permissions on bucket "{bucket}".'
        )
    for each in found:
        try:
            place_below(Path(), f"s3://{each.bucket}/{each.key}", each.path)
        except Missing as error:
            raise NoData(str(error)) from None
    if source.get("S3DataDistributionType") == "ShardedByS3Key":
        return found[host::hosts]
    return found


def _below(uri: str, objects: Objects) -> list[Source]:
    bucket, prefix = split(uri)
    return [
        Source(bucket, key, _relative(key, prefix)) for key in objects.keys(bucket, prefix) if not key.endswith("/")
    ]


def _relative(key: str, prefix: str) -> str:
    rest = key[len(prefix) :]
    if rest and (not prefix or prefix.endswith("/") or rest.startswith("/")):
        return rest.lstrip("/")
    return key[len(prefix.rpartition("/")[0]) :].lstrip("/")  # the prefix ends within a name


def _in_manifest(uri: str, objects: Objects) -> list[Source]:
    try:
        first, *names = json.loads(objects.read(*split(uri)))
        bucket, prefix = split(first["prefix"])
        return [Source(bucket, prefix + name, name.lstrip("/")) for name in names]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise NoData(f'{uri}: expected a manifest, such as [{{"prefix": "s3://bucket/path/"}}, "name"].') from None
