"""Held-out documents: seeds that training never reaches, and layouts and fonts that it never draws."""
import numpy as np

from .pages import PageFactory
from .questions import pick, questions_of

FIRST_SEED = 1 << 40
MIX = {"text": 0.3, "table": 0.1, "chart": 0.12, "color": 0.12, "count": 0.13, "yes_no": 0.11, "position": 0.12}
SPLITS = {"seen": (False, False), "fonts": (False, True), "layouts": (True, False), "both": (True, True)}


def pages(count, seed=0, per_page=3, split="both"):
    """Yields (page, questions): up to per_page different questions, kinds drawn from MIX where the page allows them."""
    layouts, fonts = SPLITS[split]
    factory = PageFactory(FIRST_SEED + seed, held_out_layouts=layouts, held_out_fonts=fonts)
    rng = np.random.default_rng(FIRST_SEED + seed + 1)
    for _ in range(count):
        page = factory.draw()
        pool = questions_of(page)
        weights = np.array([rate * bool(pool[kind]) for kind, rate in MIX.items()])
        if weights.sum() == 0:
            continue
        kinds = rng.choice(len(MIX), per_page, p=weights / weights.sum())
        chosen = dict.fromkeys(pick(pool, list(MIX)[k], rng) for k in kinds)
        yield page, list(chosen)
