"""Nets from layer lists in PyTorch. A layer is a dict with the keys of a clgan model file (op, out,
kernel, stride, pad, out_pad, bias, norm, act, slope, pieces, keep, scale, name, id, from, with,
head, repeat); `expand` turns the words of sizes into numbers and `Graph` into modules, whose
parameters carry the names that clgan's checkpoints use. The maths are PyTorch's own modules.

Images are [N,C,H,W] here. What clgan counts over [N,H,W,C] (dropout masks, noise) is drawn in that
order and transposed.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

OPS = {"linear": nn.Linear, "conv2d": nn.Conv2d, "deconv2d": nn.ConvTranspose2d}


def split(size):
    """size = m * 2^s with 4 <= m <= 7, s >= 1 -> m, s; None, None if there is no such pair."""
    m, s = size, 0
    while m > 7 and m % 2 == 0:
        m, s = m // 2, s + 1
    return (m, s) if 4 <= m <= 7 and s >= 1 else (None, None)


def expand(layers, width, up, size, channels, latent):
    """Layer list -> the same with numbers for words and `repeat: stages` written out."""
    m, stages = split(size)
    doublings = list(range(stages)) if m else []
    widths = [width << min(i, 3) for i in (reversed(doublings) if up else doublings)]
    words = {"channels": channels, "pixels": max(size, 1) ** 2 * channels, "base": m, "latent": latent}
    out = []
    for layer in layers:
        more = layer.get("repeat") != "stages" or len(widths) > 0
        while more:
            one = dict(layer)
            for key in ("out", "kernel"):
                if one.get(key) == "stage":
                    one[key] = widths.pop(0)
                elif key in one:
                    one[key] = words.get(one[key], one[key])
            out.append(one)
            layer = {k: v for k, v in layer.items() if k != "from"}  # a repeated one reads itself
            more = layer.get("repeat") == "stages" and len(widths) > 0
    return out


def to_first(a, shape):
    """Values of [N,H,W,C] (flat) as a tensor of `shape`, [N,C,H,W] or [N,C]."""
    if len(shape) == 4:
        n, c, h, w = shape
        return a.reshape(n, h, w, c).permute(0, 3, 1, 2)
    return a.reshape(shape)


class Graph(nn.Module):
    """shape: of one input, (C,H,W) or (C,). `watch`, if set, is called with (block, "sum" | "out",
    tensor) for the result of every block, before its norm and at its end; blocks are numbered as
    clgan numbers the layers of a plan. `sides`, if set, computes relu, lrelu and maxout instead
    (replay_trace.py)."""

    def __init__(self, layers, prefix, shape, classes=0, image=None):
        super().__init__()
        self.classes, self.image, self.watch, self.sides = classes, image, None, None
        self.blocks, self.heads, ids, shapes = [], {}, {}, []
        module, last = 0, "input"

        def at(name):
            if name == "input":
                return shape
            return (classes,) if name == "label" else shapes[name]

        def add(b):
            self.blocks.append(b)
            return len(self.blocks) - 1

        def label(name):
            """Layers that read the label share one one-hot block, made when it is first wanted."""
            if name != "label":
                return ids.get(name, name)
            if "label" not in ids:
                ids["label"] = add({"op": "onehot", "from": "label"})
                shapes.append((classes,))
            return ids["label"]

        for layer in layers:
            b = dict(layer)
            if layer["op"] == "onehot":
                last = label("label")
                ids[layer.get("id")] = last
                continue
            op, out = layer["op"], layer.get("out")
            source = "label" if op == "embedding" else label(layer["from"]) if layer.get("from") else last
            shape_in = at(source)
            stem = f"{prefix}." if prefix else ""
            b["from"] = source
            if layer.get("with"):
                b["with"] = label(layer["with"])
            if op in ("linear", "maxout"):
                units = out * layer.get("pieces", 1)
                features = int(torch.Size(shape_in).numel())
                made = nn.Linear(features, units, bias=layer.get("bias", True))
                shape_out = (out,)
            elif op == "conv2d":
                k, s, p = layer["kernel"], layer.get("stride", 1), layer.get("pad", 0)
                made = nn.Conv2d(shape_in[0], out, k, s, p, bias=layer.get("bias", True))
                shape_out = (out, *((v + 2 * p - k) // s + 1 for v in shape_in[1:]))
            elif op == "deconv2d":
                k, s, p, o = (layer.get(n, d) for n, d in (("kernel", 4), ("stride", 1), ("pad", 0), ("out_pad", 0)))
                made = nn.ConvTranspose2d(shape_in[0], out, k, s, p, o, bias=layer.get("bias", True))
                side = shape_in[1:] if len(shape_in) == 3 else (1, 1)
                shape_out = (out, *((v - 1) * s - 2 * p + k + o for v in side))
            elif op == "embedding":
                made, shape_out = nn.Embedding(classes, out), (out,)
            else:
                made = None
                if op == "concat":
                    shape_out = (shape_in[0] + at(b["with"])[0], *shape_in[1:])
                elif op in ("upsample", "avgpool"):
                    f = layer["scale"]
                    shape_out = (shape_in[0], *(v * f if op == "upsample" else v // f for v in shape_in[1:]))
                else:
                    shape_out = shape_in
            name = layer.get("name") or f"{stem}{module}"
            if made is not None:
                self.put(name, made)
                b["made"] = made
            module += op != "concat"
            if layer.get("norm") == "batch":
                norm = nn.BatchNorm2d(out) if len(shape_out) == 3 else nn.BatchNorm1d(out * layer.get("pieces", 1))
                self.put(f"{layer['name']}_norm" if layer.get("name") else f"{stem}{module}", norm)
                b["norm"] = norm
                module += 1
            else:
                b["norm"] = None
            module += layer.get("act", "none") != "none" or op == "maxout"
            if op == "maxout":  # a linear block and a block for the maximum alone
                add({"op": "linear", "from": b["from"], "made": made, "norm": b["norm"]})
                shapes.append((units,))
                b.update({"from": len(self.blocks) - 1, "norm": None})
            last = add(b)
            shapes.append(shape_out)
            if layer.get("id"):
                ids[layer["id"]] = last
            if layer.get("head"):
                self.heads[layer["head"]] = last
        if not self.heads:
            self.heads["realness"] = last
        self.out_shape = shapes[last]

    def put(self, name, module):
        parts, where = name.split("."), self
        for part in parts[:-1]:
            if part not in dict(where.named_children()):
                where.add_module(part, nn.Module())
            where = getattr(where, part)
        where.add_module(parts[-1], module)

    def forward(self, x, labels=None, masks=None):
        """masks(block, keep, shape of [n,h,w,c]) -> 0/1 tensor; None: no dropout. -> outputs by
        head; a generator's (image given) as the image."""
        y = []

        def at(source):
            return x if source == "input" else labels if source == "label" else y[source]

        for i, b in enumerate(self.blocks):
            a, op = at(b["from"]), b["op"]
            if op in OPS:
                if op == "linear":
                    a = a.flatten(1)
                elif a.ndim == 2:
                    a = a[:, :, None, None]
                v = b["made"](a)
            elif op == "maxout":
                v = a.view(len(a), -1, b["pieces"])
                v = self.sides.maxout(i, v) if self.sides else v.max(-1).values
            elif op == "dropout":
                v = a
                if masks is not None:
                    last = (a.shape[0], *a.shape[2:], a.shape[1]) if a.ndim == 4 else a.shape
                    v = a * to_first(masks(i, b["keep"], last), a.shape).to(a.dtype) / b["keep"]
            elif op == "concat":
                w = at(b["with"])
                if a.ndim == 4 and w.ndim == 2:
                    w = w[:, :, None, None].expand(-1, -1, *a.shape[2:])
                v = torch.cat([a, w], 1)
            elif op == "onehot":
                v = F.one_hot(labels, self.classes).to(next(self.parameters()).dtype)
            elif op == "embedding":
                v = b["made"](a)
            elif op == "upsample":
                v = F.interpolate(a, scale_factor=b["scale"], mode="nearest")
            elif op == "avgpool":
                v = F.avg_pool2d(a, b["scale"])
            else:
                raise ValueError(op)
            if self.watch:
                self.watch(i, "sum" if b.get("norm") else "", v)
            if b.get("norm"):
                v = b["norm"](v)
            act = b.get("act", "none")
            slope = b.get("slope", 0.2) if act == "lrelu" else 0.0
            if act in ("relu", "lrelu") and self.sides:
                v = self.sides.relu(i, v, slope)
            elif act == "lrelu":
                v = F.leaky_relu(v, slope)
            elif act != "none":
                v = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}[act](v)
            if self.watch:
                self.watch(i, "out", v)
            y.append(v)
        if self.image is not None:
            return y[-1].reshape(len(y[-1]), *self.image)
        return {k: y[v] for k, v in self.heads.items()}


def initialise(net, init):
    """As the section `init` of a net says. Biases: PyTorch's default unless bias_zero; embeddings
    always N(0,1), which is PyTorch's default."""
    kind, std = init.get("kind", "torch"), init.get("std", 0.02)
    for m in net.modules():
        if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            if kind == "normal":
                nn.init.normal_(m.weight, 0.0, std)
            elif kind == "uniform":
                nn.init.uniform_(m.weight, -std, std)
            elif kind == "constant":
                nn.init.constant_(m.weight, std)
            if init.get("bias_zero") and getattr(m, "bias", None) is not None:
                nn.init.zeros_(m.bias)
        elif isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)) and "norm_std" in init:
            nn.init.normal_(m.weight, init.get("norm_mean", 1.0), init["norm_std"])
            nn.init.zeros_(m.bias)
