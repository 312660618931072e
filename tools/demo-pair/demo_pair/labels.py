"""Dense labels: what every visual token of a page should be able to tell."""
import numpy as np

from .vocabulary import BINS, CELL, CELLS, CHARACTERS, COLOR_NAMES, MAX_BAR, SHAPES, TILE

IGNORE = -100
KINDS = ["none", "box", *SHAPES, "bar"]
PLACES = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]     # (position, length) of a character in its code
RANKS = ["", "tallest", "shortest"]

# label name -> (number of classes, loss weight)
HEADS = {
    "kind": (len(KINDS), 1.0), "color": (len(COLOR_NAMES), 1.0), "char": (len(CHARACTERS), 1.5),
    "place": (len(PLACES), 1.0), "anchor": (2, 0.5), "value": (MAX_BAR, 1.0), "rank": (len(RANKS), 0.5),
    "x1": (BINS + 1, 0.4), "y1": (BINS + 1, 0.4), "x2": (BINS + 1, 0.4), "y2": (BINS + 1, 0.4),
}
NAMES = list(HEADS)
_INDEX = {name: i for i, name in enumerate(NAMES)}
_CHAR = {c: i for i, c in enumerate(CHARACTERS)}


def _edge_bins(box, width, height):
    x1, y1, x2, y2 = box
    return [min(BINS, max(0, round(v * BINS / s))) for v, s in ((x1, width), (y1, height), (x2, width), (y2, height))]


def of_page(page):
    """int16 labels [tiles + 1, 16, heads]; the thumbnail's are coarse and often ignored."""
    tiles = page.columns * page.rows
    out = np.full((tiles + 1, CELLS * CELLS, len(NAMES)), IGNORE, np.int16)
    out[:tiles, :, _INDEX["kind"]] = 0
    out[:tiles, :, _INDEX["anchor"]] = 0
    for item in page.items:
        _label_cells(out, page, item)
    _label_thumbnail(out[tiles], page)
    return out


def _label_cells(out, page, item):
    cx, cy, width, height = item.cells
    tile_x, tile_y = cx // CELLS, cy // CELLS
    tile = out[tile_y * page.columns + tile_x]
    x1, y1, x2, y2 = item.box
    edges = _edge_bins((x1 - tile_x * TILE, y1 - tile_y * TILE, x2 - tile_x * TILE, y2 - tile_y * TILE), TILE, TILE)
    for dy in range(height):
        for dx in range(width):
            label = tile[(cy + dy) % CELLS * CELLS + (cx + dx) % CELLS]
            label[_INDEX["kind"]] = KINDS.index(item.kind)
            label[_INDEX["color"]] = COLOR_NAMES.index(item.color)
            label[_INDEX["anchor"]] = int(dx == 0 and dy == 0)
            if item.kind == "bar":
                label[_INDEX["anchor"]] = int(dy == height - 1)
                label[_INDEX["value"]] = item.value - 1
                label[_INDEX["rank"]] = RANKS.index(item.rank)
                continue
            label[_INDEX["x1"]:_INDEX["y2"] + 1] = edges
            if item.kind == "box":
                label[_INDEX["char"]] = _CHAR[item.text[dx]]
                label[_INDEX["place"]] = PLACES.index((dx, len(item.text)))


def _label_thumbnail(out, page):
    """Each thumbnail token tells the object that clearly dominates its share of the page."""
    step_x, step_y = page.width / CELLS, page.height / CELLS
    best = np.zeros((CELLS * CELLS, 2))
    owner = np.full(CELLS * CELLS, -1)
    for index, item in enumerate(page.items):
        x1, y1, x2, y2 = item.box
        for row in range(int(y1 // step_y), min(CELLS - 1, int((y2 - 1) // step_y)) + 1):
            for column in range(int(x1 // step_x), min(CELLS - 1, int((x2 - 1) // step_x)) + 1):
                overlap = ((min(x2, (column + 1) * step_x) - max(x1, column * step_x))
                           * (min(y2, (row + 1) * step_y) - max(y1, row * step_y)))
                token = row * CELLS + column
                if overlap > best[token, 0]:
                    best[token] = overlap, best[token, 0]
                    owner[token] = index
                elif overlap > best[token, 1]:
                    best[token, 1] = overlap
    out[owner < 0, _INDEX["kind"]] = 0
    for token in np.flatnonzero(owner >= 0):
        first, second = best[token]
        if first < 0.5 * CELL * CELL or second > 0.3 * first:
            continue
        item = page.items[owner[token]]
        out[token, _INDEX["kind"]] = KINDS.index(item.kind)
        out[token, _INDEX["color"]] = COLOR_NAMES.index(item.color)
        if item.kind != "bar":
            out[token, _INDEX["x1"]:_INDEX["y2"] + 1] = _edge_bins(item.box, page.width, page.height)
