"""XML documents of S3."""

import re
from collections.abc import Sequence
from typing import TypeAlias
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from forecastle.region.s3.errors import S3Error

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

Content: TypeAlias = "str | int | Sequence[tuple[str, Content]]"

_SPECIAL = re.compile('[&<>"\\x00-\\x08\\x0b-\\x1f\ufffe\uffff]')
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def document(name: str, content: Content) -> bytes:
    """A document with S3's namespace; an element is a pair of a name (with attributes) and its text or elements."""
    return written(f"{name} {NAMESPACE}", content)


def written(name: str, content: Content) -> bytes:
    """A document without a namespace, as errors are."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_element(name, content)}'.encode()


def boolean(value: bool) -> str:
    return "true" if value else "false"


def parsed(data: bytes, root: str) -> Element:
    """The root of a client's document, names without namespaces; MalformedXML for anything else."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise S3Error("MalformedXML")
    try:
        element = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise S3Error("MalformedXML") from None
    for inner in element.iter():
        inner.tag = inner.tag.rpartition("}")[2]
    if element.tag != root:
        raise S3Error("MalformedXML")
    return element


def required(element: Element, name: str) -> str:
    """The text of a child; MalformedXML if there is none."""
    child = element.find(name)
    if child is None:
        raise S3Error("MalformedXML")
    return child.text or ""


def _element(name: str, content: Content) -> str:
    inner = (
        _escaped(str(content))
        if isinstance(content, str | int)
        else "".join(_element(inner, value) for inner, value in content)
    )
    return f"<{name}>{inner}</{name.partition(' ')[0]}>"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda match: _NAMED.get(match[0]) or f"&#x{ord(match[0]):x};", text)
