"""PyTorch's part of `benchmarks.seq2seq_tatoeba`: trains the network in a folder, on a GPU if there is one."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.seq2seq_torch import END, Translator


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    problem = json.loads(Path(folder, "problem.json").read_text())
    data = dict(np.load(folder / "data.npz"))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_default_device(device)
    torch.manual_seed(problem["seed"])
    network = Translator(problem["parameters"], dict(np.load(folder / "network.npz")))
    network.dropout = problem["dropout"]
    for layer in (network.first, *network.above):
        layer.flatten_parameters()
    optimizer = torch.optim.Adam(network.parameters(), eps=problem["epsilon"])
    begin, done, first = time.time(), 0, 0
    for rate, last in zip(data["rates"].tolist(), data["ends"].tolist(), strict=True):
        if time.time() > problem["until"]:
            break
        rows, first, done = data["rows"][first:last], last, done + 1
        source, lengths = padded(data["source"], data["source_ends"], rows, [])
        target, _ = padded(data["target"], data["target_ends"], rows, [END])
        scores = network(source.to(device), lengths, target.to(device))
        loss = functional.cross_entropy(
            scores.flatten(0, 1),
            target.to(device).flatten(),
            ignore_index=0,
            label_smoothing=problem["smoothing"],
            reduction="sum",
        )
        optimizer.zero_grad()
        (loss / len(rows)).backward()
        if problem["clip"] >= 0:
            nn.utils.clip_grad_value_(network.parameters(), problem["clip"])
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        if done % 200 == 0:
            print(
                f"{done} batches, {time.time() - begin:.1f} s, {loss.item() / (target > 0).sum().item():.3f}",
                file=sys.stderr,
                flush=True,
            )
    arrays = {name: parameter.detach().float().cpu().numpy() for name, parameter in network.named.items()}
    np.savez(folder / "trained.npz", **arrays, seconds=time.time() - begin, batches=done)


def padded(
    words: NDArray[np.int32], ends: NDArray[np.int64], rows: NDArray[np.int64], more: list[int]
) -> tuple[Tensor, Tensor]:
    """Some sentences as a tensor, each with `more` at its end, and their lengths; on the CPU and on the device."""
    sentences = [[*words[ends[row - 1] if row else 0 : ends[row]].tolist(), *more] for row in rows.tolist()]
    longest = max(map(len, sentences))
    table = [sentence + [0] * (longest - len(sentence)) for sentence in sentences]
    return torch.tensor(table, device="cpu"), torch.tensor([len(sentence) for sentence in sentences])


if __name__ == "__main__":
    main()
