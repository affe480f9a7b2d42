"""The files that say what a job is to do, in every shape that platforms give them."""

import json
import os
from pathlib import Path

import pytest

from forecastle.contract.channel import Channel
from forecastle.contract.errors import InvalidJob, UserError
from forecastle.contract.job_files import (
    Hosts,
    read_channels,
    read_hosts,
    read_hyperparameters,
    write_channels,
    write_hosts,
    write_hyperparameters,
)
from forecastle.contract.media_type import CSV, MediaType
from forecastle.contract.opt_ml import OptMl


@pytest.fixture
def tree(tmp_path: Path) -> OptMl:
    tree = OptMl(tmp_path)
    tree.config.mkdir(parents=True)
    tree.data.mkdir()
    return tree


def write(tree: OptMl, name: str, content: object) -> None:
    (tree.config / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))


def test_files_that_are_missing_leave_the_defaults(tmp_path: Path) -> None:
    tree = OptMl(tmp_path)
    assert read_hyperparameters(tree) == {}
    assert read_channels(tree) == {}
    assert read_hosts(tree) == Hosts("algo-1", ("algo-1",))


def test_hyperparameters_are_as_they_stand_there(tree: OptMl) -> None:
    write(tree, "hyperparameters", {"a": "1", "b": '"2"', "c": '["x"]'})
    assert read_hyperparameters(tree) == {"a": "1", "b": '"2"', "c": '["x"]'}


def test_a_byte_order_mark_is_no_fault(tree: OptMl) -> None:
    write(tree, "hyperparameters", "\ufeff{}")
    assert read_hyperparameters(tree) == {}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"a": 1,}', ", line 1, column 9: Expecting property name enclosed in double quotes."),
        ("", ", line 1, column 1: Expecting value."),
        ("[1]", ": expected a JSON object, got a list."),
        ("[" * 100_000, ": expected ordinary JSON (maximum recursion depth exceeded"),
        ("1" * 5000, ": expected ordinary JSON (Exceeds the limit (4300 digits) for integer string conversion"),
    ],
)
def test_a_broken_file_is_refused_with_the_place(tree: OptMl, content: str, fault: str) -> None:
    write(tree, "hyperparameters", content)
    with pytest.raises(InvalidJob) as caught:
        read_hyperparameters(tree)
    path = tree.config / "hyperparameters.json"
    assert caught.value.sentence.startswith(f"{path}{fault}")


def test_a_file_in_another_encoding_is_refused_with_the_byte(tree: OptMl) -> None:
    (tree.config / "hyperparameters.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(InvalidJob, match=r"hyperparameters\.json: byte 7: expected UTF-8\.$"):
        read_hyperparameters(tree)


def test_a_folder_in_place_of_a_file_is_refused(tree: OptMl) -> None:
    (tree.config / "hyperparameters.json").mkdir()
    with pytest.raises(InvalidJob, match=r"hyperparameters\.json: cannot be read \(Is a directory\)\.$"):
        read_hyperparameters(tree)


def test_a_newer_resourceconfig_is_read_for_what_is_known(tree: OptMl) -> None:
    write(
        tree,
        "resourceconfig",
        {
            "current_host": "algo-2",
            "current_instance_type": "ml.m5.large",
            "hosts": ["algo-2", "algo-1"],
            "instance_groups": [{"instance_group_name": "homogeneousCluster"}],
            "network_interface_name": "eth0",
            "topology": None,
        },
    )
    hosts = read_hosts(tree)
    assert hosts == Hosts("algo-2", ("algo-2", "algo-1"))
    assert not hosts.leads


def test_exactly_one_of_many_hosts_leads() -> None:
    names = tuple(f"algo-{number}" for number in range(1, 13))
    assert [name for name in names if Hosts(name, names).leads] == ["algo-1"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"hosts": ["a"]}, "current_host: expected a string, got null."),
        ({"current_host": "a"}, "hosts: expected a list of strings, got null."),
        ({"current_host": "a", "hosts": ["a", "b", "a"]}, 'hosts: expected different names, got ["a", "b", "a"].'),
        ({"current_host": "a", "hosts": []}, "hosts: expected a list of strings, got []."),
        ({"current_host": "a", "hosts": ["b", "c"]}, 'current_host: expected one of b, c, got "a".'),
    ],
)
def test_hosts_that_make_no_sense_are_refused(tree: OptMl, content: object, fault: str) -> None:
    write(tree, "resourceconfig", content)
    with pytest.raises(InvalidJob) as caught:
        read_hosts(tree)
    assert caught.value.sentence == f"{tree.config / 'resourceconfig.json'}: {fault}"


