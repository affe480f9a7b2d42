"""Training jobs, from their channels to model.tar.gz."""

import contextlib
import os
import re
import socket
import threading
import time
from pathlib import Path

from forecastle.region import docker
from forecastle.region.account import REGION
from forecastle.region.docker import complaint
from forecastle.region.images import Launcher, launcher
from forecastle.region.local_region import LocalRegion
from forecastle.region.objects import joined, split
from forecastle.region.processes import Process
from forecastle.region.pump import Pump
from forecastle.region.sagemaker.archives import files_below, upload_archive, upload_files
from forecastle.region.sagemaker.jobs import ClientFailure, Failure, Job, Stopped
from forecastle.region.sagemaker.resource import Record
from forecastle.region.sagemaker.training import checkpoints
from forecastle.region.sagemaker.training.channels import Feeder, link
from forecastle.region.sagemaker.training.measures import Measures
from forecastle.region.sagemaker.training.sources import sources
from forecastle.region.sagemaker.training.status import LOG_GROUP, TRAINING
from forecastle.region.sagemaker.training.tree import Tree, create_tree, mode_of

GRACE_SECONDS = 120.0  # between SIGTERM and SIGKILL
FAREWELL_SECONDS = 20.0  # in which the hosts of a job end by themselves after one has failed
USERS_FAULT = 1  # forecastle's exit code for wrong input


class TrainingJob(Job):
    """A training job: a process for each of its hosts."""

    kind = TRAINING

    def __init__(self, region: LocalRegion, name: str) -> None:
        super().__init__(region, name)
        self._processes: list[Process] = []
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Ask the job's processes to stop; the model that they have written is kept."""
        with self._lock:
            super().stop()
            for process in self._processes:
                process.terminate()

    def kill(self) -> None:
        super().kill()
        for process in self._processes:
            process.kill()

    def work(self, job: Record) -> tuple[str, Record]:
        output = job["OutputDataConfig"]["S3OutputPath"]
        if not self.region.objects.has_bucket(split(output)[0]):
            raise ClientFailure(f"Data upload failed: {output}: the bucket {split(output)[0]} does not exist.")
        TRAINING.move(self.region, self.name, "Downloading")
        hosts = [f"algo-{n}" for n in range(1, job["ResourceConfig"].get("InstanceCount", 1) + 1)]
        with contextlib.ExitStack() as feeders:
            trees = [self._prepared(job, self.folder / host, host, hosts, feeders) for host in hosts]
            TRAINING.move(self.region, self.name, "Training")
            measures = Measures.of(self.name, job["AlgorithmSpecification"]["MetricDefinitions"], self.region.series)
            folders = [tree.checkpoints for tree in trees]
            with checkpoints.uploaded(checkpoints.uri_of(job), folders, self.region.objects):
                codes, late, last = self._trained(job, trees, hosts, measures)
        if self._killed.is_set():
            raise Stopped
        more: Record = {"FinalMetricDataList": measures.final_list()}
        stopped = self._stop.is_set() or late
        if not stopped and any(codes):
            self._upload_output(job, trees)
            raise Failure(_reason(trees, codes, last))
        if not late:
            TRAINING.move(self.region, self.name, "Uploading")
        if not stopped or any(files_below(tree.model) for tree in trees):
            more |= {"ModelArtifacts": {"S3ModelArtifacts": self._upload(job, trees)}}
        return "MaxRuntimeExceeded" if late else "Stopped" if stopped else "Completed", more

    def _prepared(self, job: Record, base: Path, host: str, hosts: list[str], feeders: contextlib.ExitStack) -> Tree:
        """The tree of a host, with its channels."""
        tree = create_tree(base, job, host, hosts)
        for channel in job.get("InputDataConfig", []):
            found = sources(channel, job["RoleArn"], self.region.objects, hosts.index(host), len(hosts))
            place = tree.channel(channel["ChannelName"])
            if mode_of(channel, job) == "Pipe":
                feeders.callback(Feeder(channel, found, place, self.region.objects).close)
            else:
                place.mkdir()
                link(found, place, self.region.objects)
        uri = checkpoints.uri_of(job)
        if uri is not None:
            checkpoints.restore(uri, tree.checkpoints, self.region.objects)
        return tree

    def _trained(
        self, job: Record, trees: list[Tree], hosts: list[str], measures: Measures
    ) -> tuple[list[int], bool, list[str]]:
        """Exit codes of the hosts' processes, whether they ran too long, and the last lines of one that failed."""
        start = launcher(job["AlgorithmSpecification"]["TrainingImage"], self.region)
        with contextlib.ExitStack() as stack:
            network, more = None, {}
            if len(hosts) > 1 and start.container is not None:
                network = stack.enter_context(docker.network(self.folder, start.home))
            elif len(hosts) > 1:  # their names are not those of machines
                more = {"FORECASTLE_LEADER": f"127.0.0.1:{_free_port()}"}
            return self._run(job, trees, hosts, measures, start, network, more)

    def _run(
        self,
        job: Record,
        trees: list[Tree],
        hosts: list[str],
        measures: Measures,
        start: Launcher,
        network: str | None,
        more: dict[str, str],
    ) -> tuple[list[int], bool, list[str]]:
        """The same, with the containers in that network, and `more` variables in the environment."""
        seconds = job["StoppingCondition"].get("MaxRuntimeInSeconds", 24 * 3600)
        pumps = []
        for tree, host in zip(trees, hosts):
            with self._lock:
                if self._stop.is_set():
                    break
                environ = _environ(job, self.region, self.region.pools[TRAINING.kind].share()) | more
                place = None if network is None else docker.Place(network, host)
                command = start.command("train", tree.base, environ, checkpoints.mounts_of(job, tree), place)
                given = start.environ(tree.base, environ, os.environ)
                process = self.region.processes.start(command, given, tree.base)
                self._processes.append(process)
            stream = f"{self.name}/{host}-{int(time.time())}"
            pumps.append(Pump(process, self.region.journal, LOG_GROUP, stream, tree.base, measures.read))
        late = not self._awaited(time.monotonic() + seconds)
        if late:
            for process in self._processes:
                process.terminate()
        # Those that were asked to stop are not asked again: a second SIGTERM ends a job of forecastle's at once.
        ending = late or self._stop.is_set()
        codes = [process.end(GRACE_SECONDS) if ending else _ended(process) for process in self._processes]
        for tree in trees:
            start.clean(tree.base)
        last: list[str] = []
        for pump, code in zip(pumps, codes):
            pump.join(5)
            last = pump.last if code and not last else last
        why = complaint(start.container, next(filter(None, codes), 0), last)
        if why is not None:
            raise ClientFailure(why)
        return codes, late, last

    def _awaited(self, deadline: float) -> bool:
        """Wait until all processes have ended, one has failed or the job is stopped; false after the deadline."""
        for process in self._processes:
            while process.wait(0.1 if self._stop.is_set() else 0.5) is None:
                if self._stop.is_set() or any(each.wait(0) for each in self._processes):
                    return True
                if time.monotonic() > deadline:
                    return False
        return True

    def _upload(self, job: Record, trees: list[Tree]) -> str:
        """Upload model and output; return the model's URI."""
        config = job["OutputDataConfig"]
        place = joined(config["S3OutputPath"], self.name, "output")
        models = [tree.model for tree in trees]
        if config.get("CompressionType") == "NONE":
            artifacts = f"{place}/model/"
            for folder in models:
                upload_files(folder, artifacts, self.region.objects)
        else:
            artifacts = f"{place}/model.tar.gz"
            upload_archive(models, artifacts, self.region.objects, trees[0].base)
        self._upload_output(job, trees)
        return artifacts

    def _upload_output(self, job: Record, trees: list[Tree]) -> None:
        folders = [tree.output / "data" for tree in trees]
        place = joined(job["OutputDataConfig"]["S3OutputPath"], self.name, "output")
        if any(files_below(folder) for folder in folders):
            upload_archive(folders, f"{place}/output.tar.gz", self.region.objects, trees[0].base)


