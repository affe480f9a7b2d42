"""Reading a channel's series."""

import gzip
import json
import os
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.dataset import Dataset, read_dataset, statistics
from forecastle.algorithms.deepar.training.fields import OptionalFields
from forecastle.contract.channel import Channel
from forecastle.contract.errors import InvalidData, Stopped, UnsupportedMediaType, UserError
from forecastle.contract.media_type import MediaType

START = "2009-11-01 00:00:00"
AUTO = OptionalFields()


def record(**members: Any) -> dict[str, Any]:
    return {"start": START, "target": [1.0, 2.0, 3.0]} | members


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)


def read(
    folder: Path,
    fields: OptionalFields = AUTO,
    likelihood: str = "student-T",
    content_type: str | None = None,
    free: int | None = None,
) -> Dataset:
    kind = MediaType.parse(content_type) if content_type else None
    return read_dataset(Channel("train", folder, kind), fields, LIKELIHOODS[likelihood], free=free)


def of_lines(tmp_path: Path, *records: Any, fields: OptionalFields = AUTO, likelihood: str = "student-T") -> Dataset:
    (tmp_path / "a.json").write_bytes(lines(*records))
    return read(tmp_path, fields, likelihood)


def fault(tmp_path: Path, *records: Any, fields: OptionalFields = AUTO, likelihood: str = "student-T") -> str:
    with pytest.raises(UserError) as caught:
        of_lines(tmp_path, *records, fields=fields, likelihood=likelihood)
    return caught.value.sentence


def test_a_json_line_is_a_series(tmp_path: Path) -> None:
    data = of_lines(tmp_path, record(cat=[1, 0], dynamic_feat=[[0.5, 1, 2], [3, 4, 5]], item="ignored"))
    (series,) = data.series
    assert series.start == np.datetime64("2009-11-01T00:00:00", "s")
    assert series.target.dtype == np.float32
    assert series.target.tolist() == [1, 2, 3]
    assert series.cat == (1, 0)
    assert series.dynamic_feat is not None
    assert series.dynamic_feat.tolist() == [[0.5, 1, 2], [3, 4, 5]]
    assert data.cardinality == (2, 1)
    assert data.num_dynamic_feat == 2
    assert data.file == tmp_path / "a.json"


@pytest.mark.parametrize("target", ["[1, null, 3]", '[1, "NaN", 3]', "[1, NaN, 3]"])
def test_a_value_may_be_missing_in_three_ways(tmp_path: Path, target: str) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"start": "{START}", "target": {target}}}\n')
    assert np.array_equal(read(tmp_path).series[0].target, [1, np.nan, 3], equal_nan=True)


@pytest.mark.parametrize("start", ["2009-11-01", "2009-11-01T00:00:00", "2009-11-01 00:00", " 2009-11-01 00:00:00.5 "])
def test_a_start_may_be_written_shorter(tmp_path: Path, start: str) -> None:
    assert of_lines(tmp_path, record(start=start)).series[0].start == np.datetime64("2009-11-01T00:00:00", "s")


def test_a_bare_category_is_a_list_of_one(tmp_path: Path) -> None:
    data = of_lines(tmp_path, record(cat=4), record(cat=[2]))
    assert [each.cat for each in data.series] == [(4,), (2,)]
    assert data.cardinality == (5,)


@pytest.mark.parametrize("target", ["[1, 2]", '["NaN", 2]'])
def test_a_repeated_member_is_refused(tmp_path: Path, target: str) -> None:
    line = json.dumps(record())
    path = tmp_path / "a.json"
    path.write_text(f'{line}\n{line[:-1]}, "target": {target}}}\n')
    with pytest.raises(InvalidData) as refused:
        read_dataset(Channel("train", path), AUTO, LIKELIHOODS["student-T"])
    assert refused.value.sentence == 'a.json, line 2: expected an object, got one with "target" twice.'


def test_an_empty_target_and_blank_lines_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + lines(record(target=[])) + b"\n  \n" + lines(record()))
    assert [len(each.target) for each in read(tmp_path).series] == [0, 3]


def test_what_is_not_wished_for_is_not_looked_at(tmp_path: Path) -> None:
    data = of_lines(tmp_path, record(cat="x", dynamic_feat="y"), record(), fields=OptionalFields("ignore", "ignore"))
    assert (data.cardinality, data.num_dynamic_feat) == ((), 0)
    assert data.series[0].cat == ()
    assert data.series[0].dynamic_feat is None


