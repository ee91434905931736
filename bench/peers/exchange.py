#!/usr/bin/env python3
"""Checkpoints between clgan and the well-known PyTorch DCGAN example, in both directions.

    exchange.py --clgan build/clgan [--checkpoint step-00001000.safetensors] [--data PATH]
                [--limit 1e-4] [-- more options for clgan]

1. A clgan DCGAN-64 checkpoint (--checkpoint, or one made here by a few steps on --data) becomes two
   .pth files by convert.py, which load into the example's Generator and Discriminator with
   strict=True; the same latents give the same images (`clgan sample --latents`, netG.eval()).
2. Nets trained here for a few steps in PyTorch are saved as the example does, become a safetensors
   file by convert.py, and load in clgan: `sample --model dcgan` gives the same images, and
   `train --init-from` starts from the very same state (seen in its trace).
Prints the largest differences; exit code 1 if one is above the limit.
"""
import argparse
import glob
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn as nn

import nets
import tensors

here = os.path.dirname(os.path.abspath(__file__))
NZ, F = 100, 64


class Generator(nn.Module):
    """Module list of the example's generator, 64x64."""

    def __init__(self, nc):
        super().__init__()
        layers, width = [], NZ
        for i, out in enumerate((8 * F, 4 * F, 2 * F, F)):
            layers += [nn.ConvTranspose2d(width, out, 4, 2 if i else 1, 1 if i else 0, bias=False),
                       nn.BatchNorm2d(out), nn.ReLU(True)]
            width = out
        self.main = nn.Sequential(*layers, nn.ConvTranspose2d(width, nc, 4, 2, 1, bias=False), nn.Tanh())

    def forward(self, x):
        return self.main(x)


class Discriminator(nn.Module):
    """Module list of the example's discriminator, with the sigmoid that has no tensors."""

    def __init__(self, nc):
        super().__init__()
        layers, width = [nn.Conv2d(nc, F, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)], F
        for out in (2 * F, 4 * F, 8 * F):
            layers += [nn.Conv2d(width, out, 4, 2, 1, bias=False), nn.BatchNorm2d(out),
                       nn.LeakyReLU(0.2, inplace=True)]
            width = out
        self.main = nn.Sequential(*layers, nn.Conv2d(width, 1, 4, 1, 0, bias=False), nn.Sigmoid())

    def forward(self, x):
        return self.main(x)


p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--clgan", default=os.path.join(here, "..", "..", "build", "clgan"))
p.add_argument("--checkpoint")
p.add_argument("--data", default="fashion-mnist")
p.add_argument("--limit", type=float, default=1e-4)
p.add_argument("more", nargs="*")
a = p.parse_args()
bad = []


def run(*command):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}exit code {done.returncode}")
    return done.stdout


def clgan(*command):
    return run(a.clgan, *command, *a.more)


def convert(*command):
    return run(sys.executable, os.path.join(here, "convert.py"), *command)


def check(what, got, want):
    e = float(np.abs(got.astype(np.float64) - want).max())
    print(f"{e:.2e}  {what} (of rms {np.sqrt((want.astype(np.float64) ** 2).mean()):.2f})")
    if not e <= a.limit:
        bad.append(what)


def draw(netg, z):
    netg.eval()
    with torch.no_grad():
        return netg(torch.from_numpy(z)[:, :, None, None]).numpy().transpose(0, 2, 3, 1)


def sample(path, z, folder, *options):
    np.save(os.path.join(folder, "z.npy"), z)
    out = os.path.join(folder, "x.npy")
    clgan("sample", path, *options, "--latents", os.path.join(folder, "z.npy"), "--out", out)
    return np.load(out)


def to_torch(folder, z):
    checkpoint = a.checkpoint
    if checkpoint is None:
        made = os.path.join(folder, "run")
        clgan("train", "--model", "dcgan", "--size", 64, "--data", a.data, "--steps", 20, "--batch", 16,
              "--set", "optimizer_g.lr=2e-3", "--out", made)
        checkpoint = sorted(glob.glob(made + "/checkpoints/*.safetensors"))[-1]
    every, meta = tensors.load(checkpoint)
    netg, netd = (os.path.join(folder, n) for n in ("netG.pth", "netD.pth"))
    convert("to-torch", checkpoint, netg, netd)
    nc = every["netD.main.0.weight"].shape[1]
    g, d = Generator(nc), Discriminator(nc)
    g.load_state_dict(torch.load(netg), strict=True)
    d.load_state_dict(torch.load(netd), strict=True)
    print(f"{os.path.basename(checkpoint)} of clgan {meta.get('clgan', '?')}, step {meta.get('step', '?')}, "
          f"{nc} channels: Generator and Discriminator load with strict=True")
    check("images of a clgan checkpoint in PyTorch", sample(checkpoint, z, folder), draw(g, z))
    return nc


def from_torch(folder, z, nc):
    torch.manual_seed(3)
    netg, netd = nets.dcgan(64, nc)
    optg, optd = nets.optimisers("dcgan", netg, netd, lr=2e-3)
    for _ in range(12):
        nets.step(netg, netd, optg, optd, torch.rand(8, nc, 64, 64) * 2 - 1, torch.randn(8, NZ))
    g, d = Generator(nc), Discriminator(nc)
    g.load_state_dict(netg.state_dict(), strict=True)
    d.load_state_dict(netd.state_dict(), strict=True)
    paths = [os.path.join(folder, n) for n in ("g.pth", "d.pth", "both.safetensors")]
    torch.save(g.state_dict(), paths[0])
    torch.save(d.state_dict(), paths[1])
    convert("to-clgan", *paths)
    check("images of a PyTorch state_dict in clgan",
          sample(paths[2], z, folder, "--model", "dcgan", "--size", 64), draw(g, z))
    made = os.path.join(folder, "from")
    clgan("train", "--model", "dcgan", "--size", 64, "--data", a.data, "--init-from", paths[2],
          "--set", f"data.channels={nc}",
          "--steps", 1, "--batch", 8, "--trace", 1, "--out", made)
    start, _ = tensors.load(made + "/trace/step-000000.safetensors")
    e = max(float(np.abs(start[prefix + k].astype(np.float64) - v.numpy()).max())
            for prefix, net in (("netG.", g), ("netD.", d)) for k, v in net.state_dict().items())
    print(f"{e:.2e}  state that train --init-from starts with (0 wanted)")
    if e != 0:
        bad.append("train --init-from")


with tempfile.TemporaryDirectory() as folder:
    latents = np.random.default_rng(5).normal(size=(16, NZ)).astype(np.float32)
    channels = to_torch(folder, latents)
    from_torch(folder, latents, channels)
print(f"limit {a.limit:.0e}: {'DIFFER: ' + ', '.join(bad) if bad else 'equal'}")
sys.exit(1 if bad else 0)
