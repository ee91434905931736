"""Image sets for the peers' scripts, read and resized as clgan does: IDX folders (gz or plain) and
CIFAR-10 binary batches, PIL's antialiased bilinear, bytes [N,H,W,C]."""
import glob
import gzip
import os
import struct

import numpy as np
from PIL import Image


def read_idx(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
        raw = f.read()
    zero, kind, rank = struct.unpack(">HBB", raw[:4])
    if zero != 0 or kind != 8 or rank != 3:
        raise ValueError(f"{path}: no IDX file of images")
    return np.frombuffer(raw, np.uint8, offset=16).reshape(struct.unpack(">3I", raw[4:16]))[..., None]


def read_split(folder, test):
    """All images of the training or of the test set of a folder. -> u8 [N,H,W,C]"""
    stem = "t10k" if test else "train"
    idx = sorted(glob.glob(os.path.join(folder, f"{stem}-images*idx3-ubyte*")))
    if idx:
        return read_idx(idx[0])
    bins = sorted(p for p in glob.glob(os.path.join(folder, "*.bin"))
                  if os.path.basename(p).startswith("test") == test)
    if not bins:
        raise SystemExit(f"{folder}: neither {stem}-images-idx3-ubyte[.gz] nor CIFAR-10 batches (*.bin)")
    rows = np.concatenate([np.fromfile(p, np.uint8).reshape(-1, 3073)[:, 1:] for p in bins])
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def resize(images, size):
    if images.shape[1:3] == (size, size):
        return images
    out = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for i, a in enumerate(images):
        picture = Image.fromarray(a[..., 0] if a.shape[2] == 1 else a)
        out[i] = np.asarray(picture.resize((size, size), Image.BILINEAR)).reshape(out.shape[1:])
    return out


def write_grid(path, samples, rows=8, cols=8):
    """samples f32 [N,H,W,C] in [-1,1]; the first rows*cols of them, 2 pixels apart."""
    n, h, w, c = samples.shape
    sheet = np.zeros((rows * (h + 2) + 2, cols * (w + 2) + 2, c), np.uint8)
    for i in range(min(n, rows * cols)):
        y, x = 2 + i // cols * (h + 2), 2 + i % cols * (w + 2)
        sheet[y:y + h, x:x + w] = np.clip((samples[i] + 1) * 127.5 + 0.5, 0, 255).astype(np.uint8)
    Image.fromarray(sheet[..., 0] if c == 1 else sheet).save(path)
