"""Makes qwen2vl_small_sides.json: sizes by the transformers library's smart_resize (main branch) for images with a short side.

Run with Debian's python3:  python3 make_pictures.py
"""
import json
import math
import os

HERE = os.path.dirname(os.path.abspath(__file__))


# ---------------------------------------------------------------- Qwen2-VL
def smart_resize(height, width, factor, min_pixels, max_pixels):
    if max(height, width) / min(height, width) > 200:
        return None
    h = round(height / factor) * factor
    w = round(width / factor) * factor
    if h * w > max_pixels:
        beta = math.sqrt((height * width) / max_pixels)
        h = max(factor, math.floor(height / beta / factor) * factor)
        w = max(factor, math.floor(width / beta / factor) * factor)
    elif h * w < min_pixels:
        beta = math.sqrt(min_pixels / (height * width))
        h = math.ceil(height * beta / factor) * factor
        w = math.ceil(width * beta / factor) * factor
    return h, w


def small_sides():
    cases = []
    for short in (1, 2, 5, 10, 13, 14, 15, 20, 27):
        for long in (1, 2, 9, 27, 28, 29, 41, 42, 43, 70, 100, 200, 333, 1000, 2000, 5400):
            for low, high in ((56 * 56, 14 * 14 * 4 * 1280), (4 * 28 * 28, 16384 * 28 * 28), (1, 47040)):
                for height, width in {(short, long), (long, short)}:
                    size = smart_resize(height, width, 28, low, high)
                    if size:
                        cases.append(dict(height=height, width=width, min_pixels=low, max_pixels=high, resized_height=size[0],
                                          resized_width=size[1], tokens=size[0] * size[1] // 784))
    return cases


def main():
    with open(os.path.join(HERE, "qwen2vl_small_sides.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c) for c in small_sides()) + "\n]\n")


if __name__ == "__main__":
    main()
