"""The demo of Sequence to Sequence: the example, trained as a whole."""

import re
import subprocess
import sys
from pathlib import Path

from forecastle.algorithms import find

COMMAND = str(Path(sys.executable).parent / "forecastle")
PNG = b"\x89PNG\r\n\x1a\n"
EXPECTED = {
    "I love you": "Ich liebe dich",
    "I love you.": "Ich liebe dich.",
    "I love you, too": "Ich liebe dich auch",
    "I love you, too.": "Ich liebe dich auch.",
}


def test_it_translates_the_lab_s_sentences_with_and_without_their_stops(tmp_path: Path) -> None:
    done = subprocess.run([COMMAND, "demo", "seq2seq", "--port", "0"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for source, target in EXPECTED.items():
        assert re.search(rf"^  {re.escape(source)} +{re.escape(target)}$", done.stdout, re.MULTILINE), done.stdout
    picture = re.search(r"^Picture +(.*)$", done.stdout, re.MULTILINE)
    assert picture is not None
    assert Path(picture[1]).read_bytes()[:8] == PNG


def test_the_example_names_its_source() -> None:
    assert "CC BY 2.0 FR" in (find("seq2seq").example_folder / "SOURCE.md").read_text("utf-8")
