"""Alpha masks of glyphs and shapes, drawn once with PIL and kept."""
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONTS = ["DejaVuSans-Bold.ttf", "DejaVuSansMono-Bold.ttf"]
_FONT_DIR = "/usr/share/fonts/truetype/dejavu/"


@lru_cache(maxsize=None)
def _font(name, size):
    return ImageFont.truetype(_FONT_DIR + name, size)


@lru_cache(maxsize=None)
def glyph(char, font, size):
    """Tightly cropped alpha mask of one character, uint8 [h, w]."""
    image = Image.new("L", (64, 64), 0)
    ImageDraw.Draw(image).text((12, 8), char, fill=255, font=_font(FONTS[font], size))
    return np.asarray(image.crop(image.getbbox()))


def _outline(shape, s):
    """Polygon of a shape inside a square of side s."""
    if shape == "square":
        return [(0.06, 0.06), (0.94, 0.06), (0.94, 0.94), (0.06, 0.94)]
    if shape == "triangle":
        return [(0.5, 0.02), (1.0, 0.95), (0.0, 0.95)]
    if shape == "diamond":
        return [(0.5, 0.0), (0.95, 0.5), (0.5, 1.0), (0.05, 0.5)]
    if shape == "cross":
        a, b = 0.33, 0.67
        return [(a, 0), (b, 0), (b, a), (1, a), (1, b), (b, b), (b, 1), (a, 1), (a, b), (0, b), (0, a), (a, a)]
    if shape == "star":
        angles = np.arange(10) * np.pi / 5 - np.pi / 2
        radii = np.where(np.arange(10) % 2 == 0, 0.54, 0.22)
        return [(0.5 + r * np.cos(a), 0.52 + r * np.sin(a)) for a, r in zip(angles, radii)]
    raise ValueError(shape)


@lru_cache(maxsize=None)
def shape(name, size):
    """Alpha mask of a filled shape, uint8 [size, size]."""
    big = 4 * size
    image = Image.new("L", (big, big), 0)
    draw = ImageDraw.Draw(image)
    if name == "circle":
        draw.ellipse((0, 0, big - 1, big - 1), fill=255)
    else:
        draw.polygon([(x * big, y * big) for x, y in _outline(name, size)], fill=255)
    return np.asarray(image.resize((size, size), Image.BOX))
