#!/usr/bin/env python3
"""Holds clgan's presets against their sheets (sheets.py): layers, initial distributions, losses, order,
optimisers, batch, tensor names and numbers of parameters.

    check_presets.py [NAME ...]      # reads host/gan/presets/*.yaml; exit code 1 if one differs
"""
import glob
import math
import os
import sys

import config
import sheets
from graph import expand

PRESETS = os.environ.get("CLGAN_PRESETS") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "host", "gan", "presets")
# What a model file leaves out means this.
DEFAULTS = {"act": "none", "norm": "none", "bias": True, "bias_init": "default", "slope": 0.2, "stride": 1, "pad": 0,
            "from": "", "with": "", "id": "", "head": "", "name": "", "repeat": "none", "objective": "non-saturating",
            "kind": {"order": "d-then-g-same-fakes", "init": "torch", "latent": "normal", "optimizer_g": "adam",
                     "optimizer_d": "adam"},
            "d_steps": 1, "range": "symmetric", "packing": 1, "bias_zero": False, "beta1": 0.9, "beta2": 0.999,
            "weight_real": 1, "weight_fake": 1, "weight_g": 1, "norm_mean": 1.0, "norm_std": 0.0,
            "wrong_label_weight": 0.5, "lr_divisor": 1, "lr_floor": 0, "momentum": 0.5, "clip": 0,
            "weight_decay": 0, "lr": 1e-3}
# Free names of branches, where only the places matter, and what expand has written out.
IGNORED = ("id", "from", "with", "repeat")


def default(section, key):
    value = DEFAULTS.get(key)
    return value.get(section) if isinstance(value, dict) else value


def equal(a, b):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12)
    return a == b


def differences(where, ours, theirs):
    for key in sorted(set(ours) | set(theirs)):
        a, b = (d.get(key, default(where.split(".")[-1], key)) for d in (ours, theirs))
        if not equal(a, b):
            yield f"{where}.{key}: preset {a}, sheet {b}"


def check(name, size, channels, classes):
    with open(os.path.join(PRESETS, name + ".yaml")) as f:
        ours = config.parse(f.read())
    theirs = sheets.sheet(name)
    for section in ("latent", "loss", "order", "optimizer_g", "optimizer_d"):
        mine = dict(ours.get(section, {}))
        if section.startswith("optim"):
            mine.pop("eps", None)
        yield from differences(section, mine, theirs.get(section, {}))
    yield from differences("train", {"batch": ours["train"]["batch"]}, theirs["train"])
    yield from differences("data", {"range": ours.get("data", {}).get("range", "symmetric")}, theirs.get("data", {}))
    for net in ("generator", "discriminator"):
        a, b = ours[net], theirs[net]
        lists = [expand(n["layers"], n.get("width", 64), net == "generator", size, channels, d["latent"]["size"])
                 for n, d in ((a, ours), (b, theirs))]
        inits = [dict(n.get("init", {})) for n in (a, b)]
        if not any(layer.get("norm") == "batch" for layer in lists[1]):
            inits = [{k: v for k, v in init.items() if not k.startswith("norm")} for init in inits]
        yield from differences(f"{net}.init", *inits)
        if len(lists[0]) != len(lists[1]):
            yield f"{net}: preset {len(lists[0])} layers, sheet {len(lists[1])}"
        for i, (x, y) in enumerate(zip(*lists)):
            x, y = ({k: v for k, v in d.items() if k not in IGNORED} for d in (x, y))
            yield from differences(f"{net}.layers[{i}]", x, y)
    made, wanted = sheets.build(ours, size, channels, classes), sheets.build(theirs, size, channels, classes)
    for net, a, b in zip(("netG", "netD"), made, wanted):
        a, b = ({k: tuple(v.shape) for k, v in m.state_dict().items()} for m in (a, b))
        if a != b:
            yield f"{net}: tensors differ: {sorted(set(a.items()) ^ set(b.items()))[:6]}"


def main():
    bad = 0
    known = {os.path.basename(p)[:-5] for p in glob.glob(PRESETS + "/*.yaml")}
    for name in sys.argv[1:] or sorted(known):
        if name not in sheets.MAKERS:
            found = ["there is no sheet"]
        else:
            found = list(check(name, *sheets.DATA[name]))
        print(f"{name}: {'equal to its sheet' if not found else ''}")
        for line in found:
            print(f"    {line}")
        bad += len(found)
    for name in sorted(set(sheets.MAKERS) - known):
        print(f"{name}: a sheet without a preset")
    sys.exit(1 if bad else 0)


main()
