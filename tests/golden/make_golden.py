#!/usr/bin/env python3
"""Writes the golden data of tests/gan/test_gan_golden.c: ten training steps of small models in
PyTorch, float64, from the nets of bench/peers/nets.py. Needs numpy and torch (Debian: python3-torch).

    tests/golden/make_golden.py        # writes tests/golden/golden_*.safetensors

Each file holds
    netG.*, netD.*            the initial state, so the file itself serves `--init-from`
    images                    u8, the images of all steps one after another [sum(counts),H,W,C]
    counts                    i32 [10], images per step; one step is smaller than the batch
    z                         f32 [sum(counts),Z], as the trainer draws them (host/base/philox.h)
    losses                    f64 [10,5]: loss_d, loss_g, D(x), D(G(z)) before and after
    act.netG.<block>.out      step 1, every block's output, channels last
    act.netG.<block>.sum      step 1, before the norm, for blocks with one
    act.netD....              the same for the D step: rows of the real images, then of the fakes
    grad.netG.*, grad.netD.*  step 1: D's from the D step, G's from the G step
    after1.*, after10.*       state dicts after these steps; after10.optG.m.* and so on: moments
Metadata: `model` names a preset or holds a model file's text, `set` are assignments, one a line.
"""
import os
import sys

import numpy as np
import torch

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "bench", "peers"))
import nets
import philox
import tensors

STEPS, BATCH, SHORT_STEP, SHORT_BATCH, SEED = 10, 6, 5, 3, 20150619
KEEP = (1, STEPS)

# A multi-channel perceptron: its files hold PyTorch's C,H,W order, the device works on H,W,C.
MLP_RGB = """model: { name: mlp-rgb }
latent: { size: 8 }
generator:
  prefix: model
  init: { kind: torch }
  layers:
    - { op: linear, out: 16, act: relu }
    - { op: linear, out: pixels, act: tanh }
discriminator:
  prefix: model
  init: { kind: torch }
  layers:
    - { op: linear, out: 16, act: lrelu, slope: 0.2 }
    - { op: linear, out: 1 }
optimizer_g: { lr: 2e-4, beta1: 0.9 }
optimizer_d: { lr: 2e-4, beta1: 0.9 }
"""

# file -> (preset whose nets these are, model text or None, size, channels, nz, options of the nets)
CASES = {
    "dcgan_16": ("dcgan", None, 16, 3, 12, {"ngf": 8, "ndf": 8}),
    "dcgan_28": ("dcgan", None, 28, 1, 12, {"ngf": 4, "ndf": 4}),
    "mnist_mlp_7": ("mnist-mlp", None, 7, 1, 12, {}),
    "mlp_rgb_6": ("mnist-mlp", MLP_RGB, 6, 3, 8, {"hidden": 16}),
}


def assignments(model, text, size, channels, nz, options):
    out = [f"train.seed={SEED}", f"train.batch={BATCH}", f"data.size={size}",
           f"data.channels={channels}", f"latent.size={nz}"]
    if "ngf" in options:
        out += [f"generator.width={options['ngf']}", f"discriminator.width={options['ndf']}"]
    return "\n".join(out)


def make_images(rng, n, size, channels):
    """Smooth random images with full range, some pixels at 0 and 255."""
    waves = np.zeros((n, size, size, channels))
    grid = np.arange(size) / size
    for _ in range(4):
        f, p = rng.integers(0, 4, (2, n, 1, 1, channels)), rng.uniform(0, 2 * np.pi, (n, 1, 1, channels))
        waves += np.cos(2 * np.pi * (f[0] * grid[None, :, None, None] + f[1] * grid[None, None, :, None]) + p)
    noise = rng.normal(0, 12, waves.shape)
    return np.clip(np.rint(127.5 + 50 * waves + noise), 0, 255).astype(np.uint8)


def to_last(a):
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)) if a.ndim == 4 else a


