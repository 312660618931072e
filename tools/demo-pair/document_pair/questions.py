"""Questions that a document can answer, each with the visual tokens that tell the answer."""
from collections import Counter
from dataclasses import dataclass

from demo_pair.questions import POSITION, Question

from .vocabulary import (BINS, CELLS, COLOR_NAMES, COLUMNS, EDGES, FIELDS, GLYPH, GOODS, MAX_COUNT, OPTIONS, ORDINALS, SHAPES, TILE, TOKENS, WORDS,
                         coordinate)

KINDS = ["text", "table", "chart", "color", "count", "yes_no", "position"]
PLURALS = {**{s: s + "s" for s in SHAPES}, "cross": "crosses"}


def cells_of(page, item):
    """Visual tokens of an object in the full-resolution tiles, left to right and top to bottom."""
    cx, cy, wide, high = item.cells
    return tuple((y // CELLS * page.columns + x // CELLS) * TOKENS + y % CELLS * CELLS + x % CELLS
                 for y in range(cy, cy + high) for x in range(cx, cx + wide))


def edges_of(page, item):
    """x1, y1, x2, y2 of an object inside its tile, in steps of a glyph."""
    x, y = item.cells[0] // CELLS * TILE, item.cells[1] // CELLS * TILE
    return [min(EDGES, max(0, round(v / GLYPH))) for v in (item.box[0] - x, item.box[1] - y, item.box[2] - x, item.box[3] - y)]


def _box_answer(values):
    return "[[" + ",".join(str(v) for v in values) + "]]"


@dataclass(frozen=True)
class PositionQuestion(Question):
    place: tuple = ()       # tile, and the edges x1, y1, x2, y2 in it


def _position(page, item, phrase):
    x1, y1, x2, y2 = item.box
    shares = (x1 / page.width, y1 / page.height, x2 / page.width, y2 / page.height)
    binned = [coordinate(min(BINS, max(0, round(s * BINS)))) for s in shares]
    spot = cells_of(page, item)
    return PositionQuestion("position", POSITION.format(phrase), _box_answer(binned), _box_answer(min(1000, max(0, round(1000 * s))) for s in shares), ((), spot) * 4,
                            (spot[0] // TOKENS, *edges_of(page, item)))


def _told(page, kind, text, item):
    """A question answered by an item's text: a word is one token of the answer, other text is one per character."""
    cells = cells_of(page, item)
    looks = (cells,) if item.text in WORDS else tuple((cells[i // 2],) for i in range(len(item.text))) + (cells[-1:],)
    return Question(kind, text, item.text, looks=looks)


def _seen(page, kind, text, answer, item):
    return Question(kind, text, answer, looks=(cells_of(page, item),))


def _counted(page, kind, text, answer, items):
    """Answered by how many there are; the tokens that tell are their first cells."""
    return Question(kind, text, answer, looks=(tuple(cells_of(page, i)[0] for i in items),))


def _once(items, name):
    """Items whose name is no other's."""
    seen = Counter(name(i) for i in items)
    return [i for i in items if seen[name(i)] == 1]


def questions_of(page):
    """All questions with one clear answer, by kind."""
    out = {kind: [] for kind in KINDS}
    by_kind = {}
    for item in page.items:
        by_kind.setdefault(item.kind, []).append(item)
    values, buttons, signs = by_kind.get("value", []), by_kind.get("button", []), by_kind.get("sign", [])
    _fields(out, page, values)
    _plates(out, page, buttons, signs)
    _checks(out, page, by_kind.get("check", []))
    _shapes(out, page, [i for i in page.items if i.is_shape])
    _bars(out, page, by_kind.get("bar", []))
    for name, items in (("buttons", buttons), ("signs", signs)):
        _count(out, page, name, items)
    return out


def _fields(out, page, values):
    cells = [i for i in values if i.column]
    for item in _once(cells, lambda i: (i.key, i.column)):
        out["table"].append(_told(page, "table", f"What is the {ORDINALS[COLUMNS.index(item.column)]} quarter of {item.key}?", item))
    for item in _once([i for i in values if not i.column], lambda i: i.key):
        ask = "How much is the {}?" if item.key in GOODS else "What is the {}?"
        out["text"].append(_told(page, "text", ask.format(item.key), item))


def _plates(out, page, buttons, signs):
    for item in _once(buttons, lambda i: i.color):
        out["text"].append(_told(page, "text", f"What is on the {item.color} button?", item))
        out["position"].append(_position(page, item, f"the {item.color} button"))
    for item in _once(signs, lambda i: i.color):
        out["text"].append(_told(page, "text", f"What does the {item.color} sign say?", item))
        out["position"].append(_position(page, item, f"the {item.color} sign"))
    for name, items in (("button", buttons), ("sign", signs)):
        for item in _once(items, lambda i: i.text):
            if item.text in WORDS:
                out["color"].append(_seen(page, "color", f"What color is the {item.text} {name}?", item.color, item))
    for color in COLOR_NAMES:
        there = [i for i in buttons if i.color == color]
        out["yes_no"].append(_counted(page, "yes_no", f"Is there a {color} button?", "yes" if there else "no", there))


def _checks(out, page, checks):
    for item in _once(checks, lambda i: i.key):
        out["yes_no"].append(_seen(page, "yes_no", f"Is the {item.key} box checked?", "yes" if item.checked else "no", item))
    if checks:
        checked = [i for i in checks if i.checked]
        if len(checked) <= MAX_COUNT:
            out["count"].append(_counted(page, "count", "How many boxes are checked?", str(len(checked)), checked))


def _shapes(out, page, shapes):
    for item in _once(shapes, lambda i: i.kind):
        out["color"].append(_seen(page, "color", f"What color is the {item.kind}?", item.color, item))
    for item in _once(shapes, lambda i: (i.color, i.kind)):
        out["position"].append(_position(page, item, f"the {item.color} {item.kind}"))
    for name in SHAPES:
        there = [i for i in shapes if i.kind == name]
        _count(out, page, PLURALS[name], there)
        out["yes_no"].append(_counted(page, "yes_no", f"Is there a {name}?", "yes" if there else "no", there))
    for name in COLOR_NAMES:
        _count(out, page, name + " shapes", [i for i in shapes if i.color == name])


def _bars(out, page, bars):
    for item in _once(bars, lambda i: i.color):
        out["chart"].append(_seen(page, "chart", f"What is the value of the {item.color} bar?", str(item.value), item))
    for item in _once([i for i in bars if i.rank], lambda i: i.rank):
        out["chart"].append(_seen(page, "chart", f"What color is the {item.rank} bar?", item.color, item))


def _count(out, page, things, items):
    if len(items) <= MAX_COUNT:
        out["count"].append(_counted(page, "count", f"How many {things} are there?", str(len(items)), items))


def is_counting(question):
    """Whether the answer depends on how many there are, so that nothing may be there to look at."""
    return question.kind == "count" or question.text.startswith("Is there ")


def pick(pool, kind, rng):
    """One question of a kind; what is not there is asked for less often than it is possible."""
    questions = pool[kind]
    if not questions:
        return None
    question = questions[int(rng.random() * len(questions))]
    # Most of what can be counted is not there or there once.
    if question.kind == "count" and rng.random() < {"0": 0.85, "1": 0.6}.get(question.answer, 0) or question.text.startswith("Is there") and question.answer == "no" and rng.random() < 0.5:
        return pick(pool, kind, rng)
    return question


def texts():
    """Every question and short answer there can be; the tokenizer is made from them."""
    for word in WORDS:
        yield from (f"What is the {word}?", f"How much is the {word}?", f"What color is the {word} button?",
                    f"What color is the {word} sign?", f"Is the {word} box checked?", POSITION.format(f"the {word}"), word)
        yield from (f"What is the {ordinal} quarter of {word}?" for ordinal in ORDINALS)
    for color in COLOR_NAMES:
        yield from (f"What is on the {color} button?", f"What does the {color} sign say?", f"Is there a {color} button?",
                    f"How many {color} shapes are there?", f"What is the value of the {color} bar?",
                    POSITION.format(f"the {color} button"), POSITION.format(f"the {color} sign"), color)
        yield from (POSITION.format(f"the {color} {shape}") for shape in SHAPES)
    for shape in SHAPES:
        yield from (f"What color is the {shape}?", f"How many {PLURALS[shape]} are there?", f"Is there a {shape}?", shape)
    for rank in ("tallest", "shortest"):
        yield f"What color is the {rank} bar?"
    yield from ("How many boxes are checked?", "How many buttons are there?", "How many signs are there?", "yes", "no") * 4
