"""Training steps of every clgan model in PyTorch: objectives, optimisers and update orders, from the
same sections that a model file has (`loss`, `order`, `optimizer_g`, `optimizer_d`).

What a step draws (latents, dropout masks, wrong labels, noise) comes from a `Draws` object, so that
a step can be fed by Philox (`PhiloxDraws`, the numbers that clgan draws) or by a trace.
"""
import torch
import torch.nn.functional as F

import philox
from graph import to_first

# role -> value per logit; `shown` is what progress lines call D(x)
OBJECTIVES = {
    "non-saturating": {"real": lambda l: F.softplus(-l), "fake": F.softplus, "g": lambda l: F.softplus(-l)},
    "saturating": {"real": lambda l: F.softplus(-l), "fake": F.softplus, "g": lambda l: -F.softplus(l)},
    "least-squares": {"real": lambda l: (l - 1) ** 2 / 2, "fake": lambda l: l ** 2 / 2,
                      "g": lambda l: (l - 1) ** 2 / 2},
    "wasserstein": {"real": lambda l: -l, "fake": lambda l: l, "g": lambda l: -l},
    "hinge": {"real": lambda l: F.relu(1 - l), "fake": lambda l: F.relu(1 + l), "g": lambda l: -l},
}


def shown(objective, l):
    return (l.sigmoid() if objective.endswith("saturating") else l).mean()


def value(objective, role, l, target=1.0):
    f = OBJECTIVES[objective]
    if role == "real" and target != 1.0:
        return (target * f["real"](l) + (1 - target) * f["fake"](l)).mean()
    return f[role](l).mean()


class Optimiser:
    """Adam (eps outside the bias-corrected root) or SGD with momentum, v <- m v - lr g, w <- w + v;
    weight decay on weights alone, learning-rate decay with a floor, clipping after the update."""

    def __init__(self, net, desc):
        self.desc, self.t = {"kind": "adam", **desc}, 0
        self.named = list(net.named_parameters())
        norms = {id(m.weight) for m in net.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)}
        self.decayed = [not n.endswith("bias") and id(p) not in norms for n, p in self.named]
        self.m = [torch.zeros_like(p) for _, p in self.named]
        self.v = [torch.zeros_like(p) for _, p in self.named]

    def rate(self):
        """The learning rate of the next update."""
        lr = self.desc["lr"] / self.desc.get("lr_divisor", 1.0) ** self.t
        return max(lr, self.desc.get("lr_floor", 0.0)) if self.t else self.desc["lr"]

    def momentum(self, epoch):
        """In the epoch with this number, from 0."""
        first = self.desc.get("momentum", 0.0)
        end, epochs = self.desc.get("momentum_end", first), self.desc.get("momentum_epochs", 0)
        if epochs == 0:
            return first
        return end if epoch + 1 >= epochs else first + (end - first) * epoch / (epochs - 1)

    def zero_grad(self):
        for _, p in self.named:
            p.grad = None

    @torch.no_grad()
    def decay(self):
        """Adds the weight decay to the gradients; done before anything looks at them."""
        rate = self.desc.get("weight_decay", 0.0)
        for (_, p), wanted in zip(self.named, self.decayed):
            if rate and wanted:
                p.grad += rate * p

    @torch.no_grad()
    def step(self, epoch=0):
        d, lr = self.desc, self.rate()
        self.t += 1
        for (_, p), m, v in zip(self.named, self.m, self.v):
            if d["kind"] == "sgd":
                m.mul_(self.momentum(epoch)).sub_(lr * p.grad)
                p += m
            else:
                b1, b2 = d.get("beta1", 0.9), d.get("beta2", 0.999)
                m.mul_(b1).add_((1 - b1) * p.grad)
                v.mul_(b2).add_((1 - b2) * p.grad ** 2)
                p -= lr / (1 - b1 ** self.t) * m / ((v / (1 - b2 ** self.t)).sqrt() + d.get("eps", 1e-8))
            if d.get("clip", 0.0):
                p.clamp_(-d["clip"], d["clip"])


