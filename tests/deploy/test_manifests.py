"""The files in deploy/: valid for Kubernetes, and in agreement with the server.

kubernetes-validate, which contains the schemas of Kubernetes' releases, is in an environment of its own, made by pip
from the lock beside this file and kept until that changes.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from forecastle.contract.settings import Settings
from forecastle.serving.drain import FLUSH_SECONDS
from forecastle.serving.metrics import Metrics
from forecastle.serving.server import DRAIN_SECONDS
from tests.serving.running_server import RunningServer, write_model

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
LOCK = Path(__file__).with_name("kubernetes.lock")
RELEASES = ("1.29", "1.37")  # an old one and the newest that the lock has
RUNTIME = DEPLOY / "kserve" / "serving-runtime.yaml"
# Of other owners, for which kubernetes-validate has no schema.
UNKNOWN = {"kustomization.yaml", "prometheus-adapter-values.yaml"}
MANIFESTS = sorted(path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name not in UNKNOWN)


@pytest.fixture(scope="session")
def tools() -> Path:
    """The commands of an environment with kubernetes-validate; the tests are skipped if it cannot be had."""
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = REPOSITORY / f".venv-kubernetes-{digest}"
    if not (folder / ".complete").exists():
        for outdated in REPOSITORY.glob(".venv-kubernetes-*"):
            shutil.rmtree(outdated)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, stdout=subprocess.DEVNULL)
        options = ("--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK))
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", *options]
        done = subprocess.run(pip, capture_output=True, text=True)
        if done.returncode and "Retrying (" in done.stderr:
            pytest.skip(f"{LOCK.name} cannot be installed: pip reaches no package index from here")
        assert done.returncode == 0, done.stderr
        (folder / ".complete").touch()
    return folder / "bin"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("release", RELEASES)
def test_manifests_are_valid(tools: Path, release: str, tmp_path: Path) -> None:
    runtime = read(RUNTIME)["spec"]["containers"]
    template = read(DEPLOY / "kubernetes" / "deployment.yaml")["spec"]["template"]
    pods = {"runtime": {"containers": runtime}, "template": template["spec"]}
    for name, spec in pods.items():
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        (tmp_path / f"{name}.json").write_text(json.dumps(pod))
    validate = [str(tools / "kubernetes-validate"), "--strict", "--kubernetes-version", release]
    done = subprocess.run([*validate, *MANIFESTS, *tmp_path.glob("*.json")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "wrong.json").write_text(json.dumps(pod).replace('"args"', '"arguments"'))
    assert subprocess.run([*validate, tmp_path / "wrong.json"], capture_output=True).returncode != 0


def test_the_kustomization_lists_all_manifests() -> None:
    listed = read(DEPLOY / "kubernetes" / "kustomization.yaml")["resources"]
    assert sorted(listed) == [path.name for path in MANIFESTS]


def test_a_pod_has_the_time_that_a_drain_takes() -> None:
    spec = read(DEPLOY / "kubernetes" / "deployment.yaml")["spec"]["template"]["spec"]
    _, before = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert spec["terminationGracePeriodSeconds"] >= float(before) + DRAIN_SECONDS + FLUSH_SECONDS
    serve = read(REPOSITORY / "docker-compose.yml")["services"]["serve"]
    assert float(serve["stop_grace_period"].removesuffix("s")) >= DRAIN_SECONDS + FLUSH_SECONDS


def test_the_balancer_waits_longer_than_a_server() -> None:
    config = (DEPLOY / "balancer" / "nginx.conf").read_text()
    seconds = [float(value) for value in re.findall(r"proxy_(?:read|send)_timeout (\d+)s;", config)]
    assert len(seconds) == 2
    assert min(seconds) > Settings.from_environ({}).timeout


def test_probes_ask_paths_that_answer(tmp_path: Path) -> None:
    containers = [
        *read(DEPLOY / "kubernetes" / "deployment.yaml")["spec"]["template"]["spec"]["containers"],
        *read(RUNTIME)["spec"]["containers"],
    ]
    asked = {each[name]["httpGet"]["path"] for each in containers for name in each if name.endswith("Probe")}
    assert asked == {"/ping", "/v2/health/live", "/v2/health/ready"}
    with RunningServer(write_model(tmp_path), {}) as server:
        server.await_ready()
        assert {server.get(path).status_code for path in asked} == {200}
    names = {each["name"] for container in containers for each in container["env"]}
    assert names <= Settings.known().keys()


def test_the_autoscaler_scales_by_a_metric_of_the_server_that_the_adapter_has() -> None:
    scaler = read(DEPLOY / "kubernetes" / "horizontalpodautoscaler.yaml")["spec"]
    wanted = [each["pods"]["metric"]["name"] for each in scaler["metrics"] if each["type"] == "Pods"]
    rules = read(DEPLOY / "kubernetes" / "prometheus-adapter-values.yaml")["rules"]["custom"]
    assert wanted == [rule["seriesQuery"].partition("{")[0] for rule in rules]
    text, _ = Metrics().text()
    assert all(f"\n{name} " in text.decode() for name in wanted)
