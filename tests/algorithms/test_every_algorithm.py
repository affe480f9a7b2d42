"""The same questions for every algorithm: the project's, that of docs/add-an-algorithm.md, and others that joined."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from grimp import ImportGraph, build_graph

from forecastle import algorithms
from forecastle.algorithms import available, find
from forecastle.algorithms.interface import Algorithm, Model, Payload
from forecastle.container.cli import main
from forecastle.container.request_file import SUFFIXES
from forecastle.container.target import model_here
from forecastle.contract.artifact import Artifact, read_artifact, write_artifact
from forecastle.contract.errors import InvalidJob, NotAcceptable, UserError
from forecastle.contract.media_type import MediaType
from forecastle.contract.settings import EnvironmentSettings, Settings
from forecastle.serving.loader import load_model

PAGE = Path(__file__).parents[2] / "docs" / "add-an-algorithm.md"
ON_THE_PAGE = "phrasebook"
COMMAND = str(Path(sys.executable).parent / "forecastle")
GARBAGE = (b"\xff\xfe\x00", b"{", b'{"instances": [{"features": "x"}]}', b"\x00" * 64)


def write_page(folder: Path) -> None:
    """Write the files that the page shows, each named in the text before it."""
    text = PAGE.read_text("utf-8")
    for before, content in re.findall(r"(.*?)\n```(?:python|json|tsv)\n(.*?)```", text, flags=re.DOTALL):
        *_, name = re.findall(r"`(phrasebook/[^`]+\.\w+)`", before) or [""]
        if name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, "utf-8")
    (folder / ON_THE_PAGE / "__init__.py").touch()


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder with the algorithm of the page, known to this process."""
    folder = tmp_path_factory.mktemp("algorithms")
    write_page(folder)
    algorithms.join([str(folder)])
    yield folder
    algorithms.__path__.remove(str(folder))
    for name in [name for name in sys.modules if name.startswith(f"forecastle.algorithms.{ON_THE_PAGE}")]:
        del sys.modules[name]


@dataclass(frozen=True, slots=True)
class Trained:
    """An algorithm, and the job that its example describes, trained by the command."""

    algorithm: Algorithm[Any]
    tree: Path
    environ: dict[str, str]

    def model(self) -> Model[Any, Any]:
        return self.algorithm.load(read_artifact(self.tree / "model"), self.settings())

    def settings(self) -> EnvironmentSettings:
        return self.algorithm.settings.from_environ({})