def latents(latent, seed, stream, step, n, lane=0):
    """-> float32 [n, size] as clgan draws them."""
    count, kind = n * latent["size"], latent.get("kind", "normal")
    if kind == "uniform":
        z = philox.uniform(seed, stream, step, count, latent.get("lo", 0.0), latent.get("hi", 1.0), lane)
    else:
        z = philox.normal(seed, stream, step, count, lane)
    z = z.reshape(n, latent["size"])
    if kind == "spherical":
        z = (z * (latent["size"] / (z.astype("f8") ** 2).sum(1, keepdims=True)) ** 0.5).astype("f4")
    return z


class PhiloxDraws:
    """What clgan draws for one training step (counted from 1)."""

    def __init__(self, seed, step, latent):
        self.seed, self.step, self.latent = seed, step, latent
        self.last_z, self.last_wrong = [], []  # what was drawn last, as arrays

    def z(self, n, fresh):
        """fresh: the second latents of a step, for orders with fresh fakes."""
        z = latents(self.latent, self.seed, philox.STREAM_Z, self.step, n, int(fresh))
        self.last_z = [z]
        return torch.from_numpy(z).double()

    def wrong(self, labels, classes):
        w = philox.word(self.seed, philox.STREAM_LABEL, self.step, len(labels))
        wrong = (labels + 1 + torch.from_numpy((w % (classes - 1)).astype("i8"))) % classes
        self.last_wrong = [wrong.numpy()]
        return wrong

    def noise(self, lane, shape):
        """lane: 0 the real rows, 1 the fakes, 2 the second fakes of the step."""
        v = philox.normal(self.seed, philox.STREAM_NOISE, self.step, torch.Size(shape).numel(), lane)
        return to_first(torch.from_numpy(v).double(), shape)

    def masks(self, number, first):
        """For rows from `first` on of a pass: 0 D's in the D step, 1 D's in the G step, 2 G's, 3 the
        second of G's in the step."""
        def draw(block, keep, shape):
            n = torch.Size(shape[1:]).numel()
            w = philox.word(self.seed, philox.STREAM_DROPOUT, self.step, n * shape[0],
                            number << 8 | block, first * n)
            return torch.from_numpy(philox.unit(w) < philox.np.float32(keep))
        return draw


