"""What a document can show: words, characters, colours, shapes, and the sizes of its grid."""

TILE = 168              # pixels per tile (config key force_image_size)
CELL = 28               # pixels per cell: one visual token of a full-resolution tile
CELLS = TILE // CELL
TOKENS = CELLS * CELLS  # visual tokens per tile
GLYPH = 14              # pixels a character advances; a token holds a left and a right one
BINS = 36               # steps of a box coordinate over the page
EDGES = TILE // GLYPH   # steps of a box edge inside a tile

# Grids (columns, rows) of a page and how often each is drawn. The number of tiles tells the grid.
GRIDS = [((1, 2), 0.2), ((1, 3), 0.12), ((2, 2), 0.42), ((3, 2), 0.16), ((4, 2), 0.1)]

COLORS = {
    "red": (206, 44, 44),
    "orange": (238, 138, 34),
    "yellow": (240, 218, 60),
    "green": (40, 146, 66),
    "blue": (44, 88, 206),
    "purple": (144, 58, 172),
    "gray": (128, 128, 134),
}
COLOR_NAMES = list(COLORS)
DARK_TEXT_ON = {"orange", "yellow"}

SHAPES = ["circle", "square", "triangle", "star", "diamond", "cross"]

GOODS = ["milk", "bread", "tea", "rice", "egg", "fish", "apple", "soap", "salt", "cake", "juice", "plum"]
FIELDS = ["total", "tax", "date", "name", "city", "phone", "room", "gate", "seat", "code", "size", "price"]
PEOPLE = ["anna", "ben", "eva", "max", "tom", "lea", "sam", "ida"]
CITIES = ["oslo", "rome", "paris", "lima", "cairo", "bonn"]
ACTIONS = ["save", "open", "stop", "send", "print", "next", "back", "help"]
SIGNS = ["exit", "taxi", "metro", "hotel", "bus", "park"]
OPTIONS = ["news", "gift", "sound", "dark", "wifi", "map"]
WORDS = GOODS + FIELDS + PEOPLE + CITIES + ACTIONS + SIGNS + OPTIONS
COLUMNS = ["Q1", "Q2", "Q3"]         # as tables show them
ORDINALS = ["first", "second", "third"]   # as questions name them

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CODE_LETTERS = "ACEHKLPRTUXY"
CHARACTERS = DIGITS + LETTERS + ".:-"

MAX_COUNT = 8
MAX_BAR = 9             # a bar's value, one unit is 14 px

# Faces are files below /usr/share/fonts/truetype (Debian's packages in the README); the second list is never trained on.
FONTS = ["dejavu/DejaVuSans.ttf", "dejavu/DejaVuSans-Bold.ttf", "dejavu/DejaVuSansMono-Bold.ttf", "dejavu/DejaVuSerif-Bold.ttf",
         "dejavu/DejaVuSerif.ttf", "liberation/LiberationSans-Regular.ttf", "liberation/LiberationSans-Bold.ttf",
         "liberation/LiberationMono-Bold.ttf", "liberation/LiberationSerif-Bold.ttf", "liberation/LiberationSansNarrow-Bold.ttf",
         "freefont/FreeSansBold.ttf", "freefont/FreeMonoBold.ttf", "freefont/FreeSerifBold.ttf", "inconsolata/Inconsolata.otf",
         "roboto/unhinted/RobotoTTF/Roboto-Medium.ttf", "roboto/unhinted/RobotoCondensed-Bold.ttf", "lato/Lato-Bold.ttf",
         "noto/NotoSans-Bold.ttf", "../opentype/comic-neue/ComicNeue-Bold.otf"]
HELD_OUT_FONTS = ["firacode/FiraCode-Medium.ttf", "open-sans/OpenSans-Semibold.ttf", "noto/NotoSerif-Bold.ttf",
                  "../opentype/cantarell/Cantarell-Bold.otf"]


def coordinate(bin_index):
    """The 0..1000 coordinate of a bin (InternVL's box scale)."""
    return round(bin_index * 1000 / BINS)


COORDINATES = [str(coordinate(i)) for i in range(BINS + 1)]