def test_a_channel_has_its_type_and_its_mode(tree: OptMl) -> None:
    entry = {"ContentType": "text/csv;label_size=0", "TrainingInputMode": "FastFile"}
    write(tree, "inputdataconfig", {"train": entry | {"S3DistributionType": "ShardedByS3Key"}, "test": {}})
    channels = read_channels(tree)
    assert list(channels) == ["train", "test"]
    assert channels["train"].content_type == MediaType(CSV, {"label_size": "0"})
    assert channels["train"].path == tree.data / "train"
    assert (channels["train"].sharded, channels["test"].sharded) == (True, False)
    assert channels["test"].content_type is None


def test_a_pipe_is_the_fifo_of_the_first_epoch(tree: OptMl) -> None:
    os.mkfifo(tree.data / "train_0")
    write(tree, "inputdataconfig", {"train": {"TrainingInputMode": "Pipe", "RecordWrapperType": "None"}})
    channel = read_channels(tree)["train"]
    assert channel.pipe
    assert channel.path == tree.data / "train_0"


def test_a_folder_that_no_file_mentions_is_a_channel(tree: OptMl) -> None:
    (tree.data / "train").mkdir()
    (tree.data / ".cache").mkdir()
    (tree.data / "notes.txt").touch()
    assert list(read_channels(tree)) == ["train"]


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("text/csv", 'train: expected an object, got "text/csv".'),
        (
            {"TrainingInputMode": "Stream"},
            'train.TrainingInputMode: expected File, FastFile or Pipe, got "Stream".',
        ),
        (None, "train: expected an object, got null."),
        ({"TrainingInputMode": ["Pipe"]}, 'train.TrainingInputMode: expected File, FastFile or Pipe, got ["Pipe"].'),
        ({"ContentType": {"a": True}}, 'train.ContentType: expected a string, got {"a": true}.'),
        ({"ContentType": 1}, "train.ContentType: expected a string, got 1."),
        ({"ContentType": "tsv"}, "train.ContentType: expected a media type such as text/csv, got 'tsv'."),
        (
            {"TrainingInputMode": "Pipe", "RecordWrapperType": "RecordIO"},
            'train.RecordWrapperType: expected "None", got "RecordIO": files are read as they are.',
        ),
    ],
)
def test_a_channel_that_makes_no_sense_is_refused(tree: OptMl, entry: object, fault: str) -> None:
    write(tree, "inputdataconfig", {"train": entry})
    with pytest.raises(UserError) as caught:
        read_channels(tree)
    assert caught.value.sentence == f"{tree.config / 'inputdataconfig.json'}: {fault}"


def test_hyperparameters_are_written_as_strings(tmp_path: Path) -> None:
    tree = OptMl(tmp_path)
    write_hyperparameters(tree, {"feature_dim": "2", "num_trees": 50, "eval_metrics": ["accuracy", "f1"]})

    assert read_hyperparameters(tree) == {
        "feature_dim": "2",
        "num_trees": "50",
        "eval_metrics": '["accuracy", "f1"]',
    }


def test_channels_that_are_written_are_read_back(tmp_path: Path) -> None:
    tree = OptMl(tmp_path)
    channels = {
        "train": Channel("train", tree.data / "train", MediaType.parse("text/csv;label_size=0"), sharded=True),
        "test": Channel("test", tree.data / "test"),
        "more": Channel("more", tree.data / "more_0", MediaType.parse("application/x-parquet"), pipe=True),
    }
    write_channels(tree, channels.values())

    assert read_channels(tree) == channels


def test_hosts_that_are_written_are_read_back(tmp_path: Path) -> None:
    hosts = Hosts("algo-2", ("algo-1", "algo-2"))
    write_hosts(OptMl(tmp_path), hosts)

    assert read_hosts(OptMl(tmp_path)) == hosts


def test_a_job_that_is_written_twice_is_the_second_one(tmp_path: Path) -> None:
    tree = OptMl(tmp_path)
    write_hyperparameters(tree, {"a": "1", "b": "2"})
    write_hyperparameters(tree, {"a": "3"})

    assert read_hyperparameters(tree) == {"a": "3"}
    assert [path.name for path in tree.config.iterdir()] == ["hyperparameters.json"]