@pytest.fixture(scope="module", params=[*available(), ON_THE_PAGE])
def trained(request: pytest.FixtureRequest, others: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    algorithm, tree = find(request.param), tmp_path_factory.mktemp(request.param)
    shutil.copytree(algorithm.example_folder / "input", tree / "input")
    hasten(algorithm, tree)
    given = {name: value for name, value in os.environ.items() if not name.startswith(("FORECASTLE_", "SAGEMAKER_"))}
    folders = os.pathsep.join(filter(None, [str(others), os.environ.get("FORECASTLE_ALGORITHMS")]))
    environ = given | {"SAGEMAKER_BASE_DIR": str(tree), "FORECASTLE_ALGORITHMS": folders}
    environ |= {"FORECASTLE_ALGORITHM": algorithm.name}
    done = subprocess.run([COMMAND, "train"], env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return Trained(algorithm, tree, environ)


def hasten(algorithm: Algorithm[Any], tree: Path) -> None:
    """Shorten a job on the example with the hyperparameters in example/quick.json, if there is such a file."""
    quick, file = algorithm.example_folder / "quick.json", tree / "input" / "config" / "hyperparameters.json"
    if quick.is_file():
        file.write_text(json.dumps(json.loads(file.read_text()) | json.loads(quick.read_text())))


@pytest.fixture(scope="module")
def imports() -> ImportGraph:
    return build_graph("forecastle", cache_dir=None)


def requests_of(model: Model[Any, Any]) -> list[Payload]:
    return [model.sample_request(), *model.sample_requests()]


def test_its_example_is_complete(trained: Trained) -> None:
    folder = trained.algorithm.example_folder
    hyperparameters = json.loads((folder / "input" / "config" / "hyperparameters.json").read_text())
    trained.algorithm.hyperparameters.parse(hyperparameters)
    assert (folder / "input" / "data" / next(iter(trained.algorithm.channels))).is_dir()
    for request in folder.glob("request.*"):
        media_type = MediaType.parse(SUFFIXES[request.suffix])
        assert media_type.essence in trained.algorithm.request_types
        trained.model().decode(Payload(request.read_bytes(), media_type))


def test_its_artifact_has_its_folders_name_and_is_the_same_bytes_after_loading(
    trained: Trained, tmp_path: Path
) -> None:
    first = read_artifact(trained.tree / "model")
    assert first.algorithm == trained.algorithm.name
    again = replace(
        trained.model().artifact(),
        algorithm=first.algorithm,
        hyperparameters=first.hyperparameters,
        metrics=first.metrics,
    )
    write_artifact(tmp_path, again)
    assert content_of(tmp_path) == content_of(trained.tree / "model")


def content_of(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_answers_every_request_type_in_every_response_type(trained: Trained) -> None:
    model, read = trained.model(), set()
    for payload in requests_of(model):
        read.add(payload.content_type.essence)
        request = model.decode(payload)
        predictions = model.predict([request, request], threads=2)
        assert len(predictions) == 2
        for media_type in trained.algorithm.response_types:
            # NotAcceptable: such as attribution in a type that has no place for it
            with suppress(NotAcceptable):
                assert all(model.encode(prediction, media_type) for prediction in predictions)
    assert read == set(trained.algorithm.request_types)


def test_a_transform_answers_every_request_type_as_the_model_does(trained: Trained, tmp_path: Path) -> None:
    target = model_here(trained.tree / "model", {"SAGEMAKER_BATCH": "true"}, threads=1)
    assert target.batch_types is not None
    for number, payload in enumerate(trained.model().sample_requests()):
        if payload.attributes:
            continue
        media_type = payload.content_type.essence
        answer, again = (target.answer(payload, target.batch_types[media_type]).body for _ in range(2))
        (tmp_path / f"{number}").write_bytes(payload.body)
        arguments = ["--data", str(tmp_path / f"{number}"), "--content-type", str(payload.content_type)]
        assert main(["transform", "--model", str(trained.tree / "model"), *arguments]) == 0
        written = (tmp_path / f"{number}.out").read_bytes()
        if again == answer:
            assert written.rstrip(b"\n") == answer.rstrip(b"\n")
        else:  # sampled
            assert written.count(b"\n") == max(1, answer.count(b"\n"))


def test_a_seedless_answer_does_not_depend_on_threads(trained: Trained) -> None:
    """Where the algorithm draws at random, its first answers say so by differing from one call to the next."""
    model = trained.model()
    payload, media_type = model.sample_request(), trained.algorithm.response_types[0]

    def answer(threads: int) -> bytes:
        request = model.decode(payload)
        (prediction,) = model.predict([request], threads=threads)
        return model.encode(prediction, media_type)

    first = answer(1)
    if answer(1) == first:
        assert answer(2) == first


def test_the_cost_of_its_requests_is_a_finite_time(trained: Trained) -> None:
    model = trained.model()
    costs = [model.cost(model.decode(payload)) for payload in requests_of(model)]
    assert all(math.isfinite(cost) and cost >= 0 for cost in costs)


@pytest.mark.parametrize("body", GARBAGE)
def test_a_body_that_is_garbage_is_refused_in_one_sentence_or_answered(trained: Trained, body: bytes) -> None:
    model = trained.model()
    for media_type in trained.algorithm.request_types:
        refused = ""
        try:
            request = model.decode(Payload(body, MediaType.parse(media_type)))
        except UserError as error:
            refused = error.sentence
        if refused:
            assert re.fullmatch(r"[^\n]{10,400}\.", refused)
        else:
            assert model.predict([request], threads=1)


def test_an_unknown_hyperparameter_is_named(trained: Trained) -> None:
    given = json.loads((trained.algorithm.example_folder / "input" / "config" / "hyperparameters.json").read_text())
    with pytest.raises(InvalidJob, match=r"^Hyperparameter no_such_thing is unknown"):
        trained.algorithm.hyperparameters.parse(given | {"no_such_thing": "1"})


def test_a_model_is_checked_and_served_under_its_own_name(trained: Trained) -> None:
    held = load_model(trained.tree / "model", threads=1, settings=Settings.from_environ({}))
    assert held.name == trained.algorithm.name
    done = subprocess.run(
        [COMMAND, "check", str(trained.tree / "model")], env=trained.environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert trained.algorithm.name in done.stdout


def test_nothing_is_compiled_after_compile(trained: Trained, tmp_path: Path) -> None:
    """Kernels were compiled before the first test; a job and a model's warm-up then find all of them."""
    shutil.copytree(trained.tree / "input", tmp_path / "input")
    environ = trained.environ | {"NUMBA_DEBUG_CACHE": "1", "SAGEMAKER_BASE_DIR": str(tmp_path)}
    for arguments in (["train"], ["check", str(tmp_path / "model")]):
        done = subprocess.run([COMMAND, *arguments], env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "[cache] data saved" not in done.stdout


def test_it_imports_no_other_algorithm(trained: Trained, imports: ImportGraph) -> None:
    package = f"forecastle.algorithms.{trained.algorithm.name}"
    others = {f"forecastle.algorithms.{name}" for name in available()} - {package}
    modules = {package, *imports.find_descendants(package)} if package in imports.modules else set()
    imported = {each for module in modules for each in imports.find_modules_directly_imported_by(module)}
    assert not {each for each in imported if any(each == other or each.startswith(f"{other}.") for other in others)}


def test_its_settings_have_descriptions(trained: Trained) -> None:
    assert all(field.description for field in trained.algorithm.settings.known().values())


def test_the_page_s_commands_run(others: Path, tmp_path: Path) -> None:
    shutil.copytree(others / ON_THE_PAGE, tmp_path / ON_THE_PAGE)
    (script,) = re.findall(r"```sh\n(export .*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "phrasebook model, complete; it answers." in done.stdout


@pytest.mark.usefixtures("others")
def test_the_algorithm_of_the_page_translates() -> None:
    phrasebook, words = find(ON_THE_PAGE), {"I": "ich", "love": "liebe"}
    artifact = Artifact({}, {"unknown_word": "?"}, files={"words.json": json.dumps(words).encode()})
    model = phrasebook.load(artifact, phrasebook.settings.from_environ({}))
    request = model.decode(Payload(b"I love you\n", MediaType.parse("text/plain")))
    (prediction,) = model.predict([request], threads=1)
    assert model.encode(prediction, "text/plain") == b"ich liebe ?\n"


def test_the_demo_trains_the_algorithm_that_it_shows(others: Path, tmp_path: Path) -> None:
    environ = os.environ | {"FORECASTLE_ALGORITHMS": str(others), "FORECASTLE_ALGORITHM": "deepar"}
    arguments = [COMMAND, "demo", ON_THE_PAGE, "--port", "0"]
    done = subprocess.run(arguments, env=environ, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Training Phrasebook on the example" in done.stdout
    assert re.search(r"curl -H 'Content-Type: text/plain' --data-binary \$'I\\nlove\\n' http", done.stdout)
