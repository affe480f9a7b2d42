"""The sample bucket: the taxi notebook's data, generated or real."""

from pathlib import Path

from tests.region.running_region import RunningRegion
from tests.region.test_region import forecastle

BUCKET, KEY = "sagemaker-sample-files", "datasets/tabular/anomaly_benchmark_taxi/NAB_nyc_taxi.csv"


def read(region: RunningRegion) -> bytes:
    return bytes(region.client("s3").get_object(Bucket=BUCKET, Key=KEY)["Body"].read())


def test_synthetic_rides_are_announced(region: RunningRegion) -> None:
    rows = read(region).decode().splitlines()
    assert rows[0] == "timestamp,value"
    assert len(rows) == 10_321
    assert rows[1].startswith("2014-07-01 00:00:00,")
    assert rows[-1].startswith("2015-01-31 23:30:00,")
    assert any("contains synthetic data; --taxi FILE uploads the original" in line for line in region.lines)


def test_the_original_rides_replace_synthetic_ones(tmp_path: Path) -> None:
    file = tmp_path / "nyc_taxi.csv"
    file.write_text("timestamp,value\n2014-07-01 00:00:00,10844\n")
    with RunningRegion(tmp_path / "home") as region:
        assert read(region) != file.read_bytes()
    with RunningRegion(tmp_path / "home", "--taxi", str(file)) as region:
        assert read(region) == file.read_bytes()
    with RunningRegion(tmp_path / "home") as region:
        assert read(region) == file.read_bytes()


def test_a_file_in_another_format_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("a,b\n")
    done = forecastle("up", "--port", "0", "--taxi", str(file), home=tmp_path / "home")
    assert done.returncode == 1
    assert done.stderr.startswith(f"forecastle: --taxi {file}: expected timestamp,value in its first line")
