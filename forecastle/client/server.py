"""A server at a URL, over connections that stay open."""

import http.client
import json
import weakref
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import urlsplit

from forecastle.client.endpoint import JSON, refusal
from forecastle.client.errors import PredictorError, TryAgain
from forecastle.client.patience import patiently, pause_of

MOST_BYTES = 20 * 2**20  # servers accept 25 MiB unless they are set otherwise
LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class Server:
    """A server of a model, or of several: a URL without a path means its /invocations.

    An answer of 429 or 503 with Retry-After is asked for again for up to `patience` seconds. Threads may share it.
    """

    most_bytes = MOST_BYTES

    def __init__(self, url: str, timeout: float, patience: float) -> None:
        fault = ValueError(f"Expected a URL such as http://127.0.0.1:8080, got {url!r:.80}.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise fault from None
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or " " in url:
            raise fault
        self.url = url
        self._path = (parts.path if parts.path.strip("/") else "/invocations") + (parts.query and f"?{parts.query}")
        self._host, self._port, self._secure = parts.hostname, port, parts.scheme == "https"
        self._timeout, self._patience = timeout, patience
        self._idle: list[http.client.HTTPConnection] = []  # its append and pop are atomic
        weakref.finalize(self, _close, self._idle)

    def ask(self, body: bytes, content_type: str, attributes: str = "") -> bytes:
        headers = {"Content-Type": content_type, "Accept": JSON}
        if attributes:
            headers["X-Amzn-SageMaker-Custom-Attributes"] = attributes
        return patiently(lambda: self._attempt(body, headers), self._patience)

    def _attempt(self, body: bytes, headers: dict[str, str]) -> bytes:
        status, retry_after, answer = self._exchange(body, headers)
        if status == HTTPStatus.OK:
            return answer
        error = refusal(self.url, status, _sentence(answer))
        if status in LATER and retry_after is not None:
            raise TryAgain(error, pause_of(retry_after))
        raise error

    def _exchange(self, body: bytes, headers: dict[str, str]) -> tuple[int, str | None, bytes]:
        """Status, Retry-After and body of the answer. Predictions change nothing, so a request may be sent twice."""
        while True:
            try:
                connection, fresh = self._idle.pop(), False
            except IndexError:
                connection, fresh = self._connection(), True
            try:
                connection.request("POST", self._path, body, headers)
                response = connection.getresponse()
                answer = response.read()
            except UnicodeError as error:  # the name of a host that cannot exist
                raise self._unreached(error) from None
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # The server may have closed a connection while it was idle; a timeout is no sign of that.
                if fresh or isinstance(error, TimeoutError):
                    raise self._unreached(error) from None
                continue
            if response.will_close:
                connection.close()
            else:
                self._idle.append(connection)
            return response.status, response.headers["Retry-After"], answer

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self._timeout)

    def _unreached(self, error: Exception) -> PredictorError:
        if isinstance(error, TimeoutError):
            return PredictorError(f"{self.url}: expected an answer within {self._timeout:g} s, got none.")
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return PredictorError(f"{self.url}: no server answers ({reason}).")


def _close(connections: list[http.client.HTTPConnection]) -> None:
    for connection in connections:
        connection.close()


def _sentence(answer: bytes) -> str:
    """The message of an error's body: text, or JSON with a member for it."""
    text = answer.decode("utf-8", "replace").strip()
    with suppress(ValueError):
        document = json.loads(text)
        if isinstance(document, dict):
            found = [document[name] for name in ("message", "Message", "error") if isinstance(document.get(name), str)]
            return found[0] if found else text
    return text
