#!/usr/bin/env python3
"""Writes the golden data of tests/gan/test_gan_golden.c: a few training steps of every preset, with
small widths, in PyTorch with float64. Needs numpy and torch (Debian: python3-torch).

    tests/golden/make_golden.py [CASE ...]    # writes tests/golden/golden_CASE.safetensors

What is computed here is what the preset's sheet says (bench/peers/sheets.py); what clgan trains is
the text of its preset (host/gan/presets/*.yaml) with the same small widths put in. So a preset that
drifts from its sheet is found as well as a wrong step. Each file holds
    netG.*, netD.*            the initial state, so the file itself serves `--init-from`
    counts                    i32 [steps], rows per step; one step may be smaller than the batch
    images                    u8, the images of all steps one after another [sum(counts),H,W,C]; or
    rows                      f32 [sum(counts),C]: rows of a drawn system, which clgan draws itself
    labels, wrong             u32 [sum(counts)], conditional models; wrong as the trainer draws them
    z                         f32 [sum(counts),Z], as the trainer draws them (host/base/philox.h), the
                              last ones of each step, and z_first, the first ones of step 1, where
                              a step draws twice; none for autoencoders
    losses                    f64 [steps,5]: loss_d, loss_g, D(x), D(G(z)) before and after; NaN for
                              those of a net that a step leaves as it is
    act.netG.<block>.out      step 1, every block's output in G's first pass, channels last
    act.netG.<block>.sum      step 1, before the norm, for blocks with one
    act.netD....              the same for the D step: rows of the real images, of the fakes, and of
                              the real images with wrong labels; there are no act.* under input
                              noise and if G's step comes first (metadata activations: 0)
    grad.netG.*, grad.netD.*  of each net's first step (metadata grad_g, grad_d: its number)
    after1.*, after<steps>.*  state dicts after these steps
    after<steps>.optG.m.* ... moments; SGD has m alone, its velocity
Metadata: `model` names a preset or holds a model file's text, `set` are assignments, one a line,
`classes` is the number of labels.
"""
import math
import os
import re
import sys

import numpy as np
import torch

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.join(here, "..", "..")
sys.path.insert(0, os.path.join(root, "bench", "peers"))
import gan
import philox
import sheets
import systems
import tensors

SEED = 20150619

# A small perceptron. With colour images its files hold PyTorch's C,H,W order, the device works on
# H,W,C.
MLP = """model: { name: NAME }
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


def preset_text(name, numbers):
    """A preset's YAML without comments, with other numbers for some values of `out`."""
    presets = os.environ.get("CLGAN_PRESETS", os.path.join(root, "host", "gan", "presets"))
    with open(os.path.join(presets, name + ".yaml")) as f:
        lines = [re.sub(r"(^|\s)#.*", "", line).rstrip() for line in f]
    text = "\n".join(line for line in lines if line) + "\n"
    for old, new in numbers.items():
        text, found = re.subn(rf"\bout: {old}\b", f"out: {new}", text)
        if not found:
            raise SystemExit(f"make_golden.py: {name}.yaml has no `out: {old}`")
    return text


