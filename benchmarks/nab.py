"""Scores of the Numenta Anomaly Benchmark, 58 labelled streams: a frozen forest, and one that follows the stream.

    python -m benchmarks.nab [--nab CHECKOUT] [--seeds 3] [--only published,frozen,watched]

The checkout is of https://github.com/numenta/NAB (data/, labels/, config/ and results/); without the option
../shared/data/nab is taken. Prints the benchmark's three scores: standard, reward low FP, reward low FN; of several
seeds the mean, and the standard deviation after ±.

- published: the scores of the detectors in the checkout, by our scorer with their published thresholds, and the largest
  difference from the published scores. AWS's streaming forest is `randomCutForest`.
- frozen: one forest of a stream's first 15 %, which the benchmark does not score; then the same, grown anew every 50
  rows from all rows before (`watched`); the same with a score counted only if it is higher than the 100 before it
  (`muted`). As for all published detectors, the benchmark itself chooses the threshold, one for all streams.
- alerts: what `forecastle.StreamWatcher` reports, with its own threshold for each stream and without any labels.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.nab_score import PROFILES, Floats, Scored, benchmark_score, probation
from forecastle import RandomCutForest, StreamWatcher

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "nab"
MUTED = 100  # rows


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A file of the benchmark: its name, values, (rows,), and windows, (windows, 2), first and last row."""

    name: str
    values: Floats
    windows: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nab", type=Path, default=SHARED, help="a checkout of NAB")
    parser.add_argument("--seeds", type=int, default=3, help="forests of each kind")
    parser.add_argument("--only", default="published,frozen,watched", help="the parts to run")
    arguments = parser.parse_args()
    if not (arguments.nab / "labels").is_dir():
        raise SystemExit(f"{arguments.nab}: no checkout of NAB: git clone https://github.com/numenta/NAB")
    streams = list(read_streams(arguments.nab))
    parts = arguments.only.split(",")
    if "published" in parts:
        print_published(arguments.nab, streams)
    rows: dict[str, list[list[float]]] = {}
    for seed in range(arguments.seeds):
        if "frozen" in parts:
            rows.setdefault("frozen", []).append(three_scores(streams, [frozen(each, seed) for each in streams]))
        if "watched" in parts:
            found = [watched(each, seed) for each in streams]
            scores = [score for score, _ in found]
            rows.setdefault("watched", []).append(three_scores(streams, scores))
            rows.setdefault("watched, muted", []).append(three_scores(streams, [muted(each) for each in scores]))
            alerts = [alert for _, alert in found]
            rows.setdefault("alerts", []).append(three_scores(streams, alerts, [1.0] * len(PROFILES)))
    for name, each in rows.items():
        means, spreads = np.mean(each, axis=0), np.std(each, axis=0)
        print(f"{name:20}" + "".join(f"{mean:8.1f} ± {spread:.1f}" for mean, spread in zip(means, spreads)))


def read_streams(nab: Path) -> Iterator[Stream]:
    labels = json.loads((nab / "labels" / "combined_windows.json").read_text())
    for name, windows in labels.items():
        lines = [line.split(",") for line in (nab / "data" / name).read_text().splitlines()[1:]]
        times = [line[0] for line in lines]
        ends = [[times.index(time.removesuffix(".000000")) for time in window] for window in windows]
        yield Stream(name, np.array([float(line[1]) for line in lines]), np.array(ends, np.int64).reshape(-1, 2))


def three_scores(streams: list[Stream], scores: list[Floats], thresholds: list[float] | None = None) -> list[float]:
    """The benchmark's score by each profile, with the best threshold or the given ones."""
    files = [Scored(each, stream.windows) for each, stream in zip(scores, streams)]
    given: Sequence[float | None] = thresholds or [None] * len(PROFILES)
    return [
        benchmark_score(files, profile, threshold)[0]
        for profile, threshold in zip(PROFILES.values(), given, strict=True)
    ]


def print_published(nab: Path, streams: list[Stream]) -> None:
    """The scores of each detector whose anomaly scores are in the checkout, and how far they are from the published."""
    final = json.loads((nab / "results" / "final_results.json").read_text())
    thresholds = json.loads((nab / "config" / "thresholds.json").read_text())
    furthest = 0.0
    for detector in sorted(final):
        scores = [published_scores(nab, detector, stream.name) for stream in streams]
        ours = three_scores(streams, scores, [thresholds[detector][name]["threshold"] for name in PROFILES])
        theirs = [final[detector][name] for name in PROFILES]
        furthest = max(furthest, *np.abs(np.subtract(ours, theirs)))
        print(f"{detector:20}" + "".join(f"{score:8.1f}      " for score in ours))
    print(f"The largest difference from the published scores: {furthest:.2g}")


def published_scores(nab: Path, detector: str, name: str) -> Floats:
    folder, _, file = name.partition("/")
    lines = (nab / "results" / detector / folder / f"{detector}_{file}").read_text().splitlines()
    column = lines[0].split(",").index("anomaly_score")
    return np.array([float(line.split(",")[column]) for line in lines[1:]])


def frozen(stream: Stream, seed: int) -> Floats:
    rows, start = stream.values[:, np.newaxis], probation(len(stream.values))
    forest = RandomCutForest(random_state=seed).fit(rows[:start])
    return np.concatenate([np.zeros(start), -forest.score_samples(rows[start:])])


def watched(stream: Stream, seed: int) -> tuple[Floats, Floats]:
    """Scores, and alerts as 1 and 0, (rows,) each, by the defaults of `StreamWatcher`."""
    rows, start = stream.values[:, np.newaxis], probation(len(stream.values))
    found = StreamWatcher(RandomCutForest(random_state=seed).fit(rows[:start])).observe(rows[start:])
    scores, alerts = (np.array([getattr(each, name) for each in found]) for name in ("score", "alert"))
    return np.concatenate([np.zeros(start), scores]), np.concatenate([np.zeros(start), alerts])


def muted(scores: Floats) -> Floats:
    """`scores`, (rows,), with 0 where one of the `MUTED` rows before has at least the same score."""
    before = sliding_window_view(np.concatenate([np.full(MUTED, -np.inf), scores[:-1]]), MUTED).max(axis=1)
    return np.where(scores > before, scores, 0.0)


if __name__ == "__main__":
    main()
