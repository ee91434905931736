#!/usr/bin/env python3
"""Replays a `clgan train --trace N` step by step in PyTorch (float64): every step starts from the
state file before it, so differences do not grow. Prints the worst relative L2 difference per kind
and exits with 1 if one is above the limit.

    clgan train --model dcgan --steps 10 --trace 10 --out RUN
    replay_trace.py RUN/trace [--limit 1e-4] [--verbose] [--no-kinks]

The model is known by its tensors' names; learning rates and betas come from the trace's config.
Losses are compared relative to themselves, tensors by the L2 norm of the difference over that of
PyTorch's tensor.

Kinks: at x = 0 the derivative of ReLU and LeakyReLU jumps. Among millions of activations a few lie
so close to 0 (below --kink, default 3e-6 of their layer's rms) that rounding in float32 decides
their side, in PyTorch's float32 as well as here, and one such decision moves a gradient by up to
1e-2 and, through Adam's first steps, the nets by 1e-4. Where a step is off, the script therefore
tries the other side of these few activations one by one, and keeps what brings it nearer. It prints
how many it took; --no-kinks takes none.
"""
import argparse
import glob
import sys

import numpy as np
import torch

import nets
import tensors

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("trace")
p.add_argument("--limit", type=float, default=1e-4)
p.add_argument("--kink", type=float, default=3e-6)
p.add_argument("--no-kinks", action="store_true")
p.add_argument("--verbose", action="store_true")
a = p.parse_args()
torch.set_default_dtype(torch.float64)
KEPT = 12  # candidates per layer and pass, nearest to 0 first


class Enough(Exception):
    """Ends a replay after D's gradients."""


