"""Makes oracle.json and the image files beside it: what Pillow and the families' published formulas give on 50 sizes each.

Run with Debian's python3-pil and python3-numpy:  python3 make_oracle.py
Only hashes are stored. The test pictures come from an integer formula that the tests repeat.
"""
import hashlib
import io
import json
import math
import os
import random
import struct
import zlib

import numpy as np
import PIL
from PIL import Image, ImageOps

HERE = os.path.dirname(os.path.abspath(__file__))


def picture(width, height, seed):
    """Sharp texture with every byte value, so that bicubic overshoot is clamped and rounding matters."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    texture = (x * x * 3 + y * y * 5 + x * y * 7 * (c + 1) + c * 91 + seed * 13) & 255
    blocks = ((x // 9 + y // 7 + c + seed) & 1) * 255
    return np.where(((x >> 4) + (y >> 4)) & 1, texture, blocks).astype(np.uint8)


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def resize(array, width, height, method=Image.BICUBIC):
    return np.asarray(Image.fromarray(array).resize((width, height), method))


# ---------------------------------------------------------------- resampler
def resample_cases(rng):
    methods = {"Bilinear": Image.BILINEAR, "Bicubic": Image.BICUBIC, "Lanczos": Image.LANCZOS}
    sizes = [(1, 1, 7, 5), (7, 5, 1, 1), (64, 48, 64, 31), (64, 48, 31, 48), (64, 48, 64, 48), (1, 300, 448, 448),
             (1200, 3, 56, 56), (500, 375, 448, 448), (1023, 769, 1344, 896), (2, 2, 333, 2)]
    sizes += [tuple(rng.choice([rng.randint(1, 40), rng.randint(1, 700)]) for _ in range(4)) for _ in range(40)]
    for i, (w, h, nw, nh) in enumerate(sizes):
        for name, method in methods.items():
            yield dict(width=w, height=h, seed=i, to_width=nw, to_height=nh, filter=name,
                       sha256=sha(resize(picture(w, h, i), nw, nh, method)))


# ---------------------------------------------------------------- InternVL2
def internvl_grid(width, height, max_num, size):
    candidates = sorted({(i, j) for i in range(1, max_num + 1) for j in range(1, max_num + 1) if i * j <= max_num},
                        key=lambda r: r[0] * r[1])
    best, best_difference = (1, 1), float("inf")
    for i, j in candidates:
        difference = abs(width / height - i / j)
        if difference < best_difference:
            best, best_difference = (i, j), difference
        elif difference == best_difference and width * height > 0.5 * size * size * i * j:
            best = (i, j)
    return best


def internvl(array, max_num, size):
    height, width, _ = array.shape
    cols, rows = internvl_grid(width, height, max_num, size)
    grid = resize(array, cols * size, rows * size)
    tiles = [grid[r * size:(r + 1) * size, c * size:(c + 1) * size] for r in range(rows) for c in range(cols)]
    if len(tiles) > 1:
        tiles.append(resize(array, size, size))
    x = np.stack(tiles).transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    mean = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
    std = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)
    return (x - mean) / std


# ---------------------------------------------------------------- transformers' rescale and normalize
def normalize(array, mean, std):
    x = (array * (1 / 255)).astype(np.float32)
    return (x - np.array(mean, np.float32)) / np.array(std, np.float32)


# ---------------------------------------------------------------- Qwen2-VL
def smart_resize(height, width, lo, hi, factor=28):
    h, w = round(height / factor) * factor, round(width / factor) * factor
    if h * w > hi:
        beta = math.sqrt(height * width / hi)
        h, w = math.floor(height / beta / factor) * factor, math.floor(width / beta / factor) * factor
    elif h * w < lo:
        beta = math.sqrt(lo / (height * width))
        h, w = math.ceil(height * beta / factor) * factor, math.ceil(width * beta / factor) * factor
    return h, w


def qwen2vl(array, lo, hi):
    h, w = smart_resize(array.shape[0], array.shape[1], lo, hi)
    x = normalize(resize(array, w, h), [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
    x = np.tile(x.transpose(2, 0, 1)[None], (2, 1, 1, 1))
    gh, gw = h // 14, w // 14
    x = x.reshape(1, 2, 3, gh // 2, 2, 14, gw // 2, 2, 14).transpose(0, 3, 6, 4, 7, 2, 1, 5, 8)
    return x.reshape(gh * gw, 1176)


# ---------------------------------------------------------------- LLaVA-OneVision
def llava_best(height, width, size):
    best, most, least = None, 0, float("inf")
    for h in range(size, 7 * size, size):
        for w in range(size, 7 * size, size):
            scale = min(w / width, h / height)
            kept = min(int(width * scale) * int(height * scale), width * height)
            if kept > most or (kept == most and w * h - kept < least):
                best, most, least = (h, w), kept, w * h - kept
    return best


def llava(array, size):
    height, width, _ = array.shape
    h, w = llava_best(height, width, size)
    if w / width < h / height:
        nw, nh = w, min(math.ceil(height * (w / width)), h)
    else:
        nw, nh = min(math.ceil(width * (h / height)), w), h
    canvas = np.zeros((h, w, 3), np.uint8)
    top, left = (h - nh) // 2, (w - nw) // 2
    canvas[top:top + nh, left:left + nw] = resize(array, nw, nh)
    views = [resize(array, size, size)]
    views += [canvas[y:y + size, x:x + size] for y in range(0, h, size) for x in range(0, w, size)]
    return normalize(np.stack(views), [0.5] * 3, [0.5] * 3).transpose(0, 3, 1, 2)


def family_cases(rng, smallest):
    sizes = [(640, 480), (480, 640), (500, 375), (448, 448), (smallest, smallest), (smallest, 10 * smallest), (1000, smallest),
             (97, 331), (333, 334), (800, 600)]
    sizes += [(rng.randint(smallest, 900), rng.randint(smallest, 900)) for _ in range(50 - len(sizes))]
    return list(enumerate(sizes))


def all_families(rng):
    out = {"internvl": [], "qwen2vl": [], "llavaov": []}
    for seed, (w, h) in family_cases(rng, 5):
        size, max_num = rng.choice([(448, 6), (112, 12), (56, 24), (224, 1)])
        x = internvl(picture(w, h, seed), max_num, size)
        out["internvl"].append(dict(width=w, height=h, seed=seed, image_size=size, max_tiles=max_num, shape=x.shape, sha256=sha(x)))
    for seed, (w, h) in family_cases(rng, 28):
        lo, hi = rng.choice([(3136, 12845056), (3136, 200704), (200704, 1003520), (3136, 47040)])
        x = qwen2vl(picture(w, h, seed), lo, hi)
        out["qwen2vl"].append(dict(width=w, height=h, seed=seed, min_pixels=lo, max_pixels=hi, shape=x.shape, sha256=sha(x)))
    for seed, (w, h) in family_cases(rng, 5):
        size = rng.choice([384, 46, 112])
        x = llava(picture(w, h, seed), size)
        out["llavaov"].append(dict(width=w, height=h, seed=seed, image_size=size, shape=x.shape, sha256=sha(x)))
    return out


# ---------------------------------------------------------------- image files
def raw_png(rows_of_passes, width, height, bits, colour, interlace=0, extra=b""):
    """A PNG from filtered rows, for the kinds that Pillow does not write."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    data = b"".join(b"\0" + row for row in rows_of_passes)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)) + extra
            + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def adam7(array):
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = [row.tobytes() for x, y, dx, dy in passes for row in array[y::dy, x::dx] if row.size]
    return raw_png(rows, array.shape[1], array.shape[0], 8, 2, 1)


