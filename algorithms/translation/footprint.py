"""The memory that sentences take while they are translated, and which are translated together."""

from collections.abc import Sequence
from dataclasses import dataclass

from forecastle.algorithms.translation.weights import Weights
from forecastle.formats.translation.request import Sentence, require_fit

MOST_SENTENCES = 32  # of a batch
BATCH_BYTES = 256 * 2**20  # of a batch, or one sentence
BYTES_WRITTEN = 60  # of a number of a matrix in an answer: itself, its objects and its text
HEADS = 16  # at most


@dataclass(frozen=True, slots=True)
class Footprint:
    """The sizes of a model that determine the memory for a sentence."""

    hidden: int
    layers: int  # of the decoder
    target_words: int
    longest: int  # tokens of a translation

    @classmethod
    def of(cls, weights: Weights, longest: int) -> "Footprint":
        words, hidden = weights.first("decoder/embeddings/weight") or (1, 1)
        return cls(hidden, max(1, weights.layers("decoder")), words, longest)

    def of_sentence(self, sentence: Sentence) -> int:
        """The bytes that a sentence takes: keys and values of each layer and hypothesis, scores, attention."""
        beam, length = sentence.configuration.beam_size, len(sentence.words)
        numbers = beam * (2 * self.layers * self.hidden * self.longest + 3 * self.target_words)
        numbers += length * (4 * self.hidden + 2 * self.layers * self.hidden) + HEADS * length * length
        return 4 * numbers + self._answered(sentence)

    def _answered(self, sentence: Sentence) -> int:
        wanted = sentence.configuration
        cells = len(sentence.words) * self.longest if wanted.attention_matrix else 0
        return wanted.beam_size * BYTES_WRITTEN * cells

    def batches(self, sentences: Sequence[Sentence]) -> list[list[int]]:
        """The numbers of the sentences that are translated together: of one configuration and similar lengths."""
        found: list[list[int]] = []
        room, last = 0, None
        order = sorted(range(len(sentences)), key=lambda number: len(sentences[number].words))
        for number in sorted(order, key=lambda number: repr(sentences[number].configuration)):
            each = sentences[number]
            size = self.of_sentence(each)
            if not found or each.configuration != last or len(found[-1]) == MOST_SENTENCES or size > room:
                found.append([])
                room, last = BATCH_BYTES, each.configuration
            found[-1].append(number)
            room -= size
        return found

    def require(self, sentences: Sequence[Sentence], threads: int) -> None:
        """Raise `PayloadTooLarge` if the sentences take more memory than is free."""
        largest = max(map(self.of_sentence, sentences))
        at_once = min(len(sentences) * largest, threads * max(BATCH_BYTES, largest))
        require_fit(sentences, at_once + sum(map(self._answered, sentences)))