class Case:
    """One golden file. preset: its name; desc: its sheet; text: model file, or None for the preset as
    it is; sets: further assignments, put into desc too; epoch_steps: steps per epoch of a drawn
    system; gain: what G's and D's initial weights are multiplied by, where the sheet's are made for
    wide nets and narrow ones would hardly answer."""

    def __init__(self, preset, desc, size=0, channels=0, text=None, batch=6, steps=5, short=3, classes=0, sets=None,
                 seed=7, epoch_steps=0, gain=(1, 1), activations=True):
        self.preset, self.desc, self.size, self.text = preset, desc, size, text
        self.system = desc.get("system")
        self.channels = systems.DIM[self.system] if self.system else channels
        self.classes, self.seed, self.steps, self.epoch_steps = classes, seed, steps, epoch_steps
        self.counts = [batch // 2 if s == short and not self.system else batch for s in range(1, steps + 1)]
        self.sets = {"train.seed": SEED, "train.batch": batch}
        if epoch_steps:
            self.sets["data.rows"] = epoch_steps * batch
        if not self.system:
            self.sets.update({"data.size": size, "data.channels": channels})
        for key, value in (sets or {}).items():
            self.sets[key] = value
            section, item = key.split(".")
            desc.setdefault(section, {})[item] = value
        noise = desc.get("loss", {}).get("input_noise", 0)
        self.gain, self.activations = gain, activations and not noise and desc["order"]["kind"] != "g-then-d"

    def assignments(self):
        return "\n".join(f"{k}={v}" for k, v in self.sets.items())


def make_images(rng, n, size, channels):
    """Smooth random images with full range, some pixels at 0 and 255."""
    waves = np.zeros((n, size, size, channels))
    grid = np.arange(size) / size
    for _ in range(4):
        f, p = rng.integers(0, 4, (2, n, 1, 1, channels)), rng.uniform(0, 2 * np.pi, (n, 1, 1, channels))
        waves += np.cos(2 * np.pi * (f[0] * grid[None, :, None, None] + f[1] * grid[None, None, :, None]) + p)
    noise = rng.normal(0, 12, waves.shape)
    return np.clip(np.rint(127.5 + 50 * waves + noise), 0, 255).astype(np.uint8)


class Watch:
    """Copies what the blocks of a net give while it is on; passes: how many at most."""

    def __init__(self, net, name, passes):
        self.on, self.got, self.passes = False, {}, passes
        net.watch = lambda block, what, v: self.keep(f"act.{name}.{block}.{what}", v) if self.on and what else None

    def keep(self, key, v):
        a, parts = v.detach().numpy(), self.got.setdefault(key, [])
        if len(parts) < self.passes:
            parts.append(np.array(a.transpose(0, 2, 3, 1) if a.ndim == 4 else a))

    def result(self, image=None):
        """image: (C,H,W) of a generator, whose last vector is one."""
        out = {}
        for key, parts in self.got.items():
            a = np.concatenate(parts)
            if image and len(image) == 3 and key.endswith(".out") and a.ndim == 2 and a.shape[1] == np.prod(image):
                a = a.reshape(-1, *image).transpose(0, 2, 3, 1)
            out[key] = np.ascontiguousarray(a, np.float32)
        return out


def state(prefix, net):
    return {prefix + k: v.numpy().astype(np.float32) if v.is_floating_point() else v.numpy().copy()
            for k, v in net.state_dict().items()}


def moments(prefix, opt):
    kinds = {"m.": opt.m, "v.": opt.v} if opt.desc["kind"] == "adam" else {"m.": opt.m}
    return {f"{prefix}{k}{name}": v.numpy().astype(np.float32)
            for k, values in kinds.items() for (name, _), v in zip(opt.named, values)}


def prepare(net, gain):
    """The file holds the state as float32: both sides must start from the very same numbers."""
    with torch.no_grad():
        for q in net.parameters():
            q.copy_((q * gain if q.ndim > 1 else q).float().double())


def make_inputs(case):
    """-> arrays of the file, real rows as the nets take them, labels or None"""
    rng, n = np.random.default_rng(case.seed), sum(case.counts)
    out, labels = {}, None
    if case.system:
        rows = np.concatenate([systems.rows(case.system, SEED, s, c) for s, c in enumerate(case.counts, 1)])
        out["rows"], real = rows.astype(np.float32), torch.from_numpy(rows)
    else:
        images = make_images(rng, n, case.size, case.channels)
        unit = case.desc.get("data", {}).get("range") == "unit"
        scaled = images / 255 if unit else images.astype(np.float64) * (2 / 255) - 1
        out["images"], real = images, torch.from_numpy(scaled.transpose(0, 3, 1, 2).copy())
    if case.classes:
        out["labels"] = rng.integers(0, case.classes, n).astype(np.uint32)
        labels = torch.from_numpy(out["labels"].astype(np.int64))
    return out, real, labels


LOSSES = ("loss_d", "loss_g", "d_real", "d_fake_before", "d_fake_after")


def run(case):
    torch.manual_seed(case.seed)
    netg, netd = sheets.build(case.desc, case.size, case.channels, case.classes)
    prepare(netg, case.gain[0])
    prepare(netd, case.gain[1])
    watch_g, watch_d = Watch(netg, "netG", 1), Watch(netd, "netD", 3)
    inputs, real, labels = make_inputs(case)
    out = {**state("netG.", netg), **state("netD.", netd), **inputs, "counts": np.array(case.counts, np.int32)}
    trainer = gan.Trainer(netg, netd, case.desc, case.classes)
    losses, z, wrong, first, grads_at = [], [], [], 0, {}

    def after_grads(which):
        """Step 1's activations end with D's pass; gradients are kept from each net's first step."""
        watch_d.on = watch_d.on and which != "D"
        if which not in grads_at:
            grads_at[which] = trainer.count
            opt = trainer.optd if which == "D" else trainer.optg
            out.update({f"grad.net{which}.{n}": q.grad.numpy().astype(np.float32) for n, q in opt.named})

    trainer.after_grads = after_grads
    for s, n in enumerate(case.counts, 1):
        draws = gan.PhiloxDraws(SEED, s, case.desc["latent"])
        watch_g.on = watch_d.on = s == 1 and case.activations
        rows = slice(first, first + n)
        mine = labels[rows] if case.classes else None
        epoch = (s - 1) // case.epoch_steps if case.epoch_steps else 0
        got = trainer.step(real[rows], mine, draws, epoch)
        losses.append([got.get(k, math.nan) for k in LOSSES])
        z += draws.last_z
        wrong += draws.last_wrong
        first += n
        watch_g.on = False
        if s == 1:
            out.update(watch_g.result(netg.image))
            out.update(watch_d.result())
            if trainer.order["kind"] in ("d-then-g-fresh-fakes", "g-then-d"):
                out["z_first"] = gan.latents(case.desc["latent"], SEED, philox.STREAM_Z, 1, n)
        if s in (1, case.steps):
            out.update(state(f"after{s}.netG.", netg))
            out.update(state(f"after{s}.netD.", netd))
    out.update(moments(f"after{case.steps}.optG.", trainer.optg))
    out.update(moments(f"after{case.steps}.optD.", trainer.optd))
    out["losses"] = np.array(losses)
    if z:
        out["z"] = np.concatenate(z)
    if wrong:
        out["wrong"] = np.concatenate(wrong).astype(np.uint32)
    return out, grads_at


def mlp(name, size, channels, **sets):
    desc = sheets.sheet("mnist-mlp", hidden=16)
    return Case(name, desc, size, channels, text=MLP.replace("NAME", name),
                sets={"latent.size": 8, **{k.replace("__", "."): v for k, v in sets.items()}})


def small(preset, numbers, widths, size=0, channels=0, **more):
    """A preset with other widths: numbers in its YAML file, widths of its sheet."""
    return Case(preset, sheets.sheet(preset, **widths), size, channels, text=preset_text(preset, numbers), **more)


NARROW = {"latent.size": 8, "generator.width": 2, "discriminator.width": 1}
WIDTH_4 = {"generator.width": 4, "discriminator.width": 4}
# A bias before batch norm does nothing: its gradient is 0 but for rounding, which Adam would turn into
# steps of full length. With a larger eps it stays where it is.
LARGE_EPS = {"optimizer_g.eps": 1e-2, "optimizer_d.eps": 1e-2}
CGAN_MLP = {200: 6, 1000: 8, 1200: 10, 240: 6, 50: 4}
CGAN_MLP_WIDTHS = {"z": 6, "c": 8, "joined": 10, "image": 6, "label": 4}

# file -> what makes its Case
CASES = {
    "dcgan_16": lambda: Case("dcgan", sheets.sheet("dcgan"), 16, 3, steps=10, short=5, sets={
        "latent.size": 12, "generator.width": 8, "discriminator.width": 8}),
    "dcgan_28": lambda: Case("dcgan", sheets.sheet("dcgan"), 28, 1, steps=10, short=5, sets={
        "latent.size": 12, "generator.width": 4, "discriminator.width": 4}),
    # Wide enough for full vectors: what Winograd's algorithms want.
    "dcgan_full_16": lambda: Case("dcgan", sheets.sheet("dcgan"), 16, 3, batch=4, steps=2, sets={
        "latent.size": 8, "generator.width": 16, "discriminator.width": 16, **LARGE_EPS}),
    "mnist_mlp_7": lambda: Case("mnist-mlp", sheets.sheet("mnist-mlp"), 7, 1, steps=10, short=5, sets={
        "latent.size": 12}),
    "mlp_rgb_6": lambda: Case("mlp-rgb", sheets.sheet("mnist-mlp", hidden=16), 6, 3, steps=10, short=5,
                              text=MLP.replace("NAME", "mlp-rgb"), sets={"latent.size": 8}),
    "curves": lambda: small("curves", {128: 16}, {"hidden": 16}),
    "gauss1d": lambda: small("gauss1d", {64: 16}, {"hidden": 16}, sets={"order.d_steps": 2}),
    "ring": lambda: small("ring", {400: 12, 200: 6}, {"hidden_g": 12, "hidden_d": 6}, gain=(10, 12),
                          sets={"discriminator.packing": 2, **LARGE_EPS}),
    "grid": lambda: small("grid", {400: 12, 200: 6}, {"hidden_g": 12, "hidden_d": 6}, gain=(10, 12), steps=3,
                          sets=LARGE_EPS),
    "goodfellow_mnist": lambda: small("goodfellow-mnist", {1200: 16, 240: 8}, {"hidden_g": 16, "hidden_d": 8},
                                      6, 1, sets={"latent.size": 8}, gain=(10, 60)),
    "dcgan32": lambda: small("dcgan32", {}, {"width_g": 4, "width_d": 4, "stages": 2}, 16, 3, gain=(1, 4),
                             activations=False, sets={**NARROW, **WIDTH_4, **LARGE_EPS}),
    "dcgan32_wide": lambda: small("dcgan32-wide", {512: 16}, {"width_g": 4, "width_d": 4, "stages": 2}, 16, 3, steps=2,
                                  activations=False, gain=(1, 4), sets={**NARROW, **WIDTH_4, **LARGE_EPS}),
    "cgan_mlp": lambda: small("cgan-mlp", CGAN_MLP, CGAN_MLP_WIDTHS, 6, 1, classes=3, gain=(8, 8), sets={
        "latent.size": 8}),
    "cgan_mlp_two_head": lambda: small("cgan-mlp-two-head", CGAN_MLP, CGAN_MLP_WIDTHS, 6, 1, classes=3, gain=(8, 8),
                                       steps=3, sets={"latent.size": 8}),
    "cgan_dcgan": lambda: small("cgan-dcgan", {128: 6}, {"joined": 6}, 16, 1, classes=3, batch=4, gain=(1, 3),
                                sets=NARROW),
    "cgan_dcgan_two_head": lambda: small("cgan-dcgan-two-head", {128: 6}, {"joined": 6}, 16, 1, classes=3, batch=4,
                                         steps=3, gain=(1, 3), sets=NARROW),
    "autoencoder": lambda: small("autoencoder", {}, {}, 16, 3, batch=4, sets=NARROW),
    "autoencoder_mlp": lambda: small("autoencoder-mlp", {128: 16}, {"hidden": 16}, 6, 1, steps=3, sets={
        "latent.size": 8}),
    "least_squares": lambda: mlp("least-squares", 6, 1, loss__objective="least-squares", loss__real_target=0.9,
                                 optimizer_d__weight_decay=0.01, latent__kind="spherical"),
    "hinge": lambda: mlp("hinge", 6, 1, loss__objective="hinge", loss__weight_fake=0.7, order__kind="alternate",
                         loss__input_noise=0.1, optimizer_g__lr_divisor=1.5, optimizer_g__lr_floor=1.5e-4),
    "wasserstein": lambda: mlp("wasserstein", 6, 1, loss__objective="wasserstein", loss__weight_real=0.7,
                               order__kind="d-then-g-fresh-fakes", order__d_steps=2, optimizer_d__clip=0.05,
                               latent__kind="uniform", latent__lo=-1, latent__hi=1),
    "saturating": lambda: mlp("saturating", 6, 1, loss__objective="saturating", order__kind="g-then-d",
                              loss__weight_real=0.5, loss__weight_fake=0.7, loss__weight_g=2),
}


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    wanted = sys.argv[1:]
    for name, make in CASES.items():
        if wanted and name not in wanted:
            continue
        case = make()
        out, grads_at = run(case)
        path = os.path.join(here, f"golden_{name}.safetensors")
        tensors.save(path, out, {"model": case.text or case.preset, "set": case.assignments(),
                                 "classes": case.classes, "activations": int(case.activations),
                                 "grad_g": grads_at["G"], "grad_d": grads_at["D"],
                                 "made_by": f"make_golden.py, torch {torch.__version__}"})
        print(f"{name}: {len(out)} tensors, {os.path.getsize(path)} bytes, "
              f"losses {out['losses'][0][:2].round(4)} -> {out['losses'][-1][:2].round(4)}")


main()
