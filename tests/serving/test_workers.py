"""Several worker processes on one port."""

import os
import shutil
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.serving.conftest import Start
from tests.serving.running_server import PATIENCE_SECONDS, RunningServer

TWO = {"MODEL_SERVER_WORKERS": "2"}


def workers(server: RunningServer) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()]


def shared_folders(pids: list[int]) -> set[Path]:
    """The folders in which these workers add up their metrics."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    return {file.parent for pid in pids for file in parent.glob(f"forecastle-*/*_{pid}.db")}


def counted(server: RunningServer) -> float:
    lines = server.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith('forecastle_requests_total{path="/invo'))


def test_two_workers_answer_on_one_port_and_stop_together(start: Start) -> None:
    server = start(TWO).await_ready()
    server.await_line("ready", 2)  # a ping is 200 when both are
    pids = workers(server)
    assert {line["pid"] for line in server.lines("ready")} == set(pids)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: server.ask(rows=[[number]], sleep=0.01).json(), range(40)))
    assert answers == [{"scores": [{"score": number}]} for number in range(40)]
    assert counted(server) == 40  # whichever worker is asked
    folders = shared_folders(pids)
    assert len(folders) == 1
    server.signal()
    assert server.await_end() == 0
    assert server.stderr == ""
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not any(folder.exists() for folder in folders)


def test_workers_answer_what_came_in_before_they_stop(start: Start) -> None:
    server = start(TWO).await_ready()
    with ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(server.ask, sleep=1.0) for _ in range(4)]
        while "forecastle_queue_requests 4" not in server.get("/metrics").text:
            time.sleep(0.01)
        server.signal()
        assert [task.result().status_code for task in slow] == [200] * 4
    assert server.await_end() == 0


def test_a_worker_that_dies_is_replaced_while_the_other_answers(start: Start) -> None:
    server = start(TWO).await_ready()
    victim = workers(server)[0]
    os.kill(victim, signal.SIGKILL)
    line = server.await_line("worker")
    assert line["pid"] == victim
    while len(server.lines("ready")) < 3:
        assert server.get("/ping").status_code == 200
        assert server.post("/invocations").status_code == 200
    replacement = server.await_line("ready", count=3)["pid"]
    assert replacement in workers(server)
    server.signal()
    assert server.await_end() == 0


def test_a_model_that_cannot_be_loaded_ends_all_with_its_place(start: Start, tmp_path: Path) -> None:
    server = start(TWO, broken=True)
    assert server.await_end() == 1
    sentence = f"{tmp_path}/model: parameters.broken: expected nothing, got something."
    assert set(server.stderr.splitlines()) == {f"forecastle: {sentence}"}


def test_workers_end_with_the_process_that_started_them(start: Start) -> None:
    server = start(TWO).await_ready()
    pids = workers(server)
    server.signal(signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(
        Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text() for pid in pids
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for folder in shared_folders(pids):  # no process was left to remove it
        shutil.rmtree(folder)
