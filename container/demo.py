"""The demo: train on an algorithm's example, serve the model, send it a request, and show the answer."""

import http.client
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from forecastle.algorithms import find
from forecastle.algorithms.interface import Algorithm
from forecastle.container.request_file import SUFFIXES
from forecastle.contract.errors import ForecastleError, InvalidJob, NotReady
from forecastle.contract.opt_ml import OptMl
from forecastle.contract.place import Source
from forecastle.contract.settings import Settings
from forecastle.serving.loader import load_model

HOST = "127.0.0.1"
PATIENCE_SECONDS = 120
SHOWN_BYTES = 2_000  # larger requests are sent from a file


def demo(name: str, folder: Path, port: int, stay: bool) -> None:
    """Run an algorithm's demo in a folder of its name in `folder`; with `stay`, serve until Ctrl-C.

    That folder becomes an /opt/ml tree, on which the same commands train and serve as in the image. Raises
    `ForecastleError` if a step fails.
    """
    algorithm = find(name)
    if not (algorithm.example_folder / "input").is_dir():
        raise InvalidJob(f"Algorithm {algorithm.name} has no example: {algorithm.example_folder / 'input'} is missing.")
    if type(algorithm).demonstrate is not Algorithm.demonstrate:
        _require_matplotlib()
    tree = OptMl(folder.resolve() / algorithm.name)
    shutil.copytree(algorithm.example_folder / "input", tree.base / "input", dirs_exist_ok=True)
    port = _free(port)
    print(f"Training {algorithm.title} on the example in {tree.base} …", flush=True)
    _train(algorithm.name, tree)
    print(f"Serving the model on http://{HOST}:{port} …", flush=True)
    server = _serve(tree, port)
    try:
        _await_ready(server, port, tree)
        _show(algorithm, tree, port)
        if stay:
            print("\nServing until Ctrl-C.", flush=True)
            server.wait()
    except KeyboardInterrupt:
        print()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def _require_matplotlib() -> None:
    """Fail now rather than after training if the picture cannot be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise InvalidJob("The demo draws with matplotlib, which is not installed: pip install 'forecastle[demo]'.")


def _show(algorithm: Algorithm[Any], tree: OptMl, port: int) -> None:
    picture = tree.output_data / f"{algorithm.name}.png"
    picture.parent.mkdir(parents=True, exist_ok=True)

    def ask(body: bytes, content_type: str, accept: str) -> bytes:
        return _post(port, body, content_type, accept)

    print()
    for line in algorithm.demonstrate(ask, picture):
        print(line)
    if picture.exists():
        print(f"\nPicture    {picture}", end="")
    print(f"\nPage       http://{HOST}:{port}/docs")
    media_type, body = _example_request(algorithm, tree)
    print(
        f"Try it     curl -H 'Content-Type: {media_type}' --data-binary {_argument(body, tree)} "
        f"http://{HOST}:{port}/invocations",
        flush=True,
    )


def _example_request(algorithm: Algorithm[Any], tree: OptMl) -> tuple[str, bytes]:
    """The example's request and its media type; without one in a known format, the model's sample request."""
    for file in sorted(algorithm.example_folder.glob("request.*")):
        if file.suffix in SUFFIXES:
            return SUFFIXES[file.suffix], file.read_bytes()
    payload = load_model(tree.model, threads=1, settings=Settings.from_environ(os.environ)).model.sample_request()
    return payload.content_type.essence, payload.body


def _argument(body: bytes, tree: OptMl) -> str:
    """A request body as curl's argument: as text, or as the name of a file."""
    text = body.decode("utf-8", "replace").rstrip("\n")
    if len(body) <= SHOWN_BYTES and all(character.isprintable() or character == "\n" for character in text):
        escaped = text.replace("\\", r"\\").replace("'", r"\'").replace("\n", r"\n")
        return f"$'{escaped}\\n'"
    file = tree.base / "request"
    file.write_bytes(body)
    return f"@{file}"


def _free(port: int) -> int:
    """`port`, or a free one if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _train(name: str, tree: OptMl) -> None:
    environ = _environ(tree) | {"FORECASTLE_ALGORITHM": name}  # the example may fit other algorithms, too
    log, command = tree.base / "train.log", [sys.executable, "-m", "forecastle", "train"]
    with log.open("wb") as file:
        code = subprocess.run(command, env=environ, stdout=file).returncode
    if code:
        raise InvalidJob(f"training ended with exit code {code}.", place=(Source(str(log)),))


def _serve(tree: OptMl, port: int) -> "subprocess.Popen[bytes]":
    environ = _environ(tree) | {"FORECASTLE_HOST": HOST, "SAGEMAKER_BIND_TO_PORT": str(port)}
    with (tree.base / "serve.log").open("wb") as file:
        # In a new session, so that Ctrl-C reaches only the demo, which then stops the server.
        return subprocess.Popen(
            [sys.executable, "-m", "forecastle", "serve"], env=environ, stdout=file, start_new_session=True
        )


def _environ(tree: OptMl) -> dict[str, str]:
    return os.environ | {"SAGEMAKER_BASE_DIR": str(tree.base)}


def _await_ready(server: "subprocess.Popen[bytes]", port: int, tree: OptMl) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            _request(port, "GET", "/ping", b"", {})
        except (OSError, ForecastleError):
            time.sleep(0.05)
        else:
            return
    raise NotReady("the server did not become ready.", place=(Source(str(tree.base / "serve.log")),))


def _post(port: int, body: bytes, content_type: str, accept: str) -> bytes:
    return _request(port, "POST", "/invocations", body, {"Content-Type": content_type, "Accept": accept})


def _request(port: int, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        answered = f"{response.status} {answer.decode(errors='replace')}"
        raise NotReady(answered, place=(Source(f"{method} {path}"),))
    return answer
