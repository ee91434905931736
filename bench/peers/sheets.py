"""Every preset as its paper or sheet describes it, written down a second time: not read from clgan's
YAML files, so that golden data made from here find a preset that says something else.

`sheet(name, **widths)` -> a dict with the sections of a model file. The widths shrink the nets for
golden data; their defaults are the published ones.
"""
import copy

import torch

from graph import Graph, expand, initialise

ADAM_DCGAN = {"kind": "adam", "lr": 2e-4, "beta1": 0.5, "beta2": 0.999}


def linear(out, act="none", **more):
    return {"op": "linear", "out": out, "act": act, **more}


def lrelu(layer):
    return {**layer, "act": "lrelu", "slope": 0.2}


def conv(op, out, kernel, stride, pad, act="none", **more):
    return {"op": op, "out": out, "kernel": kernel, "stride": stride, "pad": pad, "act": act, **more}


def net(prefix, layers, init=None, **more):
    return {"prefix": prefix, "layers": layers, "init": init or {"kind": "torch"}, **more}


def adam(lr, beta1=0.9, beta2=0.999):
    return {"kind": "adam", "lr": lr, "beta1": beta1, "beta2": beta2}


def both(optimizer):
    return {"optimizer_g": dict(optimizer), "optimizer_d": dict(optimizer)}


def curves(hidden=128):
    return {"latent": {"size": 5, "kind": "normal"},
            "generator": net("", [linear(hidden, "relu", name="fc1"), linear("pixels", name="fc2")]),
            "discriminator": net("", [linear(hidden, "relu", name="fc1"), linear(1, name="fc2")]),
            "loss": {"objective": "saturating"}, "order": {"kind": "simultaneous"},
            **both(adam(1e-4)), "train": {"batch": 64}, "system": "curves"}


def gauss1d(hidden=64):
    g = [linear(hidden, "relu"), linear(hidden, "relu"), linear(1)]
    d = [lrelu(linear(hidden)), lrelu(linear(hidden)), linear(1)]
    return {"latent": {"size": 1, "kind": "uniform", "lo": 0.0, "hi": 1.0},
            "generator": net("main", g), "discriminator": net("main", d),
            "loss": {"objective": "non-saturating"},
            "order": {"kind": "d-then-g-fresh-fakes", "d_steps": 5},
            **both(adam(1e-3, 0.5)), "train": {"batch": 512}, "system": "gauss1d"}


def ring(hidden_g=400, hidden_d=200, system="ring"):
    init = {"kind": "normal", "std": 0.02, "norm_mean": 1.0, "norm_std": 0.02}
    g = [linear(hidden_g, "relu", norm="batch") for _ in range(4)] + [linear(2)]
    d = [{"op": "maxout", "out": hidden_d, "pieces": 5} for _ in range(3)] + [linear(1)]
    return {"latent": {"size": 2, "kind": "normal"},
            "generator": net("main", g, init), "discriminator": net("main", d, init),
            "loss": {"objective": "non-saturating"}, "order": {"kind": "d-then-g-same-fakes"},
            **both(adam(1e-4, 0.8)), "train": {"batch": 100}, "system": system}


def grid(**widths):
    return ring(system="grid", **widths)


def sgd_2014(divisor):
    return {"kind": "sgd", "lr": 0.1, "momentum": 0.5, "momentum_end": 0.7, "momentum_epochs": 250,
            "lr_divisor": divisor, "lr_floor": 1e-6}


def goodfellow_mnist(hidden_g=1200, hidden_d=240):
    g = [linear(hidden_g, "relu", bias_init="zero"), linear(hidden_g, "relu", bias_init="zero"),
         linear("pixels", "sigmoid", bias_init="data-logit")]
    d = [{"op": "dropout", "keep": 0.8}, {"op": "maxout", "out": hidden_d, "pieces": 5},
         {"op": "dropout", "keep": 0.5}, {"op": "maxout", "out": hidden_d, "pieces": 5},
         {"op": "dropout", "keep": 0.5}, linear(1)]
    s3 = 3 ** 0.5
    return {"latent": {"size": 100, "kind": "uniform", "lo": -s3, "hi": s3},
            "generator": net("main", g, {"kind": "uniform", "std": 0.05}),
            "discriminator": net("main", d, {"kind": "uniform", "std": 0.005, "bias_zero": True}),
            "loss": {"objective": "non-saturating", "weight_real": 0.5, "weight_fake": 0.5},
            "order": {"kind": "simultaneous"}, **both(sgd_2014(1.000004)),
            "train": {"batch": 100}, "data": {"range": "unit"}}


