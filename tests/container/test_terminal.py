"""The command at a terminal: completion, colour, suggestions."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from forecastle.container.cli import cli

BIN = Path(sys.executable).parent
SHELLS = ("bash", "zsh", "fish")


def completed(words: str) -> list[str]:
    """The completions that bash gets for the last word of a line."""
    environ = {
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_FORECASTLE_COMPLETE": "bash_complete",
    }
    done = subprocess.run([BIN / "forecastle"], env=os.environ | environ, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("forecastle pl", ["plot"]),
        ("forecastle ", list(cli.commands)),
        ("forecastle train ran", ["random_cut_forest"]),
        ("forecastle train deepar --set prediction", ["prediction_length="]),
        ("forecastle train random_cut_forest --set num_t", ["num_trees="]),
        ("forecastle plot --set sig", ["sigmas="]),
        ("forecastle invoke --out", ["--output"]),
        ("forecastle invoke --output ", ["table", "json", "csv"]),
        ("forecastle region e", ["env"]),
    ],
)
def test_a_shell_completes_verbs_options_and_names(words: str, expected: list[str]) -> None:
    assert sorted(completed(words)) == sorted(expected)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_gets_its_script(shell: str) -> None:
    environ = os.environ | {"_FORECASTLE_COMPLETE": f"{shell}_source", "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(["forecastle"], env=environ, capture_output=True, text=True)
    assert done.returncode == 0
    assert "_FORECASTLE_COMPLETE" in done.stdout


def test_bash_completes_a_line_with_the_documented_command() -> None:
    page = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
    (line,) = re.findall(r"^eval .*bash_source.*$", page, re.MULTILINE)
    script = (
        f"{line}\nCOMP_WORDS=(forecastle che) COMP_CWORD=1\n_forecastle_completion forecastle\necho ${{COMPREPLY[@]}}"
    )
    environ = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True)
    assert done.stdout == "check\n"


def at_a_terminal(*arguments: str, **environ: str) -> str:
    """What a command writes to a terminal."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [BIN / "forecastle", *arguments],
        env={name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")} | environ,
        stdin=follower,
        stdout=follower,
        stderr=follower,
    ):
        os.close(follower)
        parts = []
        try:
            while part := os.read(leader, 65536):
                parts.append(part)
        except OSError:  # the end of a terminal
            pass
    os.close(leader)
    return b"".join(parts).decode()


FAILING = ("check", "nowhere")


def test_a_terminal_gets_colour() -> None:
    assert at_a_terminal(*FAILING, TERM="xterm").startswith("\x1b[31m\x1b[1mforecastle:\x1b[0m ")


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}])
def test_a_terminal_gets_no_colour_if_its_user_forbids_it(environ: dict[str, str]) -> None:
    example = str(Path(__file__).parents[2] / "algorithms" / "random_cut_forest" / "example")
    for arguments in (FAILING, ("check", example)):
        assert "\x1b[" not in at_a_terminal(*arguments, **environ)
    assert "\x1b[32mok" in at_a_terminal("check", example, TERM="xterm")


def test_a_file_gets_no_colour(tmp_path: Path) -> None:
    done = subprocess.run([BIN / "forecastle", *FAILING], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr.startswith("forecastle: nowhere")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["invok"], "No such command 'invok'. Did you mean 'invoke'?"),
        (["plot", "--modle", "x"], "No such option '--modle'. Did you mean '--model'?"),
        (["train", "depar", "--data", "."], "Algorithm 'depar' is unknown: did you mean deepar?"),
    ],
)
def test_a_misspelt_word_gets_the_one_that_was_meant(arguments: list[str], sentence: str) -> None:
    done = subprocess.run([BIN / "forecastle", *arguments], capture_output=True, text=True)
    assert done.returncode == 1
    assert sentence in done.stderr


def test_a_misspelt_hyperparameter_gets_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1\n" * 200)
    arguments = ["train", "rcf", "--data", str(tmp_path), "--set", "num_tree=50", "--out", str(tmp_path / "model")]
    done = subprocess.run([BIN / "forecastle", *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        1,
        "forecastle: Hyperparameter num_tree is unknown: did you mean num_trees?\n",
    )
