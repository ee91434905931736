"""Philox-4x32-10 as in host/base/philox.h, with numpy: the same (seed, stream, step) gives the same
random numbers as clgan's, so a script can make the latents of any training step by itself."""
import numpy as np

STREAM_Z, STREAM_Z_GRID, STREAM_Z_SAMPLE = 4, 5, 6
LOW = np.uint64(0xFFFFFFFF)


def words(seed, stream, step, blocks):
    """-> uint32 [blocks, 4]: the words of blocks 0 .. blocks-1."""
    index = np.arange(blocks, dtype=np.uint64)
    c = [index & LOW, ((index >> np.uint64(32)) + np.uint64(stream << 24)) & LOW,
         np.full(blocks, step & 0xFFFFFFFF, np.uint64), np.full(blocks, step >> 32, np.uint64)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]  # below 2^64
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), b & LOW,
             (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), a & LOW]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, 1).astype(np.uint32)


def uniform(seed, stream, step, n, lo=0.0, hi=1.0):
    w = words(seed, stream, step, -(-n // 4)).ravel()[:n]
    unit = (w >> 8).astype(np.float32) * np.float32(2.0 ** -24)
    return np.float32(lo) + (np.float32(hi) - np.float32(lo)) * unit


def normal(seed, stream, step, n):
    """Box-Muller on pairs of words, in double, rounded once. -> float32 [n]"""
    w = words(seed, stream, step, -(-n // 4)).reshape(-1, 2) >> 8
    radius = np.sqrt(-2.0 * np.log((w[:, 0] + 1.0) * 2.0 ** -24))
    angle = 6.283185307179586 * (w[:, 1] * 2.0 ** -24)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()[:n].astype(np.float32)
