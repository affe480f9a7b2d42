"""Search strategies for hyperparameters."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from forecastle.region.sagemaker.tuning.ranges import Choices, Range


class Search(Protocol):
    """A search strategy: it proposes trials by number, and `tell` reports a trial's value."""

    def ask(self) -> tuple[int, dict[str, str]] | None:
        """A trial's number and hyperparameters; None if nothing is left to try."""

    def tell(self, number: int, value: float | None) -> None:
        """Report the objective of a trial; None if it failed."""

    def stops(self, number: int, values: Sequence[float]) -> bool:
        """Whether a running trial with these values of the objective, one per epoch, is to be stopped."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Hyperband's bounds on the number of epochs of a trial, inclusive."""

    least: int
    most: int


def search(
    strategy: str, found: Sequence[Range], maximize: bool, seed: int | None, resources: Resources | None = None
) -> Search:
    """The search for a strategy: Random, Grid, Bayesian, or Hyperband, which needs `resources`."""
    if strategy == "Grid":
        return _Grid(found)
    if strategy == "Random":
        return _Random(found, seed)
    if strategy == "Hyperband":
        assert resources is not None
        return _Hyperband(found, maximize, seed, resources)
    return _Bayesian(found, maximize, seed)


class _Random:
    def __init__(self, found: Sequence[Range], seed: int | None) -> None:
        self._ranges = found
        self._random = random.Random(seed)
        self._numbers = itertools.count()

    def ask(self) -> tuple[int, dict[str, str]]:
        return next(self._numbers), {each.name: each.at(self._random.random()) for each in self._ranges}

    def tell(self, number: int, value: float | None) -> None:
        """Ignored."""

    def stops(self, number: int, values: Sequence[float]) -> bool:
        del number, values
        return False


class _Grid:
    def __init__(self, found: Sequence[Range]) -> None:
        names = [each.name for each in found]
        values = [each.values for each in found if isinstance(each, Choices)]
        self._left = enumerate(dict(zip(names, point)) for point in itertools.product(*values))

    def ask(self) -> tuple[int, dict[str, str]] | None:
        return next(self._left, None)

    def tell(self, number: int, value: float | None) -> None:
        """Ignored."""

    def stops(self, number: int, values: Sequence[float]) -> bool:
        del number, values
        return False


class _Bayesian:
    """Optuna's tree-structured Parzen estimator (Bergstra et al., NIPS 2011) on the ranges' own scales."""

    def __init__(self, found: Sequence[Range], maximize: bool, seed: int | None, pruner: Any = None) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._ranges = found
        # `constant_liar` makes concurrent trials differ from each other.
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True, n_startup_trials=5)
        self._study = optuna.create_study(
            study_name=None if seed is None else f"seed {seed}",  # Hyperband's brackets depend on the name
            direction="maximize" if maximize else "minimize",
            sampler=sampler,
            pruner=pruner,
        )
        self._trials: dict[int, Any] = {}
        self._failed = optuna.trial.TrialState.FAIL

    def ask(self) -> tuple[int, dict[str, str]]:
        trial = self._study.ask()
        self._trials[trial.number] = trial
        return trial.number, {each.name: self._suggested(trial, each) for each in self._ranges}

    def tell(self, number: int, value: float | None) -> None:
        trial = self._trials.pop(number)
        if value is None:
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, value)

    def stops(self, number: int, values: Sequence[float]) -> bool:
        del number, values
        return False

    def _suggested(self, trial: Any, each: Range) -> str:
        if isinstance(each, Choices):
            return str(trial.suggest_categorical(each.name, each.values))
        return each.at(trial.suggest_float(each.name, 0.0, 1.0))


class _Hyperband(_Bayesian):
    """Optuna's Hyperband (Li et al., JMLR 2018): trials get more epochs if they are among the best with fewer."""

    def __init__(self, found: Sequence[Range], maximize: bool, seed: int | None, resources: Resources) -> None:
        import optuna

        pruner = optuna.pruners.HyperbandPruner(min_resource=resources.least, max_resource=resources.most)
        super().__init__(found, maximize, seed, pruner)
        self._most = resources.most
        self._reported: dict[int, int] = {}

    def stops(self, number: int, values: Sequence[float]) -> bool:
        trial = self._trials[number]
        for epoch in range(self._reported.get(number, 0), len(values)):
            trial.report(values[epoch], epoch + 1)
        self._reported[number] = len(values)
        return len(values) >= self._most or (len(values) > 0 and bool(trial.should_prune()))
