"""The examples, and those in docstrings."""

import doctest
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[1]
TAXI = REPOSITORY.parent / "shared" / "data" / "nyc_taxi.csv"


def test_the_estimator_s_own_example_runs() -> None:
    from forecastle.algorithms.random_cut_forest import estimator

    outcome = doctest.testmod(estimator)
    assert outcome.attempted > 2
    assert outcome.failed == 0


@pytest.mark.skipif(not TAXI.exists(), reason=f"the real taxi data are not at {TAXI}")
def test_the_marathon_christmas_and_the_snowstorm_stand_out_of_new_york_s_taxis() -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "examples" / "new_york_taxi.py"), str(TAXI)],
        check=True,
        capture_output=True,
        text=True,
    )
    days = {line[:10] for line in done.stdout.splitlines()}
    assert {"2014-11-02", "2014-12-25", "2015-01-27"} <= days
    assert len(days) < 20


WATCH = [sys.executable, str(REPOSITORY / "examples" / "watch_a_stream.py"), "--trees", "50", "--samples", "64"]


def readings(count: int, seed: int = 0) -> list[str]:
    """Lines of a time and two numbers."""
    pairs = np.random.default_rng(seed).normal(20, 1, size=(count, 2)).round(3).tolist()
    return [f"2024-01-01 {number // 60:02}:{number % 60:02},{a},{b}" for number, (a, b) in enumerate(pairs)]


def test_a_watched_stream_has_scores_an_alert_and_a_sentence_for_each_line_amiss(tmp_path: Path) -> None:
    lines = ["time,temperature,pressure", *readings(300)]
    lines[250] = "2024-01-01 04:09,20,90"
    lines[90] = "x" * 200_000
    lines[100], lines[120], lines[140] = "2024-01-01 01:39,20,-", "2024-01-01 01:59,20", "2024-01-01 02:19,inf,20"
    picture = tmp_path / "chart.png"
    done = subprocess.run(
        [*WATCH, "--plot", str(picture)], input="\n".join(lines), check=True, capture_output=True, text=True
    )
    header, *rows = [line.split(",") for line in done.stdout.splitlines()]
    assert header == ["time", "temperature", "pressure", "score", "threshold", "alert"]
    whole = [line.split(",") for number, line in enumerate(lines) if number not in (0, 90, 100, 120, 140)]
    assert [row[:3] for row in rows] == whole
    assert [row[0] for row in rows if row[5] == "1"] == ["2024-01-01 04:09"]
    assert [row[3] == "" for row in rows] == [True] * 50 + [False] * 246
    assert [row[4] == "" for row in rows] == [True] * 150 + [False] * 146
    assert done.stderr.splitlines() == [
        f"line 91: expected CSV, got '{'x' * 40}' (field larger than field limit (131072)); skipped.",
        "line 101: expected a finite number in pressure, got '-'; skipped.",
        "line 121: expected 3 fields, got 2; skipped.",
        "line 141: expected a finite number in temperature, got 'inf'; skipped.",
        "Rows: 296. Alerts: 1. Lines skipped: 4.",
    ]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_file_is_followed_when_it_grows_is_rotated_and_is_truncated(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    first, second, third = readings(80), readings(80, seed=1), readings(30, seed=2)
    log.write_text("\n".join(first[:60]) + "\n" + first[60][:15])  # the last line is not whole yet
    watching = subprocess.Popen(
        [*WATCH, "--follow", str(log), "--columns", "3", "--format", "text"], stdout=subprocess.PIPE, text=True
    )
    assert watching.stdout
    lines = watching.stdout

    def expect(expected: list[str]) -> None:
        for line in expected:
            time, _, value = line.split(",")
            assert lines.readline().split()[:3] == [*time.split(), f"{float(value):.6g}"]

    try:
        expect(first[:60])
        with log.open("a") as file:
            file.write(first[60][15:] + "\n" + "\n".join(first[61:]))  # nor does the last one get its end
        expect(first[60:-1])
        log.rename(tmp_path / "log.csv.1")
        log.write_text("\n".join(second) + "\n")
        expect([first[-1], *second])
        log.write_text("\n".join(third) + "\n")
        expect(third)
    finally:
        watching.kill()
        watching.communicate()
