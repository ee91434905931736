"""Philox-4x32-10 as in host/base/philox.h, with numpy: the same (seed, stream, step, lane) gives the
same random numbers as clgan's, so a script can make what any training step draws by itself."""
import numpy as np

STREAM_Z, STREAM_Z_GRID, STREAM_Z_SAMPLE = 4, 5, 6
STREAM_DROPOUT, STREAM_NOISE, STREAM_LABEL, STREAM_DATA = 8, 9, 10, 11
LOW = np.uint64(0xFFFFFFFF)


def words(seed, stream, step, blocks, lane=0, first=0):
    """-> uint32 [blocks, 4]: the words of blocks first .. first+blocks-1."""
    index = np.arange(first, first + blocks, dtype=np.uint64)
    c = [index & LOW, ((index >> np.uint64(32)) + np.uint64(lane + (stream << 24))) & LOW,
         np.full(blocks, step & 0xFFFFFFFF, np.uint64), np.full(blocks, step >> 32, np.uint64)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]  # below 2^64
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), b & LOW,
             (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), a & LOW]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, 1).astype(np.uint32)


def word(seed, stream, step, n, lane=0, first=0):
    """-> uint32 [n]: words first .. first+n-1, word i being word i % 4 of block i / 4."""
    skip = first % 4
    return words(seed, stream, step, -(-(n + skip) // 4), lane, first // 4).ravel()[skip:skip + n]


def unit(w):
    """Words to float32 in [0,1), exact."""
    return (w >> 8).astype(np.float32) * np.float32(2.0 ** -24)


def uniform(seed, stream, step, n, lo=0.0, hi=1.0, lane=0, first=0):
    w = word(seed, stream, step, n, lane, first)
    return np.float32(lo) + (np.float32(hi) - np.float32(lo)) * unit(w)


def box_muller(w):
    """uint32 words [2k] -> float64 [2k]: two numbers N(0,1) of every pair of words."""
    w = w.reshape(-1, 2) >> 8
    radius = np.sqrt(-2.0 * np.log((w[:, 0] + 1.0) * 2.0 ** -24))
    angle = 6.283185307179586 * (w[:, 1] * 2.0 ** -24)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()


def normal(seed, stream, step, n, lane=0, first=0):
    """Box-Muller on pairs of words, in double, rounded once. -> float32 [n]"""
    skip = first % 4
    w = words(seed, stream, step, -(-(n + skip) // 4), lane, first // 4)
    return box_muller(w)[skip:skip + n].astype(np.float32)
