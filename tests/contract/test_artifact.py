"""The model artifact."""

import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecastle.contract.artifact import MANIFEST, MAPPED_BYTES, Artifact, read_artifact, read_manifest, write_artifact
from forecastle.contract.errors import InvalidData

ARTIFACT = Artifact(
    algorithm="forest",
    arrays={"cuts": np.arange(6, dtype=np.float32).reshape(2, 3), "empty": np.zeros((0, 4), np.int64)},
    parameters={"dimensions": 3},
    hyperparameters={"num_trees": 50},
    metrics={"test:f1": 0.9},
    files={"vocab.json": b'["<pad>"]', "a name/with: signs": b""},
)


def altered(folder: Path, **members: object) -> Path:
    """A written model whose manifest has other `members`, and the digest that goes with them."""
    write_artifact(folder, ARTIFACT)
    manifest = json.loads((folder / MANIFEST).read_text()) | members
    del manifest["sha256"]
    manifest["sha256"] = hashlib.sha256(json.dumps(manifest).encode()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def inside(folder: Path) -> Path:
    """The folder with the files of the model in `folder`."""
    return folder / Path(read_manifest(folder)["arrays"]["cuts"]["file"]).parent


def fault_of(folder: Path) -> str:
    with pytest.raises(InvalidData) as caught:
        read_artifact(folder)
    return caught.value.sentence


def test_of_several_writers_at_once_one_leaves_its_model_whole(tmp_path: Path) -> None:
    def write(seed: int) -> None:
        for step in range(20):
            arrays = {"cuts": np.full(3, 100 * seed + step, np.float32)}
            write_artifact(tmp_path / "model", replace(ARTIFACT, arrays=arrays, parameters={"of": 100 * seed + step}))

    writers = [threading.Thread(target=write, args=[seed]) for seed in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    read = read_artifact(tmp_path / "model")
    assert read.arrays["cuts"][0] == read.parameters["of"]
    assert len(list((tmp_path / "model").iterdir())) == 2


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from forecastle.contract.artifact import Artifact, write_artifact

random.seed(7)
folder = Path(sys.argv[1])
write_artifact(folder, Artifact({"cuts": np.zeros(5000)}, algorithm="forest"))
for number in range(100):
    child = os.fork()
    if not child:
        step = 0
        while True:
            step += 1
            write_artifact(folder, Artifact({"cuts": np.full(5000, number + step / 1e6)}, algorithm="forest"))
    time.sleep(random.uniform(0.0, 0.04))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


def test_whatever_was_killed_one_clean_run_leaves_nothing_but_the_model(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=True)
    assert read_artifact(tmp_path).algorithm == "forest"  # a whole one, whichever
    (tmp_path / ".manifest.json.abcd_123").write_text("{")
    (tmp_path / ".arrays-0123456789ab.npz.abcd_123").write_bytes(b"half")
    (tmp_path / "content-0123456789ab").mkdir()
    (tmp_path / "content-0123456789ab" / ".cuts.npy.abcd_123").write_bytes(b"half")
    write_artifact(tmp_path, ARTIFACT)
    assert {path.name for path in tmp_path.iterdir()} == {MANIFEST, inside(tmp_path).name}
    assert {path.name for path in inside(tmp_path).iterdir()} == {
        "cuts.npy",
        "empty.npy",
        "vocab.json",
        "a_name_with__signs",
    }


def test_arrays_of_a_name_that_no_file_can_have_are_missing(tmp_path: Path) -> None:
    assert "arrays.cuts.file: expected the name of a file of the model" in fault_of(
        altered(tmp_path, arrays={"cuts": {"file": "a\0b", "sha256": ""}})
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_artifact(tmp_path / "model", ARTIFACT)
    read = read_artifact(tmp_path / "model")
    assert read.arrays.keys() == ARTIFACT.arrays.keys()
    for name, array in ARTIFACT.arrays.items():
        assert read.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(read.arrays[name], array)
    assert (read.algorithm, read.parameters, read.hyperparameters, read.metrics) == (
        "forest",
        {"dimensions": 3},
        {"num_trees": 50},
        {"test:f1": 0.9},
    )
    assert read.files == ARTIFACT.files


def test_a_model_of_the_first_format_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays-0123456789ab.npz", cuts=ARTIFACT.arrays["cuts"])
    digest = hashlib.sha256((tmp_path / "arrays-0123456789ab.npz").read_bytes()).hexdigest()
    manifest = {
        "format": "forecastle",
        "format_version": 1,
        "algorithm": "forest",
        "hyperparameters": {"num_trees": 50},
        "metrics": {},
        "parameters": {"dimensions": 3},
        "arrays": {"file": "arrays-0123456789ab.npz", "sha256": digest},
    }
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    read = read_artifact(tmp_path)
    np.testing.assert_array_equal(read.arrays["cuts"], ARTIFACT.arrays["cuts"])
    assert (read.algorithm, read.parameters, read.files) == ("forest", {"dimensions": 3}, {})
    write_artifact(tmp_path, ARTIFACT)
    assert not (tmp_path / "arrays-0123456789ab.npz").exists()


def test_large_arrays_stay_in_their_file_and_cannot_be_changed(tmp_path: Path) -> None:
    large = np.arange(MAPPED_BYTES // 8 + 1, dtype=np.float64)
    write_artifact(tmp_path, Artifact({"large": large, "small": large[:3]}, algorithm="forest"))
    read = read_artifact(tmp_path).arrays
    assert isinstance(read["large"], np.memmap)
    assert not isinstance(read["small"], np.memmap)
    np.testing.assert_array_equal(read["large"], large)
    with pytest.raises(ValueError, match="read-only"):
        read["large"][0] = 1
    write_artifact(tmp_path, Artifact({"large": large + 1}, algorithm="forest"))  # which removes the file
    assert read["large"][-1] == large[-1]


def test_large_files_take_memory_only_while_they_are_used(tmp_path: Path) -> None:
    files = {"large.bin": b"0123456789abcdef" * (MAPPED_BYTES // 16 + 1), "small.json": b"[]", "empty": b""}
    write_artifact(tmp_path, Artifact({}, files=files, algorithm="tiny"))
    tracemalloc.start()
    try:
        read = read_artifact(tmp_path).files
        assert dict(read) == files
        shutil.rmtree(tmp_path)
        assert read["large.bin"] == files["large.bin"]
        assert tracemalloc.get_traced_memory()[0] < MAPPED_BYTES / 4
    finally:
        tracemalloc.stop()


def test_an_artifact_of_no_algorithm_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="algorithm"):
        write_artifact(tmp_path, Artifact({"cuts": np.ones(1)}))


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_artifact(tmp_path / name, ARTIFACT)
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "a", tmp_path / "b")
    )
    assert first == second


def test_a_manifest_without_its_digest_is_refused(tmp_path: Path) -> None:
    write_artifact(tmp_path, ARTIFACT)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    del manifest["sha256"]
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    assert "sha256: expected the digest of the manifest's content" in fault_of(tmp_path)


def test_a_manifest_may_be_laid_out_in_another_way(tmp_path: Path) -> None:
    write_artifact(tmp_path, ARTIFACT)
    manifest = tmp_path / MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text()), indent=None))
    assert read_artifact(tmp_path).parameters == {"dimensions": 3}


