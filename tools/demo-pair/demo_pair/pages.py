"""Random pages: a layout of objects on a cell grid and its picture."""
from dataclasses import dataclass, field

import numpy as np

from . import sprites
from .vocabulary import (CELL, CELLS, CHARACTERS, COLOR_NAMES, COLORS, COORDINATES, DARK_TEXT_ON, MAX_BAR, SHAPES, TILE,
                         WORDS)

# Tile grids (columns, rows) of a page and how often each is drawn.
GRIDS = [((2, 2), 0.58), ((3, 2), 0.13), ((2, 3), 0.13), ((3, 3), 0.04), ((4, 3), 0.08), ((3, 4), 0.04)]
UNIT = 14           # pixels per unit of a bar


@dataclass
class Item:
    """One drawn object. Cells are global; box is (x1, y1, x2, y2) in pixels."""
    kind: str                   # "box", "bar" or the name of a shape
    color: str
    cells: tuple                # (column, row, columns, rows)
    box: tuple
    text: str = ""
    value: int = 0
    rank: str = ""              # "tallest" or "shortest" for a bar

    @property
    def is_shape(self):
        return self.kind in SHAPES


@dataclass
class Page:
    columns: int                # tiles
    rows: int
    items: list = field(default_factory=list)
    pixels: np.ndarray = None   # uint8 [height, width, 3]

    @property
    def width(self):
        return self.columns * TILE

    @property
    def height(self):
        return self.rows * TILE


