#!/usr/bin/env python3
"""Replays a `clgan train --trace N` step by step in PyTorch (float64): every step starts from the
state file before it, so differences do not grow. Prints the worst relative L2 difference per kind
and exits with 1 if one is above the limit.

    clgan train --model dcgan --trace 10 --steps 10 --out RUN
    replay_trace.py RUN/trace [--limit 1e-4] [--verbose]

The model is known by its tensors' names; learning rates and betas come from the trace's config.
--verbose prints every tensor's worst difference. Losses are compared relative to themselves,
tensors by the L2 norm of the difference over that of PyTorch's tensor.
"""
import argparse
import glob
import sys

import numpy as np
import torch

import nets
import tensors

p = argparse.ArgumentParser()
p.add_argument("trace")
p.add_argument("--limit", type=float, default=1e-4)
p.add_argument("--verbose", action="store_true")
a = p.parse_args()
torch.set_default_dtype(torch.float64)


def read_adam(config, section):
    """The numbers of one optimizer section of a resolved config (plain lines "  key: value")."""
    found, inside = {}, False
    for line in config.splitlines():
        if line and not line.startswith(" "):
            inside = line.startswith(section + ":")
        elif inside and ":" in line:
            key, value = line.split(":", 1)
            found[key.strip()] = float(value.split("#")[0])
    return {"lr": found["lr"], "betas": (found["beta1"], found["beta2"]), "eps": found["eps"]}


def part(t, prefix):
    return {k[len(prefix):]: v for k, v in t.items() if k.startswith(prefix)}


def torch_state(t, prefix):
    return {k: torch.from_numpy(v.astype(np.float64) if v.dtype == np.float32 else v.copy())
            for k, v in part(t, prefix).items()}


def load_moments(opt, net, t, prefix, step):
    names = [n for n, _ in net.named_parameters()]
    state = {i: {"step": torch.tensor(float(step)) if step else torch.tensor(0.0),
                 "exp_avg": torch.from_numpy(t[f"{prefix}m.{n}"].astype(np.float64)),
                 "exp_avg_sq": torch.from_numpy(t[f"{prefix}v.{n}"].astype(np.float64))}
             for i, n in enumerate(names)}
    opt.load_state_dict({"state": state, "param_groups": opt.state_dict()["param_groups"]})


def differ(got, want):
    want = np.asarray(want, np.float64)
    norm = np.sqrt((want ** 2).sum())
    return float(np.sqrt(((np.asarray(got, np.float64) - want) ** 2).sum()) / max(norm, 1e-12))


files = sorted(glob.glob(a.trace + "/step-*.safetensors"))
if len(files) < 2:
    sys.exit(f"replay_trace.py: {a.trace} holds {len(files)} files, wants 2 or more")
before, meta = tensors.load(files[0])
model = "dcgan" if any(k.startswith("netG.main.") for k in before) else "mnist-mlp"
worst, each = {}, {}
for step, path in enumerate(files[1:], 1):
    now, _ = tensors.load(path)
    size, channels, nz = now["real"].shape[1], now["real"].shape[3], now["z"].shape[1]
    if model == "dcgan":
        first = part(before, "netD.main.0.")["weight"]
        last = [k for k in before if k.startswith("netG.main.") and k.endswith("weight") and before[k].ndim == 4]
        last = sorted(last, key=lambda k: int(k.split(".")[2]))[-1]
        netg, netd = nets.dcgan(size, channels, nz, before[last].shape[0], first.shape[0])
    else:
        netg, netd = nets.mnist_mlp(size, channels, nz, before["netG.model.0.weight"].shape[0])
    netg.load_state_dict(torch_state(before, "netG."))
    netd.load_state_dict(torch_state(before, "netD."))
    optg = torch.optim.Adam(netg.parameters(), **read_adam(meta["config"], "optimizer_g"))
    optd = torch.optim.Adam(netd.parameters(), **read_adam(meta["config"], "optimizer_d"))
    load_moments(optg, netg, before, "optG.", step - 1)
    load_moments(optd, netd, before, "optD.", step - 1)
    grads = {}

    def keep_d():
        grads.update({f"grad.netD.{n}": q.grad.numpy().copy() for n, q in netd.named_parameters()})

    real = torch.from_numpy(now["real"].astype(np.float64).transpose(0, 3, 1, 2).copy())
    z = torch.from_numpy(now["z"].astype(np.float64))
    loss_d, loss_g, *_ = nets.step(netg, netd, optg, optd, real, z, keep_d)
    grads.update({f"grad.netG.{n}": q.grad.numpy() for n, q in netg.named_parameters()})
    want = dict(grads)
    want["loss_d"], want["loss_g"] = loss_d.numpy(), loss_g.numpy()
    for prefix, net in (("netG.", netg), ("netD.", netd)):
        want.update({prefix + k: v.numpy() for k, v in net.state_dict().items()})
    for prefix, net, opt in (("optG.", netg, optg), ("optD.", netd, optd)):
        for (n, _), s in zip(net.named_parameters(), opt.state_dict()["state"].values()):
            want[f"{prefix}m.{n}"], want[f"{prefix}v.{n}"] = s["exp_avg"].numpy(), s["exp_avg_sq"].numpy()
    for name, w in want.items():
        kind = name.split(".")[0]
        if now[name].shape != np.shape(w):
            sys.exit(f"{path}: {name} has shape {now[name].shape}, PyTorch {np.shape(w)}")
        e = differ(now[name], w)
        each[name] = max(e, each.get(name, 0))
        if e >= worst.get(kind, (-1, ""))[0]:
            worst[kind] = (e, f"{name} at step {step}")
    missed = [k for k in now if k not in want and k not in ("real", "z")]
    if missed:
        sys.exit(f"{path}: tensors that PyTorch's step does not have: {', '.join(missed)}")
    before = now
if a.verbose:
    for name, e in each.items():
        print(f"{e:.2e}  {name}")
for kind, (e, name) in sorted(worst.items()):
    print(f"{kind:8} {e:.2e}  {name}")
bad = [k for k, (e, _) in worst.items() if not e <= a.limit]
print(f"{len(files) - 1} steps of {model}, limit {a.limit:.0e}: {'DIFFER in ' + ', '.join(bad) if bad else 'equal'}")
sys.exit(1 if bad else 0)
