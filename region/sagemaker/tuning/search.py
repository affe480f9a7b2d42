"""Search strategies for hyperparameters."""

import itertools
import random
from collections.abc import Sequence
from typing import Any, Protocol

from forecastle.region.sagemaker.tuning.ranges import Choices, Range


class Search(Protocol):
    """A search strategy: it proposes trials by number, and `tell` reports a trial's value."""

    def ask(self) -> tuple[int, dict[str, str]] | None:
        """A trial's number and hyperparameters; None if nothing is left to try."""

    def tell(self, number: int, value: float | None) -> None:
        """Report the objective of a trial; None if it failed."""


def search(strategy: str, found: Sequence[Range], maximize: bool, seed: int | None) -> Search:
    """The search for a strategy: Random, Grid or Bayesian."""
    if strategy == "Grid":
        return _Grid(found)
    if strategy == "Random":
        return _Random(found, seed)
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


class _Grid:
    def __init__(self, found: Sequence[Range]) -> None:
        names = [each.name for each in found]
        values = [each.values for each in found if isinstance(each, Choices)]
        self._left = enumerate(dict(zip(names, point)) for point in itertools.product(*values))

    def ask(self) -> tuple[int, dict[str, str]] | None:
        return next(self._left, None)

    def tell(self, number: int, value: float | None) -> None:
        """Ignored."""


class _Bayesian:
    """Optuna's tree-structured Parzen estimator (Bergstra et al., NIPS 2011) on the ranges' own scales."""

    def __init__(self, found: Sequence[Range], maximize: bool, seed: int | None) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._ranges = found
        # `constant_liar` makes concurrent trials differ from each other.
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True, n_startup_trials=5)
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize", sampler=sampler)
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

    def _suggested(self, trial: Any, each: Range) -> str:
        if isinstance(each, Choices):
            return str(trial.suggest_categorical(each.name, each.values))
        return each.at(trial.suggest_float(each.name, 0.0, 1.0))
