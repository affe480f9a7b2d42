"""How a region ends and begins again: nothing is lost, and nothing is left running."""

import os
import signal
import sys
from pathlib import Path

import pytest

from forecastle.region.logs.journal import Journal
from forecastle.region.processes import Processes
from forecastle.region.pump import Pump
from forecastle.region.state import State
from tests.region.endpoints import answer, config, endpoint, model, settled, trained
from tests.region.jobs import create, ended, lines, put_numbers
from tests.region.running_region import PATIENCE_SECONDS, ROOT, RunningRegion, awaited, processes_with


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_region_is_restored_after_a_restart_and_leaves_no_process(tmp_path: Path, number: int) -> None:
    home = tmp_path / "home"
    with RunningRegion(home, "--bucket", "data") as region:
        name = endpoint(region, config(region, {"one": (model(region, trained(region)), 1.0)}))
        done = create(region)
        assert ended(region, done)["TrainingJobStatus"] == "Completed"
        running = create(region, hyperparameters={"mood": "deaf"})
        awaited(lambda: "Training" in _status(region, running), "the job")
        assert processes_with(str(home))
        region.stop(number)
    awaited(lambda: not processes_with(str(home)), "the end of all processes")

    with RunningRegion(home) as region:
        assert settled(region, name)["EndpointStatus"] == "InService"
        assert answer(region, name) == b'{"mean": 2.000}'
        assert ended(region, done)["TrainingJobStatus"] == "Completed"
        failed = ended(region, running)
        assert failed["FailureReason"].startswith("InternalServerError: The region was stopped while the job ran.")
        assert lines(region, done)
        assert region.client("s3").head_object(Bucket="data", Key="numbers/1.csv")["ContentLength"] == 2
        region.client("sagemaker").delete_endpoint(EndpointName=name)
        awaited(lambda: not [each for each in processes_with(str(home)) if " serve" in each], "the server's end")


def test_a_process_may_end_after_its_region_has_closed_the_state(tmp_path: Path) -> None:
    """Its exit code and its last lines are read by other threads, which must not fail then."""
    state, journal = State(tmp_path / "state.db"), Journal(tmp_path / "logs.db")
    processes = Processes(state)
    process = processes.start(
        [sys.executable, "-c", "import time; print(0, flush=True); time.sleep(600)"], {}, tmp_path
    )
    pump = Pump(process, journal, "group", "stream", tmp_path, list)
    awaited(lambda: journal.streams("group"), "the line")
    processes.close()
    state.close()
    journal.close()
    process.kill()
    assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    pump.join(PATIENCE_SECONDS)
    journal.write("group", "stream", ["the last line"])


def test_children_of_a_killed_regions_jobs_are_killed_at_the_next_start(tmp_path: Path) -> None:
    home, starter = tmp_path / "home", tmp_path / "sitecustomize.py"
    starter.write_text("import subprocess, sys\nif 'train' in sys.argv:\n    subprocess.Popen(['sleep', '1234'])\n")
    path = os.pathsep.join(map(str, (tmp_path, ROOT)))
    with RunningRegion(home, "--bucket", "data") as region:
        put_numbers(region)
        create(region, hyperparameters={"mood": "deaf"}, Environment={"PYTHONPATH": path})
        awaited(lambda: _pids(home, "sleep 1234"), "the stray")
        awaited(lambda: _pids(home, " train"), "the job")
        region.stop(signal.SIGKILL)
    awaited(lambda: not _pids(home, " train"), "the end of the job, by the kernel")
    assert _pids(home, "sleep 1234")
    with RunningRegion(home) as region:
        region.await_line("killed 1 processes that an earlier region has left running")
    assert not _pids(home, "sleep 1234")


def test_children_of_a_job_are_killed_at_its_end(tmp_path: Path) -> None:
    home, starter = tmp_path / "home", tmp_path / "sitecustomize.py"
    starter.write_text("import subprocess, sys\nif 'train' in sys.argv:\n    subprocess.Popen(['sleep', '1234'])\n")
    path = os.pathsep.join(map(str, (tmp_path, ROOT)))
    with RunningRegion(home, "--bucket", "data") as region:
        put_numbers(region)
        job = ended(region, create(region, Environment={"PYTHONPATH": path}))
        assert job["TrainingJobStatus"] == "Completed", job
        assert not _pids(home, "sleep 1234")


def test_a_server_that_exits_is_restarted(tmp_path: Path) -> None:
    with RunningRegion(tmp_path / "home", "--bucket", "data") as region:
        name = endpoint(region, config(region, {"one": (model(region, trained(region)), 1.0)}))
        (server,) = _pids(region.home, " serve")
        os.kill(server, signal.SIGKILL)
        region.await_line("restarting")
        awaited(lambda: _pids(region.home, " serve") not in ([], [server]), "another server")
        awaited(lambda: _answer_if_any(region, name) == b'{"mean": 2.000}', "an answer")


def _answer_if_any(region: RunningRegion, name: str) -> bytes | None:
    try:
        return answer(region, name)
    except Exception:
        return None


def _status(region: RunningRegion, name: str) -> str:
    return str(region.client("sagemaker").describe_training_job(TrainingJobName=name)["SecondaryStatus"])


def _pids(home: Path, verb: str) -> list[int]:
    """The processes of a region that are `forecastle` with that verb."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().rstrip()
                environ = (entry / "environ").read_text(errors="replace")
            except OSError:
                continue
            if command.endswith(verb) and str(home) in environ and "leash" not in command:
                found.append(int(entry.name))
    return found
