#!/usr/bin/env python3
"""Whether two sets of runs of `curves` come from one distribution, figure by figure.

    curves_compare.py bench/results/curves-clgan.jsonl bench/results/curves-pytorch.jsonl [--figures a_std ..]

Both files hold the lines of curves_torch.py, one per seed and number of steps. For each number of steps
and figure: the range of all seeds and the mean of either file, how many of the first file's seeds lie
within the second's range, and p: the share of 10,000 random divisions of all seeds into two such sets
whose means differ as much or more (permutation test, two-sided). Of 22 true nulls the least p is about
.03. Exits with 1 if a p is below .05 divided by the number of figures (Bonferroni): then they differ.
"""
import argparse
import json
import sys

import numpy as np

SHUFFLES = 10000
FIGURES = ("a_min", "a_max", "a_p01", "a_p99", "a_mean", "a_std", "residual", "within_curves", "within_points",
           "d_real", "d_fake")


def read(path):
    """-> {steps: [line, ...]} by rising seed"""
    runs = {}
    with open(path) as f:
        for line in sorted(map(json.loads, f), key=lambda r: r["seed"]):
            runs.setdefault(line["steps"], []).append(line)
    return runs


def permutation_p(a, b, rng):
    both, n = np.concatenate([a, b]), len(a)
    order = rng.permuted(np.tile(both, (SHUFFLES, 1)), axis=1)
    apart = np.abs(order[:, :n].mean(1) - order[:, n:].mean(1))
    return float(np.mean(apart >= abs(a.mean() - b.mean()) - 1e-12))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("ours")
    p.add_argument("peers")
    p.add_argument("--figures", nargs="+", default=list(FIGURES))
    a = p.parse_args()
    ours, peers = read(a.ours), read(a.peers)
    steps = sorted(set(ours) & set(peers))
    if not steps:
        p.error("the files have no number of steps in common")
    rng, least, tests = np.random.default_rng(0), 1.0, len(steps) * len(a.figures)
    print(f"{'steps':>6} {'figure':14} {'mean':>8} {'range':>19} {'seeds':>5}   {'mean':>8} {'range':>19} {'seeds':>5}"
          f"   within     p")
    for s in steps:
        for name in a.figures:
            x, y = (np.array([r[name] for r in runs[s]]) for runs in (ours, peers))
            inside = int(np.sum((x >= y.min()) & (x <= y.max())))
            chance = permutation_p(x, y, rng)
            least = min(least, chance)
            sets = "   ".join(f"{v.mean():8.4f} {v.min():8.4f} .. {v.max():7.4f} {len(v):5}" for v in (x, y))
            print(f"{s:6} {name:14} {sets}   {inside:6} {chance:5.3f}")
    print(f"least p {least:.3f} of {tests}")
    return least < 0.05 / tests


if __name__ == "__main__":
    sys.exit(main())
