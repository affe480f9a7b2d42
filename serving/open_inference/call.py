"""An inference as a call to a model: it is decoded, predicted and encoded like the call of any other request."""

from dataclasses import dataclass
from typing import Any

from forecastle.algorithms.interface import TensorForm
from forecastle.algorithms.tensors import Given
from forecastle.serving.models import HeldModel
from forecastle.serving.open_inference.body_form import BodyAsTensor
from forecastle.serving.open_inference.message import InferRequest, write_answer
from forecastle.serving.prediction import Call

TENSORS = ("tensors", "tensors")  # instead of media types


@dataclass(slots=True, eq=False, repr=False)
class InferCall(Call):
    """A request whose payload is a message of the Open Inference Protocol.

    Attributes
    ----------
    header_length : the bytes of the message's JSON; None if it is all JSON.
    answer_header_length : the same for the answer, once it is encoded.
    """

    header_length: int | None = None
    answer_header_length: int | None = None
    form: TensorForm[Any, Any] | None = None
    message: InferRequest | None = None

    @property
    def is_warm(self) -> bool:
        return not isinstance(self.form, BodyAsTensor) and self.held.is_warm_for(*TENSORS)

    @property
    def _kind(self) -> tuple[str, str]:
        return TENSORS

    def _read(self) -> Any:
        assert self.form is not None
        self.message = message = InferRequest.parse(self.payload.body, self.header_length, self.form)
        given = Given(message.tensors, message.outputs, message.parameters, self.payload.threads)
        return self.form.decode(given)

    def _write(self, prediction: Any) -> bytes:
        assert self.form is not None
        assert self.message is not None
        tensors = self.form.encode(prediction)
        content, self.answer_header_length = write_answer(self.message, self.held.name, tensors)
        return content


def form_of(held: HeldModel) -> TensorForm[Any, Any]:
    """The form of a model's requests and predictions as tensors."""
    return held.model.tensors() or BodyAsTensor(held)