ABSENT: list[dict[str, Any]] = [
    {},
    {"cat": None, "dynamic_feat": None},
    {"cat": [], "dynamic_feat": []},
]


@pytest.mark.parametrize("absent", ABSENT)
def test_fields_that_no_record_has_are_not_read(tmp_path: Path, absent: dict[str, Any]) -> None:
    data = of_lines(tmp_path, record(**absent), record(), record(**absent))
    assert (data.cardinality, data.num_dynamic_feat) == ((), 0)


CAT_REMEDY = ': give "cat" to all records or to none, or set cardinality to ignore.'
DYNAMIC_REMEDY = ': give "dynamic_feat" to all records or to none, or set num_dynamic_feat to ignore.'


@pytest.mark.parametrize("absent", ABSENT)
def test_a_field_that_the_first_record_lacks_is_refused_in_the_first_that_has_it(
    tmp_path: Path, absent: dict[str, Any]
) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "a.json").write_bytes(lines(record(**absent), record()))
    (folder / "b.json").write_bytes(lines(record(), record(cat=[1]), record(cat=[0])))
    with pytest.raises(InvalidData) as caught:
        read(folder)
    assert caught.value.sentence == (
        f'train/b.json, line 2: expected no "cat", as in train/a.json, line 1, got a list{CAT_REMEDY}'
    )
    assert fault(folder, record(**absent), record(dynamic_feat=[[1, 2, 3]])) == (
        'train/a.json, line 2: expected no "dynamic_feat", as in train/a.json, line 1, got a list' + DYNAMIC_REMEDY
    )
    assert fault(folder, record(**absent), record(cat=4)).endswith(f"line 1, got 4{CAT_REMEDY}")


@pytest.mark.parametrize("absent", ABSENT)
def test_a_field_of_the_first_record_is_required_of_the_others(tmp_path: Path, absent: dict[str, Any]) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "a.json").write_bytes(lines(record(cat=[0, 1]), record(cat=[1, 1])))
    (folder / "b.json").write_bytes(lines(record(**absent)))
    with pytest.raises(InvalidData) as caught:
        read(folder)
    assert caught.value.sentence == (
        f'train/b.json, line 1: expected "cat", 2 categories, as in train/a.json, line 1, which is missing{CAT_REMEDY}'
    )
    (folder / "b.json").unlink()
    assert fault(folder, record(dynamic_feat=[[1, 2, 3]]), record(**absent)) == (
        'train/a.json, line 2: expected "dynamic_feat", 1 list of 3 values (as many as in target), '
        f"as in train/a.json, line 1, which is missing{DYNAMIC_REMEDY}"
    )


def test_records_that_have_more_or_fewer_of_a_field_are_refused_with_both_places(tmp_path: Path) -> None:
    place = "as in a.json, line 1"
    (tmp_path / "a.json").write_bytes(lines(record(cat=[0, 1]), record(cat=[0])))
    with pytest.raises(InvalidData, match=rf"^a\.json, line 2: cat: expected 2 categories, {place}, got 1\.$"):
        read(tmp_path / "a.json")
    two = [[1, 2, 3]] * 2
    (tmp_path / "a.json").write_bytes(lines(record(dynamic_feat=two), record(dynamic_feat=two[1:])))
    wanted = rf"dynamic_feat: expected 2 lists of values, {place}, got 1\."
    with pytest.raises(InvalidData, match=rf"^a\.json, line 2: {wanted}$"):
        read(tmp_path / "a.json")


def test_a_field_of_the_wrong_kind_is_refused_in_the_first_record_too(tmp_path: Path) -> None:
    assert fault(tmp_path, record(dynamic_feat=7)).endswith(
        "line 1: dynamic_feat: expected 1 list of 3 values (as many as in target), got 7."
    )
    assert fault(tmp_path, record(cat={})).endswith("line 1: cat: expected an integer of at least 0, got an object.")