class PageFactory:
    """Draws pages from a seed. density scales the number of objects."""

    def __init__(self, seed, grids=GRIDS, density=1.0, chart_rate=0.55):
        self.rng = np.random.default_rng(seed)
        self.grids = [g for g, _ in grids]
        weights = np.array([w for _, w in grids], float)
        self.weights = weights / weights.sum()
        self.density = density
        self.chart_rate = chart_rate
        noise = np.random.default_rng(seed + 1).standard_normal(1 << 20)
        self.noise = np.clip(np.round(noise * 16), -64, 64).astype(np.int8)

    def grid_rates(self):
        return list(zip(self.grids, self.weights))

    def _int(self, low, high):
        """Uniform integer in low..high, both included."""
        return low + int(self.rng.random() * (high - low + 1))

    def _choice(self, sequence):
        return sequence[int(self.rng.random() * len(sequence))]

    def draw(self):
        columns, rows = self.grids[int(np.searchsorted(np.cumsum(self.weights), self.rng.random()))]
        page = Page(columns, rows)
        base = self._int(218, 252)
        tint = self.rng.integers(-5, 6, 3)
        page.pixels = np.empty((page.height, page.width, 3), np.uint8)
        page.pixels[:] = np.clip(base + tint, 0, 255).astype(np.uint8)
        self._clutter(page)
        free = np.ones((rows * CELLS, columns * CELLS), bool)
        if self.rng.random() < self.chart_rate:
            self._chart(page, free)
        tiles = columns * rows
        growth = self.density * (1 + 0.12 * (tiles - 4))
        hard = self.rng.random()
        for _ in range(max(1, round(growth * (1 + 4.4 * hard * self.rng.random() + self.rng.random())))):
            self._code_box(page, free)
        for _ in range(max(1, round(growth * (1 + 7.5 * hard * self.rng.random() + 2 * self.rng.random())))):
            self._shape(page, free)
        self._add_noise(page)
        return page

    # -- placing -----------------------------------------------------------------------------------

    def _place(self, free, width, height):
        """A free cell rectangle that lies inside one tile, or None."""
        rows, columns = free.shape
        for _ in range(24):
            x = self._int(0, columns // CELLS - 1) * CELLS + self._int(0, CELLS - width)
            y = self._int(0, rows // CELLS - 1) * CELLS + self._int(0, CELLS - height)
            if free[y:y + height, x:x + width].all():
                free[y:y + height, x:x + width] = False
                return x, y
        return None

    def _color(self, name):
        r, g, b = COLORS[name]
        d = self.rng.integers(-11, 12, 3)
        return np.clip(np.array([r + d[0], g + d[1], b + d[2]]), 0, 255)

    # -- drawing -----------------------------------------------------------------------------------

    @staticmethod
    def _blend(pixels, mask, x, y, color):
        h, w = mask.shape
        region = pixels[y:y + h, x:x + w]
        mask = mask[:region.shape[0], :region.shape[1], None].astype(np.int32)
        old = region.astype(np.int32)
        region[:] = (old + ((color - old) * mask + 127) // 255).astype(np.uint8)

    def _clutter(self, page):
        for _ in range(self._int(0, 3 * page.columns)):
            shade = self._int(150, 215)
            x, y = self._int(0, page.width - 9), self._int(0, page.height - 9)
            kind = self.rng.random()
            if kind < 0.35:
                page.pixels[y:y + self._int(1, 2), x:x + self._int(10, 60)] = shade
            elif kind < 0.7:
                page.pixels[y:y + self._int(10, 60), x:x + self._int(1, 2)] = shade
            else:
                size = self._int(2, 4)
                page.pixels[y:y + size, x:x + size] = self.rng.integers(90, 230, 3)

    def _text(self):
        if self.rng.random() < 0.2:
            return self._choice(WORDS)
        length = 1 + int(np.searchsorted((0.25, 0.7), self.rng.random()))
        while True:
            text = "".join(self._choice(CHARACTERS) for _ in range(length))
            # Coordinates are tokens of their own; a code that holds one would not be spelt by characters.
            if not any(number in text for number in COORDINATES if len(number) > 1):
                return text

    def _code_box(self, page, free):
        text = self._text()
        spot = self._place(free, len(text), 1)
        if spot is None:
            return
        cx, cy = spot
        name = self._choice(COLOR_NAMES)
        x1, y1 = cx * CELL + self._int(0, 2), cy * CELL + self._int(0, 2)
        x2, y2 = (cx + len(text)) * CELL - self._int(0, 2), (cy + 1) * CELL - self._int(0, 2)
        page.pixels[y1:y2, x1:x2] = self._color(name)
        ink = self._int(0, 40) if name in DARK_TEXT_ON else self._int(235, 255)
        font, size = self._int(0, len(sprites.FONTS) - 1), self._int(22, 26)
        for i, char in enumerate(text):
            mask = sprites.glyph(char, font, size)
            h, w = mask.shape
            x = (cx + i) * CELL + (CELL - w) // 2 + self._int(-1, 1)
            y = cy * CELL + (CELL - h) // 2 + self._int(-1, 1)
            self._blend(page.pixels, mask, x, y, np.full(3, ink))
        page.items.append(Item("box", name, (cx, cy, len(text), 1), (x1, y1, x2, y2), text=text))

    def _shape(self, page, free):
        cells = 2 if self.rng.random() < 0.4 else 1
        spot = self._place(free, cells, cells)
        if spot is None:
            return
        name, color = self._choice(SHAPES), self._choice(COLOR_NAMES)
        size = self._int(20, 26) if cells == 1 else 2 * self._int(22, 27)
        slack = cells * CELL - size
        x = spot[0] * CELL + self._int(0, slack)
        y = spot[1] * CELL + self._int(0, slack)
        self._blend(page.pixels, sprites.shape(name, size), x, y, self._color(color))
        page.items.append(Item(name, color, (*spot, cells, cells), (x, y, x + size, y + size)))

    def _chart(self, page, free):
        """A bar chart that fills one tile; the bars stand in its cell columns."""
        spot = self._place(free, CELLS, CELLS)
        if spot is None:
            return
        left, bottom = spot[0] * CELL, (spot[1] + CELLS) * CELL
        base = bottom - 5 + self._int(-1, 1)
        for unit in range(MAX_BAR + 1):
            page.pixels[base - unit * UNIT:base - unit * UNIT + 1, left + 2:left + TILE - 2] = 190 if unit else 60
        page.pixels[bottom - TILE + 4:base + 1, left + 2:left + 3] = 60
        count = self._int(3, 4)
        first = self._int(0, CELLS - count)
        values = self.rng.permutation(np.arange(1, MAX_BAR + 1))[:count]
        colors = self.rng.permutation(len(COLOR_NAMES))[:count]
        for i in range(count):
            value, color = int(values[i]), COLOR_NAMES[colors[i]]
            width = self._int(15, 20)
            x = left + (first + i) * CELL + (CELL - width) // 2 + self._int(-1, 1)
            top = base - value * UNIT
            page.pixels[top:base, x:x + width] = self._color(color)
            height = (base - top + CELL - 1) // CELL
            rank = "tallest" if value == values.max() else "shortest" if value == values.min() else ""
            page.items.append(Item("bar", color, (spot[0] + first + i, spot[1] + CELLS - height, 1, height),
                                   (x, top, x + width, base), value=value, rank=rank))

    def _add_noise(self, page):
        sigma = self._int(0, 8)
        if sigma == 0:
            return
        n = page.pixels.size
        start = self._int(0, self.noise.size - n - 1)
        noise = (self.noise[start:start + n].astype(np.int16) * sigma) >> 4
        flat = page.pixels.reshape(-1)
        flat[:] = np.clip(flat + noise, 0, 255).astype(np.uint8)
