"""Second phase: the language model learns to answer from the (frozen) visual tokens of documents.

The large one learns with a third of its layers; --grow then puts two silent ones behind each and goes on.
"""
import argparse
import os
import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from demo_pair import runs
from demo_pair.asking import HINTS, IGNORE, ask, encode
from demo_pair.attention_targets import look_loss, look_targets, read_targets, share_loss
from demo_pair.muon import Muon
from demo_pair.tiling import tiles_of
from demo_pair.vision import VisionTower

from . import schedule
from .alignment import align
from .config import LARGE_LAYERS, model_config
from .language import DocumentLanguageModel, grown
from .pages import PageFactory
from .parallel import Workers
from .questions import is_counting, pick, questions_of
from .stopping import asked_to_stop
from .tokenizer import Tokenizer, telling_words, train
from .train_vision import pixels_of
from .vocabulary import EDGES, GRIDS, TILE

GROWTH = 3
SHORT = {"text": 0.3, "table": 0.13, "chart": 0.1, "color": 0.13, "count": 0.22, "yes_no": 0.12}
HINT_WEIGHT, LOOK_WEIGHT, PLACE_WEIGHT, FOUND_WEIGHT = 0.3, 0.4, 0.2, 0.3
WHITENING = 0.25
DROP_RATE = 0.2         # share of the large model's steps in which visual tokens are dropped


class PagePool:
    """Pages of one tile grid with their visual tokens; each page is used a few times, with other questions."""

    def __init__(self, factory, tower, size):
        self.factory, self.tower, self.size = factory, tower, size
        self.pages, self.next = [], 0

    def add(self, count):
        pages = [self.factory.draw() for _ in range(count)]
        tiles = np.concatenate([tiles_of(Image.fromarray(p.pixels), TILE) for p in pages])
        with torch.no_grad():
            visual = self.tower(pixels_of(tiles))
        visual = visual.view(count, -1, visual.shape[-1])
        for page, tokens in zip(pages, visual):
            entry = tokens.clone(), questions_of(page)
            if len(self.pages) < self.size:
                self.pages.append(entry)
            else:
                self.pages[self.next] = entry
                self.next = (self.next + 1) % self.size

    def sample(self, count, rng):
        chosen = [self.pages[i] for i in rng.integers(0, len(self.pages), count)]
        return torch.stack([tokens for tokens, _ in chosen]), [questions for _, questions in chosen]


class Places(nn.Module):
    """What states are asked for on the way to a position.

    Early: visual tokens for their tile, questions for the grid of the page. Visual tokens cannot know the grid, since the tiles behind them are not there yet; so where on the page an
    object is can only be put together on the question's side. Behind the layer that looks, each step that is to say a coordinate is asked for the tile of its object and for the edge in it.
    """

    def __init__(self, hidden):
        super().__init__()
        self.found_tile = nn.Linear(hidden, max(x * y for (x, y), _ in GRIDS))
        self.found_edge = nn.Linear(hidden, EDGES + 1)
        self.tile = nn.Linear(hidden, max(x * y for (x, y), _ in GRIDS) + 1)
        self.grid = nn.Linear(hidden, len(GRIDS))

    def found_loss(self, states, asked, tokenizer):
        """Cross-entropy of tile and edge behind the looking layer, for states [B, Q, L, hidden] of position questions."""
        rows, edges = [], []
        for b, row in enumerate(asked):
            for i, question in enumerate(row):
                if question:
                    end = len(tokenizer.question(question.text))
                    rows += [(b, i, end - 1 + step, question.place[0]) for step, look in enumerate(question.looks) if look]
                    edges += question.place[1:]
        if not rows:
            return torch.zeros(())
        *at, tiles = (torch.tensor(k) for k in zip(*rows))
        found = states[tuple(at)]
        return F.cross_entropy(self.found_tile(found), tiles) + F.cross_entropy(self.found_edge(found), torch.tensor(edges))

    def loss(self, seen, asked, tokenizer, grid):
        """Cross-entropy of tile and grid, for one batch of pages with the same grid."""
        page, groups = seen
        columns, rows = GRIDS[grid][0]
        tokens = page.shape[1] // (columns * rows + 1)
        tile = torch.arange(columns * rows + 1).repeat_interleave(tokens)
        tile[-tokens:] = self.tile.out_features - 1                     # the thumbnail
        loss = F.cross_entropy(self.tile(page).flatten(0, 1), tile.repeat(len(page)))
        for states, group in zip(groups, asked):
            ends = [(b, i, len(tokenizer.question(q.text)) - 1) for b, row in enumerate(group) for i, q in enumerate(row) if q]
            if ends:
                said = self.grid(states[tuple(torch.tensor(k) for k in zip(*ends))])
                loss = loss + F.cross_entropy(said, torch.full((len(ends),), grid))
        return loss


def fullness(totals):
    """Pages start nearly empty and fill up as they are read better."""
    right, seen = (sum(values) for values in zip(*(totals.get(kind, (0.0, 1.0)) for kind in ("text", "color", "chart"))))
    return min(1.0, 0.4 + 1.0 * right / seen)


