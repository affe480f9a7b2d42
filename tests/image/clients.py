"""Many clients that ask a server at the same time, each on its own connection, until they are stopped."""

import http.client
import threading
import time
from contextlib import closing
from types import TracebackType
from typing import Self

PAUSE_SECONDS = 1.0  # after each answer: the machine also has to start servers meanwhile
PATIENCE_SECONDS = 60.0


class Clients:
    """So many clients of Random Cut Forest.

    Attributes
    ----------
    answered : how many requests got the right answer.
    lost : what came instead, for each other request.
    slowest : the longest time of a request, in seconds.
    """

    def __init__(self, port: int, count: int) -> None:
        self.answered, self.slowest = 0, 0.0
        self.lost: list[str] = []
        self._port = port
        with closing(self._connection()) as connection:
            self._expected = self._answer(connection)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number / count,)) for number in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def await_answers(self, more: int) -> None:
        """Wait until so many more requests are answered, or one is lost."""
        wanted, deadline = self.answered + more, time.monotonic() + PATIENCE_SECONDS
        while self.answered < wanted and not self.lost:
            assert time.monotonic() < deadline, f"{self.answered} of {wanted} requests are answered"
            time.sleep(0.05)

    def _run(self, phase: float) -> None:
        time.sleep(phase * PAUSE_SECONDS)
        connection = self._connection()
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                answer = self._answer(connection)
            except (OSError, http.client.HTTPException) as error:
                answer = repr(error)
                connection.close()
            with self._lock:
                self.slowest = max(self.slowest, time.monotonic() - began)
                if answer == self._expected:
                    self.answered += 1
                else:
                    self.lost.append(answer)
            self._stopping.wait(PAUSE_SECONDS)
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)

    @staticmethod
    def _answer(connection: http.client.HTTPConnection) -> str:
        connection.request("POST", "/invocations", b"0.1,0.2\n9,-9\n", {"Content-Type": "text/csv"})
        response = connection.getresponse()
        return f"{response.status} {response.read().decode()}"
