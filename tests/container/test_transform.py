"""`forecastle transform`: every record of files answered, whatever happens on the way."""

import gzip
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from threading import Thread

import pyarrow
import pytest
from pyarrow import parquet

from forecastle.container.cli import main
from forecastle.contract.errors import INTERRUPTED_EXIT_CODE
from tests.serving.running_server import TINY_ALGORITHM, RunningServer, write_model

COMMAND = str(Path(sys.executable).parent / "forecastle")
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that answers a row with its sum."""
    return str(write_model(tmp_path_factory.mktemp("transforming")) / "model")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORECASTLE_ALGORITHMS", str(TINY_ALGORITHM / "algorithms"))


def written(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_file_is_answered_beside_it(model: str, tmp_path: Path) -> None:
    Path("rows.csv").write_text("1,2\n3,4\n")
    assert main(["transform", "--model", model, "--data", "rows.csv"]) == 0
    assert written(tmp_path) == {"rows.csv": b"1,2\n3,4\n", "rows.csv.out": b"3.0\n7.0\n"}


def test_a_folder_is_answered_in_another_at_any_depth(model: str) -> None:
    Path("in/below").mkdir(parents=True)
    Path("in/one.csv").write_text("1\n")
    Path("in/below/two.csv.gz").write_bytes(gzip.compress(b"2\n\n3"))
    Path("in/.hidden").write_text("no")
    Path("in/_SUCCESS").write_text("")
    assert main(["transform", "--model", model, "--data", "in", "--out", "out"]) == 0
    answers = {"below/two.csv.gz.out": b"2.0\n3.0\n", "one.csv.out": b"1.0\n"}
    assert written(Path("out")) == answers
    assert main(["transform", "--model", model, "--data", "in"]) == 0
    assert main(["transform", "--model", model, "--data", "in"]) == 0, "the answers are not read"
    assert {name: text for name, text in written(Path("in")).items() if name.endswith(".out")} == answers


def test_several_files_are_answered_in_one(model: str) -> None:
    for number in (1, 2, 3):
        Path(f"{number}.csv").write_text(f"{number}\n")
    assert main(["transform", "--model", model, "--data", "[23].csv", "--data", "1.csv", "--out", "all.csv"]) == 0
    assert Path("all.csv").read_text() == "2.0\n3.0\n1.0\n"


def test_standard_input_is_answered_on_standard_output(model: str) -> None:
    done = subprocess.run([COMMAND, "transform", "--model", model], input=b"1,2\n3", capture_output=True, check=True)
    assert done.stdout == b"3.0\n3.0\n"
    assert done.stderr.startswith(b"2 records, ")
    assert done.stderr.count(b"\n") == 1


def test_answers_are_in_order_whatever_the_size_of_requests(model: str) -> None:
    rows = [random.Random(1).randrange(10**6) for _ in range(20_000)]
    Path("rows.csv").write_text("".join(f"{row}\n" for row in rows))
    for size in ("0.001", "1"):
        arguments = ["--data", "rows.csv", "--out", "out", "--max-payload", size, "--concurrency", "5"]
        assert main(["transform", "--model", model, *arguments]) == 0
        assert Path("out").read_text() == "".join(f"{float(row)}\n" for row in rows)


def test_records_are_filtered_and_joined(model: str) -> None:
    Path("rows.csv").write_text('"a\nb",1,2\nc,3,4\n')
    filters = ["--input-filter", "$[1:]", "--join", "--output-filter", "$[0,-1]"]
    assert main(["transform", "--model", model, "--data", "rows.csv", *filters]) == 0
    assert Path("rows.csv.out").read_text() == '"a\nb",3.0\nc,7.0\n'
    Path("rows.csv").write_text("1,2\r\n3,4\n")
    assert main(["transform", "--model", model, "--data", "rows.csv", "--join"]) == 0
    assert Path("rows.csv.out").read_text() == "1,2,3.0\n3,4,7.0\n"


def test_a_server_is_asked_as_the_model_is(model: str) -> None:
    Path("rows.csv").write_text("1,2\n3,4\n")
    with RunningServer(Path(model).parent, {"SAGEMAKER_BATCH": "true"}) as server:
        server.await_ready()
        assert main(["transform", "--url", server.url, "--data", "rows.csv"]) == 0
        assert Path("rows.csv.out").read_text() == "3.0\n7.0\n"
        Path("rows.csv").write_text("1\nabc\n")
        assert main(["transform", "--url", server.url, "--data", "rows.csv", "--errors", "bad"]) == 0
        assert Path("rows.csv.out").read_text() == "1.0\n"
        assert json.loads(Path("bad").read_text())["error"].endswith(
            "400 Bad Request: column 1: expected a number, got 'abc'."
        )


def test_a_refused_record_is_an_error_with_its_place(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("rows.csv").write_text("1\n\n2\nabc\n3\n")
    assert main(["transform", "--model", model, "--data", "rows.csv"]) == 1
    assert capfd.readouterr().err == "forecastle: rows.csv: line 4: column 1: expected a number, got 'abc'.\n"
    assert not Path("rows.csv.out").exists()


def test_a_run_that_ends_before_its_first_answer_leaves_nothing(model: str, tmp_path: Path) -> None:
    Path("rows.csv").write_text("abc\n")
    assert main(["transform", "--model", model, "--data", "rows.csv"]) == 1
    Path("rows.gz").write_bytes(gzip.compress(b"1\n")[:-5])
    assert main(["transform", "--model", model, "--data", "rows.gz", "--errors", "bad.jsonl"]) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", "rows.gz"}


def test_refused_records_go_to_a_file_and_the_rest_goes_on(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    lines = [str(row) if row % 7 else f"bad {row}" for row in range(1, 1001)]
    Path("rows.csv").write_text("\n".join(lines))
    arguments = ["--data", "rows.csv", "--errors", "bad.jsonl", "--max-payload", "0.001"]
    assert main(["transform", "--model", model, *arguments]) == 0
    assert Path("rows.csv.out").read_text() == "".join(f"{float(row)}\n" for row in range(1, 1001) if row % 7)
    refused = [json.loads(line) for line in Path("bad.jsonl").read_text().splitlines()]
    assert [each["number"] for each in refused] == [*range(7, 1001, 7)]
    assert refused[0] == {
        "source": "rows.csv",
        "number": 7,
        "error": "column 1: expected a number, got 'abc'.",
        "record": "bad 7",
    }
    assert capfd.readouterr().err.endswith(", 142 refused: bad.jsonl\n")


def test_a_stray_quote_costs_a_line(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    for rows, answers, errors in (
        ('1\n"2\n3\n4', "1.0\n3.0\n4.0\n", {2: "opens a double quote that is not closed."}),
        ('1\n2"\n3\n4"\n5\n', "1.0\n3.0\n5.0\n", dict.fromkeys((2, 4), "column 1: expected a number, got 'abc'.")),
        ('1\n"2\n3\n"4\n5\n', "1.0\n5.0\n", {2: "a double quote joins lines 2 to 4: column 1: expected a number, "}),
    ):
        Path("rows.csv").write_text(rows)
        assert main(["transform", "--model", model, "--data", "rows.csv"]) == 1
        assert "forecastle: rows.csv: line 2" in capfd.readouterr().err
        assert main(["transform", "--model", model, "--data", "rows.csv", "--errors", "bad.jsonl"]) == 0
        assert Path("rows.csv.out").read_text() == answers
        refused = [json.loads(line) for line in Path("bad.jsonl").read_text().splitlines()]
        assert [each["number"] for each in refused] == [*errors]
        assert all(each["error"].startswith(errors[each["number"]]) for each in refused), refused


def test_parquet_keeps_its_columns_and_gets_the_answers(model: str) -> None:
    ids = [f"row {row}" for row in range(1000)]
    table = pyarrow.table({"id": ids, "x": [*range(1000)], "y": [row / 4 for row in range(1000)]})
    parquet.write_table(table, "rows.parquet", row_group_size=300)
    arguments = ["--data", "rows.parquet", "--input-filter", "$[1:]"]
    assert main(["transform", "--model", model, *arguments, "--max-payload", "0.001"]) == 0
    expected = [row * 1.25 for row in range(1000)]
    assert parquet.read_table("rows.out.parquet").to_pydict() == table.to_pydict() | {"answer": expected}
    assert main(["transform", "--model", model, *arguments, "--out", "lines.csv"]) == 0
    assert [float(line) for line in Path("lines.csv").read_text().splitlines()] == expected


def test_parquet_without_rows_keeps_its_columns_and_names_stay_apart(model: str) -> None:
    table = pyarrow.table({"x": [1], "answer": ["a"], "answer_answer": ["b"]})
    for name, rows in (("none", table.slice(0, 0)), ("one", table)):
        parquet.write_table(rows, f"{name}.parquet")
        command = ["transform", "--model", model, "--data", f"{name}.parquet", "--input-filter", "$[0:1]"]
        assert main([*command, "--accept", "text/csv"]) == 0
    assert parquet.read_table("none.out.parquet").schema == table.schema
    names = [*table.column_names, "answer_answer_answer"]
    assert parquet.read_table("one.out.parquet").column_names == names


def test_refused_rows_of_parquet_are_left_out(model: str) -> None:
    parquet.write_table(pyarrow.table({"answer": [1.0, 2.0, None, 4.0]}), "rows.parquet")
    assert main(["transform", "--model", model, "--data", "rows.parquet", "--errors", "bad.jsonl"]) == 0
    answered = {"answer": [1.0, 2.0, 4.0], "answer_answer": [1.0, 2.0, 4.0]}
    assert parquet.read_table("rows.out.parquet").to_pydict() == answered
    assert json.loads(Path("bad.jsonl").read_text())["number"] == 3


@pytest.mark.parametrize("option", ["--out", "--errors"])
def test_a_file_that_is_read_is_not_replaced(model: str, option: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("rows.csv").write_text("1\n")
    Path("link.csv").symlink_to("rows.csv")
    assert main(["transform", "--model", model, "--data", "link.csv", option, "rows.csv"]) == 1
    assert capfd.readouterr().err == "forecastle: rows.csv: is read, and would be replaced: name another file.\n"
    assert Path("rows.csv").read_text() == "1\n"


@pytest.mark.parametrize("out", ["in/answers", "in/answers.jsonl"])
def test_answers_and_errors_below_the_data_are_not_read(model: str, out: str) -> None:
    Path("in").mkdir()
    Path("in/rows.csv").write_text("1\nx\n")
    command = ["transform", "--model", model, "--data", "in", "--out", out, "--errors", "in/refused.jsonl"]
    assert main(command) == 0
    before = written(Path("in"))
    assert main(command) == 0
    assert written(Path("in")) == before


@pytest.mark.parametrize("option", ["--out", "--errors"])
def test_pipes_are_read_once_and_written_in_place(model: str, option: str) -> None:
    rows = subprocess.Popen(["printf", "1\n2\n"], stdout=subprocess.PIPE)
    os.mkfifo("pipe")
    seen: list[bytes] = []
    reader = Thread(target=lambda: seen.append(Path("pipe").read_bytes()))
    reader.start()
    with rows:
        assert rows.stdout is not None
        data = f"/dev/fd/{rows.stdout.fileno()}"
        assert main(["transform", "--model", model, "--data", data, "--out", "rows.out", option, "pipe"]) == 0
    reader.join(PATIENCE_SECONDS)
    assert seen == [b"1.0\n2.0\n" if option == "--out" else b""]
    assert Path("pipe").is_fifo()


@pytest.mark.parametrize("option", ["--out", "--errors"])
def test_a_full_disk_is_a_sentence_with_the_file_s_name(
    model: str, option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("rows.csv").write_text("1\nx\n")
    given = {"--out": "rows.out", "--errors": "bad.jsonl"} | {option: "/dev/full"}
    assert main(["transform", "--model", model, "--data", "rows.csv", *chain(*given.items())]) == 3
    assert capfd.readouterr().err == "forecastle: /dev/full: no space left on its disk.\n"


def test_a_run_whose_output_may_not_grow_goes_on_later(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("rows.csv").write_text("1\n" * 400_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    try:
        assert main(["transform", "--model", model, "--data", "rows.csv"]) == 3
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert capfd.readouterr().err == "forecastle: rows.csv.out: cannot be written (File too large).\n"
    assert main(["transform", "--model", model, "--data", "rows.csv"]) == 0
    assert Path("rows.csv.out").read_bytes() == b"1.0\n" * 400_000


def test_a_name_that_is_not_utf8_can_be_reported(model: str) -> None:
    name = os.fsdecode(b"\xff.csv")
    Path(name).write_text("x\n")
    assert main(["transform", "--model", model, "--data", name, "--errors", "refused.jsonl"]) == 0
    assert json.loads(Path("refused.jsonl").read_bytes())["source"] == name


def test_a_proxy_s_page_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text("1\n")
    with answering(400, b"<html>\n<h1>bad\nrequest</h1>\n</html>\n") as url:
        assert main(["transform", "--url", url, "--data", "a.csv"]) == 1
    assert capfd.readouterr().err.endswith(": 400 Bad Request: <html> <h1>bad request</h1> </html>\n")


def test_an_answer_with_fewer_lines_than_records_ends_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text("1\n2\n3\n")
    with answering(200, b'{"score":1}\n{"score":2}\n', "application/jsonlines") as url:
        assert main(["transform", "--url", url, "--data", "a.csv", "--errors", "bad"]) == 1
    assert capfd.readouterr().err.endswith("a.csv: 3 records were answered with 2 lines of application/jsonlines.\n")


@contextmanager
def answering(status: int, answer: bytes, media_type: str = "text/html") -> Iterator[str]:
    """A server that always answers the same."""

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *values: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Slow(BaseHTTPRequestHandler):
    """Answers the lines of a body in upper case, after a while."""

    bodies: int = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.03)
        type(self).bodies += 1
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.end_headers()
        self.wfile.write(b"".join(line.upper() + b"\n" for line in body.splitlines() if b"bad" not in line))

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def slow_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Slow) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def mark(path: str) -> int:
    """How far the journal says a run has come."""
    try:
        return int(json.loads(Path(path).read_bytes())["mark"]["written"])
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_goes_on(number: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    lines = [f"row {row}, bad {row}" if row % 600 == 7 else f"row {row}" for row in range(2500)]
    lines[30] = f"bad {'x' * 7_000_000}"  # more than a request may have
    for name, part in (("1.csv", lines[:20]), ("2.csv.gz", lines[20:])):
        content = "".join(f"{line}\n" for line in part).encode()
        Path(name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    with slow_server() as url:
        arguments = ["transform", "--url", url, "--data", "*.csv*", "--out", "out/", "--errors", "bad.jsonl"]
        arguments += ["--join", "--max-payload", "0.0005", "--accept", "text/csv"]
        process = subprocess.Popen([COMMAND, *arguments], stderr=subprocess.PIPE)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not mark("out/.2.csv.gz.out.transform"):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        assert main([*arguments, "--restart"]) == 1
        assert "out/2.csv.gz.out: another run is writing it." in capfd.readouterr().err
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == {signal.SIGINT: INTERRUPTED_EXIT_CODE}.get(number, -number)
        assert (b"the same command goes on from there" in said) == (number != signal.SIGKILL)
        assert not Path("out/2.csv.gz.out").exists()
        assert main([*arguments, "--accept", "text/plain"]) == 1
        assert "with another --accept: repeat that run, or discard it with --restart." in capfd.readouterr().err
        Path("out/1.csv.out").rename("elsewhere")
        assert main(arguments) == 1
        assert "out/1.csv.out: is missing, though an interrupted run had completed it" in capfd.readouterr().err
        Path("elsewhere").rename("out/1.csv.out")
        before = _Slow.bodies
        assert main(arguments) == 0
        rest = _Slow.bodies - before
        interrupted = written(Path("out")) | {"bad": Path("bad.jsonl").read_bytes()}
        before = _Slow.bodies
        assert main(arguments) == 0
    assert written(Path("out")) | {"bad": Path("bad.jsonl").read_bytes()} == interrupted
    assert rest < _Slow.bodies - before
    kept = [f"{line},{line.upper()}" for line in lines if "bad" not in line]
    assert (interrupted["1.csv.out"] + interrupted["2.csv.gz.out"]).decode().splitlines() == kept
    assert interrupted["bad"].count(b"\n") == len(lines) - len(kept)
    assert json.loads(interrupted["bad"].splitlines()[1]) == {
        "source": "2.csv.gz",
        "number": 11,
        "error": "has 7000005 bytes, and --max-payload allows 6291456.",
        "offset": len("".join(f"{line}\n" for line in lines[20:30])),
        "bytes": 7_000_005,
    }
    assert {path.name for path in Path().iterdir()} == {"1.csv", "2.csv.gz", "out", "bad.jsonl"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data", "nowhere.csv"], "nowhere.csv: there is no such file or folder."),
        (["--data", "*.none"], "*.none: no file matches it."),
        (["--data", "empty"], "empty: there is no file in it."),
        (["--data", "a.csv", "--input-filter", "$[?]"], "'$[?]': [?] is not supported."),
        (["--data", "a.pbr", "--join"], "Filters and joins need text/csv"),
        (["--data", "a.csv", "--data", "in/a.csv", "--out", "out"], "would both be answered in out/a.csv.out"),
        (["--data", "a.csv", "--out", "e", "--errors", "e"], "--errors and --out name the same file."),
        (["--data", "a.csv", "--out", "b.parquet"], "a.csv: a Parquet file of answers needs one as input"),
        (["--data", "b.parquet", "--input-filter", "$[9]"], "the filter $[9] does not fit 1 columns"),
        (["--data", "a.parquet"], "a.parquet: is no Parquet file that can be read"),
        (["--data", "a.gz"], "a.gz: the gzip stream is damaged"),
        (["--data", "b.parquet.gz"], "b.parquet.gz: Parquet is not read from a stream or from gzip"),
        (["--data", "a.csv", "--out", "a.csv/b"], "a.csv/b: cannot be written"),
        (["--data", "a.csv", "--errors", "in"], "in: is a folder, and would be replaced with a file."),
        (["--data", "a.csv", "--input-filter", "$[-:]"], "'$[-:]': [-:] is not supported."),
        (["--data", "a.csv", "--input-filter", "$[1]"], "the record ['1']: it has too few elements."),
        (["--data", "-", "--data", "-"], "standard input: can be read only once."),
        (
            ["--data", "a.csv", "--content-type", "image/png"],
            "Content-Type: expected one of text/csv, application/json",
        ),
    ],
)
def test_wrong_usage_is_a_sentence(
    model: str, arguments: list[str], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    Path("in").mkdir()
    for name in ("a.csv", "in/a.csv"):
        Path(name).write_text("1\n")
    parquet.write_table(pyarrow.table({"x": [1]}), "b.parquet")
    Path("a.parquet").write_bytes(b"PAR1")
    Path("b.parquet.gz").write_bytes(gzip.compress(b"PAR1"))
    Path("a.pbr").write_bytes(b"\x0a\x23\xd7\xce\0\0\0\0")
    Path("a.gz").write_bytes(gzip.compress(b"1\n" * 9999)[:-9])
    assert main(["transform", "--model", model, *arguments]) == 1
    said = capfd.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("size", ["0", "1e-9", "nan", "inf"])
def test_a_payload_has_a_size(model: str, size: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text("1\n")
    assert main(["transform", "--model", model, "--data", "a.csv", "--max-payload", size]) == 1
    assert "Invalid value for '--max-payload'" in capfd.readouterr().err
    assert not Path("a.csv.out").exists()


def test_a_terminal_shows_a_bar(model: str) -> None:
    Path("rows.csv").write_text("1\n" * 300_000)
    command = f"{COMMAND} transform --model {model} --data rows.csv --max-payload 0.01"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"], capture_output=True, check=True, env=os.environ | {"TERM": "xterm"}
    )
    assert b"\xe2\x94\x81" in done.stdout
    assert b" records, " in done.stdout
