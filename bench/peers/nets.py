"""The two presets in PyTorch: the nets of the well-known DCGAN example, generalised to any size by
the rule size = m * 2^s, and the MLP GAN. Names of parameters are PyTorch's own."""
import torch
import torch.nn as nn


def split(size):
    stages = 0
    while size > 7:
        if size % 2:
            raise ValueError("no rule for this size")
        size, stages = size // 2, stages + 1
    if size < 4 or stages < 1:
        raise ValueError("no rule for this size")
    return size, stages


class Net(nn.Module):
    def __init__(self, modules, name, image=None):
        super().__init__()
        setattr(self, name, nn.Sequential(*modules))
        self.part, self.image = name, image

    def forward(self, x):
        if self.image is None:  # discriminator
            if isinstance(getattr(self, self.part)[0], nn.Linear):
                x = x.flatten(1)
            return getattr(self, self.part)(x).reshape(-1)
        if not isinstance(getattr(self, self.part)[0], nn.Linear):
            x = x[:, :, None, None]
        return getattr(self, self.part)(x).reshape(-1, *self.image)


def dcgan(size=64, channels=3, nz=100, ngf=64, ndf=64):
    """D ends in the logit: the example's sigmoid belongs to its loss here."""
    m, s = split(size)
    g, d = [], []
    widths = [min(ngf << i, 8 * ngf) for i in range(s)]
    last = nz
    for i, w in enumerate(reversed(widths)):
        k, stride, pad = (m, 1, 0) if i == 0 else (4, 2, 1)
        g += [nn.ConvTranspose2d(last, w, k, stride, pad, bias=False), nn.BatchNorm2d(w), nn.ReLU(True)]
        last = w
    g += [nn.ConvTranspose2d(last, channels, 4, 2, 1, bias=False), nn.Tanh()]
    last = channels
    for i in range(s):
        w = min(ndf << i, 8 * ndf)
        d += [nn.Conv2d(last, w, 4, 2, 1, bias=False)]
        d += [nn.BatchNorm2d(w)] if i else []
        d += [nn.LeakyReLU(0.2, inplace=True)]
        last = w
    d += [nn.Conv2d(last, 1, m, 1, 0, bias=False)]
    netg, netd = Net(g, "main", (channels, size, size)), Net(d, "main")
    for net in (netg, netd):
        for p in net.modules():
            if isinstance(p, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.normal_(p.weight, 0.0, 0.02)
            elif isinstance(p, nn.BatchNorm2d):
                nn.init.normal_(p.weight, 1.0, 0.02)
                nn.init.zeros_(p.bias)
    return netg, netd


def mnist_mlp(size=28, channels=1, nz=100, hidden=128):
    pixels = size * size * channels
    g = [nn.Linear(nz, hidden), nn.ReLU(), nn.Linear(hidden, pixels), nn.Tanh()]
    d = [nn.Linear(pixels, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1)]
    return Net(g, "model", (channels, size, size)), Net(d, "model")


BETA1 = {"dcgan": 0.5, "mnist-mlp": 0.9}


def make(model, **options):
    return {"dcgan": dcgan, "mnist-mlp": mnist_mlp}[model](**options)


def optimisers(model, netg, netd, lr=2e-4):
    betas = (BETA1[model], 0.999)
    return (torch.optim.Adam(netg.parameters(), lr=lr, betas=betas),
            torch.optim.Adam(netd.parameters(), lr=lr, betas=betas))


def step(netg, netd, optg, optd, real, z, after_d=None, figures=True, frozen_d=False):
    """One step as in the DCGAN example: D on real, D on fake, D's update; G through the updated D.
    -> loss_d, loss_g, D(x), D(G(z)) before, after (tensors; the last three only with `figures`).
    `after_d` runs before D's update. frozen_d: D's weights get no gradient in G's step, which the
    example computes and throws away."""
    bce = nn.functional.binary_cross_entropy_with_logits
    n = real.shape[0]
    ones, zeros = real.new_ones(n), real.new_zeros(n)
    optd.zero_grad(set_to_none=True)
    real_logit = netd(real)
    loss_real = bce(real_logit, ones)
    loss_real.backward()
    fake = netg(z)
    fake_logit = netd(fake.detach())
    loss_fake = bce(fake_logit, zeros)
    loss_fake.backward()
    if after_d:
        after_d()
    optd.step()
    optg.zero_grad(set_to_none=True)
    if frozen_d:
        netd.requires_grad_(False)
    logit = netd(fake)
    loss_g = bce(logit, ones)
    loss_g.backward()
    optg.step()
    if frozen_d:
        netd.requires_grad_(True)
    shown = (l.sigmoid().mean().detach() for l in (real_logit, fake_logit, logit)) if figures else ()
    return ((loss_real + loss_fake).detach(), loss_g.detach(), *shown)
