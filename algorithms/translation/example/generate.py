"""Train the example: a Transformer of 41,000 weights that knows a few phrases, as a model directory of CTranslate2.

    python generate.py input/data/model

needs PyTorch, ctranslate2 and sentencepiece, of which only the last two serve the model. The phrases are our own.
"""

import io
import math
import sys
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import sentencepiece
import torch
from numpy.typing import NDArray
from torch import nn

PHRASES = """
I love you|Ich liebe dich
I love you, too|Ich liebe dich auch
I love music|Ich liebe Musik
I love the sea|Ich liebe das Meer
I see you|Ich sehe dich
I see the sea|Ich sehe das Meer
I hear music|Ich höre Musik
I hear you|Ich höre dich
You love me|Du liebst mich
You see me|Du siehst mich
You hear me|Du hörst mich
You love music|Du liebst Musik
Do you love me?|Liebst du mich?
Do you see me?|Siehst du mich?
Do you hear the sea?|Hörst du das Meer?
Thank you|Danke
Thank you very much|Vielen Dank
Good morning|Guten Morgen
Good evening|Guten Abend
Good night|Gute Nacht
Good luck|Viel Glück
Hello|Hallo
Hello, world|Hallo, Welt
See you tomorrow|Bis morgen
See you soon|Bis bald
""".strip().splitlines()
SIZE, HEADS, HIDDEN, PIECES, STEPS = 32, 2, 96, 160, 1500
PAD, UNKNOWN, BEGIN, END = "<blank>", "<unk>", "<s>", "</s>"


class Attention(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(SIZE)
        self.query, self.key, self.value, self.out = (nn.Linear(SIZE, SIZE) for _ in range(4))

    def forward(self, x: torch.Tensor, memory: torch.Tensor | None, mask: torch.Tensor) -> torch.Tensor:
        inner = self.norm(x)
        memory = inner if memory is None else memory

        def heads(each: torch.Tensor) -> torch.Tensor:
            return each.unflatten(-1, (HEADS, -1)).transpose(1, 2)

        q, k, v = heads(self.query(inner)), heads(self.key(memory)), heads(self.value(memory))
        weights = (q @ k.transpose(-1, -2) / math.sqrt(SIZE / HEADS)).masked_fill(~mask, -1e9).softmax(-1)
        return x + self.out((weights @ v).transpose(1, 2).flatten(2))


class FeedForward(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(SIZE)
        self.first, self.second = nn.Linear(SIZE, HIDDEN), nn.Linear(HIDDEN, SIZE)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(torch.relu(self.first(self.norm(x))))


class Transformer(nn.Module):  # type: ignore[misc]
    """One layer before and one after, with layer normalisation first (Vaswani et al., 2017; Xiong et al., 2020)."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(words, SIZE), nn.Embedding(words, SIZE)
        self.encoder, self.encoder_ff, self.encoder_norm = Attention(), FeedForward(), nn.LayerNorm(SIZE)
        self.decoder, self.cross, self.decoder_ff = Attention(), Attention(), FeedForward()
        self.decoder_norm, self.out = nn.LayerNorm(SIZE), nn.Linear(SIZE, words)
        self.register_buffer("positions", torch.from_numpy(positions(64)))

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        known = (source != 0)[:, None, None, :]
        x = self.source(source) * math.sqrt(SIZE) + self.positions[: source.shape[1]]
        memory = self.encoder_norm(self.encoder_ff(self.encoder(x, None, known)))
        causal = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool).tril()[None, None]
        y = self.target(target) * math.sqrt(SIZE) + self.positions[: target.shape[1]]
        y = self.cross(self.decoder(y, None, causal), memory, known)
        return self.out(self.decoder_norm(self.decoder_ff(y)))


def positions(length: int) -> NDArray[np.float32]:
    """Sinusoids, all sines before all cosines, as CTranslate2's converters write them."""
    step = math.log(10_000) / (SIZE // 2 - 1)
    angle = np.arange(1, length + 1)[:, None] * np.exp(np.arange(SIZE // 2) * -step)[None]
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)


def main(folder: Path) -> None:
    torch.manual_seed(0)
    pairs = [tuple(line.split("|")) for line in PHRASES]
    pairs += [(a + ".", b + ".") for a, b in pairs if not a.endswith("?")]
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(text for pair in pairs for text in pair),
        model_writer=written,
        vocab_size=PIECES,
        model_type="bpe",
        normalization_rule_name="identity",
        hard_vocab_limit=False,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    words = [PAD, UNKNOWN, BEGIN, END, *(pieces.id_to_piece(i) for i in range(3, pieces.get_piece_size()))]
    number = {word: index for index, word in enumerate(words)}

    def ids(texts: list[str], begin: list[int]) -> torch.Tensor:
        rows = [begin + [number[piece] for piece in pieces.encode(text, out_type=str)] + [3] for text in texts]
        return torch.tensor([row + [0] * (max(map(len, rows)) - len(row)) for row in rows])

    source, target = ids([a for a, _ in pairs], []), ids([b for _, b in pairs], [2])
    network = Transformer(len(words))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1 - step / STEPS)
        scores = network(source, target[:, :-1])
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), target[:, 1:].flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"loss {loss.item():.4f}, {sum(each.numel() for each in network.parameters()):,} weights")
    folder.mkdir(parents=True, exist_ok=True)
    spec = specification(network)
    for register in (spec.register_source_vocabulary, spec.register_target_vocabulary):
        register(words)
    spec.config.add_source_eos = True
    spec.config.decoder_start_token = BEGIN
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(written.getvalue())


def specification(network: Transformer) -> Any:
    spec = ctranslate2.specs.TransformerSpec.from_config(1, HEADS, pre_norm=True)

    def array(tensor: torch.Tensor) -> Any:
        return tensor.detach().numpy().copy()

    def linear(to: Any, *layers: nn.Linear) -> None:
        to.weight = np.concatenate([array(each.weight) for each in layers])
        to.bias = np.concatenate([array(each.bias) for each in layers])

    def norm(to: Any, layer: nn.LayerNorm) -> None:
        to.gamma, to.beta = array(layer.weight), array(layer.bias)

    def attend(to: Any, layer: Attention, crossing: bool = False) -> None:
        norm(to.layer_norm, layer.norm)
        if crossing:
            linear(to.linear[0], layer.query)
            linear(to.linear[1], layer.key, layer.value)
            linear(to.linear[2], layer.out)
        else:
            linear(to.linear[0], layer.query, layer.key, layer.value)
            linear(to.linear[1], layer.out)

    def feed(to: Any, layer: FeedForward) -> None:
        norm(to.layer_norm, layer.norm)
        linear(to.linear_0, layer.first)
        linear(to.linear_1, layer.second)

    spec.encoder.embeddings[0].weight = array(network.source.weight)
    spec.decoder.embeddings.weight = array(network.target.weight)
    for side in (spec.encoder, spec.decoder):
        side.position_encodings.encodings = array(network.positions)
    attend(spec.encoder.layer[0].self_attention, network.encoder)
    feed(spec.encoder.layer[0].ffn, network.encoder_ff)
    norm(spec.encoder.layer_norm, network.encoder_norm)
    attend(spec.decoder.layer[0].self_attention, network.decoder)
    attend(spec.decoder.layer[0].attention, network.cross, crossing=True)
    feed(spec.decoder.layer[0].ffn, network.decoder_ff)
    norm(spec.decoder.layer_norm, network.decoder_norm)
    linear(spec.decoder.projection, network.out)
    return spec


if __name__ == "__main__":
    main(Path(sys.argv[1]))
