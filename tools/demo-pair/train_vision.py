"""First phase: vision tower and projector learn the dense labels of drawn pages."""
import argparse

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from demo_pair import labels, runs
from demo_pair.config import model_config
from demo_pair.pages import PageFactory
from demo_pair.tiling import MEAN, STD, tiles_of
from demo_pair.vision import VisionTower


class DenseHeads(nn.Module):
    """One linear layer over the visual embeddings for all labels."""

    def __init__(self, hidden):
        super().__init__()
        self.sizes = [classes for classes, _ in labels.HEADS.values()]
        self.linear = nn.Linear(hidden, sum(self.sizes))

    def forward(self, embeddings):
        return self.linear(embeddings).split(self.sizes, -1)


def batch(factory, tiles):
    """At least `tiles` tiles: uint8 [T, 112, 112, 3] and labels [T, 16, heads]."""
    pictures, marks, count = [], [], 0
    while count < tiles:
        page = factory.draw()
        pictures.append(tiles_of(Image.fromarray(page.pixels)))
        marks.append(labels.of_page(page))
        count += len(pictures[-1])
    return np.concatenate(pictures), np.concatenate(marks)


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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=["small", "large"], required=True)
    parser.add_argument("--minutes", type=float, required=True, help="training time in all, resumed runs included")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--tiles", type=int, default=64, help="tiles per step")
    parser.add_argument("--density", type=float, default=2.5, help="objects per page, 1 as in the questions' pages")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run", help="checkpoint file (default runs/vision-SIZE.pt)")
    options = parser.parse_args()
    path = options.run or f"runs/vision-{options.size}.pt"
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    config = model_config(options.size)
    model = nn.ModuleDict({"tower": VisionTower(config), "heads": DenseHeads(config["llm_config"]["hidden_size"])})
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    step, clock = 0, runs.Clock(options.minutes)
    state = runs.load(path)
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, clock = state["step"], runs.Clock(options.minutes, state["spent"])
    factory = PageFactory(options.seed + 7919 * step, density=options.density)

    def save():
        runs.save(path, {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step,
                         "spent": clock.spent, "tiles": step * options.tiles})

    last_save, mean = clock.spent, {}
    while not clock.finished:
        tiles, marks = batch(factory, options.tiles)
        logits = model["heads"](model["tower"](pixels_of(tiles)))
        loss, hits = loss_and_hits(logits, torch.from_numpy(marks).long())
        for group in optimizer.param_groups:
            group["lr"] = clock.rate(options.rate, step)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        hits["loss"] = loss.item()
        for name, value in hits.items():
            mean[name] = value if name not in mean else 0.97 * mean[name] + 0.03 * value
        if step % 100 == 0:
            print(f"{clock.spent:6.1f} min step {step} " + " ".join(f"{k} {v:.3f}" for k, v in mean.items()), flush=True)
        if clock.spent - last_save > 3:
            save()
            last_save = clock.spent
    save()


if __name__ == "__main__":
    main()
