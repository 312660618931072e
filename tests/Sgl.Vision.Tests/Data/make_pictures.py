"""Makes what people send and what Pillow makes of it: pictures/ and pictures.json (EXIF orientations, transparency, TIFF, kinds of JPEG), and
qwen2vl_small_sides.json (the transformers library's smart_resize, main branch, for images with a short side).

Run with Debian's python3-pil, python3-numpy and libtiff-tools:  python3 make_pictures.py
For each file two hashes of RGB pixels are stored: as Pillow's convert("RGB") has them, as stored; and as people see them, turned upright and
pasted on a white canvas with alpha as the mask. What Pillow 9.4 cannot read is reckoned here from the samples that were written.
"""
import io
import json
import math
import os
import struct
import subprocess
import tempfile
import zlib

import numpy as np
import PIL
from PIL import Image, ImageOps, PngImagePlugin

from make_oracle import picture, raw_png, sha

HERE = os.path.dirname(os.path.abspath(__file__))
WIDTH, HEIGHT = 45, 31
TURNS = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 5: lambda a: a.transpose(1, 0, 2),
         6: lambda a: a[::-1].transpose(1, 0, 2), 7: lambda a: a[::-1, ::-1].transpose(1, 0, 2), 8: lambda a: a[:, ::-1].transpose(1, 0, 2)}


