"""Groups of hosts in one process, each a thread, that meet over HTTP."""

import http.client
import io
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from forecastle.algorithms.group import Group, packed, unpacked
from forecastle.contract.errors import HostLost, InvalidData, InvalidJob, Stopped
from forecastle.contract.job_files import Hosts
from forecastle.contract.settings import Settings
from forecastle.training.hosts.joining import PORT, joined, leading_address
from forecastle.training.hosts.token import token_of
from forecastle.training.job_log import StreamLog
from tests.training.hosts.addresses import some_hosts

Work = Callable[[Group], Any]


class Crew:
    """The hosts of a job, of which some are started; `logs` are what they log."""

    def __init__(self, size: int, **settings: str) -> None:
        self.names = some_hosts(size)
        self.logs = {name: io.StringIO() for name in self.names}
        self._settings = Settings.from_environ({"FORECASTLE_HOSTS_TIMEOUT": "60"} | settings)
        self._threads = ThreadPoolExecutor(2 * size)

    def start(self, work: Work, *numbers: int, token: str = "secret", stopping: bool = False) -> "list[Future[Any]]":
        """Start hosts, by default all: each joins and does `work`."""
        names = [self.names[number] for number in numbers] or self.names
        return [self._threads.submit(self._host, name, work, token, stopping) for name in names]

    def _host(self, name: str, work: Work, token: str, stopping: bool) -> Any:
        log = StreamLog(self.logs[name], name, {})
        with joined(Hosts(name, self.names), token, self._settings, log, lambda: stopping) as group:
            return work(group)


def results(hosts: "list[Future[Any]]") -> list[Any]:
    return [host.result(60) for host in hosts]


@pytest.mark.parametrize("size", [2, 4])
def test_every_host_gets_what_the_first_combines_of_all_parts_in_order(size: int) -> None:
    def work(group: Group) -> list[Any]:
        assert group.size == size
        found: list[Any] = [group.exchange(b"%d" % group.number, b",".join), group.leads]
        found.append(group.broadcast(b"first" if group.leads else b"ignored"))
        for _ in range(20):
            total = group.sum(np.full((2, 3), group.number, np.float32))
        found.append(total.tolist())
        return found

    expected = [b",".join(b"%d" % number for number in range(size)), b"first", [[sum(range(size))] * 3] * 2]
    for number, found in enumerate(results(Crew(size).start(work))):
        assert found == [expected[0], number == 0, *expected[1:]]


def test_large_parts_pass_and_arrays_come_back_as_they_were() -> None:
    rows = np.random.default_rng(0).normal(size=(256 * 100, 10)).astype(np.float32)
    arrays = {"rows": rows, "flags": np.arange(5) > 2, "none": np.empty((0, 3))}

    def work(group: Group) -> bytes:
        return group.exchange(b"" if group.leads else packed(arrays), lambda parts: parts[1])

    for found in results(Crew(2).start(work)):
        assert len(found) < 1.05 * rows.nbytes
        for name, array in unpacked(found).items():
            assert array.dtype == arrays[name].dtype
            assert np.array_equal(array, arrays[name])


def test_hosts_wait_for_each_other_in_any_order() -> None:
    crew = Crew(3)
    last = crew.start(lambda group: group.broadcast(b"hello"), 2)
    time.sleep(0.5)
    first = crew.start(lambda group: group.broadcast(b"hello"), 0)
    time.sleep(0.5)
    assert results(last + first + crew.start(lambda group: group.broadcast(b""), 1)) == [b"hello"] * 3
    assert (
        f"Waiting for {crew.names[1]}, {crew.names[2]} at {crew.names[0]}:{PORT}."
        in crew.logs[crew.names[0]].getvalue()
    )
    assert f"All 3 hosts have come: {', '.join(crew.names)}." in crew.logs[crew.names[2]].getvalue()


def test_nobody_ends_before_the_first_host_does() -> None:
    over = threading.Event()

    def work(group: Group) -> bool:
        if group.leads:
            time.sleep(1.5)
            over.set()
        return True

    crew = Crew(2)
    first, second = crew.start(work)
    second.result(60)
    assert over.is_set()
    assert first.result(60)