def mnist_mlp(hidden=128):
    return {"latent": {"size": 100, "kind": "normal"},
            "generator": net("model", [linear(hidden, "relu"), linear("pixels", "tanh")]),
            "discriminator": net("model", [lrelu(linear(hidden)), linear(1)]),
            "loss": {"objective": "non-saturating"}, "order": {"kind": "d-then-g-same-fakes"},
            **both(adam(2e-4)), "train": {"batch": 64}}


INIT_DCGAN = {"kind": "normal", "std": 0.02, "norm_mean": 1.0, "norm_std": 0.02}


def dcgan(width=64, nz=100):
    g = [conv("deconv2d", "stage", "base", 1, 0, "relu", norm="batch", bias=False),
         conv("deconv2d", "stage", 4, 2, 1, "relu", norm="batch", bias=False, repeat="stages"),
         conv("deconv2d", "channels", 4, 2, 1, "tanh", bias=False)]
    d = [lrelu(conv("conv2d", "stage", 4, 2, 1, bias=False)),
         lrelu(conv("conv2d", "stage", 4, 2, 1, norm="batch", bias=False, repeat="stages")),
         conv("conv2d", 1, "base", 1, 0, bias=False)]
    return {"latent": {"size": nz, "kind": "normal"},
            "generator": net("main", g, INIT_DCGAN, width=width),
            "discriminator": net("main", d, INIT_DCGAN, width=width),
            "loss": {"objective": "non-saturating"}, "order": {"kind": "d-then-g-same-fakes"},
            **both(ADAM_DCGAN), "train": {"batch": 64}}


def dcgan32(width_g=128, width_d=64, nz=100, stages=3, wide=False):
    """stages: 3 for 32x32; each less halves the side."""
    g = [conv("deconv2d", width_g << stages - 1, 4, 1, 0, "relu", norm="batch")]
    g += [conv("deconv2d", width_g << i, 4, 2, 1, "relu", norm="batch") for i in reversed(range(stages - 1))]
    g += [conv("deconv2d", "channels", 4, 2, 1, "tanh")]
    d = [lrelu(conv("conv2d", width_d, 4, 2, 1))]
    d += [lrelu(conv("conv2d", width_d << i, 4, 2, 1, norm="batch")) for i in range(1, stages + wide)]
    d += [conv("conv2d", 1, 2 if wide else 4, 1, 0)]
    return {"latent": {"size": nz, "kind": "normal"},
            "generator": net("main", g, INIT_DCGAN), "discriminator": net("main", d, INIT_DCGAN),
            "loss": {"objective": "non-saturating"}, "order": {"kind": "d-then-g-same-fakes"},
            **both(ADAM_DCGAN), "train": {"batch": 64}}


def dcgan32_wide(**widths):
    return dcgan32(wide=True, **widths)


def cgan_mlp(z=200, c=1000, joined=1200, image=240, label=50, two_heads=False):
    """Mirza and Osindero, 2014. two_heads: realness from the image's features alone, match from them
    with the label's."""
    init, drop = {"kind": "uniform", "std": 0.05, "bias_zero": True}, {"op": "dropout", "keep": 0.5}
    g = [linear(z, "relu", **{"from": "input"}, id="z"), linear(c, "relu", **{"from": "label"}, id="c"),
         {"op": "concat", "from": "z", "with": "c"}, drop, linear(joined, "relu"), drop, linear("pixels", "sigmoid")]
    maxout = {"op": "maxout", "pieces": 5}
    d = [{**maxout, "out": image, "from": "input", "id": "x"}]
    if two_heads:
        d += [drop, linear(1, head="realness")]
    d += [{**maxout, "out": label, "from": "label", "id": "c"}, {"op": "concat", "from": "x", "with": "c"}, drop,
          {"op": "maxout", "pieces": 4, "out": image}, drop, linear(1, **({"head": "match"} if two_heads else {}))]
    return {"latent": {"size": 100, "kind": "uniform", "lo": 0.0, "hi": 1.0},
            "generator": net("main", g, init), "discriminator": net("main", d, init),
            "loss": {"objective": "non-saturating", "wrong_label_weight": 0.5},
            "order": {"kind": "d-then-g-fresh-fakes"}, **both(sgd_2014(1.00004)),
            "train": {"batch": 100}, "data": {"range": "unit"}}


