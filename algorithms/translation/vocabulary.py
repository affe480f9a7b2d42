"""The vocabularies of a model of CTranslate2: lists of tokens, in the order of their ids."""

from collections.abc import Mapping

import orjson

from forecastle.contract.errors import InvalidData

SUFFIXES = (".json", ".txt")


def names(side: str) -> list[str]:
    """The names that the vocabulary of a side, source or target, may have."""
    return [f"{which}_vocabulary{suffix}" for which in (side, "shared") for suffix in SUFFIXES]


def read(files: Mapping[str, bytes], side: str) -> tuple[str, list[str]]:
    """The file and the tokens of a side. Raises `InvalidData`."""
    for name in names(side):
        if name in files:
            try:
                return name, _tokens(files[name], name.endswith(".json"))
            except InvalidData as error:
                raise error.within(name) from None
    expected = f"{side}_vocabulary.json or shared_vocabulary.json, the model's tokens"
    raise InvalidData(expected=expected, got="neither")


def _tokens(content: bytes, is_json: bool) -> list[str]:
    try:
        found = orjson.loads(content) if is_json else content.decode().removesuffix("\n").split("\n")
    except ValueError:
        found = None
    if not isinstance(found, list) or not found or not all(isinstance(token, str) for token in found):
        raise InvalidData(expected=f"{'a list' if is_json else 'lines'} of tokens", got="other content")
    return found