class Watch:
    """Copies the outputs of every block of a net while it is on."""

    def __init__(self, net, name):
        self.on, self.got, self.name = False, {}, name
        block = -1
        modules = list(getattr(net, net.part))
        for i, m in enumerate(modules):
            if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
                block += 1
                if i + 1 < len(modules) and isinstance(modules[i + 1], torch.nn.BatchNorm2d):
                    self.hook(m, f"act.{name}.{block}.sum")
            after = modules[i + 1] if i + 1 < len(modules) else None
            last = after is None or hasattr(after, "in_features") or hasattr(after, "kernel_size")
            if last:
                self.hook(m, f"act.{name}.{block}.out")

    def hook(self, module, key):
        def keep(_module, _inputs, output):
            if self.on:
                self.got.setdefault(key, []).append(output.detach().numpy().copy())
        module.register_forward_hook(keep)

    def result(self, image=None):
        out = {}
        for key, parts in self.got.items():
            a = np.concatenate(parts)
            if image and key.endswith(".out") and a.ndim == 2 and a.shape[1] == np.prod(image):
                a = a.reshape(-1, *image)
            out[key] = to_last(a).astype(np.float32)
        return out


def state(prefix, net):
    return {prefix + k: v.numpy().astype(np.float32) if v.is_floating_point() else v.numpy().copy()
            for k, v in net.state_dict().items()}


def moments(prefix, net, opt):
    out = {}
    for (name, _), s in zip(net.named_parameters(), opt.state_dict()["state"].values()):
        out[f"{prefix}m.{name}"] = s["exp_avg"].numpy().astype(np.float32)
        out[f"{prefix}v.{name}"] = s["exp_avg_sq"].numpy().astype(np.float32)
    return out


def grads(prefix, net):
    return {prefix + n: q.grad.numpy().astype(np.float32) for n, q in net.named_parameters()}


def round_state(net):
    """The file holds the state as float32: both sides must start from the very same numbers."""
    with torch.no_grad():
        for q in net.parameters():
            q.copy_(q.float().double())


def run(model, text, size, channels, nz, options):
    torch.manual_seed(7)
    rng = np.random.default_rng(7)
    netg, netd = nets.make(model, size=size, channels=channels, nz=nz, **options)
    round_state(netg)
    round_state(netd)
    optg, optd = nets.optimisers(model, netg, netd)
    watch_g, watch_d = Watch(netg, "netG"), Watch(netd, "netD")
    counts = [SHORT_BATCH if s == SHORT_STEP else BATCH for s in range(1, STEPS + 1)]
    images = make_images(rng, sum(counts), size, channels)
    z = np.concatenate([philox.normal(SEED, philox.STREAM_Z, s, n * nz).reshape(n, nz)
                        for s, n in enumerate(counts, 1)])
    out = {**state("netG.", netg), **state("netD.", netd), "images": images,
           "counts": np.array(counts, np.int32), "z": z}
    losses, first = [], 0
    for s, n in enumerate(counts, 1):
        real = torch.from_numpy(images[first:first + n].astype(np.float64).transpose(0, 3, 1, 2) * (2 / 255) - 1)
        watch_g.on = watch_d.on = s == 1

        def after_d():
            watch_d.on = False
            if s == 1:
                out.update(grads("grad.netD.", netd))

        losses.append([float(v) for v in nets.step(
            netg, netd, optg, optd, real.contiguous(),
            torch.from_numpy(z[first:first + n].astype(np.float64)), after_d)])
        if s == 1:
            out.update(grads("grad.netG.", netg))
            out.update(watch_g.result((channels, size, size)))
            out.update(watch_d.result())
        if s in KEEP:
            out.update(state(f"after{s}.netG.", netg))
            out.update(state(f"after{s}.netD.", netd))
        first += n
    out.update(moments(f"after{STEPS}.optG.", netg, optg))
    out.update(moments(f"after{STEPS}.optD.", netd, optd))
    out["losses"] = np.array(losses)
    return out


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    for name, case in CASES.items():
        model, text = case[:2]
        out = run(*case)
        path = os.path.join(here, f"golden_{name}.safetensors")
        tensors.save(path, out, {"model": text or model, "set": assignments(*case),
                                 "made_by": f"make_golden.py, torch {torch.__version__}"})
        print(f"{path}: {len(out)} tensors, {os.path.getsize(path)} bytes, "
              f"losses {out['losses'][0][:2].round(4)} -> {out['losses'][-1][:2].round(4)}")


main()
