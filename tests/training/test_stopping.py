"""SIGTERM sent to `forecastle train`."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from forecastle.contract.artifact import read_artifact
from forecastle.contract.errors import Stopped
from forecastle.contract.opt_ml import OptMl
from forecastle.training.stopping import sigterm_noted
from tests.training.tree import start_train, write_job


def job_in_mood(tmp_path: Path, mood: str) -> OptMl:
    return write_job(tmp_path, {"shrinkage": "0", "mood": mood}, {"train/a": "1\n3\n"})


def terminated(tree: OptMl, after: str, times: int = 1) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a job that is sent SIGTERM once it has printed `after`."""
    with start_train(tree) as process:
        assert process.stdout is not None
        seen = ""
        while after not in seen:
            line = process.stdout.readline()
            assert line, seen
            seen += line
        for _ in range(times):
            process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
        return process.returncode, seen + output, errors


def test_a_job_that_has_nothing_to_keep_ends_with_143_and_one_line(tmp_path: Path) -> None:
    tree = job_in_mood(tmp_path, "stopped")
    code, _, errors = terminated(tree, "Mood: stopped")
    assert code == Stopped.exit_code == 143
    assert errors == "forecastle: Stopped by SIGTERM; there is no model.\n"
    assert tree.failure.read_text() == "Stopped by SIGTERM; there is no model.\n"
    assert not list(tree.model.iterdir())


def test_a_job_that_finishes_soon_ends_well_and_without_evaluation(tmp_path: Path) -> None:
    tree = job_in_mood(tmp_path, "finishing")
    code, output, errors = terminated(tree, "Mood: finishing")
    assert (code, errors) == (0, "")
    assert "Stopped by SIGTERM: the model has been written, but not evaluated." in output
    assert "The mean is saved." in output
    assert read_artifact(tree.model).arrays["mean"] == 2


def test_a_job_that_is_stopped_while_it_evaluates_keeps_its_model(tmp_path: Path) -> None:
    tree = job_in_mood(tmp_path, "evaluation_stopped")
    code, output, errors = terminated(tree, "Evaluating")
    assert (code, errors) == (0, "")
    assert "Stopped by SIGTERM: the model has been written, but not evaluated." in output
    assert read_artifact(tree.model).metrics == {"train:mean": 2.0}


def test_a_second_sigterm_ends_a_job_that_does_not_listen(tmp_path: Path) -> None:
    tree = job_in_mood(tmp_path, "deaf")
    with start_train(tree) as process:
        assert process.stdout is not None
        while "Mood: deaf" not in process.stdout.readline():
            pass
        while process.poll() is None:  # two that come at once are one
            process.send_signal(signal.SIGTERM)
            time.sleep(0.05)
        assert process.wait(timeout=60) == Stopped.exit_code


def test_the_handler_of_before_is_back_afterwards() -> None:
    before: Callable[..., object] | int | None = signal.getsignal(signal.SIGTERM)
    with sigterm_noted() as stopping:
        assert not stopping()
        signal.raise_signal(signal.SIGTERM)
        assert stopping()
    assert signal.getsignal(signal.SIGTERM) == before
