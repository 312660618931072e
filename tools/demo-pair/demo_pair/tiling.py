"""InternVL's dynamic preprocessing with PIL: tile grid, resize, crop, thumbnail."""
import numpy as np
from PIL import Image

from .vocabulary import TILE

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def closest_grid(width, height, tile=TILE, max_tiles=12):
    grids = sorted({(i, j) for n in range(1, max_tiles + 1) for i in range(1, n + 1) for j in range(1, n + 1)
                    if 1 <= i * j <= max_tiles}, key=lambda g: g[0] * g[1])
    best, best_difference = (1, 1), float("inf")
    for grid in grids:
        difference = abs(width / height - grid[0] / grid[1])
        if difference < best_difference:
            best, best_difference = grid, difference
        elif difference == best_difference and width * height > 0.5 * tile * tile * grid[0] * grid[1]:
            best = grid
    return best


def tiles_of(image, tile=TILE, max_tiles=12):
    """PIL image -> uint8 tiles [T, tile, tile, 3], row-major, thumbnail last if there is more than one tile."""
    image = image.convert("RGB")
    columns, rows = closest_grid(*image.size, tile, max_tiles)
    resized = np.asarray(image.resize((columns * tile, rows * tile), Image.BICUBIC))
    tiles = resized.reshape(rows, tile, columns, tile, 3).swapaxes(1, 2).reshape(-1, tile, tile, 3)
    if columns * rows > 1:
        thumbnail = np.asarray(image.resize((tile, tile), Image.BICUBIC))
        tiles = np.concatenate([tiles, thumbnail[None]])
    return tiles


def normalize(tiles):
    """uint8 [T, h, w, 3] -> float32 [T, 3, h, w] as the checkpoint expects it."""
    return np.ascontiguousarray(((tiles.astype(np.float32) / 255 - MEAN) / STD).transpose(0, 3, 1, 2))
