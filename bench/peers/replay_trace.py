#!/usr/bin/env python3
"""Replays a `clgan train --trace N` step by step in PyTorch (float64): every step starts from the
state file before it, so differences do not grow. Prints the worst relative L2 difference per kind
and exits with 1 if one is above the limit.

    clgan train --model dcgan --steps 10 --trace 10 --out RUN
    replay_trace.py RUN/trace [--limit 1e-4] [--verbose] [--no-kinks]

Any model: nets, losses, order and optimisers come from the trace's config, and what the step drew
(latents, labels, dropout masks, noise) from its file.
Losses are compared relative to themselves, tensors by the L2 norm of the difference over that of
PyTorch's tensor. Two things cannot be held against themselves alone: the gradient of a bias is a sum
that may cancel to less than its own rounding, so it is held against 1 % of its weight's at least, and
against all of it where batch norm follows, which makes it 0; and Adam turns a gradient of 0 (below
1e-5 of its layer's rms) into a step of any sign, so such a parameter may differ by two steps. Such a
bias moves the running mean of the batch norm behind it, where the net runs once more after its update:
that much of the difference is taken off.

Kinks: at x = 0 the derivative of ReLU and LeakyReLU jumps, and at equal pieces that of maxout. Among
millions of activations a few lie so close to it (below --kink, default 3e-6 of their layer's rms)
that rounding in float32 decides their side, in PyTorch's float32 as well as here, and one such
decision moves a gradient by up to 1e-2 and, through Adam's first steps, the nets by 1e-4. Where a
step is off, the script therefore tries the other side of these few activations one by one, and keeps
what brings it nearer. It prints how many it took; --no-kinks takes none.
"""
import argparse
import glob
import sys
from collections import namedtuple

import numpy as np
import torch

import config
import gan
import sheets
import tensors
from graph import to_first

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("trace")
p.add_argument("--limit", type=float, default=1e-4)
p.add_argument("--kink", type=float, default=3e-6)
p.add_argument("--no-kinks", action="store_true")
p.add_argument("--verbose", action="store_true")
a = p.parse_args()
torch.set_default_dtype(torch.float64)
WIDER = 10  # where kinks within --kink do not explain enough, those within this many times it
MOMENTUM = 0.1  # of running statistics: the share of the last pass
KEPT = 12  # candidates per layer and pass, nearest to the kink first
# place: net, block, call; d_step: met in D's pass of D's step; parameter and its rows whose gradient
# shows a wrong side; index: of the element among the block's; distance: to the kink, over the rms
Kink = namedtuple("Kink", "place d_step parameter rows index distance")


class Enough(Exception):
    """Ends a replay after the gradients that are asked for."""


