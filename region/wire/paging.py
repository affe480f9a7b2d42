"""Tokens of pages that are the number of the first one's entry."""

from forecastle.region.wire.refusal import Refusal


def first_of(token: object, code: str, name: str = "NextToken") -> int:
    """Where a page begins; 0 without a token. Raises the refusal `code` for a token that this region has not given."""
    text = "0" if token is None else str(token)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Refusal(code, f"The specified {name} is invalid: {text[:100]}")
    return int(text)
