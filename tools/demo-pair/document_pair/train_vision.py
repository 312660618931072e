"""First phase: vision tower and projector learn the dense labels of documents."""
import argparse
import os
import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from demo_pair import runs
from demo_pair.muon import Muon
from demo_pair.tiling import MEAN, STD, tiles_of
from demo_pair.vision import VisionTower

from . import labels, schedule
from .config import model_config
from .pages import PageFactory
from .stopping import asked_to_stop
from .vocabulary import TILE

THUMBNAILS = 0.2    # share of pages whose thumbnail is looked at too
NAME_WEIGHT, WORD_WEIGHT = 0.5, 1.0


class DenseHeads(nn.Module):
    """One linear layer over the visual embeddings for all labels."""

    def __init__(self, hidden):
        super().__init__()
        self.sizes = [classes for classes, _ in labels.HEADS.values()]
        self.linear = nn.Linear(hidden, sum(self.sizes))

    def forward(self, embeddings):
        return self.linear(embeddings).split(self.sizes, -1)


class NamedBy(nn.Module):
    """Shows what a word names where the word stands.

    The layer before the last is asked for the word at each of its patches, and in the last one the first head is shown to
    attend from a value or a check box to the word that names it. Without it the label `key` stayed at 0.28 after 1,400 steps.
    """

    def __init__(self, tower):
        super().__init__()
        layers = tower.vision_model.encoder.layers
        self.last = [layers[-1].attn]       # a list, so that the tower's weights are not counted twice
        self.last[0].watch = True
        self.words = nn.Linear(self.last[0].proj.in_features, labels.HEADS["word"][0])
        self.states = None
        layers[-2].register_forward_hook(self._keep)

    def _keep(self, module, inputs, output):
        self.states = output

    def loss(self, names, words):
        """names: see labels.named, with the tiles of the batch; words [T, 36]: label or IGNORE."""
        known = words.repeat_interleave(2, 1).repeat_interleave(2, 2).flatten(1)        # a token is 2 x 2 patches
        at = known != labels.IGNORE
        loss = WORD_WEIGHT * F.cross_entropy(self.words(self.states[:, 1:][at]), known[at]) if at.any() else 0.0
        weights, masses = self.last[0].watched, []
        for tile, tokens, word in names:
            masses.append(weights[tile][_patches(tokens)][:, _patches(word)].sum(-1))
        self.states = self.last[0].watched = None
        if not masses:
            return loss, 0.0
        mass = torch.cat(masses)
        return loss - NAME_WEIGHT * (mass + 1e-6).log().mean(), mass.mean().item()


def _patches(tokens):
    """Rows of a tile's tokens in the tower, the class token in front."""
    side = 2 * labels.CELLS
    return [1 + (2 * (t // labels.CELLS) + dy) * side + 2 * (t % labels.CELLS) + dx for t in tokens for dy in (0, 1) for dx in (0, 1)]


def batch(factory, tiles, rng):
    """At least `tiles` tiles: uint8 [T, 168, 168, 3], labels [T, 36, heads], and what is named by which word."""
    pictures, marks, names, count = [], [], [], 0
    while count < tiles:
        page = factory.draw()
        end = None if rng.random() < THUMBNAILS else -1
        pictures.append(tiles_of(Image.fromarray(page.pixels), TILE)[:end])
        marks.append(labels.of_page(page)[:end])
        names += [(count + tile, tokens, word) for tile, tokens, word in labels.named(page)]
        count += len(pictures[-1])
    return np.concatenate(pictures), np.concatenate(marks), names


def pixels_of(tiles):
    x = torch.from_numpy(tiles).float().div_(255)
    return x.sub_(torch.from_numpy(MEAN)).div_(torch.from_numpy(STD)).permute(0, 3, 1, 2)


def loss_and_hits(logits, marks):
    loss, hits = 0.0, {}
    for index, (name, (_, weight)) in enumerate(labels.HEADS.items()):
        target = marks[..., index]
        known = target != labels.IGNORE
        scores, target = logits[index][known], target[known]
        if len(target) == 0:
            continue
        loss = loss + weight * F.cross_entropy(scores, target)
        hits[name] = (scores.argmax(-1) == target).float().mean().item()
    return loss, hits


def optimizers_of(model, rate, matrix_rate):
    """Muon for the matrices of the blocks and the projector, AdamW for everything else; and the peak rate of each."""
    matrices = [p for n, p in model["tower"].named_parameters() if p.dim() == 2 and (".layers." in n or n.startswith("mlp1."))]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [Muon(matrices, matrix_rate, weight_decay=0.01),
            torch.optim.AdamW(others, rate, betas=(0.9, 0.98), weight_decay=0.01)], [matrix_rate, rate]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=["small", "large"], required=True)
    parser.add_argument("--steps", type=int, required=True, help="steps in all, resumed runs included")
    parser.add_argument("--stop", type=int, help="end after so many steps, before the rate has decayed")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--matrix-rate", type=float, default=0.01)
    parser.add_argument("--tiles", type=int, default=32, help="tiles per step")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", default=os.environ.get("RUNS", "runs"), help="folder of the training checkpoints")
    options = parser.parse_args()
    path = f"{options.runs}/documents-vision-{options.size}.pt"
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    config = model_config(options.size)
    model = nn.ModuleDict({"tower": VisionTower(config), "heads": DenseHeads(config["llm_config"]["hidden_size"])})
    model["named"] = NamedBy(model["tower"])
    optimizers, rates = optimizers_of(model, options.rate, options.matrix_rate)
    step = 0
    state = runs.load(path)
    if state:
        model.load_state_dict(state["model"], strict=False)
        if "optimizers" in state:
            for optimizer, kept in zip(optimizers, state["optimizers"]):
                optimizer.load_state_dict(kept)
        step = state["step"]
    factory = PageFactory(options.seed + 7919 * step)
    rng = np.random.default_rng(options.seed + 7919 * step + 3)

    def save():
        runs.save(path, {"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers], "step": step})

    saved, mean = time.time(), {}
    stopped = asked_to_stop()
    while step < min(options.steps, options.stop or options.steps) and not stopped():
        tiles, marks, names = batch(factory, options.tiles, rng)
        logits = model["heads"](model["tower"](pixels_of(tiles)))
        marks = torch.from_numpy(marks).long()
        loss, hits = loss_and_hits(logits, marks)
        named, hits["named"] = model["named"].loss(names, marks[..., labels.INDEX["word"]].view(-1, labels.CELLS, labels.CELLS))
        loss = loss + named
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in zip(optimizers, rates):
            optimizer.param_groups[0]["lr"] = schedule.rate(peak, step, options.steps)
            optimizer.step()
        step += 1
        hits["loss"] = loss.item()
        for name, value in hits.items():
            mean[name] = value if name not in mean else 0.97 * mean[name] + 0.03 * value
        if step % 50 == 0:
            print(f"{time.process_time() / 60:6.1f} min step {step} " + " ".join(f"{k} {v:.3f}" for k, v in mean.items()), flush=True)
        if time.time() - saved > 180:
            save()
            saved = time.time()
    save()
    if stopped():
        raise SystemExit(3)


if __name__ == "__main__":
    main()
