"""Models for the page: the examples, one with dynamic features, one of several columns, one without a page."""

import json
import math
import os
import random
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TINY_ALGORITHM = ROOT / "tests" / "training" / "tiny_algorithm" / "algorithms"
NOTHING: dict[str, str] = {}


def write_models(forecastle: str, folder: Path) -> dict[str, Path]:
    """Train them; their folders by name."""
    examples = ROOT / "algorithms"
    features, columns, lines = folder / "features.json", folder / "columns.csv", folder / "lines.csv"
    features.write_text("".join(json.dumps(series) + "\n" for series in featured()))
    columns.write_text("".join(",".join(map(str, row)) + "\n" for row in sensors(3000)))
    lines.write_text("1\n2\n3\n")
    daily = {"time_freq": "D", "context_length": "14", "prediction_length": "14", "epochs": "8", "num_cells": "20"}
    electricity = {"time_freq": "2H", "context_length": "48", "prediction_length": "36", "epochs": "25"}
    translator = {"rnn_num_hidden": "64", "max_num_batches": "120"}
    jobs: dict[str, tuple[str, Path, dict[str, str]]] = {
        "demand": ("deepar", examples / "deepar/example/input/data/train", electricity),
        "features": ("deepar", features, daily),
        "taxi": ("random_cut_forest", examples / "random_cut_forest/example/input/data/train", {"num_trees": "50"}),
        "sensors": ("random_cut_forest", columns, {"num_trees": "50"}),
        "translator": ("seq2seq", examples / "seq2seq/example/input/data/train", translator),
        "plain": ("column_mean", lines, {"shrinkage": "0.5"}),
    }
    for name, (algorithm, data, given) in jobs.items():
        settings = [f"--set={key}={value}" for key, value in (given | _seed(algorithm)).items()]
        command = [forecastle, "train", algorithm, "--data", str(data), "--out", str(folder / name), *settings]
        environ = os.environ | {"FORECASTLE_ALGORITHMS": str(TINY_ALGORITHM)}
        subprocess.run(command, check=True, env=environ, stdout=subprocess.DEVNULL)
    return {name: folder / name for name in jobs}


def _seed(algorithm: str) -> dict[str, str]:
    return NOTHING if algorithm == "column_mean" else {"seed": "7"}


def featured() -> list[dict[str, object]]:
    """Daily sales of three shops, with a holiday and a price."""
    random_number = random.Random(1)
    found: list[dict[str, object]] = []
    for shop in range(3):
        holiday = [1.0 if day % 30 in (0, 1) else 0.0 for day in range(300)]
        price = [round(3 + math.sin(day / 40) + shop / 2, 2) for day in range(300)]
        target = [
            round(
                100
                + 40 * math.sin(day * math.tau / 7)
                + 80 * holiday[day]
                - 10 * price[day]
                + random_number.gauss(0, 4),
                1,
            )
            for day in range(300)
        ]
        found.append({"start": "2023-01-01 00:00:00", "target": target, "dynamic_feat": [holiday, price]})
    return found


def sensors(rows: int) -> list[list[float]]:
    """Temperature, pressure and humidity, which go together but for a few rows."""
    random_number = random.Random(2)
    found = []
    for row in range(rows):
        base = math.sin(row / 60)
        values = [20 + 5 * base, 1000 - 8 * base, 60 + 10 * base]
        if row % 1100 == 1000:
            values[row // 1100 % 3] *= 1.2
        found.append([round(value + random_number.gauss(0, 0.4), 2) for value in values])
    return found