class Trainer:
    """Both nets, their optimisers and what a model file says about their training."""

    def __init__(self, netg, netd, desc, classes=0):
        self.g, self.d, self.desc, self.classes = netg, netd, desc, classes
        self.loss = {"objective": "non-saturating", **desc.get("loss", {})}
        self.order = {"kind": "d-then-g-same-fakes", "d_steps": 1, **desc.get("order", {})}
        self.packing = desc.get("discriminator", {}).get("packing", 1)
        self.optg, self.optd = Optimiser(netg, desc["optimizer_g"]), Optimiser(netd, desc["optimizer_d"])
        self.after_grads = None  # called with "G" or "D" when a net's gradients are complete
        self.number = 0  # of the pass under way: see PhiloxDraws.masks
        self.count = 0

    def steps_of(self, count, epoch=0):
        """Which nets the minibatch with this number (from 1) steps. -> d, g"""
        kind, period = self.order["kind"], self.order["d_steps"] + (self.order["kind"] == "alternate")
        if kind == "reconstruct":
            return True, True
        g = count % period == 0 and epoch >= self.order.get("g_start_epoch", 0)
        return not (kind == "alternate" and g), g

    # ---- passes ----

    def through_d(self, x, labels, draws, number, first):
        """Rows from `first` on of D's pass `number`. -> logits by head"""
        self.number = number
        if self.packing > 1:
            x, first = x.reshape(len(x) // self.packing, -1), first // self.packing
        return {k: v.reshape(-1) for k, v in self.d(x, labels, draws.masks(number, first)).items()}

    def noisy(self, x, lane, draws):
        std = self.loss.get("input_noise", 0.0)
        return x + std * draws.noise(lane, x.shape) if std else x

    def fakes(self, n, labels, draws, fresh=False):
        self.number = 2 + fresh
        x = self.g(draws.z(n, fresh), labels, draws.masks(self.number, 0))
        return self.noisy(x, 1 + fresh, draws)

    def d_losses(self, real, fake, labels, wrong, draws):
        """The three terms of D's loss, weighted: real, fake, wrong label. Also the logits."""
        n, o, t = len(real), self.loss["objective"], self.loss.get("real_target", 1.0)
        w = self.loss.get("wrong_label_weight", 0.0) if self.classes else 0.0
        l_real = self.through_d(real, labels, draws, 0, 0)
        l_fake = self.through_d(fake, labels, draws, 0, n)
        matched = "match" in l_real
        judge = "match" if matched else "realness"
        loss_real = sum(value(o, "real", l, t) for l in l_real.values())
        loss_fake = (1 - w) * value(o, "fake", l_fake[judge])
        if matched:
            loss_fake = loss_fake + value(o, "fake", l_fake["realness"])
        loss_wrong = 0.0
        if w:
            l_wrong = self.through_d(real, wrong, draws, 0, 2 * n)
            loss_wrong = w * value(o, "fake", l_wrong[judge])
        return (self.loss.get("weight_real", 1.0) * loss_real,
                self.loss.get("weight_fake", 1.0) * (loss_fake + loss_wrong), l_real, l_fake)

    def g_loss(self, logits):
        o = self.loss["objective"]
        return self.loss.get("weight_g", 1.0) * sum(value(o, "g", l) for l in logits.values())

    # ---- one step ----

    def show(self, logits):
        return float(shown(self.loss["objective"], logits["realness"].detach()))

    def gradients(self, which, loss):
        """Gradients of one net alone."""
        opt = self.optg if which == "G" else self.optd
        opt.zero_grad()
        found = torch.autograd.grad(loss, [p for _, p in opt.named], retain_graph=True, allow_unused=True)
        for (_, p), g in zip(opt.named, found):
            p.grad = torch.zeros_like(p) if g is None else g.clone()
        opt.decay()
        if self.after_grads:
            self.after_grads(which)

    def step(self, real, labels, draws, epoch=0):
        """One minibatch: real [n,C,H,W] or [n,C], labels i64 [n] or None; epoch from 0. -> losses by
        name, those of the nets that it steps"""
        kind = self.order["kind"]
        if kind == "reconstruct":
            return self.step_reconstruct(real, draws, epoch)
        wrong = draws.wrong(labels, self.classes) if self.classes and self.loss.get("wrong_label_weight") else None
        self.count += 1
        with_d, with_g = self.steps_of(self.count, epoch)
        out, n = {}, len(real)
        if with_d:
            real = self.noisy(real, 0, draws)

        def step_d(fake, hold=False):
            loss_real, loss_fake, l_real, l_fake = self.d_losses(real, fake, labels, wrong, draws)
            out.update(loss_d=float(loss_real + loss_fake), d_real=self.show(l_real), d_fake_before=self.show(l_fake))
            self.gradients("D", loss_real + loss_fake)
            if not hold:
                self.optd.step(epoch)
            return l_fake

        def step_g(logits):
            loss = self.g_loss(logits)
            out.update(loss_g=float(loss), d_fake_after=self.show(logits))
            self.gradients("G", loss)
            self.optg.step(epoch)

        if kind == "simultaneous":
            fake = self.fakes(n, labels, draws)
            logits = step_d(fake, hold=True)
            if with_g:
                step_g(logits)
            self.optd.step(epoch)
        elif kind == "g-then-d":
            if with_g:
                step_g(self.through_d(self.fakes(n, labels, draws), labels, draws, 1, 0))
            step_d(self.fakes(n, labels, draws, True).detach())
        else:
            fresh = kind == "d-then-g-fresh-fakes"
            fake = None
            if with_d:
                fake = self.fakes(n, labels, draws)
                step_d(fake.detach())
            if with_g:
                if fresh or fake is None:
                    fake = self.fakes(n, labels, draws, fresh)
                step_g(self.through_d(fake, labels, draws, 1, 0))
        return out

    def step_reconstruct(self, real, draws, epoch):
        """An autoencoder: D's output is the code, G's the image."""
        self.count += 1
        self.number = 0
        code = next(iter(self.d(real, None, draws.masks(0, 0)).values()))
        self.number = 2
        loss = ((self.g(code.flatten(1), None, draws.masks(2, 0)) - real) ** 2).mean()
        self.gradients("G", loss)
        self.gradients("D", loss)
        self.optd.step(epoch)
        self.optg.step(epoch)
        return {"loss_d": float(loss), "loss_g": float(loss)}