def kept_tokens(asked, visual, start, rng):
    """Positions that stay: everything in front of the picture, what tells the answers, and a random share of the rest."""
    pages, tokens = visual.shape[:2]
    wanted = [{t for group in asked for q in group[b] if q for look in q.looks for t in look} for b in range(pages)]
    count = max(max(map(len, wanted)), round(tokens * rng.uniform(0.05, 0.7)))
    out = torch.empty(pages, start + count, dtype=torch.long)
    for b, told in enumerate(wanted):
        others = np.setdiff1d(np.arange(tokens), list(told))
        chosen = np.concatenate([np.array(sorted(told), np.int64), rng.permutation(others)[:count - len(told)]])
        out[b] = torch.from_numpy(np.concatenate([np.arange(start), start + np.sort(chosen)]))
    return out


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
    """The trained tower, and what turns the weights of its dense heads [classes, hidden] into those for its visual tokens now.

    The projector's last layer is changed so that visual tokens have mean 0 and a root mean square of 1, and so that what varies little (kind, colour) is as large as what
    varies much (words, keys): the covariance is taken to the power of 1 - 2 WHITENING.
    """
    tower = VisionTower(config)
    tower.load_state_dict({k[len("tower."):]: v for k, v in trained.items() if k.startswith("tower.")})
    factory = PageFactory(5)
    tiles = np.concatenate([tiles_of(Image.fromarray(factory.draw().pixels), TILE) for _ in range(8)])
    last = tower.mlp1[3]
    with torch.no_grad():
        tokens = tower(pixels_of(tiles)).flatten(0, 1)
        variances, vectors = torch.linalg.eigh(torch.cov(tokens.t()))
        turn = vectors @ torch.diag((variances + 1e-3 * variances.max()) ** -WHITENING) @ vectors.t()
        scale = ((tokens - tokens.mean(0)) @ turn).pow(2).mean().rsqrt()
        last.bias.copy_(scale * turn @ (last.bias - tokens.mean(0)))
        last.weight.copy_(scale * turn @ last.weight)
    return tower, torch.linalg.inv(turn) / scale


