"""The members of a request's JSON object: unknown ones are refused rather than silently ignored."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place


def require_known(names: Iterable[str], known: Sequence[str], place: Place = ()) -> None:
    """Raise `InvalidData` for the first unknown name, with the closest known one; `place` is that of the object."""
    for name in names:
        if name not in known:
            shown = name if name.isidentifier() and len(name) <= quotation.LONGEST else quotation.of_json(name)
            near = get_close_matches(name[: quotation.LONGEST], known, n=1)
            hint = f": did you mean {near[0]}?" if near else f"; known are {', '.join(known)}."
            raise InvalidData(f"unknown member{hint}", place=(*place, shown))