def test_parquet_with_a_null_in_the_first_row_is_refused_as_json_is(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow, which reads Parquet, is not installed")
    from pyarrow import parquet

    folder = tmp_path / "train"
    folder.mkdir()
    common = {"start": [START, START], "target": [[1.0], [2.0]]}
    firsts: list[Any] = [None, []]
    for cat in firsts:
        parquet.write_table(pyarrow.table(common | {"cat": [cat, [1]]}), folder / "a.parquet")
        with pytest.raises(InvalidData, match=r'row 2: expected no "cat", as in train/a\.parquet: row 1, got a list'):
            read(folder)
    floats = pyarrow.array([[], [1.0]], pyarrow.list_(pyarrow.float64()))
    parquet.write_table(pyarrow.table(common | {"cat": floats}), folder / "a.parquet")
    with pytest.raises(InvalidData, match=r'row 2: expected no "cat", as in train/a\.parquet: row 1, got a list'):
        read(folder)
    parquet.write_table(pyarrow.table(common | {"cat": floats.take([1, 1])}), folder / "a.parquet")
    with pytest.raises(InvalidData, match=r"row 1: cat\[0\]: expected an integer of at least 0, got 1\.0\.$"):
        read(folder)


def test_numbers_of_the_hyperparameters_are_required_of_every_record(tmp_path: Path) -> None:
    assert fault(tmp_path, record(), fields=OptionalFields((2,), "ignore")).endswith(
        'line 1: expected "cat", a category, as given by hyperparameter cardinality, which is missing.'
    )
    assert fault(tmp_path, record(), fields=OptionalFields("ignore", 2)).endswith(
        'line 1: expected "dynamic_feat", 2 lists of 3 values (as many as in target), '
        "as given by hyperparameter num_dynamic_feat, which is missing."
    )
    assert fault(tmp_path, record(cat=[0]), fields=OptionalFields((2, 3), "ignore")).endswith(
        "line 1: cat: expected 2 categories, as given by hyperparameter cardinality, got 1."
    )


def test_zipped_files_and_folders_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.json.gz").write_bytes(gzip.compress(lines(record(target=[2]))))
    (tmp_path / "a.jsonl").write_bytes(lines(record(target=[1])))
    (tmp_path / "_SUCCESS").touch()
    assert [each.target[0] for each in read(tmp_path).series] == [1, 2]


def test_the_content_type_decides_if_the_extension_does_not(tmp_path: Path) -> None:
    (tmp_path / "part-0").write_bytes(lines(record()))
    assert len(read(tmp_path, content_type="application/jsonlines").series) == 1
    with pytest.raises(UnsupportedMediaType, match=r"^train.*/part-0: expected \.json, \.jsonl or \.parquet, or a Con"):
        read_dataset(Channel("train", tmp_path), AUTO, LIKELIHOODS["student-T"])


def test_a_fifo_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "train_0"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(lines(record(), record()),))
    writer.start()
    data = read_dataset(Channel("train", path, pipe=True), AUTO, LIKELIHOODS["student-T"])
    writer.join()
    assert len(data.series) == 2


