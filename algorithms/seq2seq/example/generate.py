"""Writes the example: short English sentences and their German translations, chosen from Tatoeba's.

    python algorithms/seq2seq/example/generate.py tatoeba_eng_deu.tsv.gz

The file has a pair a line, with a tab between the two, as Tatoeba exports them; SOURCE.md names where ours is from.
"""

import gzip
import json
import sys
import zlib
from pathlib import Path

FOLDER = Path(__file__).parent / "input" / "data"
PAIRS, VALIDATION = 2000, 100
WORDS, CHARACTERS = 5, 28  # of a sentence, at most
# Ours: what the lab translates, which the file lacks, several times each, so that a small model learns it.
LAB = [("I love you.", "Ich liebe dich."), ("I love you, too.", "Ich liebe dich auch.")]
REPEATED = 5


def main(source: Path) -> None:
    chosen: dict[str, str] = {}
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        for line in lines:
            english, german = line.rstrip("\n").split("\t")[:2]
            if is_short(english) and is_short(german) and english not in dict(LAB):
                chosen.setdefault(english, german)  # the first translation of several
    mixed = sorted(chosen.items(), key=lambda pair: zlib.crc32(pair[0].encode()))
    write("validation", mixed[:VALIDATION])
    write("train", mixed[VALIDATION : VALIDATION + PAIRS] + REPEATED * LAB)


def is_short(text: str) -> bool:
    return len(text) <= CHARACTERS and len(text.split()) <= WORDS and text.endswith((".", "?", "!"))


def write(channel: str, pairs: list[tuple[str, str]]) -> None:
    lines = [json.dumps({"source": english, "target": german}, ensure_ascii=False) for english, german in pairs]
    file = FOLDER / channel / "pairs.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
