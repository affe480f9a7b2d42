"""One tuning job: training jobs, each with other hyperparameters, until the limits are reached."""

import contextlib
import threading
import time
import traceback
import uuid
from typing import Any

from forecastle.region.local_region import LocalRegion
from forecastle.region.metrics.series import Metric
from forecastle.region.sagemaker.training import operations as training
from forecastle.region.sagemaker.training.measures import NAMESPACE
from forecastle.region.sagemaker.training.status import ENDED as TRAINED
from forecastle.region.sagemaker.training.status import KIND as TRAINING
from forecastle.region.sagemaker.tuning.early_stopping import falls_behind
from forecastle.region.sagemaker.tuning.ranges import ranges
from forecastle.region.sagemaker.tuning.search import search
from forecastle.region.wire.refusal import Refusal

KIND = "HyperParameterTuningJob"
ENDED = ("Completed", "Failed", "Stopped")
LOOK_SECONDS = 0.2
OBJECTIVE = "_tuning_objective_metric"


class Job:
    """A tuning job that runs; `run` returns when it has ended."""

    def __init__(self, region: LocalRegion, name: str) -> None:
        self.name = name
        self._region = region
        self._stop = threading.Event()
        self._abandoned = False
        self._running: dict[str, int] = {}  # training jobs and their trials' numbers
        self._completed: list[list[float]] = []  # the objective's values, job by job

    def stop(self) -> None:
        self._stop.set()

    def kill(self) -> None:
        """The region ends."""
        self._abandoned = True
        self._stop.set()

    def run(self) -> None:
        job = self._region.state.get(KIND, self.name)
        assert job is not None
        try:
            status, why = self._run(job)
        except Exception as error:
            traceback.print_exc()
            status, why = "Failed", f"InternalServerError: {error!r}"
        if not self._abandoned:
            end(self._region, self.name, status, why)

    def _run(self, job: dict[str, Any]) -> tuple[str, str | None]:
        config = job["HyperParameterTuningJobConfig"]
        limits, goal = config["ResourceLimits"], config["HyperParameterTuningJobObjective"]
        maximize, strategy = goal["Type"] == "Maximize", config["Strategy"]
        trials = search(strategy, ranges(config["ParameterRanges"]), maximize, config.get("RandomSeed"))
        target = config.get("TuningJobCompletionCriteria", {}).get("TargetObjectiveMetricValue")
        deadline = time.monotonic() + limits.get("MaxRuntimeInSeconds", float("inf"))
        most, begun, good_enough, exhausted = limits.get("MaxNumberOfTrainingJobs", 2**31), 0, False, False
        while not self._stop.is_set() and time.monotonic() < deadline and not good_enough:
            while begun < most and not exhausted and len(self._running) < limits["MaxParallelTrainingJobs"]:
                trial = trials.ask()
                exhausted = trial is None
                if trial is not None:
                    begun += 1
                    self._begin(job, begun, *trial)
            if not self._running:
                break
            self._stop.wait(LOOK_SECONDS)
            for number, value in self._ended(job):
                trials.tell(number, value)
                good_enough |= (
                    value is not None and target is not None and (value >= target if maximize else value <= target)
                )
            if config.get("TrainingJobEarlyStoppingType") == "Auto":
                self._stop_the_hopeless(goal["MetricName"], maximize)
        if self._abandoned:
            return "Failed", None
        self._stop_all(job)
        if self._stop.is_set():
            return "Stopped", None
        if not any(child.get("Objective") is not None for child in children(self._region, self.name)):
            return "Failed", "No training job succeeded. See the failure reasons of the training jobs for more details."
        return "Completed", None

    def _begin(self, job: dict[str, Any], count: int, number: int, tuned: dict[str, str]) -> None:
        definition = job["TrainingJobDefinition"]
        name = f"{self.name}-{count:03d}-{uuid.uuid4().hex[:8]}"
        fixed = {key: value for key, value in definition.get("StaticHyperParameters", {}).items() if key != OBJECTIVE}
        left_out = (
            "StaticHyperParameters",
            "DefinitionName",
            "TuningObjective",
            "HyperParameterRanges",
            "RetryStrategy",
        )
        request = {key: value for key, value in definition.items() if key not in left_out}
        request |= {"TrainingJobName": name, "HyperParameters": fixed | tuned}
        if "HyperParameterTuningResourceConfig" in request:
            request["ResourceConfig"] = request.pop("HyperParameterTuningResourceConfig")
        training.begin(
            self._region, request, TuningJobArn=job["HyperParameterTuningJobArn"], Tuning=self.name, Tuned=tuned
        )
        self._running[name] = number

    def _ended(self, job: dict[str, Any]) -> list[tuple[int, float | None]]:
        """Trials that have ended, and what their objective came to."""
        goal = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"]
        found = []
        for name in list(self._running):
            child = self._region.state.get(TRAINING, name)
            if child is None or child["TrainingJobStatus"] not in TRAINED:
                continue
            finals = {each["MetricName"]: each["Value"] for each in child.get("FinalMetricDataList", [])}
            value = finals.get(goal) if child["TrainingJobStatus"] in ("Completed", "Stopped") else None
            self._region.state.change(TRAINING, name, Objective=value)
            if value is not None and child["TrainingJobStatus"] == "Completed":
                self._completed.append(self._values(name, goal))
            found.append((self._running.pop(name), value))
        return found

    def _stop_the_hopeless(self, goal: str, maximize: bool) -> None:
        for name in self._running:
            if falls_behind(self._values(name, goal), self._completed, maximize):
                with contextlib.suppress(Refusal):  # it may have ended by itself
                    training.stop(self._region, {"TrainingJobName": name})

    def _values(self, name: str, goal: str) -> list[float]:
        points = self._region.series.points(Metric(NAMESPACE, goal, {"TrainingJobName": name}), 0, time.time() + 1)
        return [point.value for point in points]

    def _stop_all(self, job: dict[str, Any]) -> None:
        for name in self._running:
            with contextlib.suppress(Refusal):
                training.stop(self._region, {"TrainingJobName": name})
        while self._running and not self._abandoned:
            self._ended(job)
            time.sleep(LOOK_SECONDS)


def children(region: LocalRegion, name: str) -> list[dict[str, Any]]:
    """The training jobs of a tuning job, the oldest first."""
    return [job for job in region.state.all(TRAINING) if job.get("Tuning") == name]


def end(region: LocalRegion, name: str, status: str, why: str | None = None) -> None:
    """Say of a job that it has ended."""
    now = time.time()
    changes = {"HyperParameterTuningJobStatus": status, "HyperParameterTuningEndTime": now, "LastModifiedTime": now}
    region.state.change(KIND, name, **changes, **({"FailureReason": why} if why else {}))
    region.say(f"tuning job {name}: {status}{f': {why}' if why else ''}")
