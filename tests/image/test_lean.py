"""The image without MXNet."""

import re
from pathlib import Path

import pytest

from forecastle.contract.artifact import read_artifact
from tests.image.container import CACHE_LOG, STRANGER, docker, files, serving, train
from tests.image.example import ENVIRON, answers_here, exchanges, write_job
from tests.image.test_training import assert_nothing_compiled

pytestmark = pytest.mark.image


@pytest.mark.parametrize("package", ["mxnet", "gluonts", "pandas"])
def test_it_has_none_of_what_only_mxnet_needs(lean_image: str, package: str) -> None:
    done = docker("run", "--rm", "--entrypoint", "python", lean_image, "-c", f"import {package}", check=False)
    assert f"No module named '{package}'" in done.stderr


def test_it_answers_as_the_full_image_does(lean_image: str, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = read_artifact(trained / "model").algorithm
    for setting, value in ENVIRON.items():
        monkeypatch.setenv(setting, value)
    expected = answers_here(name, trained / "model")
    environ = [argument for setting, value in ENVIRON.items() for argument in ("-e", f"{setting}={value}")]
    with serving(lean_image, trained / "model", *STRANGER, *environ, *CACHE_LOG) as server:
        for content_type, body, accept in exchanges(name):
            assert server.ask(body, content_type, accept) == expected[content_type, accept]
        assert_nothing_compiled(server.log())


def test_it_trains_a_forest_to_the_same_bytes(lean_image: str, image: str, tmp_path: Path) -> None:
    trees = [write_job(tmp_path / name, "random_cut_forest") for name in ("lean", "full")]
    for each, tree in zip((lean_image, image), trees, strict=True):
        done = train(each, tree, *STRANGER, *CACHE_LOG)
        assert done.returncode == 0, done.stderr
        assert_nothing_compiled(done.stdout)
    assert files(trees[0] / "model") == files(trees[1] / "model")


def test_it_trains_deepar(lean_image: str, tmp_path: Path) -> None:
    tree = write_job(tmp_path / "ml", "deepar")
    done = train(lean_image, tree, *STRANGER, *CACHE_LOG)
    assert done.returncode == 0, done.stderr
    assert_nothing_compiled(done.stdout)
    assert read_artifact(tree / "model").algorithm == "deepar"


def test_an_engine_that_is_not_in_it_is_one_sentence(lean_image: str, tmp_path: Path) -> None:
    tree = write_job(tmp_path / "ml", "deepar")
    done = train(lean_image, tree, *STRANGER, "-e", "DEEPAR_ENGINE=mxnet")
    assert done.returncode == 1
    sentence = r"The engine mxnet cannot be loaded \(No module named '\w+'\): it needs the packages mxnet .*\."
    assert re.fullmatch(rf"forecastle: {sentence}\n", done.stderr)
    assert re.fullmatch(sentence, (tree / "output" / "failure").read_text().rstrip("\n"))