def cgan_mlp_two_head(**widths):
    return cgan_mlp(two_heads=True, **widths)


def cgan_dcgan(width=64, joined=128, two_heads=False):
    """dcgan with the class joined to z, and as planes at D's last map before a 1x1 convolution."""
    out = dcgan(width)
    last = out["discriminator"]["layers"].pop()
    trunk = {"from": "features"} if two_heads else {}
    tail = [{"op": "concat", **trunk, "with": "label"},
            lrelu(conv("conv2d", joined, 1, 1, 0, norm="batch", bias=False)),
            {**last, **({"head": "match"} if two_heads else {})}]
    if two_heads:
        out["discriminator"]["layers"][-1]["id"] = "features"
        tail.insert(0, {**last, "head": "realness"})
    out["discriminator"]["layers"] += tail
    out["generator"]["layers"].insert(0, {"op": "concat", "from": "input", "with": "label"})
    out["loss"]["wrong_label_weight"] = 0.5
    out["order"] = {"kind": "d-then-g-fresh-fakes"}
    return out


def cgan_dcgan_two_head(**widths):
    return cgan_dcgan(two_heads=True, **widths)


def encode(out):
    """A GAN's description with D as encoder: a linear code in the place of its logit."""
    out["discriminator"]["layers"][-1] = {**out["discriminator"]["layers"][-1], "out": "latent"}
    out["order"] = {"kind": "reconstruct"}
    return out


def autoencoder(width=64):
    return encode(dcgan(width))


def autoencoder_mlp(hidden=128):
    return encode(mnist_mlp(hidden))


MAKERS = {f.__name__.replace("_", "-"): f for f in
          (curves, gauss1d, ring, grid, goodfellow_mnist, mnist_mlp, dcgan, dcgan32, dcgan32_wide, cgan_mlp,
           cgan_mlp_two_head, cgan_dcgan, cgan_dcgan_two_head, autoencoder, autoencoder_mlp)}
# The data of a preset: size (0: vectors), channels, classes
DATA = {"curves": (0, 15, 0), "gauss1d": (0, 1, 0), "ring": (0, 2, 0), "grid": (0, 2, 0),
        "goodfellow-mnist": (28, 1, 0), "mnist-mlp": (28, 1, 0), "dcgan": (64, 3, 0), "dcgan32": (32, 3, 0),
        "dcgan32-wide": (32, 3, 0), "cgan-mlp": (28, 1, 10), "cgan-mlp-two-head": (28, 1, 10),
        "cgan-dcgan": (28, 1, 10), "cgan-dcgan-two-head": (28, 1, 10), "autoencoder": (64, 1, 0),
        "autoencoder-mlp": (28, 1, 0)}


def sheet(name, **widths):
    return copy.deepcopy(MAKERS[name](**widths))


def build(desc, size, channels, classes=0):
    """Nets of a description for images of size x size x channels (size 0: vectors of `channels`
    values), with their initial weights. -> netg, netd"""
    latent, shape = desc["latent"]["size"], (channels, size, size) if size else (channels,)
    g, d = desc["generator"], desc["discriminator"]
    packed = (d.get("packing", 1) * channels, *shape[1:])
    lists = [expand(n["layers"], n.get("width", 64), up, size, channels, latent)
             for n, up in ((g, True), (d, False))]
    netg = Graph(lists[0], g.get("prefix", ""), (latent,), classes, image=shape)
    netd = Graph(lists[1], d.get("prefix", ""), packed, classes)
    initialise(netg, g.get("init", {}))
    initialise(netd, d.get("init", {}))
    return netg, netd


def parameters(module):
    return sum(p.numel() for p in module.parameters())


if __name__ == "__main__":  # the sheet's own counts
    for name, (size, channels, classes) in DATA.items():
        nets = build(sheet(name), size, channels, classes)
        print(f"{name:18} G {parameters(nets[0]):9,}  D {parameters(nets[1]):9,}")
