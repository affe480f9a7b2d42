"""Random Cut Forest beside its peers: krcf (AWS's Rust core) and scikit-learn's IsolationForest.

    python -m benchmarks.random_cut_forest [--json] [--runs 5] [--only score,fit,threads,http,server]

Medians of several runs, alternating between peer and forecastle, one thread; 100 trees of 256 points, 100,000 points of
1, 10 and 100 columns; the HTTP figures with a forest of 50 × 206 on generated taxi rides. Ratios above 1 say how many
times faster forecastle is; those named `…_over_…` compare two of its own times.
"""

import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Row, report
from benchmarks.server import Client, bare_route, served
from benchmarks.timing import in_turn, seconds
from forecastle.algorithms.random_cut_forest import RandomCutForest

POINTS = 100_000
MICRO = 1e6  # µs in a second
KRCF_POINTS = {1: 10_000, 10: 5_000, 100: 1_000}  # its cost is linear in them

TARGETS = {
    "score_d1_vs_krcf": 30.0,
    "score_d10_vs_krcf": 30.0,
    "score_d100_vs_krcf": 40.0,
    "score_d1_vs_isolation_forest": 1.0,
    "score_d10_vs_isolation_forest": 1.0,
    "score_d100_vs_isolation_forest": 1 / 8,
    "fit_d1_vs_isolation_forest": 10.0,
    "fit_d10_vs_isolation_forest": 10.0,
    "one_thread_over_two_d1": 1.7,
    "one_thread_over_two_d10": 1.7,
    "one_thread_over_two_d100": 1.7,
    "http_10000_rows_over_in_process": 1.6,
    "http_one_row_over_bare_route": 1.4,
}


def main() -> None:
    report(__doc__, PARTS, TARGETS)


def score_rows(runs: int) -> Iterator[Row]:
    for columns in (1, 10, 100):
        points = gaussian(columns)
        ours = RandomCutForest(random_state=0).fit(points)
        forest = ours.forest_

        def score_all() -> None:
            score_points(forest, points, 1)

        score_points, few = scorer(), points[: KRCF_POINTS[columns]]
        krcf = krcf_forest(points[:10_000])
        pair = in_turn(score_all, lambda: [krcf.score(point) for point in few], min(runs, 3))
        each, others = pair.ours / POINTS, pair.theirs / len(few)
        yield f"score_d{columns}_vs_krcf", "µs a point", MICRO * each, MICRO * others, pair.ratio * POINTS / len(few)
        isolation = isolation_forest(points)
        pair = in_turn(score_all, lambda: isolation.score_samples(points), runs)
        yield (
            f"score_d{columns}_vs_isolation_forest",
            "µs a point",
            MICRO * pair.ours / POINTS,
            MICRO * pair.theirs / POINTS,
            pair.ratio,
        )


def fit_rows(runs: int) -> Iterator[Row]:
    for columns in (1, 10, 100):
        points = gaussian(columns)
        pair = in_turn(lambda: RandomCutForest(random_state=0).fit(points), lambda: isolation_forest(points), runs)
        yield f"fit_d{columns}_vs_isolation_forest", "µs a fit", MICRO * pair.ours, MICRO * pair.theirs, pair.ratio


def thread_rows(runs: int) -> Iterator[Row]:
    score_points = scorer()
    for columns in (1, 10, 100):
        points = gaussian(columns)
        forest = RandomCutForest(random_state=0).fit(points).forest_
        pair = in_turn(lambda: score_points(forest, points, 2), lambda: score_points(forest, points, 1), runs)
        yield (
            f"one_thread_over_two_d{columns}",
            "µs a point",
            MICRO * pair.ours / POINTS,
            MICRO * pair.theirs / POINTS,
            pair.ratio,
        )