def test_a_host_that_does_not_come_is_named() -> None:
    crew = Crew(3, FORECASTLE_HOSTS_TIMEOUT="2")
    first, second = crew.start(lambda group: group.broadcast(b""), 0, 1)
    sentence = f"{crew.names[2]} did not come to {crew.names[0]} within 2 seconds."
    with pytest.raises(HostLost) as caught:
        first.result(60)
    assert caught.value.sentence == sentence
    with pytest.raises(HostLost) as caught:
        second.result(60)
    assert caught.value.sentence == f"Host {crew.names[0]} failed: {sentence}"


def test_a_first_host_that_does_not_come_is_named() -> None:
    crew = Crew(2, FORECASTLE_HOSTS_TIMEOUT="1")
    (second,) = crew.start(lambda group: group.broadcast(b""), 1)
    leader = crew.names[0]
    with pytest.raises(
        HostLost, match=rf"^Host {leader}, which leads, did not answer {crew.names[1]} at {leader}:9099 w"
    ):
        second.result(60)


@pytest.mark.parametrize("failing", [0, 1, 2])
@pytest.mark.parametrize(
    ("error", "raised", "sentence"),
    [
        (InvalidData("Row 3 is odd."), InvalidJob, "Row 3 is odd."),
        (Stopped("Enough."), Stopped, "Enough."),
        (ZeroDivisionError("oh"), HostLost, "Internal error in forecastle: ZeroDivisionError: oh"),
    ],
)
def test_the_failure_of_one_host_is_that_of_all(
    failing: int, error: Exception, raised: type[Exception], sentence: str
) -> None:
    def work(group: Group) -> None:
        group.broadcast(b"")
        if group.number == failing:
            raise error
        if group.number == (failing + 1) % 3:  # one waits for a round, another one computes
            group.broadcast(b"")
        while True:
            group.check()
            time.sleep(0.01)

    crew = Crew(3)
    hosts = crew.start(work)
    for number, host in enumerate(hosts):
        expected = type(error) if number == failing else raised
        with pytest.raises(expected) as caught:
            host.result(30)
        if number != failing:
            assert str(caught.value).startswith(f"Host {crew.names[failing]} failed: {sentence}")


def test_a_stranger_is_refused_and_disturbs_nobody() -> None:
    crew = Crew(2)
    (first,) = crew.start(lambda group: group.broadcast(b"well"), 0)
    leader, second = crew.names
    stranger = Crew(1, FORECASTLE_HOSTS_TIMEOUT="1")
    stranger.names, stranger.logs = crew.names, {second: io.StringIO()}
    (refused,) = stranger.start(lambda group: group.broadcast(b""), 1, token="another")
    with pytest.raises(HostLost, match=r"within 1 seconds: this host belongs to another job\.$"):
        refused.result(30)
    for method, path in (("GET", f"/hosts/{second}"), ("POST", f"/rounds/0/{second}"), ("POST", f"/faults/{second}")):
        for headers in ({}, {"Authorization": "Bearer ü"}):
            connection = http.client.HTTPConnection(leader, PORT, timeout=10)
            connection.request(method, path, b"x" if method == "POST" else None, headers)
            assert connection.getresponse().status == 401
            connection.close()
    assert results([first, *crew.start(lambda group: group.broadcast(b""), 1)]) == [b"well"] * 2
    warning = "A connection from 127.0.0.1 was refused: it does not have this job's token."
    assert crew.logs[leader].getvalue().count(warning) == 1


def test_a_connection_that_ends_is_opened_again() -> None:
    crew = Crew(2)

    def work(group: Group) -> list[int]:
        totals = []
        for number in range(30):
            time.sleep(0.15)
            totals.append(int(group.sum(np.array([number]))[0]))
        return totals

    (first,) = crew.start(work, 0)
    with cutting_proxy((crew.names[0], PORT), seconds=1.3) as (port, cut):
        far = Crew(1, FORECASTLE_LEADER=f"127.0.0.1:{port}")
        far.names, far.logs = crew.names, crew.logs
        (second,) = far.start(work, 1)
        assert results([first, second]) == [[2 * number for number in range(30)]] * 2
    assert len(cut) >= 3


