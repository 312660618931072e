"""Questions that a page can answer."""
from collections import Counter
from dataclasses import dataclass

from .vocabulary import BINS, CELLS, COLOR_NAMES, MAX_COUNT, SHAPES, TILE, WORDS, coordinate

KINDS = ["text", "count", "color_shape", "chart", "position"]
POSITION = "Please provide the bounding box coordinate of the region this sentence describes: <ref>{}</ref>"


@dataclass(frozen=True)
class Question:
    kind: str
    text: str
    answer: str         # what the model is trained to say
    exact: str = ""     # position only: the box rounded to 1/1000 of the page, not to the model's bins
    looks: tuple = ()   # per answer token, the visual tokens that tell it; of a count, the first cells of what is counted


def cells_of(page, item):
    """Visual tokens of an object in the full-resolution tiles, left to right and top to bottom."""
    cx, cy, width, height = item.cells
    return tuple((y // CELLS * page.columns + x // CELLS) * CELLS * CELLS + y % CELLS * CELLS + x % CELLS
                 for y in range(cy, cy + height) for x in range(cx, cx + width))


def is_visible_in_thumbnail(page, item):
    """Positions are read from the thumbnail, so only objects that keep both sides above 12 px there are asked for."""
    x1, y1, x2, y2 = item.box
    return min((x2 - x1) * TILE / page.width, (y2 - y1) * TILE / page.height) >= 12


def thumbnail_of(page, item):
    """Visual tokens of the thumbnail that show a good part of an object."""
    x1, y1, x2, y2 = item.box
    step_x, step_y = page.width / CELLS, page.height / CELLS
    columns = range(int((x1 + 0.2 * (x2 - x1)) // step_x), int((x2 - 0.2 * (x2 - x1)) // step_x) + 1)
    rows = range(int((y1 + 0.2 * (y2 - y1)) // step_y), int((y2 - 0.2 * (y2 - y1)) // step_y) + 1)
    first = page.columns * page.rows * CELLS * CELLS
    return tuple(first + row * CELLS + column for row in rows for column in columns)


def _box_answer(values):
    return "[[" + ",".join(str(v) for v in values) + "]]"


def position(page, item, phrase):
    x1, y1, x2, y2 = item.box
    shares = (x1 / page.width, y1 / page.height, x2 / page.width, y2 / page.height)
    binned = [coordinate(min(BINS, max(0, round(s * BINS)))) for s in shares]
    spot = thumbnail_of(page, item)
    return Question("position", POSITION.format(phrase), _box_answer(binned),
                    _box_answer(min(1000, max(0, round(1000 * s))) for s in shares), ((), spot) * 4)


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
            out["text"].append(Question("text", f"What {what} in the {item.color} box?", item.text,
                                        looks=tuple((cell,) for cell in cells_of(page, item) + cells_of(page, item)[-1:])))
            if is_visible_in_thumbnail(page, item):
                out["position"].append(position(page, item, f"the {item.color} box"))
    for item in shapes:
        looks = (cells_of(page, item),)
        if shape_kinds[item.kind] == 1:
            out["color_shape"].append(Question("color_shape", f"What color is the {item.kind}?", item.color,
                                               looks=looks))
        if shape_colors[item.color] == 1:
            out["color_shape"].append(Question("color_shape", f"What shape is {item.color}?", item.kind, looks=looks))
        if both[item.color, item.kind] == 1 and is_visible_in_thumbnail(page, item):
            out["position"].append(position(page, item, f"the {item.color} {item.kind}"))
    _count(out, page, "boxes", boxes)
    for name in SHAPES:
        _count(out, page, "crosses" if name == "cross" else name + "s", [i for i in shapes if i.kind == name])
    for name in COLOR_NAMES:
        _count(out, page, name + " shapes", [i for i in shapes if i.color == name])
    for bar in bars:
        looks = (cells_of(page, bar),)
        out["chart"].append(Question("chart", f"What is the value of the {bar.color} bar?", str(bar.value), looks=looks))
        if bar.rank:
            out["chart"].append(Question("chart", f"What color is the {bar.rank} bar?", bar.color, looks=looks))
    return out


def _count(out, page, things, items):
    if len(items) <= MAX_COUNT:
        out["count"].append(Question("count", f"How many {things} are there?", str(len(items)),
                                     looks=(tuple(cells_of(page, i)[0] for i in items),)))


def pick(pool, kind, rng):
    """One question of a kind; counts of nothing are asked less often than they are possible."""
    questions = pool[kind]
    if not questions:
        return None
    question = questions[int(rng.random() * len(questions))]
    if kind == "count" and question.answer == "0" and rng.random() < 0.8:
        return pick(pool, kind, rng)
    return question
