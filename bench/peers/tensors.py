"""safetensors files with numpy alone (Debian has no package for the format's own library).

File: 8 bytes little-endian header length, JSON header {name: {dtype, shape, data_offsets}}, data.
"""
import json
import struct

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "U32": "<u4"}
NAMES = {np.dtype(v): k for k, v in DTYPES.items()}


def load(path):
    """-> (dict name -> array, dict of metadata)"""
    with open(path, "rb") as f:
        raw = f.read()
    (n,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + n])
    meta = header.pop("__metadata__", {})
    out = {}
    for name, t in header.items():
        first, last = t["data_offsets"]
        data = np.frombuffer(raw, DTYPES[t["dtype"]], offset=8 + n + first,
                             count=(last - first) // np.dtype(DTYPES[t["dtype"]]).itemsize)
        out[name] = data.reshape(t["shape"]).copy()
    return out, meta


def save(path, tensors, meta=None):
    header, blobs, at = {}, [], 0
    if meta:
        header["__metadata__"] = {k: str(v) for k, v in meta.items()}
    for name, a in tensors.items():
        a = np.asarray(a, order="C")
        header[name] = {"dtype": NAMES[a.dtype], "shape": list(a.shape),
                        "data_offsets": [at, at + a.nbytes]}
        blobs.append(a.tobytes())
        at += a.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