def test_a_proxy_that_does_not_reach_the_first_host_is_asked_again() -> None:
    crew = Crew(2)
    first: list[Future[Any]] = []

    class Proxy(BaseHTTPRequestHandler):
        count = 0

        def answer(self) -> None:
            Proxy.count += 1
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if Proxy.count == 2:
                first.extend(crew.start(lambda group: group.broadcast(b"well"), 0))
            status, answer = 503, b"upstream connect error"
            with suppress(OSError):
                if Proxy.count not in (1, 2, 5):
                    with closing(http.client.HTTPConnection(crew.names[0], PORT, timeout=30)) as to:
                        to.request(self.command, self.path, body, {"Authorization": self.headers["Authorization"]})
                        response = to.getresponse()
                        status, answer = response.status, response.read()
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = answer  # noqa: N815 - http.server's names

        def log_message(self, *values: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever).start()
        far = Crew(1, FORECASTLE_LEADER=f"127.0.0.1:{server.server_port}")
        far.names, far.logs = crew.names, crew.logs
        second = far.start(lambda group: group.broadcast(b""), 1)
        try:
            assert results(second) == [b"well"]
            assert results(first) == [b"well"]
        finally:
            server.shutdown()


@contextmanager
def cutting_proxy(to: tuple[str, int], seconds: float) -> Iterator[tuple[int, list[float]]]:
    """A port that leads to another address and ends each connection after some seconds, and the times of these ends."""
    cut: list[float] = []
    threads: list[threading.Thread] = []

    def pass_on(near: socket.socket) -> None:
        until = time.monotonic() + seconds
        with near, socket.create_connection(to) as far, suppress(OSError):
            while (left := until - time.monotonic()) > 0:
                for ready in select.select([near, far], [], [], left)[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    (far if ready is near else near).sendall(data)
            cut.append(time.monotonic())

    def serve() -> None:
        with suppress(OSError):
            while True:
                threads.append(threading.Thread(target=pass_on, args=(listener.accept()[0],)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve)
        serving.start()
        yield listener.getsockname()[1], cut
        listener.shutdown(socket.SHUT_RDWR)
        for thread in (serving, *threads):
            thread.join()


def test_a_second_host_of_the_same_name_is_refused() -> None:
    crew, done = Crew(2), threading.Event()
    hosts = crew.start(lambda group: (group.broadcast(b""), done.wait(30)))
    time.sleep(0.5)
    (double,) = crew.start(lambda group: group.broadcast(b""), 1)
    with pytest.raises(InvalidJob, match=f"Another host called {crew.names[1]} has joined this job already"):
        double.result(30)
    done.set()
    results(hosts)


def test_sigterm_ends_the_waiting() -> None:
    (first,) = Crew(2).start(lambda group: group.broadcast(b""), 0, stopping=True)
    (second,) = Crew(2).start(lambda group: group.broadcast(b""), 1, stopping=True)
    for host in (first, second):
        with pytest.raises(Stopped, match="stopped by SIGTERM before all hosts had come"):
            host.result(30)


def test_an_address_where_the_first_host_cannot_listen_is_refused() -> None:
    settings = {"FORECASTLE_LEADER": "no.such.host.invalid:80", "FORECASTLE_HOSTS_TIMEOUT": "0.1"}
    (first,) = Crew(2, **settings).start(lambda group: group.broadcast(b""), 0)
    with pytest.raises(InvalidJob, match=r"^no.such.host.invalid:80: the leading host cannot listen there \(its name"):
        first.result(30)


def test_the_leading_host_listens_where_the_setting_says() -> None:
    assert leading_address("algo-1", "") == ("algo-1", PORT)
    assert leading_address("algo-1", "10.0.0.1:7000") == ("10.0.0.1", 7000)
    assert leading_address("algo-1", "[::1]:7000") == ("::1", 7000)
    with pytest.raises(
        InvalidJob, match=r"FORECASTLE_LEADER must be a host and a port such as algo-1:9099\. Got 'algo-1'"
    ):
        Settings.from_environ({"FORECASTLE_LEADER": "algo-1"})


def test_the_token_is_the_same_on_all_hosts_of_a_job_and_on_no_other() -> None:
    names, given, job = (
        ("algo-1", "algo-2"),
        {"epochs": "3"},
        {"TRAINING_JOB_NAME": "one", "TRAINING_JOB_ARN": "arn:one"},
    )

    def token(names: tuple[str, ...] = names, given: dict[str, str] = given, **environ: str) -> str:
        return token_of(Hosts(names[0], names), given, Settings.from_environ(job | environ))

    assert token() == token(names[::-1], FORECASTLE_THREADS="2")
    others = [token((*names, "algo-3")), token(given={"epochs": "4"}), token(TRAINING_JOB_ARN="arn:two")]
    assert len({token(), *others, token(TRAINING_JOB_NAME="two"), token(FORECASTLE_HOSTS_SECRET="ours")}) == 6
