"""Rows of the drawn systems with numpy, from the same Philox blocks as clgan's: row i comes from the
words w0 .. w3 of block i, with u = unit(w0) and n0, n1 the normals of words 0 and 1."""
import numpy as np

import philox

DIM = {"curves": 15, "gauss1d": 1, "ring": 2, "grid": 2}


def rows(system, seed, step, n):
    """The real rows of a training step (from 1). -> float64 [n, DIM]"""
    w = philox.words(seed, philox.STREAM_DATA, step, n)
    normals = philox.box_muller(w.ravel()).reshape(n, 4)[:, :2]
    if system == "curves":  # a x^2 + a - 1 at 15 points of [-2, 2], a ~ U[1, 3]
        a, x = 1 + 2 * philox.unit(w[:, 0]).astype(np.float64), np.linspace(-2, 2, 15)
        return a[:, None] * x ** 2 + a[:, None] - 1
    if system == "gauss1d":  # N(4, .5^2)
        return 4 + 0.5 * normals[:, :1]
    if system == "ring":  # 8 Gaussians, std .01, on the unit circle
        angle = 2 * np.pi * (w[:, 2] >> 29) / 8
        return np.stack([np.cos(angle), np.sin(angle)], 1) + 0.01 * normals
    k = (w[:, 2].astype(np.uint64) * np.uint64(25) >> np.uint64(32)).astype(np.float64)  # 25, std .05
    return np.stack([2 * (k % 5) - 4, 2 * (k // 5) - 4], 1) + 0.05 * normals
