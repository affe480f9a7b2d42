"""The table of likelihoods is the only place that names them."""

import ast
import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

from forecastle.algorithms.deepar import likelihood
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS, Likelihood

FOLDER = Path(likelihood.__file__).resolve().parent
NUMBERS = {"GAUSSIAN", "BETA", "NEGATIVE_BINOMIAL", "STUDENT_T", "DETERMINISTIC_L1"}
KERNELS = {Path("inference/draw.py"), Path("inference/paths.py"), Path("training/native/loss.py")}
FOREIGN = {Path("sagemaker/distribution.py")}  # compares another's draws with those that are known


def sources() -> dict[Path, ast.Module]:
    found = {path.relative_to(FOLDER): path for path in FOLDER.rglob("*.py") if path.name != "likelihood.py"}
    return {name: ast.parse(path.read_text("utf-8")) for name, path in found.items()}


def test_no_other_source_names_a_likelihood() -> None:
    named = {
        f"{name}:{node.lineno}": node.value
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in LIKELIHOODS
    }
    assert named == {}


def test_only_the_kernels_of_draws_paths_and_losses_and_what_compares_them_know_one_by_its_number() -> None:
    users = {
        name
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.alias) and (node.id if isinstance(node, ast.Name) else node.name) in NUMBERS
    }
    assert users == KERNELS | FOREIGN


def test_the_table_has_a_row_for_every_name_and_number() -> None:
    assert [row.number for row in LIKELIHOODS.values()] == [*range(len(NUMBERS))]
    assert {getattr(likelihood, number) for number in NUMBERS} == {row.number for row in LIKELIHOODS.values()}


@pytest.mark.parametrize("row", LIKELIHOODS.values(), ids=lambda row: row.name)
def test_what_a_likelihood_fills_in_clips_to_and_shows_is_in_its_support(row: Likelihood) -> None:
    low, high = (-np.inf, np.inf) if row.support is None else (row.support.low, row.support.high)
    values = [row.fill_value, *(row.clip or ()), *(row.typical(swing) for swing in (0.1, 0.5, 0.9))]
    assert all(low <= value <= high for value in values)


@pytest.mark.parametrize("row", LIKELIHOODS.values(), ids=lambda row: row.name)
def test_a_copy_of_a_likelihood_is_the_likelihood(row: Likelihood) -> None:
    assert copy.deepcopy(row) is row
    assert pickle.loads(pickle.dumps(row)) is row
