"""Second phase: the language model learns to answer from the (frozen) visual tokens of drawn pages."""
import argparse

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from demo_pair import runs
from demo_pair.alignment import align
from demo_pair.asking import IGNORE, ask, encode
from demo_pair.attention_targets import look_loss, look_targets, read_targets, share_loss, telling_words
from demo_pair.config import model_config
from demo_pair.language import LanguageModel
from demo_pair.muon import Muon
from demo_pair.pages import PageFactory
from demo_pair.questions import questions_of
from demo_pair.tiling import tiles_of
from demo_pair.tokenizer import Tokenizer
from demo_pair.vision import VisionTower
from train_vision import pixels_of

TOKENIZER = "../../models/sgl-demo-small"
SHORT = {"text": 0.36, "count": 0.24, "color_shape": 0.2, "chart": 0.2}
HINT_WEIGHT = 0.3
LOOK_WEIGHT = 0.4


class PagePool:
    """Pages of one tile grid with their visual tokens; each page is used a few times, with other questions."""

    def __init__(self, factory, tower, size):
        self.factory, self.tower, self.size = factory, tower, size
        self.visual, self.questions, self.next = [], [], 0

    def add(self, count):
        pages = [self.factory.draw() for _ in range(count)]
        tiles = np.concatenate([tiles_of(Image.fromarray(p.pixels)) for p in pages])
        with torch.no_grad():
            visual = self.tower(pixels_of(tiles))
        visual = visual.view(count, -1, visual.shape[-1])
        for page, tokens in zip(pages, visual):
            entry = (tokens.clone(), questions_of(page))
            if len(self.visual) < self.size:
                self.visual.append(entry[0])
                self.questions.append(entry[1])
            else:
                self.visual[self.next], self.questions[self.next] = entry
                self.next = (self.next + 1) % self.size

    def sample(self, count, rng):
        chosen = rng.integers(0, len(self.visual), count)
        return torch.stack([self.visual[i] for i in chosen]), [self.questions[i] for i in chosen]


def density(totals):
    """Pages start almost empty and fill up as codes are read better."""
    right, seen = totals.get("text", (0.0, 1.0))
    return min(1.0, 0.3 + 1.0 * right / seen)


def exact_by_kind(scores, targets, asked, totals):
    """Adds, per kind, how many questions have every answer token on top."""
    wrong = torch.zeros(targets.shape, dtype=torch.bool)
    known = targets != IGNORE
    wrong[known] = scores.argmax(-1) != targets[known]
    wrong = wrong.any(-1)
    for b, row in enumerate(asked):
        for i, question in enumerate(row):
            if question:
                right, seen = totals.get(question.kind, (0.0, 0.0))
                totals[question.kind] = (right * 0.998 + float(not wrong[b, i]), seen * 0.998 + 1)


def trained_tower(config, trained):
    """The trained tower; the projector's last layer is scaled so that visual tokens have a root mean square of 1."""
    tower = VisionTower(config)
    tower.load_state_dict({k[len("tower."):]: v for k, v in trained.items() if k.startswith("tower.")})
    factory = PageFactory(5)
    tiles = np.concatenate([tiles_of(Image.fromarray(factory.draw().pixels)) for _ in range(8)])
    with torch.no_grad():
        scale = tower(pixels_of(tiles)).pow(2).mean().rsqrt()
        for parameter in tower.mlp1[3].parameters():
            parameter.mul_(scale)
    return tower


