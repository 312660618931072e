"""Random documents: every tile of a page is one panel of a receipt, form, table, chart, screen, sign or scene."""
import io
import zlib
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from demo_pair.sprites import shape

from . import sprites
from .vocabulary import (ACTIONS, CELL, CELLS, CITIES, CODE_LETTERS, COLOR_NAMES, COLORS, COLUMNS, DARK_TEXT_ON, DIGITS,
                         FIELDS, FONTS, GLYPH, GOODS, GRIDS, HELD_OUT_FONTS, MAX_BAR, OPTIONS, PEOPLE, SHAPES, SIGNS, TILE)

UNIT = 14               # pixels per unit of a bar
FAMILIES = ["receipt", "form", "table", "chart", "screen", "sign", "scene"]


@dataclass
class Item:
    """One drawn object. Cells are global; box is (x1, y1, x2, y2) in pixels."""
    kind: str                   # "word", "value", "button", "sign", "check", "bar" or the name of a shape
    cells: tuple                # (column, row, columns, rows)
    box: tuple
    color: str = ""
    text: str = ""              # as a word of the vocabulary (lower case) or as characters
    key: str = ""               # the word that names a value or a check box
    column: str = ""            # of a table's value
    value: int = 0              # of a bar
    rank: str = ""              # "tallest" or "shortest" for a bar
    checked: bool = False

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


@dataclass
class Style:
    """How the text of a panel looks."""
    font: str
    height: int                 # of a capital, pixels
    case: int                   # 0 upper, 1 title, 2 lower
    ink: np.ndarray
    dx: int
    dy: int

    def cased(self, text):
        return (text.upper(), text.capitalize(), text)[self.case] if text.islower() else text


def is_held_out(layout):
    """A fifth of all layouts is never drawn for training."""
    return zlib.crc32(repr(layout).encode()) % 5 == 0


