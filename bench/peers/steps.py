"""One training step of each preset in plain PyTorch, written for speed, as a peer for `clgan bench
step`: nn.Modules, PyTorch's own losses and optimisers (fused where this PyTorch has them for the
device), one batch of random images that stays where it is, nothing read back inside a step.

    step = make("dcgan32", batch=64, size=32, device="cpu", channels_last=True)
    loss_d, loss_g = step()

What a preset is: its file in host/gan/presets. The equality of the numbers is not the business here
but of graph.py, gan.py and the golden data.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

import nets

DEFAULT_SIZE = {"dcgan": 64, "dcgan32": 32, "cgan-dcgan": 28, "mnist-mlp": 28, "goodfellow-mnist": 28, "curves": 0}
DEFAULT_BATCH = {"goodfellow-mnist": 100}
CONVOLUTIONAL = ("dcgan", "dcgan32", "cgan-dcgan")
CLASSES = 10


def optimiser(kind, net, **options):
    """The fastest form that this PyTorch has: fused, else one call per tensor. (foreach is the default
    on CUDA; on a CPU it is a loop as well.)"""
    make = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[kind]
    params = list(net.parameters())
    try:
        return make(params, fused=True, **options)
    except (TypeError, RuntimeError):
        return make(params, **options)


def bce(logit, target):
    return F.binary_cross_entropy_with_logits(logit, torch.full_like(logit, target))


def initialise(*pair):
    """DCGAN's: convolutions N(0, .02), norms N(1, .02); biases stay PyTorch's default, norms' 0."""
    for m in (m for net in pair for m in net.modules()):
        if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(m.weight, 0.0, 0.02)
        elif isinstance(m, nn.BatchNorm2d):
            nn.init.normal_(m.weight, 1.0, 0.02)
            nn.init.zeros_(m.bias)


def deconv(a, b, k=4, stride=2, pad=1, bias=False, last=False):
    end = [nn.Tanh()] if last else [nn.BatchNorm2d(b), nn.ReLU(True)]
    return [nn.ConvTranspose2d(a, b, k, stride, pad, bias=bias), *end]


def conv(a, b, k=4, stride=2, pad=1, bias=False, norm=True):
    return [nn.Conv2d(a, b, k, stride, pad, bias=bias), *([nn.BatchNorm2d(b)] if norm else []),
            nn.LeakyReLU(0.2, inplace=True)]


def dcgan32(size, channels):
    """dcgan with biases and a D of three stages; size 32, as in the preset's sheet."""
    g = nets.Net([*deconv(100, 512, 4, 1, 0, True), *deconv(512, 256, bias=True), *deconv(256, 128, bias=True),
                  *deconv(128, channels, bias=True, last=True)], "main", (channels, size, size))
    d = nets.Net([*conv(channels, 64, bias=True, norm=False), *conv(64, 128, bias=True),
                  *conv(128, 256, bias=True), nn.Conv2d(256, 1, 4)], "main")
    initialise(g, d)
    return g, d


class LabelledG(nn.Module):
    def __init__(self, m, widths, channels):
        super().__init__()
        layers, last = deconv(100 + CLASSES, widths[0], m, 1, 0), widths[0]
        for w in widths[1:]:
            layers, last = layers + deconv(last, w), w
        self.main = nn.Sequential(*layers, *deconv(last, channels, last=True))

    def forward(self, z, onehot):
        return self.main(torch.cat([z, onehot], 1)[:, :, None, None])