def files():
    rgb = picture(45, 31, 3)
    smooth = np.asarray(Image.fromarray(picture(9, 7, 1)).resize((45, 31), Image.BICUBIC))
    image, soft = Image.fromarray(rgb), Image.fromarray(smooth)
    alpha = Image.fromarray(np.dstack([rgb, picture(45, 31, 8)[:, :, :1]]), "RGBA")
    out = {}

    def save(name, picture_, **options):
        buffer = io.BytesIO()
        picture_.save(buffer, name.split(".")[1].replace("jpg", "jpeg").upper(), **options)
        out[name] = buffer.getvalue()

    save("rgb.png", image)
    save("gray.png", image.convert("L"))
    save("bit.png", image.convert("1"))
    save("palette.png", image.quantize(37))
    save("palette4.png", image.quantize(11), bits=4)
    save("palette_transparent.png", image.quantize(37), transparency=5)
    save("gray_alpha.png", alpha.convert("LA"))
    save("rgba.png", alpha)
    wide = rgb.astype(np.uint16) * 257 + (np.arange(31)[:, None, None] & 0x7F).astype(np.uint16)
    out["rgb16.png"] = raw_png([row.astype(">u2").tobytes() for row in wide], 45, 31, 16, 2)
    out["gray16.png"] = raw_png([row.astype(">u2").tobytes() for row in wide[:, :, 0]], 45, 31, 16, 0)
    out["adam7.png"] = adam7(rgb)
    save("baseline.jpg", soft, quality=90)
    save("textured.jpg", image, quality=75)
    save("progressive.jpg", soft, quality=80, progressive=True)
    save("s444.jpg", soft, quality=80, subsampling=0)
    save("s422.jpg", soft, quality=80, subsampling=1)
    save("gray.jpg", soft.convert("L"), quality=85)
    save("cmyk.jpg", soft.convert("CMYK"), quality=90)
    inks = np.dstack([smooth, 255 - smooth[:, :, :1]])
    save("inks.jpg", Image.fromarray(inks, "CMYK"), quality=95)
    for tag in (1, 3, 6, 8, 2, 4, 5, 7):
        exif = Image.Exif()
        exif[0x0112] = tag
        save(f"exif{tag}.jpg", soft, quality=90, exif=exif)
    save("lossy.webp", soft, quality=80)
    save("lossless.webp", image, lossless=True)
    save("alpha.webp", alpha, lossless=True, exact=True)
    save("animated.webp", image, lossless=True, save_all=True, append_images=[soft], duration=100)
    save("still.gif", image.quantize(64))
    save("animated.gif", image.quantize(64), save_all=True, append_images=[soft.quantize(16)], duration=100)
    save("rgb.bmp", image)
    save("gray.bmp", image.convert("L"))
    save("bit.bmp", image.convert("1"))
    save("palette.bmp", image.quantize(200))
    save("rgba.bmp", alpha)

    index = []
    for name, data in out.items():
        with open(os.path.join(HERE, "files", name), "wb") as f:
            f.write(data)
        opened = Image.open(io.BytesIO(data))
        if name == "gray16.png":  # Pillow clips these to white; the high byte is what every other reader takes
            expected = np.repeat((wide[:, :, :1] >> 8).astype(np.uint8), 3, axis=2)
            upright = expected
        else:
            expected = np.asarray(opened.convert("RGB"))
            upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
        index.append(dict(name=name, width=expected.shape[1], height=expected.shape[0], sha256=sha(expected),
                          upright_width=upright.shape[1], upright_height=upright.shape[0], upright_sha256=sha(upright)))
    return index


def main():
    rng = random.Random(20261123)
    os.makedirs(os.path.join(HERE, "files"), exist_ok=True)
    oracle = dict(pillow=PIL.__version__, numpy=np.__version__, resample=list(resample_cases(rng)), **all_families(rng), files=files())
    with open(os.path.join(HERE, "oracle.json"), "w") as f:
        f.write("{\n")
        f.write(",\n".join(
            f'"{k}": ' + (json.dumps(v) if not isinstance(v, list) else "[\n" + ",\n".join(json.dumps(e) for e in v) + "\n]")
            for k, v in oracle.items()))
        f.write("\n}\n")


if __name__ == "__main__":
    main()
