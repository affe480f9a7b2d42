"""Which of the optional fields, `cat` and `dynamic_feat`, a channel's records are read with."""

from dataclasses import dataclass
from typing import Literal

from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters


@dataclass(frozen=True, slots=True)
class Wish:
    """Which of the optional fields are to be read.

    "auto" is what the first record has; the others must have it, too. "ignore" does not look at the field.

    Attributes
    ----------
    cardinality : of each category; () where no record may have any.
    num_dynamic_feat : 0 where no record may have any.
    source : what the numbers given here are taken from, as errors say it: "as in the train channel"; by default they
        are the hyperparameters' own.
    """

    cardinality: Literal["auto", "ignore"] | tuple[int, ...] = "auto"
    num_dynamic_feat: Literal["auto", "ignore"] | int = "auto"
    source: str | None = None


def wish_of_train(given: DeepARHyperparameters) -> Wish:
    """What the hyperparameters ask of the train channel."""
    cardinality, dynamic = given.cardinality, given.num_dynamic_feat
    return Wish(
        tuple(cardinality) if isinstance(cardinality, list) else cardinality or "ignore",
        dynamic or "ignore",
    )


def wish_of_test(given: DeepARHyperparameters, cardinality: tuple[int, ...], dynamic: int, where: str) -> Wish:
    """What the records of the test channel must have, as those of the train channel have so many; `where` names it."""
    wish = wish_of_train(given)
    return Wish(
        "ignore" if wish.cardinality == "ignore" else cardinality,
        "ignore" if wish.num_dynamic_feat == "ignore" else dynamic,
        f"as in {where}",
    )
