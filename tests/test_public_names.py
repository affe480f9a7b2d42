"""`import forecastle`: the names for use from Python."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import forecastle


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_none_of_its_folders() -> None:
    loaded = modules_after("import forecastle; dir(forecastle); forecastle.__version__")
    assert {name for name in loaded if name.startswith("forecastle.")} == set()
    assert not loaded & {"numpy", "numba", "sklearn", "pydantic"}


def test_the_estimator_is_imported_on_first_use() -> None:
    loaded = modules_after("from forecastle import RandomCutForest; RandomCutForest(num_trees=50)")
    assert "sklearn" in loaded


def test_the_estimator_is_the_algorithms_own() -> None:
    from forecastle.algorithms.random_cut_forest import RandomCutForest

    assert forecastle.RandomCutForest is RandomCutForest


def test_the_version_is_the_distributions() -> None:
    assert forecastle.__version__ == version("forecastle")


def test_every_public_name_is_listed_and_exists() -> None:
    assert set(forecastle.__all__) <= set(dir(forecastle))
    assert all(getattr(forecastle, name) is not None for name in forecastle.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'forecastle' has no attribute 'Prophet'"):
        forecastle.Prophet  # noqa: B018
