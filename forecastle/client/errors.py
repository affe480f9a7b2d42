"""What a predictor raises.

Exception
└── PredictorError        the model was not reached, or refused the request
    └── RequestTooLarge   refused for its size: fewer series or rows at a time may be accepted
"""


class PredictorError(Exception):
    """The model was not reached, or refused the request, in one sentence.

    Attributes
    ----------
    status : the status of HTTP with which the model refused; None if nothing answered.
    """

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


class RequestTooLarge(PredictorError):
    """The request was refused for its size."""


class TryAgain(Exception):
    """Nobody could answer now; `pause` is how many seconds to wait, None if nothing said. Never leaves a client."""

    def __init__(self, error: PredictorError, pause: float | None) -> None:
        super().__init__(str(error))
        self.error, self.pause = error, pause