class Pictures:
    """Files and what is expected of them."""

    def __init__(self):
        self.index = []

    def add(self, name, data, stored=None, white=None, orientation=1, pages=1):
        """stored, white: [height, width, 3], where Pillow cannot tell."""
        with open(os.path.join(HERE, "pictures", name), "wb") as f:
            f.write(data)
        if stored is None:
            opened = Image.open(io.BytesIO(data))
            stored = np.asarray(opened.convert("RGB"))
            if opened.mode in ("RGBA", "LA", "PA") or "transparency" in opened.info:
                rgba = opened.convert("RGBA")
                canvas = Image.new("RGB", opened.size, (255, 255, 255))
                canvas.paste(rgba, mask=rgba.split()[3])
                white = np.asarray(canvas)
        white = TURNS[orientation](stored if white is None else white)
        # Orientation of XMP in JPEG and WebP is read by Pillow since 11.
        if orientation != 1 and name.endswith((".jpg", ".png", ".webp")) and (name.endswith(".png") or not name.startswith("xmp")):
            assert (np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")) == TURNS[orientation](stored)).all(), name
        self.index.append(dict(name=name, width=stored.shape[1], height=stored.shape[0], sha256=sha(stored), upright_width=white.shape[1],
                               upright_height=white.shape[0], upright_sha256=sha(white), orientation=orientation, pages=pages))

    def save(self, name, image, orientation=1, **options):
        self.add(name, saved(name, image, **options), orientation=orientation)


def saved(name, image, **options):
    kind = name.rsplit(".", 1)[1].replace("jpg", "jpeg").replace("tif", "tiff").replace("tifff", "tiff").upper()
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# ---------------------------------------------------------------- orientation
def exif(orientation, order="<", kind=3, mark=b"Exif\0\0", count=1):
    """An EXIF block with the one tag; kind 3 is a short, 4 a long."""
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *((orientation, 0) if kind == 3 else (orientation,)))
    entries = struct.pack(order + "H", 2) + struct.pack(order + "HHI4s", 0x010F, 2, 4, b"abc\0") + struct.pack(order + "HHI", 0x0112, kind, count) + value
    return mark + (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + entries + struct.pack(order + "I", 0)


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_png_exif(data, block, last=False):
    at = data.rindex(b"IEND") - 4 if last else 33
    return data[:at] + png_chunk(b"eXIf", block) + data[at:]


def with_webp_exif(data, block, width, height, alpha):
    body = data[12:]
    if body[:4] == b"VP8X":
        body = body[18:]
    extended = b"VP8X" + struct.pack("<IB3x", 10, 8 | (16 if alpha else 0)) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    block = b"EXIF" + struct.pack("<I", len(block)) + block + b"\0" * (len(block) % 2)
    whole = b"WEBP" + extended + body + block
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


def with_jpeg_segment(data, marker, body, at=2):
    return data[:at] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + data[at:]


def without_jpeg_segment(data, marker):
    at = 2
    while data[at + 1] != marker:
        at += 2 + struct.unpack(">H", data[at + 2:at + 4])[0]
    return data[:at] + data[at + 2 + struct.unpack(">H", data[at + 2:at + 4])[0]:]


def orientations(out, rgb, image, soft, alpha):
    jpeg, png = saved("a.jpg", soft, quality=90), saved("a.png", image)
    webp = saved("a.webp", image, lossless=True)
    see_through = saved("a.webp", alpha, lossless=True, exact=True)
    for turn in range(1, 9):
        out.add(f"turned{turn}.jpg", with_jpeg_segment(jpeg, 0xE1, exif(turn, ">" if turn % 2 else "<")), orientation=turn)
        out.add(f"turned{turn}.png", with_png_exif(png, exif(turn, "<" if turn % 2 else ">", mark=b""), last=turn > 4), orientation=turn)
        block = exif(turn, "<" if turn % 2 else ">", mark=b"" if turn % 3 else b"Exif\0\0")
        out.add(f"turned{turn}.webp", with_webp_exif(webp, block, WIDTH, HEIGHT, False), orientation=turn)
        compression = ["raw", "tiff_lzw", "packbits", "tiff_adobe_deflate"][turn % 4]
        out.add(f"turned{turn}.tif", saved("a.tif", image, compression=compression, tiffinfo={0x0112: turn}), stored=rgb, orientation=turn)
    out.add("turned_clear.webp", with_webp_exif(see_through, exif(6, mark=b""), WIDTH, HEIGHT, True), orientation=6)
    out.add("turned_clear.png", with_png_exif(saved("a.png", alpha), exif(8, mark=b"")), orientation=8)
    out.add("turned_progressive.jpg", with_jpeg_segment(saved("a.jpg", soft, progressive=True), 0xE1, exif(5)), orientation=5)
    out.add("turned_long.jpg", with_jpeg_segment(jpeg, 0xE1, exif(3, ">", kind=4)), orientation=3)
    behind_xmp = with_jpeg_segment(jpeg, 0xE1, exif(6))
    out.add("turned_behind_xmp.jpg", with_jpeg_segment(behind_xmp, 0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"), orientation=6)
    stored = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
    for name, block in dict(zero=exif(0), nine=exif(9), cut=exif(6)[:20], empty=b"Exif\0\0", huge=exif(0x1234, kind=4)).items():
        out.add(f"senseless_{name}.jpg", with_jpeg_segment(jpeg, 0xE1, block), stored=stored)


def hexadecimal(block, name="exif"):
    """An EXIF block as ImageMagick writes it into a PNG's text."""
    digits = block.hex()
    return "\n%s\n%8d\n" % (name, len(block)) + "\n".join(digits[i:i + 72] for i in range(0, len(digits), 72)) + "\n"


def xmp(orientation, element=False):
    body = f"><tiff:Orientation>{orientation}</tiff:Orientation></rdf:Description>" if element else f' tiff:Orientation="{orientation}"/>'
    return ('<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"' + body + "</rdf:RDF></x:xmpmeta>")


def png_text(key, text, international=False, packed=False):
    info = PngImagePlugin.PngInfo()
    (info.add_itxt if international else info.add_text)(key, text, zip=packed)
    return info


def orientations_in_text(out, image, soft):
    """Where software without an EXIF chunk writes it."""
    profile, packet = "Raw profile type exif", "XML:com.adobe.xmp"
    for turn, international, packed in ((3, False, False), (6, False, True), (8, True, False), (5, True, True)):
        name = f"profile_{'i' if international else ''}{'z' if packed else 't'}.png"
        out.save(name, image, orientation=turn, pnginfo=png_text(profile, hexadecimal(exif(turn)), international, packed))
        out.save("xmp_" + name.replace("profile_", ""), image, orientation=turn, pnginfo=png_text(packet, xmp(turn, packed), True, packed))
    both = png_text(profile, hexadecimal(exif(3)))
    both.add_itxt(packet, xmp(8))
    out.save("profile_before_xmp.png", image, orientation=3, pnginfo=both)
    out.add("exif_before_profile.png", with_png_exif(saved("a.png", image, pnginfo=png_text(profile, hexadecimal(exif(3)))), exif(6, mark=b"")), orientation=6)
    out.save("profile_senseless.png", image, pnginfo=png_text(profile, "\nexif\n 99\nzz"))
    out.save("xmp_senseless.png", image, pnginfo=png_text(packet, xmp("nine"), True))
    jpeg, space = saved("a.jpg", soft, quality=90), b"http://ns.adobe.com/xap/1.0/\0"
    out.add("xmp_attribute.jpg", with_jpeg_segment(jpeg, 0xE1, space + xmp(6).encode()), orientation=6)
    out.add("xmp_element.jpg", with_jpeg_segment(jpeg, 0xE1, space + xmp(3, True).encode()), orientation=3)
    out.add("xmp_beside_exif.jpg", with_jpeg_segment(with_jpeg_segment(jpeg, 0xE1, exif(8)), 0xE1, space + xmp(3).encode()), orientation=8)
    out.save("xmp.webp", image, orientation=8, lossless=True, xmp=xmp(8).encode())


# ---------------------------------------------------------------- animations
def animations(out, rgb, image):
    """Of which the first frame counts; what it does not cover is transparent, as viewers have it."""
    frames = [Image.fromarray(np.roll(rgb, 9 * i, 1)) for i in range(3)]
    out.save("animated.png", frames[0], save_all=True, append_images=frames[1:])
    out.save("animated_hidden_default.png", frames[0], save_all=True, append_images=frames[1:], default_image=True)
    still = saved("a.webp", frames[0], lossless=True)[12:]
    width, height = WIDTH + 9, HEIGHT + 5
    number = lambda value: struct.pack("<I", value)[:3]
    frame = number(2) + number(1) + number(WIDTH - 1) + number(HEIGHT - 1) + number(100) + b"\0" + still
    frame = b"ANMF" + struct.pack("<I", len(frame)) + frame + b"\0" * (len(frame) % 2)
    body = b"VP8X" + struct.pack("<IB3x", 10, 2) + number(width - 1) + number(height - 1) + b"ANIM" + struct.pack("<I4sH", 6, b"\x10\x80\xf0\xff", 0) + frame * 2
    white, black = np.full((height, width, 3), 255, np.uint8), np.zeros((height, width, 3), np.uint8)
    for canvas in (white, black):
        canvas[2:2 + HEIGHT, 4:4 + WIDTH] = np.asarray(frames[0])
    out.add("animated_small_frame.webp", b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body, stored=black, white=white)


# ---------------------------------------------------------------- transparency
def transparency(out, rgb, image, alpha):
    ramp = np.dstack([rgb, np.resize(np.arange(256, dtype=np.uint8), (HEIGHT, WIDTH))])
    out.save("clear.png", Image.fromarray(ramp, "RGBA"))
    out.save("clear_gray.png", Image.fromarray(ramp, "RGBA").convert("LA"))
    out.save("clear_palette.png", image.quantize(37), transparency=bytes(range(0, 259, 7))[:37])
    out.save("clear_palette_one.png", image.quantize(16), transparency=3, bits=4)
    blocks = np.where((np.arange(WIDTH) // 5 % 2)[None, :, None], rgb, np.uint8(77)).astype(np.uint8)
    out.save("clear_key.png", Image.fromarray(blocks), transparency=(77, 77, 77))
    out.save("clear_gray_key.png", Image.fromarray(blocks[:, :, 0]), transparency=77)
    out.save("clear_bit.png", image.convert("1"), transparency=0)
    # As editors export a page without a background: black ink, black and fully transparent elsewhere.
    page = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    page[8:20, 10:30, 3] = 255
    out.save("clear_page.png", Image.fromarray(page, "RGBA"))
    wide = ramp.astype(np.uint16) * 256 + np.uint16(0x5A)
    out.add("clear16.png", raw_png([row.astype(">u2").tobytes() for row in wide], WIDTH, HEIGHT, 16, 6))
    out.add("clear_gray16.png", raw_png([row.astype(">u2").tobytes() for row in wide[:, :, 2:]], WIDTH, HEIGHT, 16, 4))
    out.save("clear_lossless.webp", Image.fromarray(ramp, "RGBA"), lossless=True, exact=True)
    out.save("clear_lossy.webp", Image.fromarray(ramp, "RGBA"), quality=85, exact=True)
    # Under transparent pixels a GIF reader may keep any colour; on white it makes no difference.
    gif = saved("a.gif", image.quantize(64), transparency=3)
    rgba = Image.open(io.BytesIO(gif)).convert("RGBA")
    canvas = Image.new("RGB", rgba.size, (255, 255, 255))
    canvas.paste(rgba, mask=rgba.split()[3])
    dropped = np.where(np.asarray(rgba)[:, :, 3:] == 0, np.uint8(0), np.asarray(rgba)[:, :, :3]).astype(np.uint8)
    out.add("clear.gif", gif, stored=dropped, white=np.asarray(canvas))
    out.add("clear.bmp", bmp_alpha(ramp), stored=rgb, white=on_white(ramp))
    hidden = ramp.copy()
    hidden[:, :, 3] = 0
    out.add("clear_nowhere.bmp", bmp_alpha(hidden), stored=rgb, white=rgb)


def on_white(rgba):
    canvas = Image.new("RGB", (rgba.shape[1], rgba.shape[0]), (255, 255, 255))
    canvas.paste(Image.fromarray(np.ascontiguousarray(rgba[:, :, :3])), mask=Image.fromarray(np.ascontiguousarray(rgba[:, :, 3])))
    return np.asarray(canvas)


def bmp_alpha(rgba):
    """A bitmap with the header that has an alpha mask."""
    rows = rgba[::-1, :, [2, 1, 0, 3]].tobytes()
    info = struct.pack("<IiiHHIIiiII", 108, rgba.shape[1], rgba.shape[0], 1, 32, 3, len(rows), 2835, 2835, 0, 0)
    info += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    return b"BM" + struct.pack("<IHHI", 14 + len(info) + len(rows), 0, 0, 14 + len(info)) + info + rows


# ---------------------------------------------------------------- TIFF
def tiffcp(data, *options):
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "a.tif"), os.path.join(folder, "b.tif")
        with open(source, "wb") as f:
            f.write(data)
        subprocess.run(["tiffcp", *options, source, target], check=True)
        with open(target, "rb") as f:
            return f.read()


def raw_tiff(samples, bits, photometric, order="<", extra=None, planar=False, colours=None, packed=None, rows=None, more=()):
    """An uncompressed TIFF of [height, width, bands] samples."""
    height, width, bands = samples.shape
    planes = [samples[:, :, i:i + 1] for i in range(bands)] if planar else [samples]
    kind = order + ("u2" if bits == 16 else "u1")
    strips = [packed] if packed else [p[at:at + (rows or height)].astype(kind).tobytes() for p in planes for at in range(0, height, rows or height)]
    tags = [(256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * bands), (259, 3, [1]), (262, 3, [photometric]), (277, 3, [bands]),
            (278, 4, [rows or height]), (279, 4, [len(s) for s in strips]), (284, 3, [2 if planar else 1])]
    tags += [(338, 3, [extra])] if extra is not None else []
    tags += [(320, 3, colours)] if colours is not None else []
    tags = sorted(tags + list(more) + [(273, 4, [0] * len(strips))])
    size = 8 + 2 + 12 * len(tags) + 4
    blocks = b""
    for i, (tag, kind_, values) in enumerate(tags):
        length = len(values) * (2 if kind_ == 3 else 4)
        blocks += bytes(length + length % 2) if length > 4 else b""
    offset = size + len(blocks)
    offsets = []
    for s in strips:
        offsets.append(offset)
        offset += len(s)
    tags = [(t, k, offsets if t == 273 else v) for t, k, v in tags]
    entries, blocks = b"", b""
    for tag, kind_, values in tags:
        body = struct.pack(order + ("H" if kind_ == 3 else "I") * len(values), *values)
        if len(body) > 4:
            entries += struct.pack(order + "HHII", tag, kind_, len(values), size + len(blocks))
            blocks += body + bytes(len(body) % 2)
        else:
            entries += struct.pack(order + "HHI", tag, kind_, len(values)) + body.ljust(4, b"\0")
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags)) + entries + struct.pack(order + "I", 0) + blocks + b"".join(strips)


def tiffs(out, rgb, image, alpha, soft):
    plain = saved("a.tif", image)
    for name, compression in dict(none="raw", lzw="tiff_lzw", deflate="tiff_adobe_deflate", zip="tiff_deflate", packbits="packbits").items():
        data = saved("a.tif", image, compression=compression)
        out.add(f"{name}.tif", data)
        out.add(f"{name}_mm.tif", tiffcp(data, "-B"))
        out.add(f"{name}_tiled.tif", tiffcp(data, "-t", "-w", "16", "-l", "32"))
        out.add(f"{name}_planes.tif", tiffcp(data, "-p", "separate"), stored=rgb)
        out.add(f"{name}_rows.tif", tiffcp(data, "-r", "5"))
    out.add("lzw_predictor.tif", tiffcp(plain, "-c", "lzw:2"))
    out.add("zip_predictor_mm.tif", tiffcp(plain, "-B", "-c", "zip:2"))
    out.save("jpeg.tif", soft, compression="jpeg", quality=90)
    out.add("jpeg_tiled.tif", tiffcp(saved("a.tif", soft), "-c", "jpeg:r:90", "-t", "-w", "16", "-l", "16"))
    out.add("jpeg_gray.tif", tiffcp(saved("a.tif", soft.convert("L")), "-c", "jpeg:90"))
    bit = image.convert("1")
    for name, compression in dict(bit="raw", g4="group4", g3="group3", rle="tiff_ccitt", bit_lzw="tiff_lzw").items():
        out.save(f"{name}.tif", bit, compression=compression)
    out.add("g4_mm_rows.tif", tiffcp(saved("a.tif", bit, compression="group4"), "-B", "-r", "8", "-c", "g4"))
    out.add("g4_tiled.tif", tiffcp(saved("a.tif", bit, compression="group4"), "-t", "-w", "32", "-l", "16", "-c", "g4"))
    white_is_zero = np.packbits(1 - (np.asarray(bit).astype(np.uint8)), axis=1).tobytes()
    out.add("bit_white_zero.tif", raw_tiff(rgb[:, :, :1], 1, 0, packed=white_is_zero), stored=np.repeat(np.asarray(bit)[:, :, None].astype(np.uint8) * 255, 3, 2))
    out.save("gray.tif", image.convert("L"), compression="tiff_lzw")
    out.add("gray_white_zero.tif", raw_tiff(255 - rgb[:, :, :1], 8, 0), stored=np.repeat(rgb[:, :, :1], 3, 2))
    out.save("palette.tif", image.quantize(200), compression="tiff_lzw")
    out.add("palette_tiled_mm.tif", tiffcp(saved("a.tif", image.quantize(99)), "-B", "-t", "-w", "16", "-l", "16", "-c", "zip"))
    nibbles = (rgb[:, :, 0] >> 4).astype(np.uint8)
    padded = np.pad(nibbles, ((0, 0), (0, 1)))
    packed = (padded[:, ::2] << 4 | padded[:, 1::2]).astype(np.uint8).tobytes()
    colours = [v * 257 for c in range(3) for v in [(i * (5 + c * 6)) % 256 for i in range(16)]]
    looked_up = np.stack([np.array(colours[16 * c:16 * c + 16])[nibbles] >> 8 for c in range(3)], 2).astype(np.uint8)
    out.add("palette4.tif", raw_tiff(rgb[:, :, :1], 4, 3, packed=packed, colours=colours), stored=looked_up)
    out.add("gray4.tif", raw_tiff(rgb[:, :, :1], 4, 1, packed=packed), stored=np.repeat((nibbles * 17)[:, :, None], 3, 2))
    out.save("cmyk.tif", image.convert("CMYK"), compression="tiff_lzw")
    out.save("cmyk_raw.tif", image.convert("CMYK"))
    inks = Image.fromarray(np.dstack([rgb, 255 - rgb[:, :, :1]]), "CMYK")
    out.save("inks.tif", inks, compression="tiff_adobe_deflate")
    out.add("inks_planes.tif", tiffcp(saved("a.tif", inks), "-p", "separate"), stored=np.asarray(inks.convert("RGB")))
    wide = rgb.astype(np.uint16) * 256 + np.uint16(0x81)
    for order in "<>":
        name = "ii" if order == "<" else "mm"
        out.add(f"rgb16_{name}.tif", raw_tiff(wide, 16, 2, order, rows=7), stored=rgb)
        out.add(f"gray16_{name}.tif", raw_tiff(wide[:, :, :1], 16, 1, order), stored=np.repeat(rgb[:, :, :1], 3, 2))
        out.add(f"rgb16_lzw_{name}.tif", tiffcp(raw_tiff(wide, 16, 2, order), "-c", "lzw:2", "-B" if order == ">" else "-L"), stored=rgb)
    cmyk16 = np.asarray(inks).astype(np.uint16) * 256 + np.uint16(0x11)
    out.add("cmyk16.tif", raw_tiff(cmyk16, 16, 5), stored=np.asarray(inks.convert("RGB")))
    ramp = np.dstack([rgb, np.resize(np.arange(256, dtype=np.uint8), (HEIGHT, WIDTH))])
    out.add("clear.tif", raw_tiff(ramp, 8, 2, extra=2), stored=rgb, white=on_white(ramp))
    out.add("clear_planes.tif", raw_tiff(ramp, 8, 2, extra=2, planar=True), stored=rgb, white=on_white(ramp))
    out.add("clear16.tif", raw_tiff(ramp.astype(np.uint16) * 256 + np.uint16(9), 16, 2, ">", extra=2), stored=rgb, white=on_white(ramp))
    gray_alpha = np.dstack([rgb[:, :, :1], ramp[:, :, 3:]])
    out.add("clear_gray.tif", raw_tiff(gray_alpha, 8, 1, extra=2), stored=np.repeat(rgb[:, :, :1], 3, 2),
            white=on_white(np.dstack([np.repeat(rgb[:, :, :1], 3, 2), ramp[:, :, 3]])))
    out.add("fourth_sample.tif", raw_tiff(ramp, 8, 2, extra=0), stored=rgb)
    # Colours multiplied with alpha: a test compares it with clear.tif.
    multiplied = ramp.copy()
    multiplied[:, :, :3] = (ramp[:, :, :3].astype(int) * ramp[:, :, 3:] + 127) // 255
    with open(os.path.join(HERE, "pictures", "clear_multiplied.tif"), "wb") as f:
        f.write(raw_tiff(multiplied, 8, 2, extra=1))
    pages = [image, soft, image.convert("L")]
    several = saved("a.tif", pages[0], save_all=True, append_images=pages[1:], compression="tiff_lzw")
    out.add("pages.tif", several, stored=rgb, pages=3)
    faxes = saved("a.tif", bit, save_all=True, append_images=[bit] * 4, compression="group4")
    out.add("pages_g4.tif", faxes, stored=np.repeat(np.asarray(bit)[:, :, None].astype(np.uint8) * 255, 3, 2), pages=5)


# ---------------------------------------------------------------- JPEG
def jpegs(out, soft, image):
    big = Image.fromarray(picture(11, 8, 4)).resize((173, 121), Image.BICUBIC)
    for name, sampling in {"444": "4:4:4", "422": "4:2:2", "420": "4:2:0"}.items():
        for progressive in (False, True):
            out.save(f"s{name}{'_progressive' if progressive else ''}.jpg", big, quality=82, subsampling=sampling, progressive=progressive)
    for name, factors in {"411": (4, 1), "440": (1, 2), "410": (4, 2)}.items():
        # Pillow writes three samplings; others are made of 4:4:4 by libjpeg's own tool where it is there.
        data = cjpeg(big, factors)
        if data:
            out.add(f"s{name}.jpg", data)
    for size in ((1, 1), (8, 8), (16, 16), (17, 15), (33, 1), (1, 33)):
        out.save(f"s420_{size[0]}x{size[1]}.jpg", big.resize(size), quality=90, subsampling="4:2:0")
    out.save("optimised.jpg", big, quality=60, optimize=True)
    out.save("poor.jpg", image, quality=5, subsampling="4:2:0")
    out.save("gray_progressive.jpg", soft.convert("L"), quality=80, progressive=True)
    inks = Image.fromarray(np.dstack([np.asarray(soft), 255 - np.asarray(soft)[:, :, :1]]), "CMYK")
    adobe = saved("a.jpg", inks, quality=90)
    out.add("cmyk_adobe.jpg", adobe)
    out.save("cmyk_progressive.jpg", inks, quality=90, progressive=True)
    flag = adobe.index(b"Adobe") + 11
    out.add("ycck.jpg", adobe[:flag] + b"\2" + adobe[flag + 1:])
    out.add("cmyk_plain.jpg", without_jpeg_segment(adobe, 0xEE))
    three = without_jpeg_segment(saved("a.jpg", soft, quality=95, subsampling="4:4:4"), 0xE0)
    out.add("rgb_adobe.jpg", with_jpeg_segment(three, 0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 0)))


def cjpeg(image, factors):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.ppm")
        image.save(path)
        try:
            return subprocess.run(["cjpeg", "-quality", "85", "-sample", f"{factors[0]}x{factors[1]}", path], check=True, capture_output=True).stdout
        except FileNotFoundError:
            return None


# ---------------------------------------------------------------- thin pictures
def thin():
    """Shapes whose intermediate rows would be many times the picture."""
    cases = []
    for w, h, nw, nh in ((1, 20000, 448, 448), (20000, 1, 448, 448), (1, 9001, 300, 7), (9001, 1, 7, 300), (3, 12000, 56, 896), (12000, 3, 896, 56),
                         (2, 5000, 2, 333), (2, 5000, 333, 5000), (5000, 2, 5000, 111), (40, 9000, 28, 5600), (700, 4000, 28, 28), (31, 2999, 64, 3001)):
        for name, method in (("Bicubic", Image.BICUBIC), ("Lanczos", Image.LANCZOS)):
            resized = np.asarray(Image.fromarray(picture(w, h, 5)).resize((nw, nh), method))
            cases.append(dict(width=w, height=h, seed=5, to_width=nw, to_height=nh, filter=name, sha256=sha(resized)))
    return cases


# ---------------------------------------------------------------- large pictures
def large():
    """One colour, so that they are small on disk. Their endings keep them out of the corpus."""
    def write(name, data):
        with open(os.path.join(HERE, "pictures", name), "wb") as f:
            f.write(data)

    write("large.webp_", saved("a.webp", Image.new("RGB", (5200, 5100), (40, 90, 160)), lossless=True, quality=0, method=0))
    noise = Image.fromarray(picture(300, 200, 2))
    write("large.png_", saved("a.png", noise, compress_level=1))
    write("large.jpg_", saved("a.jpg", noise, quality=70))
    write("large_progressive.jpg_", saved("a.jpg", noise, quality=70, progressive=True))


def pictures():
    os.makedirs(os.path.join(HERE, "pictures"), exist_ok=True)
    rgb = picture(WIDTH, HEIGHT, 3)
    image = Image.fromarray(rgb)
    soft = Image.fromarray(picture(9, 7, 1)).resize((WIDTH, HEIGHT), Image.BICUBIC)
    alpha = Image.fromarray(np.dstack([rgb, picture(WIDTH, HEIGHT, 8)[:, :, :1]]), "RGBA")
    out = Pictures()
    orientations(out, rgb, image, soft, alpha)
    orientations_in_text(out, image, soft)
    animations(out, rgb, image)
    transparency(out, rgb, image, alpha)
    tiffs(out, rgb, image, alpha, soft)
    jpegs(out, soft, image)
    large()
    return dict(pillow=PIL.__version__, files=out.index, thin=thin())


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
    made = pictures()
    with open(os.path.join(HERE, "pictures.json"), "w") as f:
        f.write('{\n"pillow": ' + json.dumps(made["pillow"]) + ',\n"files": [\n' + ",\n".join(json.dumps(c) for c in made["files"]) + '\n],\n"thin": [\n'
                + ",\n".join(json.dumps(c) for c in made["thin"]) + "\n]\n}\n")


if __name__ == "__main__":
    main()