def test_a_manifest_that_was_altered_by_one_byte_is_refused_or_says_the_same(tmp_path: Path) -> None:
    write_artifact(tmp_path, ARTIFACT)
    manifest = tmp_path / MANIFEST
    content, refused = manifest.read_bytes(), 0
    for place in range(len(content)):
        for byte in b"0 1":
            manifest.write_bytes(content[:place] + bytes([byte]) + content[place + 1 :])
            try:
                read = read_artifact(tmp_path)
            except InvalidData:
                refused += 1
            else:
                assert (read.algorithm, read.parameters, read.hyperparameters, read.metrics) == (
                    "forest",
                    {"dimensions": 3},
                    {"num_trees": 50},
                    {"test:f1": 0.9},
                )
    assert refused > len(content)
    manifest.write_bytes(content.replace(b'"dimensions": 3', b'"dimensions": 4'))
    assert fault_of(tmp_path) == (f"{manifest}: sha256: expected the digest of the manifest's content: it was altered.")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parameters=st.dictionaries(st.text(), JSON_VALUES, max_size=3))
def test_whatever_a_manifest_says_its_digest_fits(tmp_path: Path, parameters: dict[str, object]) -> None:
    write_artifact(tmp_path, replace(ARTIFACT, parameters=parameters))
    assert read_artifact(tmp_path).parameters == parameters


