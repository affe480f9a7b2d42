"""CTranslate2, which is imported nowhere else: loads a model and translates tokens."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.formats.translation.configuration import Configuration

MISSING = "Translation requires CTranslate2, which is not installed: pip install 'forecastle[translation]'."


@dataclass(frozen=True, slots=True)
class Found:
    """A translation: its tokens, its score, and for each token the weight of each source token, if asked for."""

    tokens: list[str]
    score: float
    attention: list[list[float]] | None


def require() -> Any:
    """CTranslate2's module. Raises `InvalidJob` if it is not installed."""
    try:
        import ctranslate2
    except ImportError as error:
        # Its wheel brings shared libraries that a system may refuse to load.
        raise InvalidJob(MISSING if isinstance(error, ModuleNotFoundError) else f"{MISSING} ({error})") from None
    return ctranslate2


class Engine:
    """A Transformer in memory, which translates up to `parallel` batches at a time, each on one thread.

    So an answer depends neither on the number of threads nor on the batches beside its own.
    """

    def __init__(self, files: Mapping[str, bytes], names: Sequence[str], compute_type: str, parallel: int) -> None:
        """Load the files of these names. Raises `InvalidData` if CTranslate2 cannot."""
        translator = require().Translator
        how: dict[str, Any] = {"compute_type": compute_type, "inter_threads": parallel, "intra_threads": 1}
        try:
            with _folder(files, names) as folder:
                if folder is None:
                    given = {name: files[name] for name in names}
                    self._translator = translator("model", device="cpu", files=given, **how)
                else:
                    self._translator = translator(folder, device="cpu", **how)
        except (RuntimeError, ValueError, IndexError, OverflowError) as error:
            what = str(error).splitlines()[0].rstrip(".")
            raise InvalidData(f"CTranslate2 cannot load the model: {what}.", place=("model.bin",)) from None

    @property
    def compute_type(self) -> str:
        """The type of products."""
        return str(self._translator.compute_type)

    def translate(
        self, sentences: Sequence[list[str]], prefix: list[str], wanted: Configuration, longest: int
    ) -> list[list[Found]]:
        """The translations of a batch, the best ones first, of at most `longest` tokens beside those of the prefix."""
        own = len(prefix)
        results = self._translator.translate_batch(
            sentences,
            [prefix] * len(sentences) if prefix else None,
            beam_size=wanted.beam_size,
            length_penalty=wanted.length_penalty,
            num_hypotheses=wanted.n_best,
            max_decoding_length=own + longest,
            max_input_length=0,  # a request with a longer sentence is refused, not cut off
            return_scores=True,
            return_attention=wanted.attention_matrix,
        )
        return [
            [
                Found(tokens[own:], score, result.attention[number][own:] if wanted.attention_matrix else None)
                for number, (tokens, score) in enumerate(zip(result.hypotheses, result.scores, strict=True))
            ]
            for result in results
        ]


@contextmanager
def _folder(files: Mapping[str, bytes], names: Sequence[str]) -> Iterator[str | None]:
    """A temporary folder with the files: of those that it gets in memory, CTranslate2 keeps a copy for good.

    None if there is no place for it.
    """
    with ExitStack() as stack:
        folder: str | None = None
        try:
            folder = stack.enter_context(TemporaryDirectory(prefix="forecastle-model-"))
            for name in names:
                Path(folder, name).write_bytes(files[name])
        except OSError:
            folder = None
        yield folder
