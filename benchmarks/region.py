"""The local region beside its peers: S3 beside moto and ministack.

    S3_PEERS_PYTHON=…/bin/python python -m benchmarks.region [--json] [--runs 5] [--only small,large]

The peers need their own environment, which the variable S3_PEERS_PYTHON names:

    uv venv .s3-peers && uv pip install --python .s3-peers/bin/python --require-hashes -r benchmarks/s3_peers.lock

Medians of several runs, alternating between the servers, over one persistent connection. forecastle stores objects on
disk; the others keep them in memory and lose them when they end. Ratios above 1 say how many times faster forecastle
is; those named `…_over_…` are the quotient of the two columns. Folders are created in the working directory, and
removed.
"""

import itertools
import os
import sys
from collections.abc import Iterator

from benchmarks.report import Row, report
from benchmarks.s3_servers import MINISTACK, MOTO, OURS, S3Server, s3_server
from benchmarks.timing import in_turn

PEERS = {"moto": MOTO, "ministack": MINISTACK}
SMALL, OBJECTS = bytes(1000), 200
LARGE, LARGE_RUNS = 1 << 30, 3

TARGETS = {
    "memory_over_moto": 0.05,
    "memory_over_ministack": 0.05,
}


def main() -> None:
    report(__doc__, PARTS, TARGETS)


def small(runs: int) -> Iterator[Row]:
    """1 KB objects, one after the other."""
    for peer, theirs, ours in _beside():
        numbers = itertools.count()

        def put(server: S3Server) -> None:
            for _ in range(OBJECTS):
                server.put(f"small/{next(numbers)}", SMALL)

        def get(server: S3Server) -> None:
            server.put("small/one", SMALL)
            for _ in range(OBJECTS):
                server.get("small/one")

        for name, work in (("put", put), ("get", get)):
            pair = in_turn(lambda: work(ours), lambda: work(theirs), runs)
            mine, other = 1000 * pair.ours / OBJECTS, 1000 * pair.theirs / OBJECTS
            yield f"{name}_1_kb_vs_{peer}", "ms a request", mine, other, pair.ratio


def large(runs: int) -> Iterator[Row]:
    """An object of 1 GB in one request, and the memory that it took."""
    for peer, theirs, ours in _beside():
        runs = min(runs, LARGE_RUNS)
        pair = in_turn(lambda: ours.put_zeros("large", LARGE), lambda: theirs.put_zeros("large", LARGE), runs)
        yield f"put_1_gb_vs_{peer}", "s", pair.ours, pair.theirs, pair.ratio
        pair = in_turn(lambda: ours.get("large", anew=True), lambda: theirs.get("large", anew=True), runs)
        yield f"get_1_gb_vs_{peer}", "s", pair.ours, pair.theirs, pair.ratio
        mine, other = ours.memory(), theirs.memory()
        yield f"memory_over_{peer}", "MiB at most, with an object of 1 GB", mine, other, mine / other


def _beside() -> Iterator[tuple[str, S3Server, S3Server]]:
    """Each peer that is there, by name, with a server of ours that is as new."""
    python = os.environ.get("S3_PEERS_PYTHON")
    if python is None:
        print("S3: left out, as the variable S3_PEERS_PYTHON names no interpreter that has the peers", file=sys.stderr)
        return
    for peer, code in PEERS.items():
        with s3_server(code, python) as theirs, s3_server(OURS) as ours:
            yield peer, theirs, ours


PARTS = {"small": small, "large": large}


if __name__ == "__main__":
    main()
