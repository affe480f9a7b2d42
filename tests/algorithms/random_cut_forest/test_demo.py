"""The demo of Random Cut Forest, and the example it runs on."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from forecastle.algorithms import find
from forecastle.algorithms.interface import Payload
from forecastle.algorithms.random_cut_forest import RandomCutForest
from forecastle.algorithms.random_cut_forest.demo import episodes
from forecastle.algorithms.random_cut_forest.model import RandomCutForestModel
from forecastle.contract.media_type import MediaType

EXAMPLE = find("random_cut_forest").example_folder
PNG = b"\x89PNG\r\n\x1a\n"


def test_it_prints_the_four_events_and_draws_the_chart(tmp_path: Path) -> None:
    rides = np.loadtxt(EXAMPLE / "input" / "data" / "train" / "taxi.csv")[:, np.newaxis]
    forest = RandomCutForest(50, 512, sampling="sagemaker", random_state=7).fit(rides).forest_
    model = RandomCutForestModel(forest)

    def ask(body: bytes, content_type: str, accept: str) -> bytes:
        query = model.decode(Payload(body, MediaType.parse(content_type)))
        return model.encode(model.predict([query], threads=1)[0], accept)

    lines = list(find("random_cut_forest").demonstrate(ask, tmp_path / "chart.png"))
    assert (tmp_path / "chart.png").read_bytes()[:8] == PNG
    printed = "\n".join(lines)
    for day in ("2014-08-30", "2014-11-02", "2015-01-01", "2015-01-26"):
        assert day in printed


def test_rows_close_to_each_other_are_one_episode() -> None:
    unusual = np.zeros(200, dtype=bool)
    unusual[[10, 12, 30, 150]] = True
    assert episodes(unusual) == [(10, 30), (150, 150)]
    assert episodes(np.zeros(5, dtype=bool)) == []


def test_the_example_s_data_are_what_its_generator_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(EXAMPLE / "generate.py"), "--out", str(tmp_path)], check=True)
    for channel in ("train", "test"):
        path = Path("input", "data", channel, "taxi.csv")
        assert (tmp_path / path).read_bytes() == (EXAMPLE / path).read_bytes()
