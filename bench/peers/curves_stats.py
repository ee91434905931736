#!/usr/bin/env python3
"""How good generated quadratic curves are: the figures of the `curves` system, for clgan's samples
and for PyTorch's by the same code.

    curves_stats.py x.npy [x2.npy ...] [--log RUN/log.csv]

x.npy: a file of `clgan sample RUN --count 10000 --out x.npy`; log.csv: of a run with
train.log_every=1, which adds d_real and d_fake, the means of D(x) and D(G(z)) over its last 100 steps.

A true curve has 15 points y = a x^2 + a - 1 at x evenly in [-2, 2] with a ~ U[1, 3], so that every
curve lies between x^2 (a = 1) and 3 x^2 + 2 (a = 3). Prints one JSON line per file.
"""
import argparse
import csv
import json

import numpy as np

POINTS, LAST = 15, 100


def curves_stats(y):
    """y [N,15] (any shape that flattens to it): generated curves.

    The least-squares a of a curve: y + 1 = a (x^2 + 1) without noise, so
        a = sum((y + 1) (x^2 + 1)) / sum((x^2 + 1)^2).
    -> a_min, a_max        the smallest and largest recovered a (true data: 1 and 3)
       a_p01, a_p99        its 1st and 99th percentile (true data: 1.02 and 2.98)
       a_mean, a_std       (true data: 2 and 0.577)
       residual            mean over curves of the rms distance to the curve of its a (true data: 0)
       within_curves       share of curves with every point between the bounds x^2 and 3 x^2 + 2
       within_points       share of points between the bounds
    """
    y = np.asarray(y, np.float64).reshape(-1, POINTS)
    x = np.linspace(-2.0, 2.0, POINTS)
    base = x ** 2 + 1
    a = (y + 1) @ base / (base @ base)
    rms = np.sqrt(((y - (a[:, None] * base - 1)) ** 2).mean(1))
    inside = (y >= x ** 2) & (y <= 3 * x ** 2 + 2)
    return {"curves": len(y), "a_min": a.min(), "a_max": a.max(), "a_p01": np.percentile(a, 1),
            "a_p99": np.percentile(a, 99), "a_mean": a.mean(), "a_std": a.std(), "residual": rms.mean(),
            "within_curves": inside.all(1).mean(), "within_points": inside.mean()}


def rounded(stats):
    return {k: v if isinstance(v, int) else round(float(v), 5) for k, v in stats.items()}


def read_log(path):
    """Mean answers of D over the last lines of a log."""
    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))[-LAST:]
    return {"d_real": np.mean([float(r["d_real"]) for r in rows]),
            "d_fake": np.mean([float(r["d_fake_before"]) for r in rows])}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("files", nargs="+")
    p.add_argument("--log")
    a = p.parse_args()
    answers = read_log(a.log) if a.log else {}
    for path in a.files:
        print(json.dumps({"file": path, **rounded({**curves_stats(np.load(path)), **answers})}))


if __name__ == "__main__":
    main()
