"""The schemas of request and response bodies: those of all loaded models."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from forecastle.serving.models import HeldModel

Content = dict[str, dict[str, Any]]  # OpenAPI's media type objects, by media type

BINARY = {"type": "string", "format": "binary"}


@dataclass(frozen=True, slots=True, repr=False)
class Bodies:
    """The content of requests to models, and of their predictions."""

    requests: Content
    answers: Content

    @classmethod
    def of(cls, loaded: Sequence[HeldModel]) -> Self:
        requests = _content(loaded, lambda held: held.request_types, lambda held: held.algorithm.request_schemas)
        answers = _content(loaded, lambda held: held.response_types, lambda held: held.algorithm.answer_schemas)
        for held in loaded:
            example = held.model.sample_request()
            media = requests.get(example.content_type.essence, {})
            media.setdefault("example", example.body.decode("utf-8", "replace"))
        return cls(requests, answers)


def _content(
    loaded: Sequence[HeldModel],
    types: Callable[[HeldModel], Sequence[str]],
    schemas: Callable[[HeldModel], Mapping[str, Mapping[str, Any]]],
) -> Content:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for held in loaded:
        for media_type in types(held):
            schema = schemas(held).get(media_type, _plain_schema(media_type))
            if schema not in found.setdefault(media_type, []):
                found[media_type].append(schema)
    content: Content = {
        media_type: {"schema": each[0] if len(each) == 1 else {"anyOf": each}}
        for media_type, each in sorted(found.items())
    }
    return content or {"*/*": {"schema": BINARY}}


def _plain_schema(media_type: str) -> Mapping[str, Any]:
    is_text = media_type.startswith("text/") or "json" in media_type
    return {"type": "string"} if is_text else BINARY