class PageFactory:
    """Draws pages from a seed: of training's layouts and fonts, or of those held out."""

    def __init__(self, seed, grids=GRIDS, held_out_layouts=False, held_out_fonts=False, fullness=1.0, family=None):
        self.rng = np.random.default_rng(seed)
        self.grids = [g for g, _ in grids]
        weights = np.array([w for _, w in grids], float)
        self.weights = weights / weights.sum()
        self.held_out_layouts = held_out_layouts
        self.fonts = HELD_OUT_FONTS if held_out_fonts else FONTS
        self.fullness = fullness
        self.family = family        # of most panels; None draws one for each page
        noise = np.random.default_rng(seed + 1).standard_normal(1 << 20)
        self.noise = np.clip(np.round(noise * 16), -64, 64).astype(np.int8)

    def grid_rates(self):
        return list(zip(self.grids, self.weights))

    def _int(self, low, high):
        """Uniform integer in low..high, both included."""
        return low + int(self.rng.random() * (high - low + 1))

    def _choice(self, sequence):
        return sequence[int(self.rng.random() * len(sequence))]

    def _some(self, sequence, count):
        return [sequence[i] for i in self.rng.permutation(len(sequence))[:count]]

    def _chance(self, share):
        return self.rng.random() < share

    def _layout(self, family, **choices):
        """One layout of a family: a value for each choice, from the side of the split that is drawn."""
        while True:
            layout = {name: self._choice(values) for name, values in choices.items()}
            if is_held_out((family, *sorted(layout.items()))) == self.held_out_layouts:
                return layout

    def draw(self):
        columns, rows = self.grids[int(np.searchsorted(np.cumsum(self.weights), self.rng.random()))]
        page = Page(columns, rows)
        base = self._int(196, 252)
        page.pixels = np.empty((page.height, page.width, 3), np.uint8)
        page.pixels[:] = np.clip(base + self.rng.integers(-8, 9, 3), 0, 255).astype(np.uint8)
        self._clutter(page)
        self.font = self._choice(self.fonts)
        # Most pages are one document; strips are receipts more often than not.
        main = self.family or ("receipt" if columns == 1 and self._chance(0.5) else self._choice(FAMILIES))
        for y in range(rows):
            for x in range(columns):
                if self.fullness < 1 and page.items and not self._chance(self.fullness):
                    continue
                family = main if self._chance(0.85 if self.family else 0.45) else self._choice(FAMILIES)
                getattr(self, "_" + family)(page, x * CELLS, y * CELLS)
        self._add_noise(page)
        if self._chance(0.5):
            coded = io.BytesIO()
            Image.fromarray(page.pixels).save(coded, "JPEG", quality=self._int(60, 95), subsampling=self._choice((0, 2, 2)))
            page.pixels = np.asarray(Image.open(coded)).copy()
        return page

    # -- pieces of panels --------------------------------------------------------------------------

    def _style(self, ink=None):
        if ink is None:
            ink = np.clip(self._int(10, 70) + self.rng.integers(-10, 30, 3), 0, 255)
        return Style(self._choice(self.fonts) if self._chance(0.2) else self.font, self._int(11, 15), self._int(0, 2), ink,
                     self._int(-1, 2), self._int(-2, 2))

    def _color(self, name):
        return np.clip(np.array(COLORS[name]) + self.rng.integers(-14, 15, 3), 0, 255)

    def _write(self, page, column, row, text, style):
        """Writes text from a cell on and returns (cells, box)."""
        shown = style.cased(text)
        x, y = column * CELL + style.dx, row * CELL + style.dy
        for i, char in enumerate(shown):
            mask, inset = sprites.glyph(char, style.font, style.height)
            sprites.blend(page.pixels, mask, x + i * GLYPH + inset, y, style.ink)
        wide = (len(text) + 1) // 2
        top = y + 14 - style.height // 2
        return ((column, row, wide, 1), (max(0, x), max(0, top - 2), x + len(text) * GLYPH, top + style.height + 2))

    def _word(self, page, column, row, word, style):
        cells, box = self._write(page, column, row, word, style)
        page.items.append(Item("word", cells, box, text=word))
        return cells

    def _value(self, page, column, row, text, style, key, table_column=""):
        cells, box = self._write(page, column, row, text, style)
        page.items.append(Item("value", cells, box, text=text, key=key, column=table_column))

    def _fill(self, page, x1, y1, x2, y2, color):
        page.pixels[max(0, y1):max(0, y2), max(0, x1):max(0, x2)] = color

    def _frame(self, page, x1, y1, x2, y2, color):
        self._fill(page, x1, y1, x2, y1 + 1, color)
        self._fill(page, x1, y2 - 1, x2, y2, color)
        self._fill(page, x1, y1, x1 + 1, y2, color)
        self._fill(page, x2 - 1, y1, x2, y2, color)

    def _paper(self, page, column, row, shade):
        """A sheet over most of the tile."""
        x, y = column * CELL, row * CELL
        self._fill(page, x + self._int(0, 2), y + self._int(0, 2), x + TILE - self._int(0, 2), y + TILE - self._int(0, 2),
                   np.clip(shade + self.rng.integers(-4, 5, 3), 0, 255))

    def _price(self):
        return f"{self._int(1, 29)}.{self._int(0, 99):02d}"

    def _code(self):
        length = self._int(2, 4)
        return "".join(self._choice(CODE_LETTERS) if self._chance(0.45) else self._choice(DIGITS) for _ in range(length))

    def _field_value(self, key):
        if key in ("total", "tax", "price"):
            return self._price()
        if key == "date":
            return f"{self._int(1, 28):02d}.{self._int(1, 12):02d}"
        if key == "phone":
            return f"{self._int(100, 999)}-{self._int(10, 99)}"
        if key == "name":
            return self._choice(PEOPLE)
        if key == "city":
            return self._choice(CITIES)
        return str(self._int(10, 499)) if key in ("room", "size") else self._code()

    # -- panels ------------------------------------------------------------------------------------

    def _receipt(self, page, column, row):
        layout = self._layout("receipt", head=(0, 1, 2), column=(3, 4), line=(0, 1, 2), last=(0, 1), skip=(0, 1))
        style = self._style()
        self._paper(page, column, row, self._int(236, 253))
        at = 0
        if layout["head"]:
            self._word(page, column + layout["head"], row, self._choice(SIGNS), style)
            at = 1
        if layout["line"]:
            y = (row + at) * CELL + self._int(-1, 0)
            self._fill(page, column * CELL + 4, y, (column + CELLS) * CELL - 4, y + layout["line"], 120)
        last = CELLS - 1 if layout["last"] else CELLS
        for good in self._some(GOODS, max(1, round((last - at - layout["skip"]) * self.fullness))):
            self._row(page, column, row + at, good, self._price(), layout["column"], style)
            at += 1
        if layout["last"]:
            self._row(page, column, row + CELLS - 1, self._choice(("total", "tax")), self._price(), layout["column"], style)

    def _row(self, page, column, row, key, text, at, style):
        self._word(page, column, row, key, style)
        self._value(page, column + (3 if len(text) > 4 else at), row, text, style, key)

    def _form(self, page, column, row):
        layout = self._layout("form", stacked=(0, 1), box=(0, 1, 2), inset=(0, 1), checks=(0, 1, 2), side=(0, 1), gap=(0, 1))
        style = self._style()
        self._paper(page, column, row, self._int(228, 253))
        at, checks = 0, layout["checks"]
        keys = self._some([f for f in FIELDS if f not in ("total", "tax")], max(1, round(4 * self.fullness)))
        options = self._some(OPTIONS, checks)
        line = self._int(110, 190)
        while keys and at + 1 + layout["stacked"] + checks <= CELLS:
            key = keys.pop()
            text = self._field_value(key)
            self._word(page, column, row + at, key, style)
            value_column, value_row = (layout["inset"], at + 1) if layout["stacked"] else (3, at)
            x1, x2 = (column + value_column) * CELL - 3, (column + CELLS) * CELL - 4
            y1, y2 = (row + value_row) * CELL + 2, (row + value_row + 1) * CELL - 1
            if layout["box"] == 1:
                self._fill(page, x1, y2 - 1, x2, y2, line)
            elif layout["box"] == 2:
                self._frame(page, max(x1, column * CELL + 1), y1, x2, y2, line)
            self._value(page, column + value_column, row + value_row, text, style, key)
            at += 1 + layout["stacked"] + (layout["gap"] if not layout["stacked"] and at < 2 else 0)
        at = CELLS - checks
        for option in options:
            self._check(page, column, row + at, option, layout["side"], style)
            at += 1

    def _check(self, page, column, row, option, side, style):
        box_column = column + (4 if side else 0)
        self._word(page, column + (0 if side else 1), row, option, style)
        size = self._int(14, 19)
        x, y = box_column * CELL + (CELL - size) // 2, row * CELL + (CELL - size) // 2
        self._fill(page, x, y, x + size, y + size, self._int(240, 255))
        self._frame(page, x, y, x + size, y + size, self._int(20, 110))
        checked = self._chance(0.5)
        if checked:
            mask, _ = sprites.glyph(self._choice("XV"), self.font, size - 4)
            sprites.blend(page.pixels, mask, x + (size - mask.shape[1]) // 2, row * CELL, self._color(self._choice(("red", "blue", "green"))) // 2)
        page.items.append(Item("check", (box_column, row, 1, 1), (x, y, x + size, y + size), key=option, checked=checked))

    def _table(self, page, column, row):
        layout = self._layout("table", columns=((3, 5), (2, 4), (3, 4, 5), (2, 3, 5)), top=(0, 1), lines=(0, 1, 2), stripes=(0, 1))
        style = self._style()
        self._paper(page, column, row, self._int(232, 253))
        top = layout["top"]
        head = self._int(170, 215)
        if layout["stripes"]:
            self._fill(page, column * CELL + 2, (row + top) * CELL, (column + CELLS) * CELL - 2, (row + top + 1) * CELL, head)
        for name, at in zip(COLUMNS, layout["columns"]):
            self._write(page, column + at, row + top, name, style)
        for i, person in enumerate(self._some(PEOPLE, max(1, round((CELLS - 1 - top) * self.fullness)))):
            y = row + top + 1 + i
            if layout["lines"] == 1 or (layout["lines"] == 2 and i == 0):
                self._fill(page, column * CELL + 2, y * CELL - 1, (column + CELLS) * CELL - 2, y * CELL, head - 40)
            self._word(page, column, y, person, style)
            for name, at in zip(COLUMNS, layout["columns"]):
                self._value(page, column + at, y, str(self._int(1, 99)), style, person, name)

    def _chart(self, page, column, row):
        layout = self._layout("chart", first=(1, 2), ticks=(1, 3), frame=(0, 1), letters=(0, 1), grid=(0, 1, 2))
        style = self._style()
        self._paper(page, column, row, self._int(232, 253))
        left, base = column * CELL, (row + CELLS - 1) * CELL - self._int(1, 4)
        dark, light = self._int(40, 100), self._int(190, 225)
        for unit in range(MAX_BAR + 1):
            if unit and layout["grid"] and unit % layout["grid"] == 0:
                self._fill(page, left + 20, base - unit * UNIT, left + TILE - 3, base - unit * UNIT + 1, light)
            if unit % (2 * layout["ticks"]) == 0:
                mask, inset = sprites.glyph(str(unit), style.font, 9)
                sprites.blend(page.pixels, mask, left + 3 + inset, base - unit * UNIT - 14, style.ink)
        self._fill(page, left + 20, base, left + TILE - 3, base + 1, dark)
        self._fill(page, left + 20, base - MAX_BAR * UNIT, left + 21, base, dark)
        if layout["frame"]:
            self._frame(page, left + 1, row * CELL + 1, left + TILE - 1, row * CELL + TILE - 1, light - 60)
        count = self._int(2, CELLS - layout["first"])
        values = self.rng.permutation(np.arange(1, MAX_BAR + 1))[:count]
        colors = self._some(COLOR_NAMES, count)
        for i in range(count):
            value, color = int(values[i]), colors[i]
            width = self._int(14, 22)
            x = left + (layout["first"] + i) * CELL + (CELL - width) // 2 + self._int(-1, 1)
            top = base - value * UNIT
            self._fill(page, x, top, x + width, base, self._color(color))
            if layout["letters"]:
                mask, inset = sprites.glyph("ABCDE"[i], style.font, 11)
                sprites.blend(page.pixels, mask, left + (layout["first"] + i) * CELL + 7 + inset, base + 1, style.ink)
            first = top // CELL
            rank = "tallest" if value == values.max() else "shortest" if value == values.min() else ""
            page.items.append(Item("bar", (column + layout["first"] + i, first, 1, (base - 1) // CELL - first + 1),
                                   (x, top, x + width, base), color=color, value=value, rank=rank))

    def _plate(self, page, kind, column, row, wide, high, text, color, style, line=0):
        """A coloured plate with text on one of its lines, the plate's cells all its own."""
        x1, y1 = column * CELL + self._int(0, 2), row * CELL + self._int(0, 2)
        x2, y2 = (column + wide) * CELL - self._int(0, 2), (row + high) * CELL - self._int(0, 2)
        self._fill(page, x1, y1, x2, y2, self._color(color))
        ink = np.full(3, self._int(0, 40) if color in DARK_TEXT_ON else self._int(232, 255))
        if self._chance(0.4):
            self._frame(page, x1, y1, x2, y2, ink)
        plain = Style(style.font, style.height, style.case, ink, (1 if len(text) * GLYPH <= wide * CELL - 3 else 0), 0)
        cells, _ = self._write(page, column, row + line, text, plain)
        page.items.append(Item(kind, cells, (x1, y1, x2, y2), color=color, text=text))

    def _screen(self, page, column, row):
        layout = self._layout("screen", bar=(0, 1), columns=((0,), (3,), (0, 3)), first=(1, 2), step=(1, 2), icons=(0, 1, 2))
        style = self._style()
        self._paper(page, column, row, self._int(205, 250))
        if layout["bar"]:
            shade = self._int(30, 110)
            self._fill(page, column * CELL + 1, row * CELL + 1, (column + CELLS) * CELL - 1, (row + 1) * CELL, shade)
            title = self._style(np.full(3, self._int(225, 255)))
            title.dy = 0
            self._word(page, column, row, self._choice(OPTIONS + SIGNS), title)
        free = np.ones((CELLS, CELLS), bool)
        free[0] = False
        for at in layout["columns"]:
            for y in range(layout["first"], CELLS, layout["step"]):
                if self._chance(0.75 * self.fullness):
                    self._plate(page, "button", column + at, row + y, 3, 1,
                                self._choice(ACTIONS) if self._chance(0.7) else self._code(), self._choice(COLOR_NAMES), style)
                    free[y, at:at + 3] = False
        for _ in range(layout["icons"]):
            self._shape(page, column, row, free, 1)

    def _sign(self, page, column, row):
        layout = self._layout("sign", wide=(3, 4, 5), high=(2, 3), x=(0, 1, 2), y=(0, 1, 2, 3), line=(0, 1), second=(0, 1, 2))
        style = self._style()
        free = np.ones((CELLS, CELLS), bool)
        x, y = min(layout["x"], CELLS - layout["wide"]), min(layout["y"], CELLS - layout["high"])
        self._plate(page, "sign", column + x, row + y, layout["wide"], layout["high"], self._choice(SIGNS),
                    self._choice(COLOR_NAMES), style, layout["line"])
        free[y:y + layout["high"], x:x + layout["wide"]] = False
        for _ in range(layout["second"]):
            self._label(page, column, row, free, style)
        for _ in range(self._int(0, 3)):
            self._shape(page, column, row, free, self._int(1, 2))

    def _scene(self, page, column, row):
        layout = self._layout("scene", labels=(0, 1, 2, 3), shapes=(1, 2, 3, 4, 5))
        style = self._style()
        free = np.ones((CELLS, CELLS), bool)
        for _ in range(round(layout["labels"] * self.fullness)):
            self._label(page, column, row, free, style)
        for _ in range(max(1, round(layout["shapes"] * self.fullness))):
            self._shape(page, column, row, free, 2 if self._chance(0.3) else 1)

    def _label(self, page, column, row, free, style):
        """A coloured label with a code, wherever there is room."""
        text = self._code()
        spot = self._place(free, (len(text) + 1) // 2, 1)
        if spot:
            self._plate(page, "button", column + spot[0], row + spot[1], (len(text) + 1) // 2, 1, text, self._choice(COLOR_NAMES), style)

    def _shape(self, page, column, row, free, cells):
        spot = self._place(free, cells, cells)
        if spot is None:
            return
        name, color = self._choice(SHAPES), self._choice(COLOR_NAMES)
        size = self._int(18, 26) if cells == 1 else 2 * self._int(22, 27)
        x = (column + spot[0]) * CELL + self._int(0, cells * CELL - size)
        y = (row + spot[1]) * CELL + self._int(0, cells * CELL - size)
        sprites.blend(page.pixels, shape(name, size), x, y, self._color(color))
        page.items.append(Item(name, (column + spot[0], row + spot[1], cells, cells), (x, y, x + size, y + size), color=color))

    def _place(self, free, wide, high):
        for _ in range(16):
            x, y = self._int(0, CELLS - wide), self._int(0, CELLS - high)
            if free[y:y + high, x:x + wide].all():
                free[y:y + high, x:x + wide] = False
                return x, y
        return None

    # -- the whole page ----------------------------------------------------------------------------

    def _clutter(self, page):
        for _ in range(self._int(0, 5 * page.columns * page.rows)):
            shade = self._int(130, 215)
            x, y = self._int(0, page.width - 9), self._int(0, page.height - 9)
            kind = self.rng.random()
            if kind < 0.35:
                page.pixels[y:y + self._int(1, 2), x:x + self._int(10, 90)] = shade
            elif kind < 0.7:
                page.pixels[y:y + self._int(10, 90), x:x + self._int(1, 2)] = shade
            else:
                size = self._int(2, 5)
                page.pixels[y:y + size, x:x + size] = self.rng.integers(90, 230, 3)

    def _add_noise(self, page):
        sigma = self._int(0, 8)
        if sigma == 0:
            return
        n = page.pixels.size
        start = self._int(0, max(0, self.noise.size - n - 1))
        noise = (self.noise[start:start + n].astype(np.int16) * sigma) >> 4
        flat = page.pixels.reshape(-1)
        flat[:] = np.clip(flat[:] + np.resize(noise, n), 0, 255).astype(np.uint8)
