"""Held-out pages and their questions; the seeds lie far beyond those of training."""
import re

import numpy as np

from .pages import PageFactory
from .questions import pick, questions_of

FIRST_SEED = 1 << 40
MIX = {"text": 0.3, "count": 0.2, "color_shape": 0.2, "chart": 0.15, "position": 0.15}


def pages(count, seed=0, per_page=3):
    """Yields (page, questions): up to per_page different questions, kinds drawn from MIX where the page allows them."""
    factory = PageFactory(FIRST_SEED + seed)
    rng = np.random.default_rng(FIRST_SEED + seed + 1)
    for _ in range(count):
        page = factory.draw()
        pool = questions_of(page)
        weights = np.array([rate * bool(pool[kind]) for kind, rate in MIX.items()])
        kinds = rng.choice(len(MIX), per_page, p=weights / weights.sum())
        chosen = dict.fromkeys(pick(pool, list(MIX)[k], rng) for k in kinds)
        yield page, list(chosen)


def box_of(text):
    match = re.search(r"\[\[(\d+),(\d+),(\d+),(\d+)\]\]", text)
    return [int(v) for v in match.groups()] if match else [0, 0, 0, 0]


def overlap(a, b):
    """Intersection over union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    area = width * height
    return area / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - area)


def is_right(question, answer):
    if question.kind == "position":
        return overlap(box_of(answer), box_of(question.exact)) >= 0.5
    return answer == question.answer
