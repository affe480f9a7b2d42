"""Tags of objects and of buckets."""

from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element

from forecastle.region.s3 import xml
from forecastle.region.s3.errors import S3Error


def check_tags(pairs: Iterable[tuple[str, str]], most: int) -> dict[str, str]:
    """Tags by name; InvalidTag for one that is too long or there twice, BadRequest for too many."""
    tags: dict[str, str] = {}
    for name, value in pairs:
        if not 1 <= len(name) <= 128:
            raise S3Error("InvalidTag", "The TagKey you have provided is invalid", TagKey=name)
        if len(value) > 256:
            raise S3Error("InvalidTag", "The TagValue you have provided is invalid", TagKey=name, TagValue=value)
        if name in tags:
            raise S3Error("InvalidTag", "Cannot provide multiple Tags with the same key", TagKey=name)
        tags[name] = value
    if len(tags) > most:
        thing = "Object" if most == 10 else "Bucket"
        raise S3Error("BadRequest", f"{thing} tags cannot be greater than {most}")
    return tags


def tags_of(element: Element, most: int) -> dict[str, str]:
    """The tags of a `Tagging` document."""
    pairs = [(xml.required(tag, "Key"), xml.required(tag, "Value")) for tag in element.findall("TagSet/Tag")]
    if element.find("TagSet") is None:
        raise S3Error("MalformedXML")
    return check_tags(pairs, most)


def tag_set(tags: Mapping[str, str]) -> xml.Content:
    return [("TagSet", [("Tag", [("Key", name), ("Value", value)]) for name, value in tags.items()])]
