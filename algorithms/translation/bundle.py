"""A model of CTranslate2: the files of a converted model's folder, checked against each other.

    config.json                                 special tokens
    model.bin                                   the weights
    shared_vocabulary.json                      or source_vocabulary and target_vocabulary; .txt in older models
    source.spm, target.spm                      sentencepiece's models, or one for both languages, such as vocab.spm

CTranslate2 checks little of this: a vocabulary of another size, for instance, fails only at some word of some sentence.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from forecastle.algorithms.translation import vocabulary, weights
from forecastle.algorithms.translation.tokens import Pieces
from forecastle.algorithms.translation.weights import Weights
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData

CONFIG, MODEL = "config.json", "model.bin"
SPECIFICATION = "TransformerSpec"
_VOCABULARIES = {name for side in ("source", "target") for name in vocabulary.names(side)}
# By side, what people call its model of sentencepiece: that of OPUS-MT, and of Marian's students.
_SUBWORDS = {"source": r"source\.(spm|model)|srcvocab.*\.spm", "target": r"target\.(spm|model)|trgvocab.*\.spm"}
_SHARED = r".*\.(spm|model)"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bundle:
    """A model's parts.

    Attributes
    ----------
    files : by their names in the artifact, those for CTranslate2 and the two of sentencepiece.
    end : the token to append to a source sentence, as CTranslate2 does not; empty if it does, or if there is none.
    """

    files: Mapping[str, bytes]
    weights: Weights
    source: Pieces
    target: Pieces
    end: str

    @property
    def for_engine(self) -> list[str]:
        """The names of the files that CTranslate2 reads."""
        return [name for name in self.files if not name.endswith(".spm")]

    @property
    def longest_source(self) -> int | None:
        """The most tokens of a source sentence, its end included; None if there is no limit."""
        shape = self.weights.first("encoder/position_encodings/encodings")
        return None if shape is None else shape[0] - 1

    @property
    def longest_target(self) -> int | None:
        shape = self.weights.first("decoder/position_encodings/encodings")
        return None if shape is None else shape[0]


def is_needed(name: str) -> bool:
    """Whether a file of this name may be a part of a model."""
    return name in (CONFIG, MODEL) or name in _VOCABULARIES or re.fullmatch(_SHARED, name) is not None


def chosen(names: Collection[str]) -> dict[str, str]:
    """Of a folder's files those that a model consists of, by their names in the artifact.

    Raises `InvalidData` if one is missing.
    """
    found = {name: name for name in (CONFIG, MODEL, *sorted(_VOCABULARIES)) if name in names}
    for name in (CONFIG, MODEL):
        if name not in found:
            raise InvalidData(expected=f"{name} of a model that was converted for CTranslate2", got="none")
    for side in ("source", "target"):
        own = [name for name in sorted(names) if re.fullmatch(_SUBWORDS[side], name)]
        others = [pattern for which, pattern in _SUBWORDS.items() if which != side]
        shared = [
            name
            for name in sorted(names)
            if re.fullmatch(_SHARED, name) and not any(re.fullmatch(pattern, name) for pattern in others)
        ]
        if len(own or shared) != 1:
            expected = f"{side}.spm, or one vocab.spm for both languages: the text's subwords"
            got = " and ".join(own or shared) or "none"
            raise InvalidData(expected=expected, got=got, hint="copy it from the model before its conversion")
        found[f"{side}.spm"] = (own or shared)[0]
    return found


def bundle(files: Mapping[str, bytes]) -> Bundle:
    """A model of its files by their names in the artifact. Raises `InvalidData` with the file as its place."""
    missing = [name for name in (CONFIG, MODEL, "source.spm", "target.spm") if name not in files]
    if missing:
        raise InvalidData(expected=missing[0], got="none")
    config = _within(CONFIG, _config, files[CONFIG])
    read = _within(MODEL, _weights, files[MODEL])
    unknown = config.get("unk_token") or "<unk>"
    sides = {}
    for side, embeddings in (
        ("source", ("encoder/embeddings_0/weight", "encoder/embeddings/weight")),
        ("target", ("decoder/embeddings/weight",)),
    ):
        file, words = vocabulary.read(files, side)
        shape = read.first(*embeddings)
        if shape is None or len(words) != shape[0]:
            expected = f"{'embeddings' if shape is None else f'{shape[0]} tokens'}, as {MODEL} has"
            raise InvalidData(place=(file,), expected=expected, got=str(len(words)))
        if unknown not in words:
            raise InvalidData(place=(file,), expected=f"the token {unknown} for unknown words", got="none")
        sides[side] = _within(f"{side}.spm", Pieces.of, files[f"{side}.spm"], words, unknown, file)
    return Bundle(files, read, sides["source"], sides["target"], _end(config))


def _config(content: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise InvalidData(expected="JSON", got="other content") from None
    if not isinstance(found, dict):
        raise InvalidData(expected="an object", got=quotation.of_json(found))
    for name in ("unk_token", "bos_token", "eos_token", "decoder_start_token"):
        if not isinstance(found.get(name), str | None):
            raise InvalidData(place=(name,), expected="a token", got=quotation.of_json(found[name]))
    return found


def _weights(content: bytes) -> Weights:
    read = weights.read(content)
    if read.specification != SPECIFICATION:
        expected = "a Transformer with an encoder and a decoder"
        raise InvalidData(expected=expected, got=f"a {read.specification.removesuffix('Spec')}")
    if "encoder/embeddings_1/weight" in read.shapes:
        raise InvalidData(expected="one source vocabulary", got="several")
    return read


def _end(config: Mapping[str, Any]) -> str:
    """Converters from Hugging Face's Transformers leave it to the tokenizer, which appends it: Marian's and M2M's
    decoders start with <pad> or </s>."""
    end = str(config.get("eos_token") or "</s>")
    by_tokenizer = config.get("decoder_start_token") in ("<pad>", end)
    return end if by_tokenizer and not config.get("add_source_eos") else ""


def _within(name: str, check: Any, *arguments: Any) -> Any:
    try:
        return check(*arguments)
    except InvalidData as error:
        raise error.within(name) from None
