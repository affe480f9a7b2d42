"""What a benchmark prints: a table for people, one line of ratios for programs."""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping

from threadpoolctl import threadpool_limits

Row = tuple[str, str, float, float, float]  # key, what it is in which unit, ours, theirs, ratio
Parts = Mapping[str, Callable[[int], Iterator[Row]]]


def report(manual: str | None, parts: Parts, targets: Mapping[str, float]) -> None:
    """Run the parts that the command line names, with one thread in the libraries below, and print their rows."""
    parser = argparse.ArgumentParser(description=manual, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one line for programs")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each")
    parser.add_argument("--only", default=",".join(parts), help="the parts to run")
    arguments = parser.parse_args()
    rows: list[Row] = []
    with threadpool_limits(1):
        for part in arguments.only.split(","):
            for row in parts[part](arguments.runs):
                rows.append(row)
                if not arguments.json:
                    print(_table_line(row, targets), flush=True)
    if arguments.json:
        print(json.dumps({"ratios": {key: round(ratio, 3) for key, _, _, _, ratio in rows}}))


def _table_line(row: Row, targets: Mapping[str, float]) -> str:
    key, what, ours, theirs, ratio = row
    target = f"{targets[key]:8.2f}" if key in targets else " " * 8
    return f"{key:34} {ours:14,.4g} {theirs:14,.4g} {ratio:9.3g} {target}  {what}"