class Sides:
    """Computes relu, lrelu and maxout of a net with sides that can be set for single elements:
    flips[net, block, call] lists them. Records those nearest to a kink."""

    def __init__(self, net, name, trainer, flips):
        self.net, self.name, self.trainer, self.flips = net, name, trainer, flips
        self.calls, self.record = {}, []
        self.names = {id(q): n for n, q in net.named_parameters()}

    def at(self, block):
        call = self.calls[block] = self.calls.get(block, -1) + 1
        return (self.name, block, call)

    def keep(self, place, block, distance, rows_of, scale=1):
        """distance [elements]; rows_of(index): rows of the block's parameters."""
        b = self.net.blocks[block]
        module = b.get("norm") or b["made"]
        q = module.bias if module.bias is not None else module.weight
        near = torch.topk(distance, min(KEPT, len(distance)), largest=False)
        d_step = self.name == "D" and self.trainer.number == 0
        self.record += [Kink(place, d_step, self.names[id(q)], rows_of(i), i, d / scale)
                        for d, i in zip(near.values.tolist(), near.indices.tolist()) if d < WIDER * scale * a.kink]

    def relu(self, block, x, slope):
        place, area = self.at(block), x[0, 0].numel()
        flat = x.detach().abs().flatten()
        self.keep(place, block, flat / (flat.square().mean().sqrt() + 1e-300),
                  lambda i: [i // area % x.shape[1]])
        positive = (x > 0).contiguous()
        for i in self.flips.get(place, ()):
            positive.view(-1)[i] ^= True
        return torch.where(positive, x, slope * x)

    def maxout(self, block, x):
        place, pieces = self.at(block), x.shape[2]
        top = x.detach().topk(2, -1)
        gap = (top.values[..., 0] - top.values[..., 1]).flatten()
        best, second = (top.indices[..., k].flatten().clone() for k in (0, 1))
        unit = x.shape[1]
        self.keep(place, block - 1, gap / (x.detach().square().mean().sqrt() + 1e-300),
                  lambda i: [i % unit * pieces + int(best[i]), i % unit * pieces + int(second[i])],
                  10)  # a difference of two sums, each with its rounding
        for i in self.flips.get(place, ()):
            best[i] = second[i]
        return x.gather(-1, best.view(*x.shape[:2], 1))[..., 0]


class TraceDraws(gan.PhiloxDraws):
    """What a step drew, from its trace file; the latents that it does not hold (the first of two) from
    Philox."""

    def __init__(self, seed, step, latent, now, noise_std):
        super().__init__(seed, step, latent)
        self.now, self.noise_std = now, noise_std

    def wrong(self, labels, classes):
        return torch.from_numpy(self.now["labels_wrong"].astype(np.int64))

    def noise(self, lane, shape):
        v = torch.from_numpy(self.now[f"noise.{lane}"].astype(np.float64) / self.noise_std)
        return to_first(v.reshape(-1), shape)

    def masks(self, number, first):
        net = "netD" if number < 2 else "netG"
        return lambda block, keep, shape: torch.from_numpy(
            self.now[f"mask.{net}.{number}.{block}"][first:first + shape[0]].astype(np.float64).ravel())


def torch_state(t, prefix):
    return {k[len(prefix):]: torch.from_numpy(v.astype(np.float64) if v.dtype == np.float32 else v.copy())
            for k, v in t.items() if k.startswith(prefix)}


def load_moments(opt, t, prefix, updates):
    opt.t = updates
    for kind, values in (("m", opt.m), ("v", opt.v)):
        for (name, _), v in zip(opt.named, values):
            if f"{prefix}{kind}.{name}" in t:
                v.copy_(torch.from_numpy(t[f"{prefix}{kind}.{name}"].astype(np.float64)))


class Replay:
    """A trace's model, and its steps."""

    def __init__(self, meta, before, now):
        self.desc = config.parse(meta["config"])
        self.step_epochs = int(meta.get("steps_per_epoch", 0))
        self.seed = int(self.desc["train"]["seed"])
        shape = now["real"].shape[1:]
        size, channels = (shape[0], shape[2]) if len(shape) == 3 and shape[0] > 1 else (0, shape[-1])
        self.classes = int(meta.get("classes", 0))
        self.shape = (size, channels)

    def epoch(self, step):
        return (step - 1) // self.step_epochs if self.step_epochs else 0

    def run(self, before, now, step, flips, only=None):
        """-> what PyTorch has after the step, by the trace's names; kinks; nets in the order of their
        gradients. only: "D" or "G", whose gradients are enough."""
        torch.manual_seed(1)
        netg, netd = sheets.build(self.desc, *self.shape, self.classes)
        netg.load_state_dict(torch_state(before, "netG."))
        netd.load_state_dict(torch_state(before, "netD."))
        trainer = gan.Trainer(netg, netd, self.desc, self.classes)
        trainer.count = step - 1
        done = [trainer.steps_of(s, self.epoch(s)) for s in range(1, step)]
        load_moments(trainer.optd, before, "optD.", sum(d for d, _ in done))
        load_moments(trainer.optg, before, "optG.", sum(g for _, g in done))
        netg.sides, netd.sides = Sides(netg, "G", trainer, flips), Sides(netd, "D", trainer, flips)
        want, order = {}, []
        self.rules = ({f"net{w}.{n}": f"net{w}.{m}" for w, net in (("G", netg), ("D", netd))
                       for n, m in idle_biases(net).items()},
                      {f"net{w}": opt.desc["lr"] * (opt.desc["kind"] == "adam")
                       for w, opt in (("G", trainer.optg), ("D", trainer.optd))})

        def keep(which):
            opt = trainer.optd if which == "D" else trainer.optg
            want.update({f"grad.net{which}.{n}": q.grad.numpy().copy() for n, q in opt.named})
            order.append(which)
            if which == only:
                raise Enough

        trainer.after_grads = keep
        real = torch.from_numpy(now["real"].astype(np.float64))
        real = real.permute(0, 3, 1, 2).contiguous() if self.shape[0] else real.reshape(len(real), -1)
        labels = torch.from_numpy(now["labels"].astype(np.int64)) if self.classes else None
        draws = TraceDraws(self.seed, step, self.desc["latent"], now, trainer.loss.get("input_noise", 0.0))
        try:
            losses = trainer.step(real, labels, draws, self.epoch(step))
        except Enough:
            return want, [], order
        want.update({k: np.array(v) for k, v in losses.items() if k.startswith("loss")})
        for which, net, opt in (("G", netg, trainer.optg), ("D", netd, trainer.optd)):
            want.update({f"net{which}.{k}": v.numpy() for k, v in net.state_dict().items()})
            for kind, values in (("m", opt.m), ("v", opt.v)):
                if kind == "m" or opt.desc["kind"] == "adam":
                    want.update({f"opt{which}.{kind}.{n}": v.numpy() for (n, _), v in zip(opt.named, values)})
        if draws.last_z and differ(now["z"], draws.last_z[0]) > 1e-6:
            sys.exit(f"step {step}: the trace's z are not those of Philox")
        return want, netg.sides.record + netd.sides.record, order


def idle_biases(net):
    """The biases that a batch norm takes out again, each with the running mean that has it."""
    names = {id(q): n for n, q in (*net.named_parameters(), *net.named_buffers())}
    return {names[id(b["made"].bias)]: names[id(b["norm"].running_mean)]
            for b in net.blocks if b.get("norm") and b["made"].bias is not None}


def norm_of(v):
    return float(np.sqrt((np.asarray(v, np.float64) ** 2).sum()))


def differ(got, want, least=0.0):
    want = np.asarray(want, np.float64)
    return norm_of(np.asarray(got, np.float64) - want) / max(norm_of(want), least, 1e-12)


def differ_by_name(name, now, want, idle, rates):
    """As the text above says. idle: biases before a batch norm, and its running mean; rates: learning
    rate of netG and netD under Adam, else 0."""
    kind, _, rest = name.partition(".")
    if not rest:  # a loss
        return differ(now[name], want[name])
    net, stem = rest.split(".", 1) if kind == "grad" else (kind.replace("opt", "net"), rest)
    if kind.startswith("opt"):
        stem = stem.split(".", 1)[1]  # without "m." or "v."
    got, w = np.asarray(now[name], np.float64), np.asarray(want[name], np.float64)
    grad = want.get(f"grad.{name}")
    if grad is not None and kind == net and rates[net]:
        beside = want.get(f"grad.{name.rsplit('.', 1)[0]}.weight", grad)
        free = (np.abs(grad) < 1e-5 * np.sqrt(np.mean(beside ** 2))) & (np.abs(got - w) <= 2 * rates[net])
        got = np.where(free, w, got)
    if name in idle.values():
        bias = next(b for b, mean in idle.items() if mean == name)
        moved = MOMENTUM * (np.asarray(now[bias], np.float64) - want[bias])
        return min(differ(got, w), differ(got - moved, w))
    if not name.endswith(".bias") or name[:-4] + "weight" not in want:
        return differ(got, w)
    share = 1.0 if f"{net}.{stem}" in idle and kind != net else 0.01
    return differ(got, w, share * norm_of(want[name[:-4] + "weight"]))


def off(now, want, prefix, rules):
    """Over all tensors of a kind: a side taken wrongly adds to it, a right one takes from it."""
    return sum(differ_by_name(k, now, want, *rules) ** 2 for k in want if k.startswith(prefix)) ** 0.5


def off_in_rows(now, want, kink):
    """How far the gradient of a kink's own parameter is off in its rows, relative to its rms."""
    name = f"grad.net{kink.place[0]}.{kink.parameter}"
    w = want[name]
    e = (now[name][kink.rows].astype(np.float64) - w[kink.rows]) ** 2
    return float(np.sqrt(np.mean(e) / max(np.mean(w ** 2), 1e-24)))


def settle(one, now, want, kinks, order, rules):
    """Takes the other side of kinks as far as they explain what is off: the net whose gradients come
    first goes first, as the other's depend on it; later layers first, as gradients flow down from
    them. The effects of kinks on the gradients add up and hardly overlap, so one try of each is
    enough. -> what PyTorch has then, number taken"""
    flips = {}
    bands = ((0, a.kink, a.limit / 4), (a.kink, WIDER * a.kink, a.limit))
    for which, (near, far, enough) in [(w, b) for w in order for b in bands]:
        prefix = f"grad.net{which}."
        error = off(now, want, prefix, rules)
        mine = [k for k in kinks if k.d_step == (which == "D") and near <= k.distance < far]
        for k in sorted(mine, key=lambda k: (k.place[0], -k.place[1])):
            if error <= enough:
                break
            # In the G step D's own gradients are not computed: no evidence there, so it is tried.
            if k.place[0] == which and off_in_rows(now, want, k) < a.limit:
                continue
            trial = {**flips, k.place: flips.get(k.place, []) + [k.index]}
            other, _, _ = one(trial, which)
            if off(now, other, prefix, rules) < error:
                flips, error = trial, off(now, other, prefix, rules)
                want, kinks, _ = one(trial, None)
    return want, sum(map(len, flips.values()))


INPUTS = ("real", "z", "labels", "mask.", "noise", "losses")


def main():
    files = sorted(glob.glob(a.trace + "/step-*.safetensors"))
    if len(files) < 2:
        sys.exit(f"replay_trace.py: {a.trace} holds {len(files)} files, wants 2 or more")
    before, meta = tensors.load(files[0])
    replay = Replay(meta, before, tensors.load(files[1])[0])
    worst, each, taken = {}, {}, 0
    for path in files[1:]:
        step = int(path.rsplit("-", 1)[1].split(".")[0])
        now, _ = tensors.load(path)
        want, kinks, order = replay.run(before, now, step, {})
        # A net that is not stepped keeps what it had: old losses and gradients, which say nothing.
        idle = tuple(f"grad.net{w}." for w in "GD" if w not in order)
        idle += tuple(k for k in ("loss_d", "loss_g") if k not in want)
        theirs = {k for k in now if not k.startswith(INPUTS) and not (idle and k.startswith(idle))}
        strange = set(want) ^ theirs
        if strange or any(now[k].shape != np.shape(w) for k, w in want.items()):
            sys.exit(f"{path}: other tensors or shapes than PyTorch's: {', '.join(sorted(strange))}")
        if not a.no_kinks:
            want, n = settle(lambda f, only: replay.run(before, now, step, f, only), now, want, kinks, order,
                             replay.rules)
            taken += n
        print(f"step {step}: {taken} kinks so far, {len(kinks)} activations near one", file=sys.stderr, flush=True)
        for name in want:
            kind, e = name.split(".")[0], differ_by_name(name, now, want, *replay.rules)
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
    print(f"{len(files) - 1} steps of {meta['model']}, {taken} kinks taken on the other side, limit {a.limit:.0e}: "
          f"{'DIFFER in ' + ', '.join(bad) if bad else 'equal'}")
    sys.exit(1 if bad else 0)


main()