def optimizers_of(model, places, rate, matrix_rate):
    """Muon for the layers' matrices, AdamW for embeddings, heads and norms; and the peak rate of each."""
    matrices = [p for p in model.model.layers.parameters() if p.dim() == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen] + list(places.parameters())
    return [Muon(matrices, matrix_rate, weight_decay=0.02),
            torch.optim.AdamW(others, rate, betas=(0.9, 0.98), weight_decay=0.02)], [matrix_rate, rate]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["small", "large"], required=True)
    parser.add_argument("--steps", type=int, required=True, help="steps of this phase in all, resumed runs included")
    parser.add_argument("--stop", type=int, help="end after so many steps, before the rate has decayed")
    parser.add_argument("--grow", action="store_true", help="the large model's second half: all its layers")
    parser.add_argument("--rate", type=float, default=2e-3, help="AdamW: embeddings, heads, norms")
    parser.add_argument("--matrix-rate", type=float, default=0.015, help="Muon: matrices of the layers")
    parser.add_argument("--pages", type=int, default=6, help="pages of 2 x 2 tiles per step")
    parser.add_argument("--fresh", type=float, default=0.34, help="share of a step's pages that are new")
    parser.add_argument("--short", type=int, default=9, help="short questions per page")
    parser.add_argument("--positions", type=int, default=4, help="position questions per page")
    parser.add_argument("--seed", type=int, default=200000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes, each with its share of a step's pages")
    parser.add_argument("--runs", default=os.environ.get("RUNS", "runs"), help="folder of the training checkpoints")
    options = parser.parse_args()
    name = "deep" if options.grow else "lm"
    path = f"{options.runs}/documents-{name}-{options.size}.pt"
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    train(f"{options.runs}/tokenizer")
    workers = Workers(options.workers)
    tokenizer = Tokenizer(f"{options.runs}/tokenizer")
    shallow = LARGE_LAYERS // GROWTH if options.size == "large" else None
    config = model_config(options.size, None if options.grow else shallow)
    config["llm_config"]["vocab_size"] = tokenizer.size
    model, places = DocumentLanguageModel(config["llm_config"]), Places(config["llm_config"]["hidden_size"])
    optimizers, rates = optimizers_of(model, places, options.rate, options.matrix_rate)
    step, totals = 0, {}
    tower = VisionTower(config)
    state = runs.load(path)
    if state:
        tower.load_state_dict(state["tower"])
        model.load_state_dict(state["model"])
        places.load_state_dict(state["places"], strict=False)
        if "optimizers" in state:
            for optimizer, kept in zip(optimizers, state["optimizers"]):
                optimizer.load_state_dict(kept)
        step, totals = state["step"], state["totals"]
    elif options.grow:
        begun = runs.load(f"{options.runs}/documents-lm-{options.size}.pt")
        tower.load_state_dict(begun["tower"])
        model.load_state_dict(grown(begun["model"], shallow, GROWTH))
        places.load_state_dict(begun["places"], strict=False)
        totals = begun["totals"]
    else:
        trained = runs.load(f"{options.runs}/documents-vision-{options.size}.pt")["model"]
        tower, back = trained_tower(config, trained)
        align(model, tokenizer, trained["heads.linear.weight"] @ back)
    seed = options.seed + 7919 * step + (1 << 20) * options.grow
    together = np.random.default_rng(seed + 5)      # what makes steps dear is drawn alike by all workers, so that none waits
    seed += (1 << 24) * workers.rank
    rng = np.random.default_rng(seed)
    weights = [weight for _, weight in GRIDS]
    pools = [PagePool(PageFactory(seed + 11 * i + 1, grids=[(grid, 1.0)]), tower, max(40, round(500 * weight)))
             for i, (grid, weight) in enumerate(GRIDS)]
    prefix = torch.tensor(tokenizer.prefix())
    # The middle layer is shown where to look on the page, the one before it where to read in the question.
    middle = len(model.model.layers) // 2
    before = middle - (GROWTH if options.grow else 1)
    reading, looking = model.model.layers[before].attention, model.model.layers[middle].attention
    reading.watch = looking.watch = True
    words = {tokenizer.pieces.piece_to_id("▁" + word) for word in telling_words()}
    # The layers in front of which the paper's settings prune: K = int(24 f) for 9 % and 35 %.
    drop_layers = {"small": (), "large": (1, 4) if options.grow else (1,)}[options.size]

    def save():
        if not workers.first:
            return
        runs.save(path, {"tower": tower.state_dict(), "model": model.state_dict(), "places": places.state_dict(),
                         "optimizers": [o.state_dict() for o in optimizers], "step": step, "totals": totals})

    saved, mean, found, place_mean, edge_mean = time.time(), None, None, None, None
    stopped = asked_to_stop() if workers.first else lambda: False
    last, stopping = min(options.steps, options.stop or options.steps), False
    while step < last and not stopping:
        index = together.choice(len(pools), p=weights)
        # Larger pages go in smaller batches, so that a step always costs about the same.
        count = max(2, round(options.pages / workers.count * 9 / (4 + (1 + GRIDS[index][0][0] * GRIDS[index][0][1]))))
        fresh = count if len(pools[index].pages) < 3 * count else together.binomial(count, options.fresh)
        if fresh:
            pools[index].factory.fullness = fullness(totals)
            pools[index].add(fresh)
        visual, possible = pools[index].sample(count, rng)
        asked = [ask(possible, SHORT, options.short, rng, pick), ask(possible, {"position": 1.0}, options.positions, rng, pick)]
        coded = [encode(tokenizer, group) for group in asked]
        kept = None
        if drop_layers and together.random() < DROP_RATE:
            kept = int(together.choice(drop_layers)), kept_tokens(asked, visual, len(prefix), rng)
        hidden, seen, found_states = model.study(prefix, visual, [ids for ids, _, _ in coded], 0 if drop_layers else before, middle, kept)
        placed = places.loss(seen, asked, tokenizer, index)
        edged = places.found_loss(found_states[1], asked[1], tokenizer)
        said, hinted, looked, answers = 0.0, 0.0, 0.0, 0
        for states, (ids, targets, hints), group, weight in zip(hidden, coded, asked, looking.watched):
            find, share = look_targets(tokenizer, group, ids, visual.shape[1], len(prefix), is_counting)
            if kept:
                stays = kept[1][:, None, None].expand(-1, *find.shape[1:3], -1)
                find, share = find.gather(-1, stays), share.gather(-1, stays)
            look, mass = look_loss(weight, find, share)
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
        loss = said / answers + HINT_WEIGHT * hinted + LOOK_WEIGHT * looked + PLACE_WEIGHT * placed + FOUND_WEIGHT * edged
        model.zero_grad()
        places.zero_grad()
        loss.backward()
        stopping = workers.agree([*model.parameters(), *places.parameters()], stopped())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in zip(optimizers, rates):
            optimizer.param_groups[0]["lr"] = schedule.rate(peak, step, options.steps, warmup=100)
            optimizer.step()
        step += 1
        now, place, edge = said.item() / answers, placed.item(), edged.item()
        edge_mean = edge if edge_mean is None else 0.98 * edge_mean + 0.02 * edge
        mean = now if mean is None else 0.98 * mean + 0.02 * now
        place_mean = place if place_mean is None else 0.98 * place_mean + 0.02 * place
        if step % 25 == 0 and workers.first:
            shares = " ".join(f"{kind} {right / seen:.3f}" for kind, (right, seen) in sorted(totals.items()))
            print(f"{time.process_time() / 60:6.1f} min step {step} loss {mean:.3f} found {found:.3f} place {place_mean:.3f} edge {edge_mean:.3f} {shares}", flush=True)
        if time.time() - saved > 180:
            save()
            saved = time.time()
    save()
    if stopping:
        raise SystemExit(3)


if __name__ == "__main__":
    main()
