"""The network of `algorithms/seq2seq` in eager PyTorch, as a peer and as the source of golden gradients.

It is written from the equations in `algorithms/seq2seq/network.py`, with PyTorch's own layers and cells where it has
them, and shares no code with ours. `benchmarks.seq2seq` runs it.
"""

import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

START, END = 2, 3


class Translator(nn.Module):  # type: ignore[misc]  # torch is not installed here
    """The network, from an artifact's parameters and arrays."""

    def __init__(
        self, parameters: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.p, self.dtype = dict(parameters), dtype
        self.dropout: dict[str, float] = {}
        self.lstm = self.p["rnn_cell_type"] == "lstm"
        self.hidden, self.layers = self.p["rnn_num_hidden"], self.p["num_layers_decoder"]
        self.attends_after = 0 if self.p["rnn_attention_in_upper_layers"] else self.layers - 1
        layer, cell = (nn.LSTM, nn.LSTMCell) if self.lstm else (nn.GRU, nn.GRUCell)
        self.first = layer(self.p["num_embed_source"], self.hidden // 2, bidirectional=True, dtype=dtype)
        self.above = nn.ModuleList(
            layer(self.hidden, self.hidden, dtype=dtype) for _ in range(1, self.p["num_layers_encoder"])
        )
        self.cells = nn.ModuleList(
            cell(arrays[f"decoder{number}_input_weight"].shape[1], self.hidden, dtype=dtype)
            for number in range(self.layers)
        )
        self.rest = nn.ParameterDict()
        self.named: dict[str, nn.Parameter] = {}
        for name, array in arrays.items():
            place, attribute = self._place(name)
            parameter = nn.Parameter(torch.tensor(np.asarray(array), dtype=dtype))
            if place is None:
                self.rest[name] = parameter
            else:
                setattr(place, attribute, parameter)
            self.named[name] = parameter

    def _place(self, name: str) -> tuple[nn.Module | None, str]:
        kinds = {"input_weight": "weight_ih", "hidden_weight": "weight_hh", "input_bias": "bias_ih"}
        kinds["hidden_bias"] = "bias_hh"
        owner, _, kind = name.partition("_")
        if name.startswith("encoder_forward_"):
            return self.first, f"{kinds[name.removeprefix('encoder_forward_')]}_l0"
        if name.startswith("encoder_backward_"):
            return self.first, f"{kinds[name.removeprefix('encoder_backward_')]}_l0_reverse"
        if owner.startswith("encoder"):
            return self.above[int(owner[7:]) - 1], f"{kinds[kind]}_l0"
        if owner.startswith("decoder"):
            return self.cells[int(owner[7:])], kinds[kind]
        return None, ""

    def _shared(self, name: str) -> Tensor:
        tying = self.p["weight_tying"]
        if (name == "output_weight" and tying != "none") or (name == "embedding_source" and tying == "src_trg_softmax"):
            name = "embedding_target"
        return self.rest[name]

    def _residual(self, layer: int) -> bool:
        return bool(
            self.p["rnn_residual_connections"] and layer > 0 and layer + 1 >= self.p["rnn_first_residual_layer"]
        )

    def dropped(self, values: Tensor, rate: str) -> Tensor:
        """The values with the dropout of a hyperparameter, of which there is none unless `dropout` is set."""
        return functional.dropout(values, self.dropout[rate]) if self.dropout.get(rate, 0.0) > 0 else values

    def encode(self, source: Tensor, lengths: Tensor) -> Tensor:
        """(B, S) → (B, S, H)."""
        embedded = functional.embedding(source, self._shared("embedding_source"))
        pack, unpack = nn.utils.rnn.pack_padded_sequence, nn.utils.rnn.pad_packed_sequence
        embedded, on_cpu = self.dropped(embedded, "embed_dropout_source"), lengths.cpu()
        packed = pack(embedded, on_cpu, batch_first=True, enforce_sorted=False)
        outputs = unpack(self.first(packed)[0], batch_first=True)[0]
        for number, layer in enumerate(self.above, 1):
            inputs = outputs
            packed = pack(inputs, on_cpu, batch_first=True, enforce_sorted=False)
            outputs = unpack(layer(packed)[0], batch_first=True)[0]
            if self._residual(number):
                outputs = outputs + inputs
        return outputs

    def begin(self, encoded: Tensor, lengths: Tensor) -> tuple[Tensor, list[Any]]:
        """ŝ_0 and the states of all layers."""
        count = len(encoded)
        mask = (torch.arange(encoded.shape[1]) < lengths[:, None]).to(self.dtype)
        if self.p["rnn_decoder_state_init"] == "last":
            summary = encoded[torch.arange(count), lengths - 1]
        else:
            summary = (encoded * mask[:, :, None]).sum(1) / lengths[:, None]

        def state(name: str) -> Tensor:
            if self.p["rnn_decoder_state_init"] == "zero":
                return torch.zeros(count, self.hidden, dtype=self.dtype)
            return torch.tanh(functional.linear(summary, self.rest[f"{name}_weight"], self.rest[f"{name}_bias"]))

        states: list[Any] = []
        for layer in range(self.layers):
            hidden = state(f"initial{layer}_h")
            states.append((hidden, state(f"initial{layer}_c")) if self.lstm else hidden)
        return torch.zeros(count, self.hidden, dtype=self.dtype), states

    def keys(self, encoded: Tensor) -> Tensor:
        if "attention_source" in self.rest:
            return functional.linear(encoded, self.rest["attention_source"])
        return encoded

    def attend(self, query: Tensor, encoded: Tensor, keys: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        kind = self.p["rnn_attention_type"]
        if kind == "fixed":
            weights = functional.one_hot(lengths - 1, encoded.shape[1]).to(self.dtype)
            return weights, encoded[torch.arange(len(encoded)), lengths - 1]
        if "attention_query" in self.rest:
            query = functional.linear(query, self.rest["attention_query"])
        if kind == "mlp":
            scores = torch.tanh(query[:, None] + keys) @ self.rest["attention_score"]
        else:
            scores = torch.bmm(keys, query[:, :, None]).squeeze(2)
        scores = scores.masked_fill(torch.arange(encoded.shape[1]) >= lengths[:, None], -torch.inf)
        weights = torch.softmax(scores, 1)
        return weights, torch.bmm(weights[:, None], encoded).squeeze(1)

    def step(
        self, words: Tensor, fed: Tensor, states: list[Any], encoded: Tensor, keys: Tensor, lengths: Tensor
    ) -> tuple[Tensor, list[Any], Tensor]:
        """ŝ_t, the states of all layers, and the attention's weights."""
        embedded = self.dropped(functional.embedding(words, self._shared("embedding_target")), "embed_dropout_target")
        inputs = torch.cat([embedded, fed], 1)
        new = []
        for layer, cell in enumerate(self.cells):
            states_of_layer = cell(inputs, states[layer])
            new.append(states_of_layer)
            output = states_of_layer[0] if self.lstm else states_of_layer
            if self._residual(layer):
                output = output + inputs[:, : self.hidden]
            if layer == self.attends_after:
                weights, context = self.attend(output, encoded, keys, lengths)
            inputs = torch.cat([output, context], 1) if layer >= self.attends_after else output
        inputs = self.dropped(inputs, "rnn_decoder_hidden_dropout")
        return (
            torch.tanh(functional.linear(inputs, self.rest["hidden_weight"], self.rest["hidden_bias"])),
            new,
            weights,
        )

    def scores(self, attentional: Tensor) -> Tensor:
        return functional.linear(attentional, self._shared("output_weight"), self.rest["output_bias"])

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        """The scores (B, T, words) of each target word, from those before it."""
        encoded = self.encode(source, lengths)
        keys = self.keys(encoded)
        fed, states = self.begin(encoded, lengths)
        before = torch.cat([torch.full((len(target), 1), START), target[:, :-1]], 1)
        steps = []
        for step in range(target.shape[1]):
            fed, states, _ = self.step(before[:, step], fed, states, encoded, keys, lengths)
            steps.append(fed)
        return self.scores(torch.stack(steps, 1))


@torch.no_grad()  # type: ignore[untyped-decorator]
def translate(
    network: Translator, sources: Sequence[NDArray[Any]], beam: int, alpha: float, longest: int, *, drop: bool = True
) -> list[list[tuple[list[int], float]]]:
    """Beam search, batched over sentences: all finished hypotheses of each, the best first, as (words, score).

    drop : whether sentences that are done are dropped from the batch.
    """
    lengths = torch.tensor([len(source) for source in sources])
    padded = nn.utils.rnn.pad_sequence([torch.tensor(np.asarray(source)).long() for source in sources], True)
    count = len(sources)

    def spread(values: Tensor) -> Tensor:
        return values.repeat_interleave(beam, 0)

    encoded = network.encode(padded, lengths)
    keys = network.keys(encoded)
    fed, states = network.begin(encoded, lengths)
    encoded, keys, lengths, fed = spread(encoded), spread(keys), spread(lengths), spread(fed)
    states = [tuple(map(spread, state)) if network.lstm else spread(state) for state in states]
    words = torch.full((count * beam,), START)
    totals = torch.full((count, beam), -torch.inf)
    totals[:, 0] = 0.0
    so_far: list[list[list[int]]] = [[[] for _ in range(beam)] for _ in range(count)]
    finished: list[list[tuple[list[int], float]]] = [[] for _ in range(count)]
    alive = list(range(count))
    for step in range(1, longest + 1):
        fed, states, _ = network.step(words, fed, states, encoded, keys, lengths)
        logs = torch.log_softmax(network.scores(fed), 1)
        logs[:, [0, START] if step > 1 else [0, START, END]] = -torch.inf
        found, places = (totals[:, :, None] + logs.view(len(alive), beam, -1)).view(len(alive), -1).topk(beam, 1)
        size = logs.shape[1]
        parents, next_words, values = (places // size).tolist(), (places % size).tolist(), found.tolist()
        rows, new_words, new_totals, still = [], [], [], []
        for place, sentence in enumerate(alive):
            free, kept = beam - len(finished[sentence]), []
            for total, parent, word in list(zip(values[place], parents[place], next_words[place]))[:free]:
                line = so_far[sentence][parent]
                if word == END or step == longest:
                    line = line if word == END else [*line, word]
                    finished[sentence].append((line, total / ((5 + step) / 6) ** alpha))
                elif total > -np.inf:
                    kept.append((total, parent, word))
            if not kept and drop:
                continue
            still.append(sentence)
            so_far[sentence] = [[*so_far[sentence][parent], word] for _, parent, word in kept]
            kept += [(-np.inf, 0, END)] * (beam - len(kept))  # rows that are no hypotheses any more
            new_totals.append([total for total, _, _ in kept])
            rows += [place * beam + parent for _, parent, _ in kept]
            new_words += [word for _, _, word in kept]
        alive = still
        if not any(total > -np.inf for row in new_totals for total in row):
            break
        totals, words, chosen = torch.tensor(new_totals), torch.tensor(new_words), torch.tensor(rows)
        fed, encoded, keys, lengths = fed[chosen], encoded[chosen], keys[chosen], lengths[chosen]
        states = [(state[0][chosen], state[1][chosen]) if network.lstm else state[chosen] for state in states]
    return [sorted(each, key=lambda pair: -pair[1]) for each in finished]


def main() -> None:
    """Train or translate, as each line of the standard input says; answer with seconds of the processor's time."""
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    problem = json.loads(Path(folder, "problem.json").read_text())
    network = Translator(problem["parameters"], dict(np.load(folder / "network.npz")))
    sources = [np.array(source, np.int32) for source in problem["sources"]]
    some = [dict(np.load(folder / f"batch{number}.npz")) for number in range(problem["batches"])]
    optimizer = torch.optim.Adam(network.parameters(), lr=problem["rate"], eps=problem["epsilon"])

    def train() -> list[float]:
        """The mean loss of a word in each batch, without label smoothing."""
        losses = []
        for batch in some:
            source, target = torch.tensor(batch["source"]).long(), torch.tensor(batch["target"]).long()
            scores = network(source, (source > 0).sum(1), target)
            loss = functional.cross_entropy(
                scores.flatten(0, 1), target.flatten(), ignore_index=0, label_smoothing=problem["smoothing"]
            )
            with torch.no_grad():
                losses.append(functional.cross_entropy(scores.flatten(0, 1), target.flatten(), ignore_index=0).item())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), problem["clip"])
            optimizer.step()
        return losses

    def found(some_sources: list[Any], drop: bool = True) -> list[list[int]]:
        hypotheses = translate(network, some_sources, problem["beam"], problem["alpha"], problem["longest"], drop=drop)
        return [each[0][0] for each in hypotheses]

    for line in sys.stdin:
        begin, words, times, losses = time.process_time(), [], [], []
        if line.strip() == "train":
            losses = train()
        elif line.strip() in ("translate", "keep"):
            words = found(sources, line.strip() == "translate")
        else:
            for source in sources:
                start = time.process_time()
                found([source])
                times.append(time.process_time() - start)
        busy = statistics.median(times) if times else time.process_time() - begin
        print(json.dumps({"busy": busy, "words": words, "losses": losses}), flush=True)


if __name__ == "__main__":
    main()