def http_rows(runs: int) -> Iterator[Row]:
    from forecastle.algorithms import find

    score_points = scorer()
    body = (find("random_cut_forest").example_folder / "input" / "data" / "train" / "taxi.csv").read_bytes()
    lines = body.splitlines(keepends=True)[:10_000]
    rides = np.array([float(line) for line in lines], dtype=np.float32)[:, np.newaxis]
    estimator = RandomCutForest(50, 512, sampling="sagemaker", random_state=0).fit(rides)
    with tempfile.TemporaryDirectory() as folder:
        estimator.save(folder)
        with served(Path(folder), threads=1) as (_, port, _), bare_route() as (_, bare_port, _):
            ours, bare, all_rows = Client(port), Client(bare_port), b"".join(lines)
            pair = in_turn(
                lambda: score_points(estimator.forest_, rides, 1),
                lambda: ours.request("POST /invocations", all_rows),
                10 * runs,
            )
            what = "µs: in process, over HTTP with CSV to JSON"
            yield "http_10000_rows_over_in_process", what, MICRO * pair.ours, MICRO * pair.theirs, pair.ratio
            mine, other = [], []
            for _ in range(400 * runs):
                mine.append(seconds(lambda: ours.request("POST /invocations", lines[0])))
                other.append(seconds(lambda: bare.request("POST /invocations", lines[0])))
            p50, bare_p50 = statistics.median(mine), statistics.median(other)
            yield (
                "http_one_row_over_bare_route",
                "µs: ours, the bare route, p50",
                MICRO * p50,
                MICRO * bare_p50,
                p50 / bare_p50,
            )


def server_rows(runs: int) -> Iterator[Row]:
    estimator = RandomCutForest(random_state=0).fit(gaussian(1))
    starts, resident, anonymous = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        estimator.save(folder)
        for _ in range(runs + 1):
            with served(Path(folder), threads=1) as (process, port, start):
                client = Client(port)
                for _ in range(1_000):
                    client.request("POST /invocations", b"0.5\n")
                status = Path(f"/proc/{process.pid}/status").read_text()
                kib = {line.partition(":")[0]: line.split()[1] for line in status.splitlines() if "kB" in line}
                starts.append(start)
                resident.append(int(kib["VmRSS"]) / 1024)
                anonymous.append(int(kib["RssAnon"]) / 1024)
    start = statistics.median(starts[1:])  # the first one warms the caches
    yield "server_start_s", "s from the command to the first 200 on /ping", start, start, start
    rss, anon = statistics.median(resident), statistics.median(anonymous)
    yield "server_rss_mb", "MiB after 1,000 requests, 100 trees of 256", rss, rss, rss
    yield "server_anonymous_mb", "MiB of it anonymous", anon, anon, anon


def gaussian(columns: int) -> NDArray[np.float32]:
    """(100,000, columns) standard normal points, the same in every run."""
    return np.random.default_rng(columns).standard_normal((POINTS, columns)).astype(np.float32)


def scorer() -> "Callable[..., NDArray[np.float32]]":
    from forecastle.algorithms.random_cut_forest.inference.score import score

    return lambda forest, points, threads: score(forest, points, threads=threads)


def krcf_forest(points: NDArray[np.float32]):  # type: ignore[no-untyped-def]
    import krcf

    forest = krcf.RandomCutForest(
        {
            "dimensions": points.shape[1],
            "shingle_size": 1,
            "num_trees": 100,
            "sample_size": 256,
            "parallel_execution_enabled": False,
            "random_seed": 0,
        }
    )
    for point in points:
        forest.update(point)
    return forest


def isolation_forest(points: NDArray[np.float32]):  # type: ignore[no-untyped-def]
    from sklearn.ensemble import IsolationForest

    return IsolationForest(n_estimators=100, max_samples=256, random_state=0, n_jobs=1).fit(points)


PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "score": score_rows,
    "fit": fit_rows,
    "threads": thread_rows,
    "http": http_rows,
    "server": server_rows,
}

if __name__ == "__main__":
    main()