def optimizers_of(model, rate, matrix_rate):
    """Muon for the layers' matrices, AdamW for embeddings, head and norms; and the peak rate of each."""
    matrices = [p for p in model.model.layers.parameters() if p.dim() == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [Muon(matrices, matrix_rate, weight_decay=0.02),
            torch.optim.AdamW(others, rate, betas=(0.9, 0.98), weight_decay=0.02)], [matrix_rate, rate]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=["small", "large"], required=True)
    parser.add_argument("--minutes", type=float, required=True, help="training time in all, resumed runs included")
    parser.add_argument("--stop", type=float, help="end after so many minutes, before the rate has decayed")
    parser.add_argument("--rate", type=float, default=2e-3, help="AdamW: embeddings, head, norms")
    parser.add_argument("--matrix-rate", type=float, default=0.015, help="Muon: matrices of the layers")
    parser.add_argument("--pages", type=int, default=6, help="pages per step")
    parser.add_argument("--fresh", type=float, default=0.34, help="share of a step's pages that are new")
    parser.add_argument("--short", type=int, default=9, help="short questions per page")
    parser.add_argument("--positions", type=int, default=2, help="position questions per page")
    parser.add_argument("--seed", type=int, default=200000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--vision", help="checkpoint of the first phase (default runs/vision-SIZE.pt)")
    parser.add_argument("--run", help="checkpoint file (default runs/lm-SIZE.pt)")
    options = parser.parse_args()
    path = options.run or f"runs/lm-{options.size}.pt"
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    tokenizer = Tokenizer(TOKENIZER)
    config = model_config(options.size)
    config["llm_config"]["vocab_size"] = tokenizer.size
    state = runs.load(path)
    model = LanguageModel(config["llm_config"])
    optimizers, rates = optimizers_of(model, options.rate, options.matrix_rate)
    step, clock = 0, runs.Clock(options.minutes)
    if state:
        tower = VisionTower(config)
        tower.load_state_dict(state["tower"])
        model.load_state_dict(state["model"])
        for optimizer, kept in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(kept)
        step, clock = state["step"], runs.Clock(options.minutes, state["spent"])
    else:
        trained = runs.load(options.vision or f"runs/vision-{options.size}.pt")["model"]
        tower = trained_tower(config, trained)
        align(model, tokenizer, trained["heads.linear.weight"])
    seed = options.seed + 7919 * step
    rng = np.random.default_rng(seed)
    grids, weights = zip(*PageFactory(0).grid_rates())
    pools = [PagePool(PageFactory(seed + 11 * i + 1, grids=[(grid, 1.0)]), tower, max(48, round(800 * weight)))
             for i, (grid, weight) in enumerate(zip(grids, weights))]
    prefix = torch.tensor(tokenizer.prefix())
    # The middle layer is shown where to look on the page, the one before it where to read in the question.
    middle = len(model.model.layers) // 2
    reading, looking = model.model.layers[middle - 1].attention, model.model.layers[middle].attention
    reading.watch = looking.watch = True
    words = telling_words(tokenizer)

    def save():
        runs.save(path, {"tower": tower.state_dict(), "model": model.state_dict(),
                         "optimizers": [o.state_dict() for o in optimizers], "step": step, "spent": clock.spent, "pages": step * options.pages})

    last_save, totals, mean, found = clock.spent, {}, None, None
    while not clock.finished and clock.spent < (options.stop or options.minutes):
        index = rng.choice(len(pools), p=weights)
        # Larger pages go in smaller batches, so that a step always costs about the same.
        count = max(4, round(options.pages * 9 / (5 + grids[index][0] * grids[index][1])))
        fresh = count if len(pools[index].visual) < 3 * count else rng.binomial(count, options.fresh)
        if fresh:
            pools[index].factory.density = density(totals)
            pools[index].add(fresh)
        visual, possible = pools[index].sample(count, rng)
        asked = [ask(possible, SHORT, options.short, rng), ask(possible, {"position": 1.0}, options.positions, rng)]
        coded = [encode(tokenizer, group) for group in asked]
        hidden = model(prefix, visual, [ids for ids, _, _ in coded])
        said, hinted, looked, answers = 0.0, 0.0, 0.0, 0
        for states, (ids, targets, hints), group, weight in zip(hidden, coded, asked, looking.watched):
            look, mass = look_loss(weight, *look_targets(tokenizer, group, ids, visual.shape[1], len(prefix)))
            looked = looked + look + share_loss(reading.watched.pop(0)[:, 0, ..., -ids.shape[-1]:],
                                                read_targets(tokenizer, words, group, ids))
            if len(mass):
                found = mass.mean().item() if found is None else 0.98 * found + 0.02 * mass.mean().item()
            known = targets != IGNORE
            scores = model.output(states[known])
            said = said + F.cross_entropy(scores, targets[known], reduction="sum")
            answers += int(known.sum())
            asked_for = hints != IGNORE
            hinted = hinted + (F.cross_entropy(model.output(states[asked_for]), hints[asked_for], reduction="sum")
                               / max(1, int(asked_for.sum())))
            exact_by_kind(scores, targets, group, totals)
        looking.watched.clear()
        loss = said / answers + HINT_WEIGHT * hinted + LOOK_WEIGHT * looked
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, rate in zip(optimizers, rates):
            optimizer.param_groups[0]["lr"] = clock.rate(rate, step, warmup=100)
            optimizer.step()
        step += 1
        now = said.item() / answers
        mean = now if mean is None else 0.98 * mean + 0.02 * now
        if step % 50 == 0:
            shares = " ".join(f"{kind} {right / seen:.3f}" for kind, (right, seen) in sorted(totals.items()))
            print(f"{clock.spent:6.1f} min step {step} loss {mean:.3f} found {found:.3f} {shares}", flush=True)
        if clock.spent - last_save > 3:
            save()
            last_save = clock.spent
    save()


if __name__ == "__main__":
    main()
