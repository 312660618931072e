"""Dense labels: what every visual token of a document should be able to tell."""
import numpy as np

from .questions import edges_of
from .vocabulary import CELLS, CHARACTERS, COLOR_NAMES, COLUMNS, EDGES, MAX_BAR, SHAPES, TOKENS, WORDS

IGNORE = -100
KINDS = ["none", "word", "value", "button", "sign", "check", "bar", *SHAPES, "thumbnail"]
RANKS = ["", "tallest", "shortest"]
_CHAR = {c: i for i, c in enumerate(CHARACTERS)}
_BLANK = len(CHARACTERS)
_WORD = {w: i for i, w in enumerate(WORDS)}

# label name -> (number of classes, loss weight)
HEADS = {
    "kind": (len(KINDS), 1.0), "color": (len(COLOR_NAMES), 1.0),
    "left": (_BLANK + 1, 1.5), "right": (_BLANK + 1, 1.5), "place": (3, 0.5), "last": (2, 0.5),
    "word": (len(WORDS), 1.0), "key": (len(WORDS), 1.5), "column": (len(COLUMNS), 1.0),
    "anchor": (2, 0.5), "checked": (2, 0.5), "value": (MAX_BAR, 1.0), "rank": (len(RANKS), 0.5),
    "x1": (EDGES + 1, 0.3), "y1": (EDGES + 1, 0.3), "x2": (EDGES + 1, 0.3), "y2": (EDGES + 1, 0.3),
}
NAMES = list(HEADS)
INDEX = {name: i for i, name in enumerate(NAMES)}


def of_page(page):
    """int16 labels [tiles + 1, 36, heads]; of the thumbnail only that it is one."""
    tiles = page.columns * page.rows
    out = np.full((tiles + 1, TOKENS, len(NAMES)), IGNORE, np.int16)
    out[:tiles, :, INDEX["kind"]] = 0
    out[:tiles, :, INDEX["anchor"]] = 0
    out[tiles, :, INDEX["kind"]] = KINDS.index("thumbnail")
    for item in page.items:
        _label_cells(out, page, item)
    return out


def named(page):
    """Which tokens of a tile show what is named by a word, and which show the word: [(tile, tokens, tokens of the word)]."""
    out = []
    for item in page.items:
        words = [w for w in page.items if w.kind == "word" and w.text == item.key and _tile(page, w) == _tile(page, item)]
        if words:
            # A word may stand twice in a tile: it names what is in its row or the row below.
            word = min(words, key=lambda w: (item.cells[1] - w.cells[1]) % (2 * CELLS))
            out.append((_tile(page, item), _tokens(item), _tokens(word)))
    return out


def _tile(page, item):
    return item.cells[1] // CELLS * page.columns + item.cells[0] // CELLS


def _tokens(item):
    cx, cy, wide, high = item.cells
    return [(cy + dy) % CELLS * CELLS + (cx + dx) % CELLS for dy in range(high) for dx in range(wide)]


def _label_cells(out, page, item):
    cx, cy, wide, high = item.cells
    tile_x, tile_y = cx // CELLS, cy // CELLS
    tile = out[tile_y * page.columns + tile_x]
    edges = edges_of(page, item)
    for dy in range(high):
        for dx in range(wide):
            label = tile[(cy + dy) % CELLS * CELLS + (cx + dx) % CELLS]
            label[INDEX["kind"]] = KINDS.index(item.kind)
            label[INDEX["anchor"]] = int(dy == high - 1) if item.kind == "bar" else int(dx == 0 and dy == 0)
            label[INDEX["x1"]:INDEX["y2"] + 1] = edges
            if item.color:
                label[INDEX["color"]] = COLOR_NAMES.index(item.color)
            if item.text:
                _label_text(label, item, dx, wide)
            if item.key:
                label[INDEX["key"]] = _WORD[item.key]
            if item.column:
                label[INDEX["column"]] = COLUMNS.index(item.column)
            if item.kind == "check":
                label[INDEX["checked"]] = int(item.checked)
            if item.kind == "bar":
                label[INDEX["value"]] = item.value - 1
                label[INDEX["rank"]] = RANKS.index(item.rank)


def _label_text(label, item, dx, wide):
    shown = item.text.upper()
    label[INDEX["left"]] = _CHAR[shown[2 * dx]]
    label[INDEX["right"]] = _CHAR[shown[2 * dx + 1]] if 2 * dx + 1 < len(shown) else _BLANK
    label[INDEX["place"]] = dx
    label[INDEX["last"]] = int(dx == wide - 1)
    if item.text in _WORD:
        label[INDEX["word"]] = _WORD[item.text]
