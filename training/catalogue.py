"""The algorithm of a job: the one that is named, otherwise the one that fits its hyperparameters and channels."""

import traceback
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from forecastle.algorithms import available, find
from forecastle.algorithms.interface import Algorithm
from forecastle.contract.errors import InvalidJob
from forecastle.contract.typed_text import closest

OVERRIDE = "FORECASTLE_ALGORITHM"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The algorithms that can be used, by name, and why the others cannot be imported."""

    usable: dict[str, Algorithm[Any]]
    broken: dict[str, str]


def catalogue() -> Catalogue:
    """Import every algorithm's own module. One that cannot be imported does not affect the others."""
    usable, broken = {}, {}
    for name in available():
        try:
            usable[name] = named(name)
        except InvalidJob as error:
            broken[name] = error.sentence
    return Catalogue(usable, broken)


def named(name: str) -> Algorithm[Any]:
    """The algorithm of that name. Raises `InvalidJob` if it is unknown or cannot be imported."""
    try:
        return find(name)
    except InvalidJob:
        raise
    except Exception as error:  # a third party's module may raise anything
        frames = traceback.extract_tb(error.__traceback__)
        what = traceback.format_exception_only(error)[-1].strip().rstrip(".")
        raise InvalidJob(
            f"Algorithm {name} cannot be imported: {what} ({frames[-1].filename}, line {frames[-1].lineno})."
        ) from error


def fitting(
    given: Collection[str], channels: Collection[str], among: Catalogue, default: str | None = None
) -> Algorithm[Any]:
    """The algorithm that knows most of the given hyperparameters, and at least one of them.

    Of several that know as many, it is one whose required hyperparameters are all given, then the one of which most are
    misspelt, then one that reads all of the job's channels. If no algorithm knows any hyperparameter, one fits only if
    it alone reads all channels. If none or several fit, the result is the `default`. Raises `InvalidJob` if there is no
    default.
    """
    best = _best(given, set(channels), among.usable.values())
    if len(best) == 1:
        return best[0]
    if default is not None:
        return named(default)
    known = f"The hyperparameters given ({_listed(given)}) and channels ({_listed(channels)}) fit"
    which = "several algorithms" if best else "no algorithm"
    listed = [_requirement(each) for each in best or among.usable.values()]
    if not best:
        listed += [sentence.rstrip(".") for sentence in among.broken.values()]
    raise InvalidJob(f"{known} {which}: {'; '.join(listed)}. Set {OVERRIDE} to choose one.")


def _best(given: Collection[str], channels: set[str], algorithms: Iterable[Algorithm[Any]]) -> list[Algorithm[Any]]:
    """The algorithms that fit best by the criteria of `fitting`; empty if none fits."""
    evidence: dict[tuple[int, bool, int, bool], list[Algorithm[Any]]] = {}
    for each in algorithms:
        model = each.hyperparameters
        names = {name for name in given if not model.is_platforms(name)}
        known = {name for name in names if name in model.known() or model.ignores(name)}
        misspelt = sum(closest(name, model.known().keys() - names) is not None for name in names - known)
        reads_all = bool(channels) and channels <= each.channels.keys()
        complete = bool(model.required()) and model.required() <= set(given)
        evidence.setdefault((len(known), complete, misspelt, reads_all), []).append(each)
    best = max(evidence, default=(0, False, 0, False))
    if best[0]:
        return evidence[best]
    readers = [each for (*_, reads_all), those in evidence.items() if reads_all for each in those]
    return readers if len(readers) == 1 else []


def _requirement(algorithm: Algorithm[Any]) -> str:
    required = algorithm.hyperparameters.required()
    in_order = [name for name in algorithm.hyperparameters.known() if name in required]
    return f"{algorithm.name} requires {', '.join(in_order) or 'nothing'}"


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