def test_a_new_model_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    write_artifact(tmp_path, ARTIFACT)
    write_artifact(tmp_path, Artifact({"cuts": np.ones(1)}, algorithm="forest"))
    assert len(list(tmp_path.iterdir())) == 2
    assert read_artifact(tmp_path).arrays["cuts"] == 1


def test_a_new_model_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_artifact(tmp_path, ARTIFACT)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match="JSON"):
        write_artifact(tmp_path, Artifact({"cuts": np.ones(1)}, algorithm="forest", metrics={"f1": float("nan")}))
    assert sorted(tmp_path.iterdir()) == before
    assert read_artifact(tmp_path).metrics == {"test:f1": 0.9}


def test_arrays_of_objects_are_never_written(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="names"):
        write_artifact(tmp_path, Artifact({"names": np.array([{}], dtype=object)}, algorithm="forest"))
    assert not list(tmp_path.iterdir())


def test_a_missing_an_empty_and_a_foreign_folder_have_different_messages(tmp_path: Path) -> None:
    assert fault_of(tmp_path / "no") == f"{tmp_path}/no: there is no such folder: mount the model there, or train one."
    assert fault_of(tmp_path) == (
        f"{tmp_path}: the folder is empty: it must contain a model, manifest.json and its arrays."
    )
    (tmp_path / "model.pkl").touch()
    assert fault_of(tmp_path) == (
        f"{tmp_path}: there is no manifest.json (found: model.pkl): the model is incomplete, or of another kind."
    )


def test_a_model_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    assert fault_of(altered(tmp_path, format_version=3)).endswith(
        "format_version: expected at most 2, got 3: the model was written by a newer forecastle, which can serve it."
    )


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"format": "onnx"}, 'expected a forecastle model ("format": "forecastle").'),
        ({"format_version": "1"}, 'format_version: expected a positive integer, got "1".'),
        ({"format_version": True}, "format_version: expected a positive integer, got true."),
        ({"algorithm": 3}, "algorithm: expected a string, got 3."),
        ({"metrics": None}, "metrics: expected an object, got null."),
        ({"files": []}, "files: expected an object, got []."),
        ({"arrays": {"cuts": 1}}, "arrays.cuts: expected an object, got 1."),
        ({"files": {"a": {}}}, "files.a.file: expected the name of a file of the model, got null."),
        (
            {"arrays": {"cuts": {"file": "../other.npy", "sha256": ""}}},
            'arrays.cuts.file: expected the name of a file of the model, got "../other.npy".',
        ),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(tmp_path: Path, members: dict[str, object], fault: str) -> None:
    assert fault_of(altered(tmp_path, **members)) == f"{tmp_path}/manifest.json: {fault}"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 200_000, b"1" * 5000, b"[1]", b"null"])
def test_a_manifest_that_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    assert fault_of(tmp_path).startswith(f"{tmp_path}/manifest.json: expected ")


def test_a_manifest_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).mkdir()
    assert fault_of(tmp_path) == f"{tmp_path}/manifest.json: cannot be read (Is a directory)."


def test_arrays_that_are_missing_or_half_there_are_refused(tmp_path: Path) -> None:
    write_artifact(tmp_path, ARTIFACT)
    arrays = inside(tmp_path) / "cuts.npy"
    arrays.write_bytes(arrays.read_bytes()[:-1])
    assert fault_of(tmp_path).endswith(
        "its SHA-256 is not the one in the manifest: the file is incomplete or was altered."
    )
    arrays.unlink()
    assert fault_of(tmp_path) == (
        f"{arrays}: the manifest names this file, but it does not exist: the model is incomplete."
    )


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_arrays_that_were_forged_are_refused_or_read_but_never_run(tmp_path: Path, data: st.DataObject) -> None:
    write_artifact(tmp_path, ARTIFACT)
    arrays = inside(tmp_path) / "cuts.npy"
    content = bytearray(arrays.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    forged = tmp_path / "forged.npy"
    forged.write_bytes(content)
    altered(tmp_path, arrays={"cuts": {"file": "forged.npy", "sha256": hashlib.sha256(content).hexdigest()}})
    with contextlib.suppress(InvalidData):
        assert read_artifact(tmp_path).arrays.keys() <= ARTIFACT.arrays.keys()
