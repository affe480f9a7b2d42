"""A job's log, as parsers of SageMaker's logs read it."""

import io
import json
import os
import re
import threading
import time

from forecastle.training.job_log import StreamLog


def test_an_ordinary_line_has_the_time_the_level_and_the_thread() -> None:
    stream = io.StringIO()
    StreamLog(stream, "algo-1", {}, now=lambda: 1758414861.5).line("Final configuration: {}")
    clock = time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(1758414861))
    assert stream.getvalue() == f"[{clock} INFO {threading.get_ident()}] Final configuration: {{}}\n"


def test_a_warning_has_warning_instead_of_info() -> None:
    stream = io.StringIO()
    StreamLog(stream, "algo-1", {}).warning("text")
    assert re.fullmatch(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d WARNING \d+\] text\n", stream.getvalue())


def test_a_metrics_line_is_the_same_bytes_as_sagemakers() -> None:
    stream = io.StringIO()
    log = StreamLog(stream, "algo-1", {}, "RandomCutForest", now=lambda: 1628526938.25)
    log.metrics("training", 1628526937.5, {"epochs": [1], "update.time": [2.5, 1.25]})
    assert stream.getvalue() == (
        '#metrics {"StartTime": 1628526937.5, "EndTime": 1628526938.25, "Dimensions": {"Algorithm": "RandomCutForest", '
        '"Host": "algo-1", "Operation": "training"}, "Metrics": {"epochs": {"sum": 1.0, "count": 1, "min": 1, "max": 1}'
        ', "update.time": {"sum": 3.75, "count": 2, "min": 1.25, "max": 2.5}}}\n'
    )


def test_a_log_whose_reader_has_closed_it_is_dropped() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        log = StreamLog(stream, "algo-1", {})
        log.line("one")
        assert b"one" in os.read(read, 1000)
        os.close(read)
        log.line("two")
        log.metrics("x", 0.0, {"a": [1]})


def test_lines_of_several_threads_do_not_mix() -> None:
    stream = io.StringIO()
    log = StreamLog(stream, "algo-1", {})

    def measure() -> None:
        for _ in range(200):
            log.metrics("x", 0.0, {"a": [1]})

    threads = [threading.Thread(target=measure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 800
    assert all(json.loads(line.removeprefix("#metrics "))["Dimensions"]["Operation"] == "x" for line in lines)