class Kink(torch.nn.Module):
    """(Leaky)ReLU whose side can be set for single elements: flips[net, module, call] lists them.
    Records those nearest to 0 as (place, channel, index)."""

    def __init__(self, slope, net, module, flips, record):
        super().__init__()
        self.slope, self.net, self.module, self.flips, self.record, self.calls = slope, net, module, flips, record, 0

    def forward(self, x):
        flat = x.detach().abs().flatten()
        distance = flat / (flat.square().mean().sqrt() + 1e-300)
        near = torch.topk(distance, min(KEPT, len(flat)), largest=False)
        place, area = (self.net, self.module, self.calls), x[0, 0].numel()
        self.record += [(place, i // area % x.shape[1], i)
                        for d, i in zip(near.values.tolist(), near.indices.tolist()) if d < a.kink]
        positive = x > 0
        for i in self.flips.get(place, ()):
            positive.view(-1)[i] ^= True
        self.calls += 1
        return torch.where(positive, x, self.slope * x)


def watch_kinks(net, name, flips):
    record, modules = [], getattr(net, net.part)
    for i, m in enumerate(modules):
        if isinstance(m, (torch.nn.ReLU, torch.nn.LeakyReLU)):
            modules[i] = Kink(getattr(m, "negative_slope", 0.0), name, i, flips, record)
    return record


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


def torch_state(t, prefix):
    return {k[len(prefix):]: torch.from_numpy(v.astype(np.float64) if v.dtype == np.float32 else v.copy())
            for k, v in t.items() if k.startswith(prefix)}


def load_moments(opt, net, t, prefix, step):
    state = {i: {"step": torch.tensor(float(step)),
                 "exp_avg": torch.from_numpy(t[f"{prefix}m.{n}"].astype(np.float64)),
                 "exp_avg_sq": torch.from_numpy(t[f"{prefix}v.{n}"].astype(np.float64))}
             for i, (n, _) in enumerate(net.named_parameters())}
    opt.load_state_dict({"state": state, "param_groups": opt.state_dict()["param_groups"]})


def make_nets(model, t, size, channels, nz):
    if model == "mnist-mlp":
        return nets.mnist_mlp(size, channels, nz, t["netG.model.0.weight"].shape[0])
    last = max((k for k in t if k.startswith("netG.main.") and t[k].ndim == 4), key=lambda k: int(k.split(".")[2]))
    return nets.dcgan(size, channels, nz, t[last].shape[0], t["netD.main.0.weight"].shape[0])


def replay(model, meta, before, now, step, flips, only_d=False):
    """-> what PyTorch has after the step, by the trace's names; kinks as Kink records them"""
    netg, netd = make_nets(model, before, now["real"].shape[1], now["real"].shape[3], now["z"].shape[1])
    netg.load_state_dict(torch_state(before, "netG."))
    netd.load_state_dict(torch_state(before, "netD."))
    kinks_g, kinks_d = watch_kinks(netg, "G", flips), watch_kinks(netd, "D", flips)
    optg = torch.optim.Adam(netg.parameters(), **read_adam(meta["config"], "optimizer_g"))
    optd = torch.optim.Adam(netd.parameters(), **read_adam(meta["config"], "optimizer_d"))
    load_moments(optg, netg, before, "optG.", step - 1)
    load_moments(optd, netd, before, "optD.", step - 1)
    want = {}

    def keep_d():
        want.update({f"grad.netD.{n}": q.grad.numpy().copy() for n, q in netd.named_parameters()})
        if only_d:
            raise Enough

    real = torch.from_numpy(now["real"].astype(np.float64).transpose(0, 3, 1, 2).copy())
    z = torch.from_numpy(now["z"].astype(np.float64))
    try:
        loss_d, loss_g, *_ = nets.step(netg, netd, optg, optd, real, z, keep_d)
    except Enough:
        return want, []
    want.update({f"grad.netG.{n}": q.grad.numpy() for n, q in netg.named_parameters()})
    want["loss_d"], want["loss_g"] = loss_d.numpy(), loss_g.numpy()
    for prefix, net, opt in (("G.", netg, optg), ("D.", netd, optd)):
        want.update({f"net{prefix}{k}": v.numpy() for k, v in net.state_dict().items()})
        for (n, _), s in zip(net.named_parameters(), opt.state_dict()["state"].values()):
            want[f"opt{prefix}m.{n}"] = s["exp_avg"].numpy()
            want[f"opt{prefix}v.{n}"] = s["exp_avg_sq"].numpy()
    return want, kinks_g + kinks_d


def differ(got, want):
    want = np.asarray(want, np.float64)
    norm = np.sqrt((want ** 2).sum())
    return float(np.sqrt(((np.asarray(got, np.float64) - want) ** 2).sum()) / max(norm, 1e-12))


def off(now, want, prefix):
    """Over all tensors of a kind: a side taken wrongly adds to it, a right one takes from it."""
    return sum(differ(now[k], w) ** 2 for k, w in want.items() if k.startswith(prefix)) ** 0.5


def off_in_channel(now, want, place, channel):
    """How far the gradient of a kink's own block is off in its channel, relative to its rms."""
    net, module, _ = place
    stem = next(k for k in want if k.startswith(f"grad.net{net}.")).split(".")[2]
    name = f"grad.net{net}.{stem}.{module - 1}."
    name += "bias" if name + "bias" in want else "weight"
    w = want[name]
    e = (now[name][channel].astype(np.float64) - w[channel]) ** 2
    return float(np.sqrt(np.mean(e) / max(np.mean(w ** 2), 1e-24)))


def settle(one, now, want, kinks):
    """Takes the other side of kinks as far as they explain what is off: those of D's step first, as
    G's gradients depend on the updated D; later layers first, as gradients flow down from them. The
    effects of kinks on the gradients add up and hardly overlap, so one try of each is enough.
    -> what PyTorch has then, number taken"""
    flips = {}
    for prefix, d_step in (("grad.netD.", True), ("grad.netG.", False)):
        error = off(now, want, prefix)
        mine = [k for k in kinks if d_step == (k[0][0] == "D" and k[0][2] < 2)]
        for place, channel, index in sorted(mine, key=lambda k: (k[0][0], -k[0][1])):
            if error <= a.limit / 4:
                break
            # In the G step D's own gradients are not computed: no evidence there, so it is tried.
            if (d_step or place[0] == "G") and off_in_channel(now, want, place, channel) < a.limit:
                continue
            trial = {**flips, place: flips.get(place, []) + [index]}
            other, _ = one(trial, d_step)
            if off(now, other, prefix) < error:
                flips, error = trial, off(now, other, prefix)
                want, kinks = one(trial, False)
    return want, sum(map(len, flips.values()))


def main():
    files = sorted(glob.glob(a.trace + "/step-*.safetensors"))
    if len(files) < 2:
        sys.exit(f"replay_trace.py: {a.trace} holds {len(files)} files, wants 2 or more")
    before, meta = tensors.load(files[0])
    model = "dcgan" if any(k.startswith("netG.main.") for k in before) else "mnist-mlp"
    worst, each, taken = {}, {}, 0
    for path in files[1:]:
        step = int(path.rsplit("-", 1)[1].split(".")[0])
        now, _ = tensors.load(path)
        want, kinks = replay(model, meta, before, now, step, {})
        strange = set(want) ^ (set(now) - {"real", "z"})
        if strange or any(now[k].shape != np.shape(w) for k, w in want.items()):
            sys.exit(f"{path}: other tensors or shapes than PyTorch's: {', '.join(sorted(strange))}")
        if not a.no_kinks:
            def one(flips, only_d):
                return replay(model, meta, before, now, step, flips, only_d)
            want, n = settle(one, now, want, kinks)
            taken += n
        print(f"step {step}: {taken} kinks so far, {len(kinks)} activations near one", file=sys.stderr, flush=True)
        for name, w in want.items():
            kind, e = name.split(".")[0], differ(now[name], w)
            each[name] = max(e, each.get(name, 0))
            if not e <= worst.get(kind, (-1, ""))[0]:
                worst[kind] = (e, f"{name} at step {step}")
        before = now
    if a.verbose:
        for name, e in each.items():
            print(f"{e:.2e}  {name}")
    for kind, (e, name) in sorted(worst.items()):
        print(f"{kind:8} {e:.2e}  {name}")
    bad = [k for k, (e, _) in worst.items() if not e <= a.limit]
    print(f"{len(files) - 1} steps of {model}, {taken} kinks taken on the other side, limit {a.limit:.0e}: "
          f"{'DIFFER in ' + ', '.join(bad) if bad else 'equal'}")
    sys.exit(1 if bad else 0)


main()
