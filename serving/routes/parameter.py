"""A parameter of a request or its body, as /openapi.json describes it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes
    ----------
    kind : its type.
    limits : arguments of FastAPI's `Header`, `Path` and `Query`, such as `description` and `max_length`.
    """

    place: Literal["header", "path", "query", "body"]
    name: str
    kind: Any = str
    default: Any = REQUIRED
    limits: Mapping[str, Any] = field(default_factory=dict)

    def declared(self) -> Callable[..., None]:
        """A function whose signature declares the parameter in FastAPI's notation; it is not called."""
        import fastapi  # here, since importing it takes a tenth of a server's start

        notations: Mapping[str, Callable[..., Any]] = {
            "header": fastapi.Header,
            "path": fastapi.Path,
            "query": fastapi.Query,
            "body": fastapi.Body,
        }
        notation = notations[self.place](**self.limits, alias=self.name)
        name = self.name.replace("-", "_").lower()
        parameter = inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=self.default, annotation=Annotated[self.kind, notation]
        )

        def declare(**_: Any) -> None:
            pass

        declare.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
        return declare
