#!/usr/bin/env python3
"""The `curves` system in PyTorch, trained as its sheet says, for comparison with clgan's runs.

    nice curves_torch.py [--seeds 5] [--steps 2000 10000] [--count 10000] [--out FOLDER]

z 5 x N(0,1); G 5-128-15 with ReLU, D 15-128-1 with ReLU; fresh curves each step, batch 64; Adam 1e-4
(0.9, 0.999) for both; D minimises -mean(log D(x) + log(1 - D(G(z)))), G minimises
mean log(1 - D(G(z))) (saturating); both gradients at the old weights, then both updates. Prints
one JSON line per seed and number of steps: the figures of curves_stats.py on --count generated
curves, the mean of D(x) and D(G(z)) over the last 100 minibatches (d_real, d_fake), and over as many
fresh real and generated curves (d_real_fresh, d_fake_fresh). The counterpart:

    clgan train --model curves --steps 2000 --seed S --set train.log_every=1 --out RUN
    clgan sample RUN --count 10000 --out x.npy && curves_stats.py x.npy --log RUN/log.csv

--out FOLDER keeps the curves as FOLDER/curves-SEED-STEPS.npy.
"""
import argparse
import json
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from curves_stats import LAST, POINTS, curves_stats, rounded

BATCH, LATENT, HIDDEN = 64, 5, 128


def real_curves(n, x):
    a = 1 + 2 * torch.rand(n, 1)
    return a * x ** 2 + a - 1


def train(seed, marks, count):
    """Yields (steps, generated curves [count,15], D's answers) at each of `marks`."""
    torch.manual_seed(seed)
    x = torch.linspace(-2, 2, POINTS)
    g = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, POINTS))
    d = nn.Sequential(nn.Linear(POINTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
    optg = torch.optim.Adam(g.parameters(), lr=1e-4, betas=(0.9, 0.999))
    optd = torch.optim.Adam(d.parameters(), lr=1e-4, betas=(0.9, 0.999))
    answers = []
    for step in range(1, max(marks) + 1):
        l_real = d(real_curves(BATCH, x))
        l_fake = d(g(torch.randn(BATCH, LATENT)))
        loss_d = F.softplus(-l_real).mean() + F.softplus(l_fake).mean()
        loss_g = -F.softplus(l_fake).mean()
        grads_g = torch.autograd.grad(loss_g, list(g.parameters()), retain_graph=True)
        grads_d = torch.autograd.grad(loss_d, list(d.parameters()))
        for net, grads, opt in ((g, grads_g, optg), (d, grads_d, optd)):
            for p, q in zip(net.parameters(), grads):
                p.grad = q
            opt.step()
        answers = answers[1 - LAST:] + [(float(l_real.sigmoid().mean()), float(l_fake.sigmoid().mean()))]
        if step in marks:
            with torch.random.fork_rng(), torch.no_grad():
                torch.manual_seed(seed + 1000)
                y = g(torch.randn(count, LATENT))
                d_real, d_fake = np.mean(answers, 0)
                yield step, y.numpy(), {"d_real": d_real, "d_fake": d_fake,
                                        "d_real_fresh": d(real_curves(count, x)).sigmoid().mean(),
                                        "d_fake_fresh": d(y).sigmoid().mean()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seeds", type=int, default=5)
    p.add_argument("--steps", type=int, nargs="+", default=[2000, 10000])
    p.add_argument("--count", type=int, default=10000)
    p.add_argument("--out")
    a = p.parse_args()
    torch.set_num_threads(1)
    for seed in range(1, a.seeds + 1):
        for step, y, answers in train(seed, a.steps, a.count):
            if a.out:
                os.makedirs(a.out, exist_ok=True)
                np.save(os.path.join(a.out, f"curves-{seed}-{step}.npy"), y)
            figures = rounded({**curves_stats(y), **answers})
            print(json.dumps({"system": "torch", "seed": seed, "steps": step, **figures}), flush=True)


if __name__ == "__main__":
    main()