class LabelledD(nn.Module):
    def __init__(self, m, widths, channels):
        super().__init__()
        layers, last = [], channels
        for w in widths:
            layers, last = layers + conv(last, w, norm=bool(layers)), w
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Sequential(*conv(last + CLASSES, 128, 1, 1, 0), nn.Conv2d(128, 1, m, bias=False))

    def forward(self, x, onehot):
        x = self.trunk(x)
        planes = onehot[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return self.head(torch.cat([x, planes], 1)).flatten()


class Maxout(nn.Module):
    """`out` maxima of five linear functions each. The five lie a row apart, which is the order that
    PyTorch reduces fastest; which weights these are does not matter here."""

    def __init__(self, features, out, pieces=5):
        super().__init__()
        self.pieces, self.linear = pieces, nn.Linear(features, out * pieces)

    def forward(self, x):
        return self.linear(x).unflatten(1, (self.pieces, -1)).amax(1)


# ---- steps ----

def make_images(model, batch, size, device, layout, frozen_d):
    """dcgan, dcgan32, mnist-mlp: the step of the well-known example."""
    channels = 3 if size >= 32 else 1
    netg, netd = dcgan32(size, channels) if model == "dcgan32" else nets.make(model, size=size, channels=channels)
    netg, netd = (n.to(device, memory_format=layout) for n in (netg, netd))
    real = (torch.rand(batch, channels, size, size, device=device) * 2 - 1).contiguous(memory_format=layout)
    beta = 0.9 if model == "mnist-mlp" else 0.5
    optg, optd = (optimiser("adam", n, lr=2e-4, betas=(beta, 0.999)) for n in (netg, netd))

    def step():
        return nets.step(netg, netd, optg, optd, real, torch.randn(batch, 100, device=device),
                         figures=False, frozen_d=frozen_d)
    return step, netg


def make_labelled(batch, size, device, layout):
    """cgan-dcgan: D on (real, right label), (real, wrong label), (fake, label); G on fresh fakes."""
    channels = 3 if size >= 32 else 1
    m, stages = nets.split(size)
    widths = [64 * 2 ** i for i in range(stages)]
    g, d = LabelledG(m, widths[::-1], channels), LabelledD(m, widths, channels)
    initialise(g, d)
    g, d = (n.to(device, memory_format=layout) for n in (g, d))
    real = (torch.rand(batch, channels, size, size, device=device) * 2 - 1).contiguous(memory_format=layout)
    label = torch.arange(batch, device=device) % CLASSES
    optg, optd = (optimiser("adam", n, lr=2e-4, betas=(0.5, 0.999)) for n in (g, d))

    def step():
        right = F.one_hot(label, CLASSES).float()
        wrong = (label + torch.randint(1, CLASSES, (batch,), device=device)) % CLASSES
        optd.zero_grad(set_to_none=True)
        fake = g(torch.randn(batch, 100, device=device), right).detach()
        loss_d = (bce(d(real, right), 1.0) + 0.5 * bce(d(real, F.one_hot(wrong, CLASSES).float()), 0.0) +
                  0.5 * bce(d(fake, right), 0.0))
        loss_d.backward()
        optd.step()
        optg.zero_grad(set_to_none=True)
        loss_g = bce(d(g(torch.randn(batch, 100, device=device), right), right), 1.0)
        loss_g.backward()
        optg.step()
        return loss_d.detach(), loss_g.detach()
    return step, g


def both_gradients(g, d, loss_g, loss_d, optg, optd):
    """A simultaneous step: each loss's gradient for its own net, both at the old weights."""
    optg.zero_grad(set_to_none=True)
    optd.zero_grad(set_to_none=True)
    loss_g.backward(inputs=list(g.parameters()), retain_graph=True)
    loss_d.backward(inputs=list(d.parameters()))
    optg.step()
    optd.step()
    return loss_d.detach(), loss_g.detach()


def make_goodfellow(batch, size, device):
    pixels = size * size
    g = nn.Sequential(nn.Linear(100, 1200), nn.ReLU(True), nn.Linear(1200, 1200), nn.ReLU(True),
                      nn.Linear(1200, pixels), nn.Sigmoid()).to(device)
    d = nn.Sequential(nn.Dropout(0.2), Maxout(pixels, 240), nn.Dropout(0.5), Maxout(240, 240), nn.Dropout(0.5),
                      nn.Linear(240, 1)).to(device)
    for net, limit in ((g, 0.05), (d, 0.005)):
        for m in net.modules():
            if isinstance(m, nn.Linear):
                nn.init.uniform_(m.weight, -limit, limit)
                nn.init.zeros_(m.bias)
    real = torch.rand(batch, pixels, device=device)
    optg, optd = (optimiser("sgd", n, lr=0.1, momentum=0.5) for n in (g, d))

    def step():
        fake = g((torch.rand(batch, 100, device=device) * 2 - 1) * 3 ** 0.5)
        l_real, l_fake = d(torch.cat([real, fake])).flatten().split(batch)
        loss_d = 0.5 * (bce(l_real, 1.0) + bce(l_fake, 0.0))
        losses = both_gradients(g, d, bce(l_fake, 1.0), loss_d, optg, optd)
        for opt in (optg, optd):
            opt.param_groups[0]["lr"] = max(opt.param_groups[0]["lr"] / 1.000004, 1e-6)
        return losses
    return step, g


def make_curves(batch, device):
    g = nn.Sequential(nn.Linear(5, 128), nn.ReLU(True), nn.Linear(128, 15)).to(device)
    d = nn.Sequential(nn.Linear(15, 128), nn.ReLU(True), nn.Linear(128, 1)).to(device)
    squares = torch.linspace(-2, 2, 15, device=device) ** 2
    optg, optd = (optimiser("adam", n, lr=1e-4) for n in (g, d))

    def step():
        a = 1 + 2 * torch.rand(batch, 1, device=device)
        fake = g(torch.randn(batch, 5, device=device))
        l_real, l_fake = d(torch.cat([a * squares + (a - 1), fake])).flatten().split(batch)
        loss_fake = F.softplus(l_fake).mean()
        return both_gradients(g, d, -loss_fake, F.softplus(-l_real).mean() + loss_fake, optg, optd)
    return step, g


def make(model, batch=0, size=0, device="cpu", channels_last=False, frozen_d=False):
    """-> step (a function that does one and returns loss_d, loss_g as tensors), the generator.
    frozen_d: see nets.step; the presets of the example alone."""
    batch, size = batch or DEFAULT_BATCH.get(model, 64), size or DEFAULT_SIZE[model]
    layout = torch.channels_last if channels_last else torch.contiguous_format
    if model == "curves":
        return make_curves(batch, device)
    if model == "goodfellow-mnist":
        return make_goodfellow(batch, size, device)
    if model == "cgan-dcgan":
        return make_labelled(batch, size, device, layout)
    return make_images(model, batch, size, device, layout, frozen_d)
