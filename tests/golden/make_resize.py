#!/usr/bin/python3
"""Writes tests/golden/resize.bin: small images and what PIL makes of them, for tests/io/test_resize.c.

    /usr/bin/python3 tests/golden/make_resize.py

Format, little-endian: u32 count, then per case seven u32 (kind, source w, h, c, target w, h, c) and
the bytes [h,w,c] of source and target. kind 0: Image.resize((w, h), BILINEAR). kind 1: short side to
w with torchvision's rule int(w * long / short), then its CenterCrop, after convert() to c channels.
Made with Pillow 9.4.0.
"""
import os
import struct

import numpy as np
from PIL import Image

rng = np.random.default_rng(20140610)


def picture(w, h, c):
    """Gradients, an edge and noise, so that every weight matters."""
    y, x = np.mgrid[0:h, 0:w]
    planes = []
    for k in range(c):
        p = 127 + 90 * np.sin(x * (0.3 + 0.2 * k)) * np.cos(y * 0.23)
        p = p + rng.normal(0, 25, (h, w)) + 80 * ((x + 2 * y) % (7 + k) == 0)
        planes.append(p)
    a = np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)
    a[: max(1, h // 6), : max(1, w // 6)] = 255
    return a


def to_image(a):
    return Image.fromarray(a[:, :, 0], "L") if a.shape[2] == 1 else Image.fromarray(a, "RGB")


def to_array(image):
    a = np.asarray(image)
    return a[:, :, None] if a.ndim == 2 else a


def fit(image, size, c):
    image = image.convert("L" if c == 1 else "RGB")
    w, h = image.size
    if min(w, h) != size:
        if w <= h:
            image = image.resize((size, int(size * h / w)), Image.BILINEAR)
        else:
            image = image.resize((int(size * w / h), size), Image.BILINEAR)
    w, h = image.size
    left, top = int(round((w - size) / 2.0)), int(round((h - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


cases = []
for sw, sh, c, w, h in [(28, 28, 1, 64, 64), (28, 28, 1, 32, 32), (32, 32, 3, 16, 16),
                        (31, 17, 3, 12, 23), (40, 9, 1, 40, 4), (9, 40, 1, 4, 40), (1, 1, 3, 5, 3),
                        (50, 3, 1, 1, 1), (33, 29, 3, 33, 29), (13, 11, 3, 48, 37)]:
    a = picture(sw, sh, c)
    cases.append((0, a, to_array(to_image(a).resize((w, h), Image.BILINEAR))))
for sw, sh, c, size, to in [(48, 31, 3, 16, 3), (31, 48, 3, 16, 1), (20, 37, 1, 20, 3),
                            (37, 20, 1, 20, 1), (23, 24, 3, 40, 3), (64, 5, 3, 8, 3),
                            (17, 35, 1, 12, 1), (21, 18, 3, 9, 1)]:
    a = picture(sw, sh, c)
    cases.append((1, a, to_array(fit(to_image(a), size, to))))

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "resize.bin")
with open(path, "wb") as f:
    f.write(struct.pack("<I", len(cases)))
    for kind, a, b in cases:
        f.write(struct.pack("<7I", kind, a.shape[1], a.shape[0], a.shape[2], b.shape[1], b.shape[0],
                            b.shape[2]))
        f.write(a.tobytes() + b.tobytes())
