"""The /opt/ml tree of one host of a job.

Source: "How Amazon SageMaker Provides Training Information", AWS's developer guide.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Tree:
    """The folder that is /opt/ml for the job."""

    base: Path

    @property
    def model(self) -> Path:
        return self.base / "model"

    @property
    def output(self) -> Path:
        return self.base / "output"

    @property
    def checkpoints(self) -> Path:
        return self.base / "checkpoints"

    @property
    def failure(self) -> Path:
        return self.output / "failure"

    def channel(self, name: str) -> Path:
        return self.base / "input" / "data" / name


def create_tree(base: Path, job: dict[str, Any], host: str, hosts: list[str]) -> Tree:
    """Create the tree of a host, with the job's configuration files."""
    tree = Tree(base)
    config = base / "input" / "config"
    for folder in (config, base / "input" / "data", tree.model, tree.output / "data"):
        folder.mkdir(parents=True, exist_ok=True)
    instance = job["ResourceConfig"].get("InstanceType", "ml.m5.large")
    resources: dict[str, Any] = {
        "current_host": host,
        "current_instance_type": instance,
        "current_group_name": "homogeneousCluster",
        "hosts": hosts,
        "instance_groups": [{"instance_group_name": "homogeneousCluster", "instance_type": instance, "hosts": hosts}],
        "network_interface_name": "lo",
    }
    _write(config / "hyperparameters.json", job.get("HyperParameters", {}))
    _write(
        config / "inputdataconfig.json", {c["ChannelName"]: _described(c, job) for c in job.get("InputDataConfig", [])}
    )
    _write(config / "resourceconfig.json", resources)
    return tree


def mode_of(channel: dict[str, Any], job: dict[str, Any]) -> str:
    """File, FastFile or Pipe."""
    return str(channel.get("InputMode") or job["AlgorithmSpecification"]["TrainingInputMode"])


def _described(channel: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    source = channel["DataSource"].get("S3DataSource", {})
    described = {
        "TrainingInputMode": mode_of(channel, job),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    if channel.get("ContentType"):
        described["ContentType"] = channel["ContentType"]
    return described


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))
    path.chmod(0o644)
