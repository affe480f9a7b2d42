"""Errors of AWS services."""

from typing import Any


class Refusal(Exception):
    """An error response of an AWS service: a code, a message and an HTTP status."""

    def __init__(self, code: str, sentence: str, status: int = 400, **members: Any) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.status = status
        self.members = members  # other members of the error's shape


def invalid(sentence: str) -> Refusal:
    """A ValidationException, SageMaker's most frequent error."""
    return Refusal("ValidationException", sentence)
