"""A request that AWS would refuse."""

from typing import Any


class Refusal(Exception):
    """An error as a service of AWS gives it: a code that clients compare, a sentence for the user, a status."""

    def __init__(self, code: str, sentence: str, status: int = 400, **members: Any) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.status = status
        self.members = members  # of the error's shape, beside its message


def invalid(sentence: str) -> Refusal:
    """A ValidationException: what SageMaker gives for nearly everything."""
    return Refusal("ValidationException", sentence)
