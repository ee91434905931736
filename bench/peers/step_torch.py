#!/usr/bin/env python3
"""Times one training step in PyTorch, as `clgan bench step` does: random images, the step of the
DCGAN example, synchronised once per round. Prints one JSON line.

    step_torch.py --model dcgan --batch 64 --size 64 --rounds 3 [--threads 2] [--channels-last]
                  [--device cuda]

Two steps warm up; short steps are timed in packs of about 0.2 s. peak_rss_bytes is taken before
the result is printed and contains everything that the process ever held.
"""
import argparse
import json
import resource
import time

START = time.time()
import torch

import nets

p = argparse.ArgumentParser()
p.add_argument("--model", default="dcgan")
p.add_argument("--batch", type=int, default=64)
p.add_argument("--size", type=int)
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--threads", type=int, default=0)
p.add_argument("--device", default="cpu")
p.add_argument("--channels-last", action="store_true")
a = p.parse_args()
if a.threads:
    torch.set_num_threads(a.threads)
torch.manual_seed(1)
size = a.size or (64 if a.model == "dcgan" else 28)
channels = 3 if size >= 32 else 1
netg, netd = nets.make(a.model, size=size, channels=channels)
netg, netd = netg.to(a.device), netd.to(a.device)
real = torch.rand(a.batch, channels, size, size, device=a.device) * 2 - 1
if a.channels_last:
    netg, netd = (n.to(memory_format=torch.channels_last) for n in (netg, netd))
    real = real.to(memory_format=torch.channels_last)
optg, optd = nets.optimisers(a.model, netg, netd)


def one():
    return nets.step(netg, netd, optg, optd, real, torch.randn(a.batch, 100, device=a.device))


def wait():
    if a.device != "cpu":
        torch.cuda.synchronize()


one()
wait()
first = time.time() - START
one()
wait()
t = time.time()
one()
wait()
once = time.time() - t
steps = 1 if once > 0.2 else int(0.2 / once) + 1
times = []
for _ in range(a.rounds):
    t = time.time()
    for _ in range(steps):
        losses = one()
    wait()
    times.append((time.time() - t) / steps)
times.sort()
median = times[len(times) // 2]
print(json.dumps({
    "torch": torch.__version__, "threads": torch.get_num_threads(), "model": a.model,
    "batch": a.batch, "size_px": size, "channels_last": a.channels_last,
    "images_per_s": a.batch / median, "step_ms": median * 1e3, "first_step_s": first,
    "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "loss_d": float(losses[0]), "loss_g": float(losses[1])}))
