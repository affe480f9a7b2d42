"""SageMaker's models, served, checked and imported: from a folder, an archive, and by POST /models."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecastle.container.cli import main
from forecastle.contract.artifact import read_artifact
from tests.algorithms.deepar.sagemaker.build import Artifact, Recipe, artifact
from tests.algorithms.deepar.sagemaker.genuine import DAILY, MONTHLY, needs_artifacts
from tests.serving.running_server import RunningServer

RECIPE = Recipe("student-t", cardinality=(3,), lags=(1, 2, 3, 7))
INSTANCE = {"start": "2024-01-01 00:00:00", "target": [10, 12, None, 9.5] * 5, "cat": [1]}
WANTED = {"num_samples": 32, "output_types": ["mean", "quantiles"], "quantiles": ["0.5"], "seed": 7}
BODY = json.dumps({"instances": [INSTANCE], "configuration": WANTED}).encode()


def packed(folder: Path, path: Path) -> Path:
    """As SageMaker packs a model: three files, and no folder."""
    with tarfile.open(path, "w:gz") as tar:
        for file in sorted(folder.iterdir()):
            tar.add(file, file.name)
    return path


def answer(server: RunningServer, path: str = "/invocations") -> bytes:
    response = server.post(path, BODY, "application/json")
    assert response.status_code == 200, response.text
    return response.content


def test_folder_archive_import_and_multi_model_server_give_the_same_answer(tmp_path: Path) -> None:
    folder = artifact(RECIPE).write(tmp_path / "ml" / "model")
    archive = packed(folder, tmp_path / "model.tar.gz")
    (tmp_path / "mounted" / "model").mkdir(parents=True)
    packed(folder, tmp_path / "mounted" / "model" / "model.tar.gz")
    assert main(["import", "sagemaker", str(archive), "--out", str(tmp_path / "neutral" / "model")]) == 0

    answers = []
    for base in ("ml", "mounted", "neutral"):
        with RunningServer(tmp_path / base, {}) as server:
            answers.append(answer(server.await_ready()))
    with RunningServer(tmp_path / "several", {"SAGEMAKER_MULTI_MODEL": "true"}) as server:
        server.await_ready()
        for number, url in enumerate((folder, archive, tmp_path / "neutral" / "model")):
            assert server.load(str(number), url).status_code == 200
            answers.append(answer(server, f"/models/{number}/invoke"))

    assert len(set(answers)) == 1
    assert len(json.loads(answers[0])["predictions"][0]["mean"]) == RECIPE.future


def test_check_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = artifact(RECIPE).write(tmp_path / "model")

    assert main(["check", str(folder)]) == 0

    assert capsys.readouterr().out == (
        f"{folder}: a deepar model of SageMaker, model_version 5 (time_freq D, context_length 6, prediction_length 4, "
        "likelihood student-T, num_layers 2, num_cells 5, dropout_rate 0.1, embedding_dimension 10, cardinality [3]), "
        "complete; it answers.\n"
    )


def test_what_is_imported_is_a_neutral_artifact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = artifact(RECIPE).write(tmp_path / "theirs")

    assert main(["import", "sagemaker", str(folder), "--out", str(tmp_path / "ours")]) == 0

    imported = read_artifact(tmp_path / "ours")
    assert (imported.algorithm, imported.parameters["origin"]) == ("deepar", "SageMaker, model_version 5")
    assert imported.parameters["date_features"] == ["day of week", "day of month", "day of year", "week of year"]
    assert imported.parameters["reset_while_padded"] is imported.parameters["missing_is_mean"] is True
    assert main(["import", "sagemaker", str(tmp_path / "ours"), "--out", str(tmp_path / "more")]) == 1
    assert "got one of forecastle" in capsys.readouterr().err


def remove(name: str) -> Callable[[Artifact], object]:
    return lambda built: built.arrays.pop(name)


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (lambda built: built.config.update(model_version=4), "model_algo-1-config.json: model_version: expected 5"),
        (lambda built: built.config.update(cardinality=[4]), "expected embeddings of [4] categories"),
        (lambda built: built.config.update(likelihood="gaussian"), "the projections of the likelihood gaussian"),
        (lambda built: built.config.update(num_dynamic_feat=1), "lstm_l_0i2h_weight: expected 20 × 21 numbers"),
        (remove("embed_0_weight"), "model_algo-1-0000.params: expected embed_0_weight"),
        (remove("nu_Noneproj_bias"), "expected nu_Noneproj_bias"),
        (lambda built: built.arrays.update(extra=np.zeros(3, np.float32)), "extra: model_algo-1-symbol.json has no"),
        (lambda built: built.arrays.update(mu_Noneproj_bias=np.full(1, np.nan, np.float32)), "only finite numbers"),
        (lambda built: built.arrays.update(mu_Noneproj_bias=np.zeros(2, np.float32)), "expected 1 numbers, got 2"),
        (lambda built: built.symbol.update(nodes=[]), "model_algo-1-symbol.json: nodes: expected a list"),
    ],
)
def test_what_is_not_recognised_is_refused_by_one_sentence(
    alter: Callable[[Artifact], object], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built = artifact(RECIPE)
    alter(built)
    folder = built.write(tmp_path / "model")

    assert main(["check", str(folder)]) == 1

    said = capsys.readouterr().err
    assert said.startswith(f"forecastle: {folder}/model_algo-1-")
    assert expected in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (
            lambda folder: (folder / "model_algo-2-0000.params").touch(),
            "model_algo-2-0000.params: expected only model_algo-1",
        ),
        (lambda folder: (folder / "model_algo-1-0007.params").touch(), "of several hosts or of another epoch"),
        (lambda folder: (folder / "model_algo-1-symbol.json").unlink(), "model_algo-1-symbol.json: expected this file"),
        (lambda folder: (folder / "model_algo-1-config.json").write_bytes(b"\xff"), "expected JSON"),
        (lambda folder: (folder / "model_algo-1-config.json").write_bytes(bytes(2**20 + 1)), "at most 1048576 bytes"),
    ],
)
def test_files_of_another_kind_or_too_few_are_refused(
    alter: Callable[[Path], Any], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = artifact(RECIPE).write(tmp_path / "model")
    alter(folder)

    assert main(["check", str(folder)]) == 1

    assert expected in capsys.readouterr().err


def test_a_model_that_is_refused_leaves_a_server_of_several_as_it_was(tmp_path: Path) -> None:
    built = artifact(RECIPE)
    built.config["model_version"] = 6
    folder = built.write(tmp_path / "model")
    with RunningServer(tmp_path / "several", {"SAGEMAKER_MULTI_MODEL": "true"}) as server:
        server.await_ready()
        for url in (folder, packed(folder, tmp_path / "model.tar.gz")):
            response = server.load("bad", url)
            assert response.status_code == 400
            assert response.json()["message"].startswith(f"{url}/model_algo-1-config.json: model_version: expected 5")
        assert server.get("/models").json() == {"models": []}


@needs_artifacts
@pytest.mark.parametrize(
    ("folder", "expected"), [(MONTHLY, "time_freq M, context_length 12"), (DAILY, "likelihood student-T")]
)
def test_the_genuine_models_are_checked(folder: Path, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(folder)]) == 0
    assert expected in capsys.readouterr().out
