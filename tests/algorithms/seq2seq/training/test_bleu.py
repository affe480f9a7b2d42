"""BLEU, compared with sacrebleu's, whose figures are in golden/bleu.json."""

import json
from pathlib import Path

import pytest

from forecastle.algorithms.seq2seq.training.bleu import corpus_bleu

CASES = json.loads((Path(__file__).parents[1] / "golden" / "bleu.json").read_text("utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(len(case["references"])))
def test_the_figures_are_sacrebleus(case: dict[str, object]) -> None:
    translations, references = case["translations"], case["references"]
    assert isinstance(translations, list)
    assert isinstance(references, list)
    assert corpus_bleu(translations, references) == pytest.approx(case["bleu"], abs=1e-9)
    assert corpus_bleu(translations, references, split=False) == pytest.approx(case["bleu_of_tokens"], abs=1e-9)
