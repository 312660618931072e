"""Alpha masks of glyphs, drawn once with PIL and kept, and the colours they are laid on with."""
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .vocabulary import GLYPH

_FONT_DIR = "/usr/share/fonts/truetype/"


@lru_cache(maxsize=None)
def _font(name, size):
    return ImageFont.truetype(_FONT_DIR + name, size)


@lru_cache(maxsize=None)
def _size_for(name, height):
    """The size at which the capital H of a face is `height` pixels high."""
    box = _font(name, 100).getbbox("H")
    return max(8, round(100 * height / (box[3] - box[1])))


@lru_cache(maxsize=None)
def glyph(char, font, height):
    """Alpha mask of one character, uint8 [28, 14] or narrower, and the offset of its left edge in the advance.

    The baseline of all is the same; wide ones are squeezed into the advance.
    """
    face = _font(font, _size_for(font, height))
    left, _, right, _ = face.getbbox(char, anchor="ls")
    image = Image.new("L", (max(1, right - left), 28), 0)
    ImageDraw.Draw(image).text((-left, 14 + height // 2), char, fill=255, font=face, anchor="ls")
    if image.width > GLYPH:
        image = image.resize((GLYPH, 28), Image.BOX)
    return np.asarray(image), (GLYPH - image.width) // 2


def blend(pixels, mask, x, y, color):
    """Lays a colour on pixels through a mask, cut at the page's edges."""
    if x < 0 or y < 0:
        mask = mask[max(0, -y):, max(0, -x):]
        x, y = max(0, x), max(0, y)
    h, w = mask.shape
    region = pixels[y:y + h, x:x + w]
    mask = mask[:region.shape[0], :region.shape[1], None].astype(np.int32)
    old = region.astype(np.int32)
    region[:] = (old + ((color - old) * mask + 127) // 255).astype(np.uint8)
