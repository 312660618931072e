"""Questions that a page can answer."""
from collections import Counter
from dataclasses import dataclass

from .vocabulary import BINS, COLOR_NAMES, MAX_COUNT, SHAPES, WORDS, coordinate

KINDS = ["text", "count", "color_shape", "chart", "position"]
POSITION = "Please provide the bounding box coordinate of the region this sentence describes: <ref>{}</ref>"


@dataclass(frozen=True)
class Question:
    kind: str
    text: str
    answer: str         # what the model is trained to say
    exact: str = ""     # position only: the box rounded to 1/1000 of the page, not to the model's bins


def _box_answer(values):
    return "[[" + ",".join(str(v) for v in values) + "]]"


def position(page, item, phrase):
    x1, y1, x2, y2 = item.box
    shares = (x1 / page.width, y1 / page.height, x2 / page.width, y2 / page.height)
    binned = [coordinate(min(BINS, max(0, round(s * BINS)))) for s in shares]
    return Question("position", POSITION.format(phrase), _box_answer(binned),
                    _box_answer(min(1000, max(0, round(1000 * s))) for s in shares))


def questions_of(page):
    """All questions with one clear answer, by kind."""
    out = {kind: [] for kind in KINDS}
    boxes = [i for i in page.items if i.kind == "box"]
    shapes = [i for i in page.items if i.is_shape]
    bars = [i for i in page.items if i.kind == "bar"]
    box_colors = Counter(i.color for i in boxes)
    shape_kinds, shape_colors = Counter(i.kind for i in shapes), Counter(i.color for i in shapes)
    both = Counter((i.color, i.kind) for i in shapes)

    for item in boxes:
        if box_colors[item.color] == 1:
            what = "word is" if item.text in WORDS else "is the code"
            out["text"].append(Question("text", f"What {what} in the {item.color} box?", item.text))
            out["position"].append(position(page, item, f"the {item.color} box"))
    for item in shapes:
        if shape_kinds[item.kind] == 1:
            out["color_shape"].append(Question("color_shape", f"What color is the {item.kind}?", item.color))
        if shape_colors[item.color] == 1:
            out["color_shape"].append(Question("color_shape", f"What shape is {item.color}?", item.kind))
        if both[item.color, item.kind] == 1:
            out["position"].append(position(page, item, f"the {item.color} {item.kind}"))
    _count(out, "boxes", len(boxes))
    for name in SHAPES:
        _count(out, "crosses" if name == "cross" else name + "s", shape_kinds[name])
    for name in COLOR_NAMES:
        _count(out, name + " shapes", shape_colors[name])
    for bar in bars:
        out["chart"].append(Question("chart", f"What is the value of the {bar.color} bar?", str(bar.value)))
        if bar.rank:
            out["chart"].append(Question("chart", f"What color is the {bar.rank} bar?", bar.color))
    return out


def _count(out, things, count):
    if count <= MAX_COUNT:
        out["count"].append(Question("count", f"How many {things} are there?", str(count)))


def pick(pool, kind, rng):
    """One question of a kind; counts of nothing are asked less often than they are possible."""
    questions = pool[kind]
    if not questions:
        return None
    question = questions[int(rng.random() * len(questions))]
    if kind == "count" and question.answer == "0" and rng.random() < 0.8:
        return pick(pool, kind, rng)
    return question
