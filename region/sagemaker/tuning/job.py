"""Tuning jobs: training jobs with different hyperparameters, until a limit is reached."""

import contextlib
import sqlite3
import time
import uuid

from forecastle.region.local_region import LocalRegion
from forecastle.region.metrics.series import Metric
from forecastle.region.sagemaker.jobs import ENDED, Failure, Job, JobKind, Stopped
from forecastle.region.sagemaker.resource import Record
from forecastle.region.sagemaker.training import operations as training
from forecastle.region.sagemaker.training.measures import NAMESPACE
from forecastle.region.sagemaker.training.status import TRAINING
from forecastle.region.sagemaker.tuning.counters import children, counted
from forecastle.region.sagemaker.tuning.early_stopping import falls_behind
from forecastle.region.sagemaker.tuning.ranges import ranges
from forecastle.region.sagemaker.tuning.search import search
from forecastle.region.wire.refusal import Refusal

LOOK_SECONDS = 0.2
OBJECTIVE = "_tuning_objective_metric"
UNLIMITED = 1000  # tuning jobs only wait for their training jobs, which have a limit

TUNING = JobKind(
    kind="HyperParameterTuningJob",
    path="hyper-parameter-tuning-job",
    listed="HyperParameterTuningJobSummaries",
    label="tuning job",
    ended_at="HyperParameterTuningEndTime",
    missing="Requested resource not found.",
    missing_code="ResourceNotFound",
    existing="A tuning job with the name {name} already exists.",
    existing_code="ResourceInUse",
    at_once=UNLIMITED,
    described=counted,
)


class TuningJob(Job):
    """A tuning job, which runs several training jobs at a time."""

    kind = TUNING

    def __init__(self, region: LocalRegion, name: str) -> None:
        super().__init__(region, name)
        self._running: dict[str, int] = {}  # training jobs and their trials' numbers
        self._completed: list[list[float]] = []  # the objective's values, job by job

    def work(self, job: Record) -> tuple[str, Record]:
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
                self._stop_early(goal["MetricName"], maximize)
        if not self._killed.is_set():
            self._stop_all(job)
        if self._stop.is_set():
            raise Stopped
        if not any(child.get("Objective") is not None for child in children(self.region, self.name)):
            raise Failure("No training job succeeded. See the failure reasons of the training jobs for more details.")
        return "Completed", {}

    def release(self) -> None:
        """Stop the training jobs that still run where the tuning job has failed."""
        if not self._killed.is_set():
            for name in self._running:
                with contextlib.suppress(Refusal, sqlite3.OperationalError):
                    TRAINING.stop(self.region, {"TrainingJobName": name})

    def _begin(self, job: Record, count: int, number: int, tuned: dict[str, str]) -> None:
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
            self.region, request, TuningJobArn=job["HyperParameterTuningJobArn"], Tuning=self.name, Tuned=tuned
        )
        self._running[name] = number

    def _ended(self, job: Record) -> list[tuple[int, float | None]]:
        """Trials that have ended, and their values of the objective."""
        goal = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"]
        found = []
        for name in list(self._running):
            child = self.region.state.get(TRAINING.kind, name)
            if child is None or child["TrainingJobStatus"] not in ENDED:
                continue
            finals = {each["MetricName"]: each["Value"] for each in child.get("FinalMetricDataList", [])}
            value = finals.get(goal) if child["TrainingJobStatus"] in ("Completed", "Stopped") else None
            try:
                self.region.state.change(TRAINING.kind, name, Objective=value)
            except sqlite3.OperationalError:  # the disk is full, perhaps only until another trial ends
                continue
            if value is not None and child["TrainingJobStatus"] == "Completed":
                self._completed.append(self._values(name, goal))
            found.append((self._running.pop(name), value))
        return found

    def _stop_early(self, goal: str, maximize: bool) -> None:
        for name in self._running:
            if falls_behind(self._values(name, goal), self._completed, maximize):
                with contextlib.suppress(Refusal):  # it may have ended by itself
                    TRAINING.stop(self.region, {"TrainingJobName": name})

    def _values(self, name: str, goal: str) -> list[float]:
        points = self.region.series.points(Metric(NAMESPACE, goal, {"TrainingJobName": name}), 0, time.time() + 1)
        return [point.value for point in points]

    def _stop_all(self, job: Record) -> None:
        for name in self._running:
            with contextlib.suppress(Refusal):
                TRAINING.stop(self.region, {"TrainingJobName": name})
        while self._running and not self._killed.is_set():
            self._ended(job)
            time.sleep(LOOK_SECONDS)