def _ended(process: Process) -> int:
    """The exit code of a process, which is asked to stop if it goes on after another one has failed."""
    code = process.wait(FAREWELL_SECONDS)
    return process.stop(GRACE_SECONDS) if code is None else code


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _environ(job: Record, region: LocalRegion, threads: int) -> dict[str, str]:
    return {
        "FORECASTLE_THREADS": str(threads),
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": region.address,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        **job.get("Environment", {}),
        "TRAINING_JOB_NAME": job["TrainingJobName"],
        "TRAINING_JOB_ARN": job["TrainingJobArn"],
    }


def _reason(trees: list[Tree], codes: list[int], last: list[str]) -> str:
    """FailureReason: the contents of a failure file, or the last log line."""
    code = next(filter(None, codes))
    for tree in trees:
        try:
            text = tree.failure.read_text("utf-8", "replace").strip()
        except OSError:
            continue
        if text:
            kind = "ClientError" if code == USERS_FAULT else "AlgorithmError"
            return f"{kind}: {re.sub(re.escape(str(tree.base)), '/opt/ml', text)}, exit code: {code}"
    if code < 0:
        return f"AlgorithmError: the process was killed by signal {-code}, exit code: {128 - code}"
    end = f": {last[-1]}" if last else ""
    return f"AlgorithmError: the process failed and wrote no /opt/ml/output/failure{end}, exit code: {code}"
