"""Jobs on several containers of one network, which have names as in SageMaker."""

import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from forecastle.algorithms import find
from forecastle.contract.artifact import read_artifact
from tests.image.container import PATIENCE_SECONDS, STRANGER, docker, files, may_write, started
from tests.image.example import SHORT

pytestmark = pytest.mark.image

WAITING_SECONDS = 20


@pytest.fixture(scope="module")
def network() -> Iterator[str]:
    name = f"hosts-{random.randrange(2**32):08x}"
    docker("network", "create", name)
    yield name
    docker("network", "rm", name)


class Job:
    """The example of an algorithm on several hosts, each of which has some lines of the train channel."""

    def __init__(self, base: Path, algorithm: str, hosts: int, **given: str) -> None:
        example = find(algorithm).example_folder / "input"
        settings = json.loads((example / "config" / "hyperparameters.json").read_text()) | SHORT[algorithm] | given
        channels = json.loads((example / "config" / "inputdataconfig.json").read_text())
        channels["train"]["S3DistributionType"] = "ShardedByS3Key"
        channels.pop("test", None)
        (source,) = (path for path in (example / "data" / "train").iterdir() if path.is_file())
        lines = source.read_text().splitlines(keepends=True)
        self.rows = len(lines)
        self.names = [f"algo-{number}" for number in range(1, hosts + 1)]
        self.trees = {}
        for number, name in enumerate(self.names):
            tree = self.trees[name] = base / name
            (tree / "input" / "config").mkdir(parents=True)
            (tree / "input" / "data" / "train").mkdir(parents=True)
            resources = {"current_host": name, "hosts": self.names, "network_interface_name": "eth0"}
            for file, content in (
                ("hyperparameters", settings),
                ("inputdataconfig", channels),
                ("resourceconfig", resources),
            ):
                (tree / "input" / "config" / f"{file}.json").write_text(json.dumps(content))
            parts = hosts if hosts == 2 else hosts - 1  # the last of many has none
            shard = lines[number::parts] if number < parts else []
            if shard:
                (tree / "input" / "data" / "train" / f"{number}{source.suffix}").write_text("".join(shard))
            for folder in ("model", "output"):
                may_write(tree / folder)

    def start(self, image: str, network: str, stack: ExitStack) -> dict[str, str]:
        """The containers by the names of the hosts."""
        waiting = ("-e", f"FORECASTLE_HOSTS_TIMEOUT={WAITING_SECONDS}")
        containers = {}
        for name, tree in self.trees.items():
            place = ("--network", network, "--network-alias", name, "--hostname", name, "-v", f"{tree}:/opt/ml")
            containers[name] = stack.enter_context(started(image, "train", *place, *waiting, *STRANGER))
        return containers

    def failures(self) -> dict[str, str]:
        paths = {name: tree / "output" / "failure" for name, tree in self.trees.items()}
        return {name: path.read_text() for name, path in paths.items() if path.exists()}


def codes(containers: Mapping[str, str]) -> dict[str, int]:
    """The exit code of each container, once all have ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    for container in containers.values():
        while docker("inspect", "-f", "{{.State.Running}}", container).stdout.strip() == "true":
            assert time.monotonic() < deadline, docker("logs", container).stdout[-2000:]
            time.sleep(0.2)
    return {
        name: int(docker("inspect", "-f", "{{.State.ExitCode}}", container).stdout)
        for name, container in containers.items()
    }


@pytest.mark.parametrize(("algorithm", "hosts"), [("random_cut_forest", 4), ("deepar", 2)])
def test_containers_train_one_model_together(
    lean_image: str, network: str, tmp_path: Path, algorithm: str, hosts: int
) -> None:
    job = Job(tmp_path, algorithm, hosts)
    with ExitStack() as stack:
        containers = job.start(lean_image, network, stack)
        ended = codes(containers)
        logs = {name: docker("logs", container) for name, container in containers.items()}
    assert ended == dict.fromkeys(job.names, 0), (job.failures(), logs)
    first, *others = job.trees.values()
    artifact = read_artifact(first / "model")
    assert artifact.algorithm == algorithm
    assert not any(files(tree / "model") for tree in others)
    for name, log in logs.items():
        assert f"host={name}, " in log.stdout
        assert log.stderr == ""
    if algorithm == "random_cut_forest":
        assert artifact.parameters["training_rows"] == job.rows
    else:
        assert "number of time series: " + str(job.rows) in logs["algo-2"].stdout


@pytest.mark.parametrize("seconds", [1.0, 5.0])
def test_a_container_killed_at_any_moment_is_named_by_the_others(
    lean_image: str, network: str, tmp_path: Path, seconds: float
) -> None:
    moment, job = random.uniform(0, 2 * seconds), Job(tmp_path, "deepar", 2, epochs="100000")
    victim = random.choice(job.names)
    with ExitStack() as stack:
        containers = job.start(lean_image, network, stack)
        time.sleep(moment)
        docker("kill", containers[victim])
        ended = codes(containers)
    (survivor,) = set(job.names) - {victim}
    about = f"{victim} was killed after {moment:.2f} s: {ended}, {job.failures()}"
    assert ended == {victim: 137, survivor: 3}, about
    assert victim in job.failures()[survivor], about
    assert not files(job.trees["algo-1"] / "model"), about