def test_parquet_is_read_like_json(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow, which reads Parquet, is not installed")
    from pyarrow import parquet

    times = [datetime(2009, 11, 1), datetime(2010, 11, 1)]
    table = {
        "start": pyarrow.array(times, pyarrow.timestamp("ns")),
        "target": [[1.0, None, float("nan")], [4.0]],
        "cat": [[0], [2]],
        "dynamic_feat": [[[1.0, 2.0, 3.0]], [[4.0]]],
        "item": ["x", "y"],
    }
    parquet.write_table(pyarrow.table(table), tmp_path / "a.parquet", compression="snappy")
    data = read(tmp_path)
    assert np.array_equal(data.series[0].target, [1, np.nan, np.nan], equal_nan=True)
    assert [each.start for each in data.series] == [np.datetime64(time, "s") for time in times]
    assert data.cardinality == (3,)
    first = data.series[0].dynamic_feat
    assert first is not None
    assert first.tolist() == [[1, 2, 3]]
    strings = pyarrow.table({"start": [START], "target": [[1, 2]], "cat": [1]})
    parquet.write_table(strings, tmp_path / "a.parquet", compression="gzip")
    assert read(tmp_path).series[0].target.tolist() == [1, 2]
    assert read(tmp_path).cardinality == (2,)
    parquet.write_table(pyarrow.table({"start": [START, START], "target": [[1.0], ["x"][:0]]}), tmp_path / "a.parquet")
    assert len(read(tmp_path).series[1].target) == 0


def test_a_fault_in_parquet_has_its_row(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow, which reads Parquet, is not installed")
    from pyarrow import parquet

    folder = tmp_path / "train"
    folder.mkdir()
    parquet.write_table(pyarrow.table({"start": [START, None], "target": [[1.0], [2.0]]}), folder / "a.parquet")
    with pytest.raises(InvalidData, match=r'^train/a\.parquet: row 2: expected "start", which is missing\.$'):
        read(folder)
    (folder / "a.parquet").write_bytes(b"PAR1 is not enough")
    with pytest.raises(InvalidData, match=r"^train/a\.parquet: expected Parquet \("):
        read(folder)


@pytest.mark.parametrize(
    ("odd", "sentence"),
    [
        ([1], "expected an object, one record per line (JSON Lines), got a list."),
        (5, "expected an object, got 5."),
        ({"target": [1.0]}, 'expected "start", which is missing.'),
        ({"start": START}, 'expected "target", which is missing.'),
        (record(start="yesterday"), 'start: expected a timestamp such as "2009-11-01 00:00:00", got "yesterday".'),
        (record(start=7), 'start: expected a timestamp such as "2009-11-01 00:00:00", got 7.'),
        (
            record(start="2009-11-01 00:00:00+01:00"),
            'start: expected a timestamp without a time zone, such as "2009-11-01 00:00:00", '
            'got "2009-11-01 00:00:00+01:00".',
        ),
        (record(target=5), 'target: expected a list, each a number, null or "NaN", got 5.'),
        (record(target=[1, "abc"]), 'target[1]: expected a number, null or "NaN", got "abc".'),
        (record(target=[1, True]), 'target[1]: expected a number, null or "NaN", got true.'),
        (record(target=[[1]]), 'target[0]: expected a number, null or "NaN", got a list.'),
        (record(target=[1, 1e39]), "target[1]: expected a finite number in the range of float32, got 1e+39."),
        (record(cat=[-1]), "cat[0]: expected an integer of at least 0, got -1."),
        (record(cat=["a"]), 'cat[0]: expected an integer of at least 0, got "a".'),
        (record(cat=1.5), "cat: expected an integer of at least 0, got 1.5."),
        (record(cat=[0, 1]), "cat: expected a category, as in train/a.json, line 1, got 2."),
        (record(dynamic_feat=7), "dynamic_feat: expected 1 list of 3 values (as many as in target), got 7."),
        (
            record(dynamic_feat=[[1, 2]]),
            "dynamic_feat[0]: expected 3 values (as many as in target), got 2.",
        ),
        (record(dynamic_feat=[[1, None, 3]]), "dynamic_feat[0][1]: expected a number, got null."),
    ],
)
def test_a_fault_has_file_line_and_member(tmp_path: Path, odd: Any, sentence: str) -> None:
    whole = {"cat": [0], "dynamic_feat": [[1, 2, 3]]}
    folder = tmp_path / "train"
    folder.mkdir()
    if isinstance(odd, dict):
        odd = whole | odd
    assert fault(folder, record(**whole), odd) == f"train/a.json, line 2: {sentence}"


def test_a_number_that_does_not_fit_is_quoted_as_it_came(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"start": "2009-11-01", "target": [1, 1e400]}\n')
    with pytest.raises(InvalidData, match=r"got 1e400\.$"):
        read(tmp_path)


def test_a_given_cardinality_is_held_to(tmp_path: Path) -> None:
    fields = OptionalFields((2, 3), 1)
    good = record(cat=[1, 2], dynamic_feat=[[1, 2, 3]])
    assert of_lines(tmp_path, good, fields=fields).cardinality == (2, 3)
    assert fault(tmp_path, good, good | {"cat": [2, 0]}, fields=fields).endswith(
        "line 2: cat[0]: expected an integer in [0, 2), its cardinality, got 2."
    )


@pytest.mark.parametrize("value", ["-0.1", "1.5"])
def test_beta_wants_values_between_0_and_1(tmp_path: Path, value: str) -> None:
    good = record(target=[0, 0.5, 1, None])
    assert of_lines(tmp_path, good, likelihood="beta").series[0].target[2] == 1
    assert fault(tmp_path, record(target=[0.5, float(value)]), likelihood="beta").endswith(
        f"line 1: target[1]: expected a number in [0, 1], as the likelihood is beta, got {value}."
    )


def test_negative_binomial_wants_no_negative_values(tmp_path: Path) -> None:
    assert fault(tmp_path, record(target=[3, -1]), likelihood="negative-binomial").endswith(
        "target[1]: expected a number that is not negative, as the likelihood is negative-binomial, got -1."
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"start": 1,}\n', "train/a.json, line 1, column 13: expected valid JSON, got '}' ("),
        (b'{"start": "x\n', "train/a.json, line 1, column 11: expected valid JSON, got "),
        (b'{"start": "\xff"}\n', "train/a.json, line 1, byte 11: expected text in UTF-8, got another encoding."),
        (b"", "Channel train: expected time series, got none."),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(tmp_path: Path, content: bytes, sentence: str) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "a.json").write_bytes(content)
    with pytest.raises(InvalidData) as caught:
        read(folder)
    assert caught.value.sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            json.dumps(record(), indent=2),
            "line 1: expected one record per line (JSON Lines), got a line that ends within",
        ),
        (json.dumps([record()] * 2), "line 1: expected an object, one record per line (JSON Lines), got a list."),
        (
            json.dumps([record()] * 2, indent=2),
            "line 1: expected one record per line (JSON Lines), got a line that ends within one.",
        ),
        (
            json.dumps({"instances": [record()]}),
            'line 1: expected one record per line (JSON Lines), got an object with "instances", as in a request.',
        ),
        (
            json.dumps({"instances": [record()]}, indent=1),
            "line 1: expected one record per line (JSON Lines), got a line that ends within one.",
        ),
        (
            '{"start": "2009-11-01",\n "target": [1]}',
            "line 1: expected one record per line (JSON Lines), got a line that",
        ),
        (json.dumps(record()) * 2, "line 1, column 60: expected one record per line (JSON Lines), got '{' after it."),
        (
            json.dumps(record()) + ",\n",
            "line 1, column 60: expected one record per line (JSON Lines), got ',' after it.",
        ),
        ('{"start": [[[', "line 1: expected one record per line (JSON Lines), got a line that ends within one."),
    ],
)
def test_json_that_is_not_json_lines_is_called_by_its_name(tmp_path: Path, content: str, sentence: str) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    for name, written in (("a.json", content.encode()), ("a.json.gz", gzip.compress(content.encode()))):
        (folder / name).write_bytes(written)
        with pytest.raises(InvalidData) as caught:
            read(folder)
        assert caught.value.sentence.startswith(f"train/{name}, {sentence}")
        (folder / name).unlink()


