"""Makes variants of samples/ as people send pictures, one folder for each, with the same questions and answers.

Run with Debian's python3-pil and python3-numpy:  python3 make.py OUT
Then ask:  sgl demo --questions OUT/VARIANT/questions.jsonl
Every variant looks like its sample: turned in its pixels and turned back by EXIF, see-through where the sample has paper (which becomes pure white),
in another format or sampling. So the answers may differ by what compression loses and by the paper's tint, and by nothing else.
"""
import io
import json
import os
import sys

import numpy as np
from PIL import Image

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples")
# The way back from what viewers do with the orientation.
UNTURNED = {2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE, 6: Image.ROTATE_90,
            7: Image.TRANSVERSE, 8: Image.ROTATE_270}


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def turned(image, orientation, kind, **options):
    return encode(image.transpose(UNTURNED[orientation]), kind, exif=exif(orientation), **options)


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def see_through(image):
    """Paper is transparent, and black lies under it, as drawing programs export pages without a background."""
    rgb = np.asarray(image)
    white = (rgb >= 200).all(axis=2)
    return Image.fromarray(np.dstack([np.where(white[:, :, None], 0, rgb), np.where(white, 0, 255)]).astype(np.uint8), "RGBA")


VARIANTS = {
    "as-sent": ("png", lambda i: encode(i, "PNG")),
    **{f"turned{t}": ("jpg", lambda i, t=t: turned(i, t, "JPEG", quality=92, subsampling="4:2:0")) for t in (2, 3, 4, 5, 6, 7, 8)},
    **{f"turned{t}-png": ("png", lambda i, t=t: turned(i, t, "PNG")) for t in (3, 6, 8)},
    **{f"turned{t}-webp": ("webp", lambda i, t=t: turned(i, t, "WEBP", lossless=True)) for t in (3, 6, 8)},
    "see-through-png": ("png", lambda i: encode(see_through(i), "PNG")),
    "see-through-webp": ("webp", lambda i: encode(see_through(i), "WEBP", lossless=True, exact=True)),
    "see-through-palette": ("png", lambda i: encode(see_through(i).quantize(255, method=Image.FASTOCTREE), "PNG")),
    "jpeg-444": ("jpg", lambda i: encode(i, "JPEG", quality=85, subsampling="4:4:4")),
    "jpeg-422": ("jpg", lambda i: encode(i, "JPEG", quality=85, subsampling="4:2:2")),
    "jpeg-420": ("jpg", lambda i: encode(i, "JPEG", quality=85, subsampling="4:2:0")),
    "jpeg-progressive": ("jpg", lambda i: encode(i, "JPEG", quality=85, subsampling="4:2:0", progressive=True)),
    "jpeg-cmyk": ("jpg", lambda i: encode(i.convert("CMYK"), "JPEG", quality=90)),
    "tiff-lzw": ("tif", lambda i: encode(i, "TIFF", compression="tiff_lzw")),
    "tiff-g4": ("tif", lambda i: encode(i.convert("L").point(lambda v: 255 * (v > 127)).convert("1"), "TIFF", compression="group4")),
}


def main(out):
    with open(os.path.join(SAMPLES, "questions.jsonl")) as f:
        questions = [json.loads(line) for line in f if line.strip()]
    for name, (ending, make) in VARIANTS.items():
        os.makedirs(os.path.join(out, name), exist_ok=True)
        renamed = {}
        for image in sorted({q["image"] for q in questions}):
            renamed[image] = image.replace(".", "-") + "." + ending
            with open(os.path.join(out, name, renamed[image]), "wb") as f:
                f.write(make(Image.open(os.path.join(SAMPLES, image)).convert("RGB")))
        with open(os.path.join(out, name, "questions.jsonl"), "w") as f:
            f.writelines(json.dumps({**q, "image": renamed[q["image"]]}) + "\n" for q in questions)


if __name__ == "__main__":
    main(sys.argv[1])
