"""Mapping templates: text with references to $input, $context and $stageVariables."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from forecastle.contract.transform.selection import selection

CALL = re.compile(
    r"\$input\.(?:json\('(?P<json>[^']*)'\)|path\('(?P<path>[^']*)'\)|params\('(?P<param>[^']*)'\)|(?P<body>body))"
    r"|\$context\.(?P<context>\w+)|\$stageVariables\.(?P<variable>\w+)"
)
DIRECTIVE = re.compile(r"#(?:set|if|foreach|else|end|define|macro)\b|\$(?:util|input)\b")


class Unsupported(Exception):
    """The template or integration has something that this region does not support; the message names it."""


def rendered(
    template: str, body: str, params: Mapping[str, str], context: Mapping[str, str], variables: Mapping[str, str]
) -> str:
    """The template's text with its references replaced. Raises `Unsupported`."""

    def filled(found: re.Match[str]) -> str:
        named = found.groupdict()
        if named["json"] is not None:
            return json.dumps(_selected(body, named["json"]), ensure_ascii=False)
        if named["path"] is not None:
            value = _selected(body, named["path"])
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if named["param"] is not None:
            return params.get(named["param"], "")
        if named["body"] is not None:
            return body
        if named["context"] is not None:
            return context.get(named["context"], "")
        return variables.get(str(named["variable"]), "")

    left = DIRECTIVE.search(CALL.sub("", template))
    if left is not None:
        raise Unsupported(f"this region does not support {left[0]} in mapping templates")
    return CALL.sub(filled, template)


def _selected(body: str, path: str) -> Any:
    select: Callable[[Any], Any] = selection(path)
    try:
        return select(json.loads(body or "{}"))
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