def test_a_broken_gzip_file_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "a.json.gz").write_bytes(gzip.compress(lines(*[record(target=list(range(999)))] * 99))[:-40])
    with pytest.raises(InvalidData, match=r"^train/a\.json\.gz: the gzip stream is damaged \("):
        read(folder)


def test_a_set_of_series_that_half_of_the_memory_does_not_hold_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "a.json").write_bytes(lines(*[record(target=[1] * 1000)] * 50))
    with pytest.raises(InvalidData) as caught:
        read(folder, free=2_000_000)
    assert caught.value.sentence == (
        "train/a.json, line 25: expected series that fit half of the free memory, 1000000 bytes, got more: "
        "use a machine with more memory, or fewer series."
    )


def test_a_line_that_would_fill_the_memory_is_not_read_to_its_end(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "a.json").write_bytes(lines(record(target=[1] * 100_000)))
    with pytest.raises(
        InvalidData, match=r"^train/a\.json, line 1: expected at most 200000 bytes, a fraction of the m"
    ):
        read(folder, free=2_000_000)


def test_sigterm_ends_the_reading(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(lines(record()))
    with pytest.raises(Stopped, match=r"a\.json, line 1: stopped by SIGTERM before all series were read"):
        read_dataset(Channel("train", tmp_path), AUTO, LIKELIHOODS["student-T"], lambda: True)


def test_the_statistics_are_those_of_what_is_observed() -> None:
    start = np.datetime64("2024-01-01", "s")
    counts = [Series(start, np.array(values, np.float32)) for values in ([1, 2, np.nan], [6])]
    assert statistics(counts).lines() == [
        "Integer time series",
        "number of time series: 2",
        "number of observations: 3",
        "mean target length: 1.5",
        "min/mean/max target: 1.0/3.0/6.0",
        "mean abs(target): 3.0",
        "contains missing values: yes",
    ]
    reals = statistics([Series(start, np.array([-1.5, 2.5], np.float32))])
    assert (reals.integer, reals.mean, reals.mean_absolute, reals.missing) == (False, 0.5, 2.0, False)
    assert statistics([Series(start, np.array([np.nan], np.float32))]).observations == 0
