"""The algorithm of a job."""

import sys
from pathlib import Path

import pytest

from forecastle import algorithms
from forecastle.contract.errors import InvalidJob
from forecastle.training.catalogue import Catalogue, catalogue, fitting, named

RIVAL = """
from typing import Literal
from tests.training.tiny_algorithm.algorithms.column_mean.algorithm import ColumnMeanAlgorithm
from forecastle.contract.hyperparameters import Hyperparameters


class {name}Hyperparameters(Hyperparameters):
    without_effect = frozenset({{"mini_batch_size"}})
{fields}


class {name}(ColumnMeanAlgorithm):
    hyperparameters = {name}Hyperparameters


ALGORITHM = {name}()
"""


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """Two small algorithms, one without any requirement, and a folder that cannot be imported."""
    sources = {
        "median": RIVAL.format(name="Median", fields="    window: int\n    step: int = 1"),
        "mode": RIVAL.format(name="Mode", fields="    bins: int\n    step: int = 1"),
        "wordlist": RIVAL.format(name="Wordlist", fields="    language: str = 'de'\n    step: int = 1")
        + "Wordlist.channels = {'train': 'phrases', 'vocab': 'words'}\n",
        "broken": "\nimport a_library_that_nobody_has\n",
    }
    for name, source in sources.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "algorithm.py").write_text(source)
        monkeypatch.delitem(sys.modules, f"forecastle.algorithms.{name}", raising=False)
        monkeypatch.delitem(sys.modules, f"forecastle.algorithms.{name}.algorithm", raising=False)
    monkeypatch.setattr(algorithms, "__path__", [str(tmp_path)])
    return catalogue()


@pytest.mark.parametrize(
    ("given", "channels", "meant"),
    [
        ({"window"}, {"train"}, "median"),
        ({"bins"}, {"train"}, "mode"),
        ({"bins", "step", "_kvstore", "sagemaker_program", "mini_batch_size"}, {"train"}, "mode"),
        ({"window", "bin"}, {"train"}, "median"),  # it knows one of them, and refuses the other
        ({"step", "windw"}, {"train"}, "median"),  # as do all, but one name is nearly median's
        ({"step", "tempo"}, {"train", "vocab"}, "wordlist"),  # it alone reads the channel vocab
        ({"language"}, {"train"}, "wordlist"),
        (set(), {"train", "vocab"}, "wordlist"),
    ],
)
def test_the_algorithm_is_the_one_with_the_most_evidence(
    known: Catalogue, given: set[str], channels: set[str], meant: str
) -> None:
    assert fitting(given, channels, known).name == meant


@pytest.mark.parametrize("given", [{"window", "stepp"}, {"window"}, {"bins", "step", "other"}, {"windw", "step"}])
def test_an_algorithm_that_requires_nothing_changes_nothing_for_the_others(known: Catalogue, given: set[str]) -> None:
    without = Catalogue({name: each for name, each in known.usable.items() if name != "wordlist"}, known.broken)
    assert fitting(given, {"train"}, known) is fitting(given, {"train"}, without)


def test_a_tie_names_the_candidates_and_what_they_require(known: Catalogue) -> None:
    with pytest.raises(InvalidJob) as caught:
        fitting({"window", "bins"}, {"train"}, known)
    assert caught.value.sentence == (
        "The hyperparameters given (bins, window) and channels (train) fit several algorithms: median requires window; "
        "mode requires bins. Set FORECASTLE_ALGORITHM to choose one."
    )
    assert fitting({"window", "bins"}, {"train"}, known, default="mode").name == "mode"


@pytest.mark.parametrize("given", [set(), {"stride"}, {"_kvstore", "sagemaker_program"}])
def test_no_match_names_all_and_says_which_cannot_be_imported(known: Catalogue, given: set[str]) -> None:
    with pytest.raises(InvalidJob) as caught:
        fitting(given, {"train"}, known)
    names = ", ".join(sorted(given)) or "none"
    assert caught.value.sentence.startswith(
        f"The hyperparameters given ({names}) and channels (train) fit no algorithm: median requires window; mode "
        "requires bins; wordlist requires nothing; Algorithm broken cannot be imported: ModuleNotFoundError: "
        "No module named 'a_library_that_nobody_has' ("
    )
    assert fitting(given, {"train"}, known, default="wordlist").name == "wordlist"


def test_an_algorithm_that_cannot_be_imported_is_refused_by_name_with_the_place(known: Catalogue) -> None:
    assert list(known.usable) == ["median", "mode", "wordlist"]
    with pytest.raises(InvalidJob, match=r"^Algorithm broken cannot be imported: .*algorithm\.py, line 2\)\.$"):
        named("broken")


def test_an_unknown_name_is_answered_with_the_known_ones(known: Catalogue) -> None:
    assert known.broken
    with pytest.raises(
        InvalidJob, match=r"^Algorithm 'prophet' is unknown; known are broken, median, mode, wordlist\.$"
    ):
        named("prophet")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DeepAR", "deepar"),
        ("Deep-AR", "deepar"),
        ("forecasting-deepar", "deepar"),
        ("rcf", "random_cut_forest"),
        ("RCF", "random_cut_forest"),
        ("random-cut-forest", "random_cut_forest"),
        ("RandomCutForest", "random_cut_forest"),
        (" random cut forest", "random_cut_forest"),
    ],
)
def test_an_algorithm_is_found_by_its_name_in_any_spelling_and_by_its_aliases(name: str, meant: str) -> None:
    assert named(name).name == meant


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    with pytest.raises(InvalidJob, match=r"^Algorithm 'DeepARR' is unknown: did you mean deepar\?$"):
        named("DeepARR")


@pytest.mark.parametrize("name", ["--", "", "é"])
def test_a_name_without_a_letter_finds_no_algorithm(name: str) -> None:
    with pytest.raises(
        InvalidJob,
        match=rf"^Algorithm '{name}' is unknown; known are {', '.join(algorithms.available())}\.$",
    ):
        named(name)


def test_an_alias_is_what_the_algorithm_s_own_folder_declares(known: Catalogue, tmp_path: Path) -> None:
    source = (tmp_path / "mode" / "algorithm.py").read_text()
    (tmp_path / "peak").mkdir()
    (tmp_path / "peak" / "__init__.py").touch()
    (tmp_path / "peak" / "algorithm.py").write_text(
        source.replace("hyperparameters =", "aliases = ('Top-1',)\n    hyperparameters =")
    )
    assert known.broken
    assert named("top1").name == "peak"
