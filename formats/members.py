"""Members of a request's JSON object: unknown ones are refused, as they would be ignored otherwise."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place, text_of


def require_known(names: Iterable[str], known: Sequence[str], place: Place = ()) -> None:
    """Raise `InvalidData` at the first name that is not known, with the nearest; `place` is that of the object."""
    for name in names:
        if name not in known:
            shown = name if name.isidentifier() and len(name) <= quotation.LONGEST else quotation.of_json(name)
            near = get_close_matches(name[: quotation.LONGEST], known, n=1)
            hint = f": did you mean {near[0]}?" if near else f"; known are {', '.join(known)}."
            raise InvalidData(f"{text_of((*place, shown))} is unknown{hint}")
