#!/usr/bin/env python3
"""The `curves` system in PyTorch, trained as its sheet says, for comparison with clgan's runs.

    nice curves_torch.py [--seeds 5] [--steps 2000 10000] [--count 10000] [--out FOLDER]
                         [--start RUN-{} [--drift]]

z 5 x N(0,1); G 5-128-15 with ReLU, D 15-128-1 with ReLU; fresh curves each step, batch 64; Adam 1e-4
(0.9, 0.999) for both; D minimises -mean(log D(x) + log(1 - D(G(z)))), G minimises
mean log(1 - D(G(z))) (saturating); both gradients at the old weights, then both updates. Prints
one JSON line per seed and number of steps: the figures of curves_stats.py on --count generated
curves, the mean of D(x) and D(G(z)) over the last 100 minibatches (d_real, d_fake), and over as many
fresh real and generated curves (d_real_fresh, d_fake_fresh). The counterpart:

    clgan train --model curves --steps 2000 --seed S --set train.log_every=1 --out RUN
    clgan sample RUN --count 10000 --out x.npy && curves_stats.py x.npy --log RUN/log.csv

--out FOLDER keeps the curves as FOLDER/curves-SEED-STEPS.npy. --start RUN-{}: begins where the clgan run
RUN-SEED began (made with --trace 1) and draws what it drew: the same training in PyTorch's arithmetic,
where without it only the system is the same. --drift: one line for each step whose state RUN-SEED/trace
holds (clgan train --trace N) at 1, 2, 5, 10, 20, 50 ..: how far the nets are apart by then, relative L2.
"""
import argparse
import json
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import philox
import systems
import tensors
from curves_stats import LAST, POINTS, curves_stats, rounded

BATCH, LATENT, HIDDEN = 64, 5, 128


def real_curves(n, x):
    a = 1 + 2 * torch.rand(n, 1)
    return a * x ** 2 + a - 1


def draws(seed, step, x, as_clgan):
    """Real curves [BATCH,15] and latents of a step."""
    if not as_clgan:
        return real_curves(BATCH, x), torch.randn(BATCH, LATENT)
    real = systems.rows("curves", seed, step, BATCH).astype(np.float32)
    z = philox.normal(seed, philox.STREAM_Z, step, BATCH * LATENT).reshape(BATCH, LATENT)
    return torch.from_numpy(real), torch.from_numpy(z)


def final_latents(seed, count, as_clgan):
    if not as_clgan:
        return torch.randn(count, LATENT)
    z = philox.normal(seed, philox.STREAM_Z_SAMPLE, 0, count * LATENT)
    return torch.from_numpy(z.reshape(count, LATENT))


def traced(run, step):
    return os.path.join(run, "trace", f"step-{step:06d}.safetensors")


def parameters(path):
    """Those of a state of clgan, in the order of net.parameters(). -> (G's, D's)"""
    state, _ = tensors.load(path)
    return [[torch.from_numpy(state[f"{net}.fc{i}.{part}"]) for i in (1, 2) for part in ("weight", "bias")]
            for net in ("netG", "netD")]


def begin_as(run, g, d):
    for net, values in zip((g, d), parameters(traced(run, 0))):
        for p, value in zip(net.parameters(), values):
            p.data = value


def drift(run, step, g, d):
    """Distance of the nets from the run's after a step, relative L2."""
    apart = []
    for net, values in zip((g, d), parameters(traced(run, step))):
        mine = torch.cat([p.detach().ravel() for p in net.parameters()]).double()
        other = torch.cat([v.ravel() for v in values]).double()
        apart.append(float((mine - other).norm() / other.norm()))
    return {"steps": step, "drift_g": f"{apart[0]:.2e}", "drift_d": f"{apart[1]:.2e}"}


def is_shown(step):
    return step in (int(f"{digit}{'0' * zeros}") for digit in (1, 2, 5) for zeros in range(5))


def train(seed, marks, count, start, show_drift):
    """Yields (steps, generated curves [count,15], D's answers) at each of `marks`."""
    torch.manual_seed(seed)
    x = torch.linspace(-2, 2, POINTS)
    g = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, POINTS))
    d = nn.Sequential(nn.Linear(POINTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
    optg = torch.optim.Adam(g.parameters(), lr=1e-4, betas=(0.9, 0.999))
    optd = torch.optim.Adam(d.parameters(), lr=1e-4, betas=(0.9, 0.999))
    if start is not None:
        begin_as(start.format(seed), g, d)
    answers = []
    for step in range(1, max(marks) + 1):
        real, z = draws(seed, step, x, start is not None)
        l_real, l_fake = d(real), d(g(z))
        loss_d = F.softplus(-l_real).mean() + F.softplus(l_fake).mean()
        loss_g = -F.softplus(l_fake).mean()
        grads_g = torch.autograd.grad(loss_g, list(g.parameters()), retain_graph=True)
        grads_d = torch.autograd.grad(loss_d, list(d.parameters()))
        for net, grads, opt in ((g, grads_g, optg), (d, grads_d, optd)):
            for p, q in zip(net.parameters(), grads):
                p.grad = q
            opt.step()
        if show_drift and is_shown(step) and os.path.exists(traced(start.format(seed), step)):
            print(json.dumps({"seed": seed, **drift(start.format(seed), step, g, d)}), flush=True)
        answers = answers[1 - LAST:] + [(float(l_real.sigmoid().mean()), float(l_fake.sigmoid().mean()))]
        if step in marks:
            with torch.random.fork_rng(), torch.no_grad():
                torch.manual_seed(seed + 1000)
                y = g(final_latents(seed, count, start is not None))
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
    p.add_argument("--start")
    p.add_argument("--drift", action="store_true")
    a = p.parse_args()
    if a.drift and not a.start:
        p.error("--drift wants --start")
    torch.set_num_threads(1)
    for seed in range(1, a.seeds + 1):
        for step, y, answers in train(seed, a.steps, a.count, a.start, a.drift):
            if a.out:
                os.makedirs(a.out, exist_ok=True)
                np.save(os.path.join(a.out, f"curves-{seed}-{step}.npy"), y)
            figures = rounded({**curves_stats(y), **answers})
            system = "torch as clgan" if a.start else "torch"
            print(json.dumps({"system": system, "seed": seed, "steps": step, **figures}), flush=True)


if __name__ == "__main__":
    main()
