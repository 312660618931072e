"""What a page can show: colours, shapes, characters, words."""

TILE = 112          # pixels per tile (config key force_image_size)
CELL = 28           # pixels per cell: one visual token of a full-resolution tile
CELLS = TILE // CELL
BINS = 24           # steps of a box coordinate over a tile or a page

COLORS = {
    "red": (214, 38, 38),
    "orange": (242, 140, 26),
    "yellow": (244, 222, 52),
    "green": (36, 150, 58),
    "blue": (38, 84, 214),
    "purple": (146, 52, 178),
    "black": (34, 34, 34),
}
COLOR_NAMES = list(COLORS)
DARK_TEXT_ON = {"orange", "yellow"}

SHAPES = ["circle", "square", "triangle", "star", "diamond", "cross"]

CHARACTERS = "23456789ACEHKLPRTUXY"
WORDS = ["CAT", "TEA", "ACE", "RAT", "PEA", "KEY", "HAT", "PET", "ART", "EAR", "YAK", "LAP", "CUP", "TAX", "PLY", "HUT"]

MAX_COUNT = 7
MAX_BAR = 7         # a bar's value, one unit is 14 px (one patch)


def coordinate(bin_index):
    """The 0..1000 coordinate of a bin (InternVL's box scale)."""
    return round(bin_index * 1000 / BINS)


COORDINATES = [str(coordinate(i)) for i in range(BINS + 1)]
