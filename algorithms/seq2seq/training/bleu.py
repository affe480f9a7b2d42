"""BLEU, from 0 to 100: the geometric mean of the precisions of 1- to 4-grams, times a penalty for brevity.

The tokens of text are those of sacrebleu's default, `13a`, as are smoothing and all other conventions, so that the
figures are the same. Sources: Papineni et al., 2002; Post, "A Call for Clarity in Reporting BLEU Scores", 2018.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

LONGEST = 4  # words of an n-gram

_ENTITIES = {"&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">"}
_SPLITS = (
    (re.compile(r"([{-~[-` -&(-+:-@/])"), r" \1 "),  # punctuation, but not the ones below
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),  # a stop or comma that is not in a number
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),  # a dash after a digit
)


def words_of(text: str) -> list[str]:
    """The words and punctuation of a text, as mteval-v13a splits it."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, character in _ENTITIES.items():
        text = text.replace(entity, character)
    text = f" {text} "
    for pattern, by in _SPLITS:
        text = pattern.sub(by, text)
    return text.split()


def corpus_bleu(translations: Sequence[str], references: Sequence[str], *, split: bool = True) -> float:
    """The BLEU of translations, each with one reference; without `split`, tokens are what white space separates."""
    matched, counted = [0] * LONGEST, [0] * LONGEST
    length = wanted = 0
    for translation, reference in zip(translations, references, strict=True):
        ours, theirs = (words_of(text) if split else text.split() for text in (translation, reference))
        length, wanted = length + len(ours), wanted + len(theirs)
        for n in range(1, LONGEST + 1):
            found, known = _ngrams(ours, n), _ngrams(theirs, n)
            matched[n - 1] += sum((found & known).values())
            counted[n - 1] += max(len(ours) - n + 1, 0)
    if not matched[0]:
        return 0.0
    brevity = 1.0 if length >= wanted else math.exp(1 - wanted / length)
    total, smoothing = 0.0, 1.0
    orders = next((n for n, count in enumerate(counted) if not count), LONGEST)
    if orders < LONGEST:
        return 0.0  # all translations are shorter than four words
    for hits, count in zip(matched, counted, strict=True):
        if hits:
            total += math.log(hits / count)
        else:  # sacrebleu's "exp": as NIST's mteval
            smoothing *= 2
            total += math.log(1 / (smoothing * count))
    return 100 * brevity * math.exp(total / LONGEST)


def _ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[first : first + n]) for first in range(len(words) - n + 1))
