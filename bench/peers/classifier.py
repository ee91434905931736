#!/usr/bin/env python3
"""Do conditional samples show the class that was asked for? A small classifier (784-256-10, ReLU),
trained on the real training images, gives its accuracy on the real test images and how often it
agrees with the asked class of generated ones.

    classifier.py DATA --samples x0.npy:0 x1.npy:1 ...    # clgan sample RUN --class K --out xK.npy
    classifier.py DATA --samples x.npy --labels y.npy     # one file and its classes, integers
    classifier.py DATA --samples FOLDER                   # FOLDER/<class>/*.png, class 0-9 or a name

DATA: a folder of IDX files with labels, for example /usr/share/datasets/fashion-mnist. Samples are
float [N,H,W,1] in [-1,1] or [0,1] (told apart by their minimum). Other sides than 28 are
resized to it (antialiased); the accuracy on test images is then also given for test images that
went to that side and back, which is what perfect samples would reach. --cache FILE keeps the trained
classifier. Prints one JSON line.
"""
import argparse
import glob
import gzip
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import images

SIDE, HIDDEN, BATCH, EPOCHS, RATE = 28, 256, 128, 12, 1e-3


def read_labels(folder, test):
    path = sorted(glob.glob(os.path.join(folder, ("t10k" if test else "train") + "-labels*idx1-ubyte*")))
    if not path:
        raise SystemExit(f"{folder}: no label file (IDX)")
    with (gzip.open if path[0].endswith(".gz") else open)(path[0], "rb") as f:
        return np.frombuffer(f.read(), np.uint8, offset=8).astype(np.int64)


def resize(x, side):
    """[N,H,W] in [0,1] -> [N,side,side]"""
    if x.shape[1] == side:
        return x
    out = [np.asarray(Image.fromarray(a.astype(np.float32)).resize((side, side), Image.BILINEAR)) for a in x]
    return np.stack(out)


def rows(x):
    return torch.from_numpy(np.ascontiguousarray(x, np.float32).reshape(len(x), -1))


def train(x, y, classes, seed):
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(SIDE * SIDE, HIDDEN), torch.nn.ReLU(),
                              torch.nn.Linear(HIDDEN, classes))
    opt = torch.optim.Adam(net.parameters(), lr=RATE)
    for epoch in range(EPOCHS):
        for g in opt.param_groups:
            g["lr"] = RATE * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))
        for r in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(net(x[r]), y[r])
            opt.zero_grad()
            loss.backward()
            opt.step()
    return net


def agreement(net, x, y):
    """-> share of all rows, share by class"""
    with torch.no_grad():
        right = (net(rows(x)).argmax(1).numpy() == y)
    return float(right.mean()), {int(c): round(float(right[y == c].mean()), 4) for c in np.unique(y)}


def to_unit(x):
    x = np.asarray(x, np.float32)
    if x.ndim == 4:
        x = x.mean(3)
    return x * 0.5 + 0.5 if x.min() < -0.01 else x


def read_folder(folder, names):
    x, y = [], []
    for place, sub in enumerate(sorted(d for d in os.listdir(folder) if os.path.isdir(os.path.join(folder, d)))):
        label = int(sub) if sub.isdigit() else names.index(sub) if sub in names else place
        for path in sorted(glob.glob(os.path.join(folder, sub, "*.png"))):
            x.append(np.asarray(Image.open(path).convert("L"), np.float32) / 255)
            y.append(label)
    return np.stack(x), np.array(y)


def read_samples(a):
    if len(a.samples) == 1 and os.path.isdir(a.samples[0]):
        return read_folder(a.samples[0], a.names.split(",") if a.names else [])
    if a.labels:
        return to_unit(np.load(a.samples[0])), np.load(a.labels).reshape(-1).astype(np.int64)
    x, y = [], []
    for item in a.samples:
        path, _, label = item.rpartition(":")
        if not label.isdigit():
            sys.exit(f"classifier.py: {item}: wants FILE.npy:CLASS, or --labels")
        x.append(np.load(path))
        y.append(np.full(len(x[-1]), int(label)))
    return to_unit(np.concatenate(x)), np.concatenate(y)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data")
    p.add_argument("--samples", nargs="+", default=[])
    p.add_argument("--labels")
    p.add_argument("--names", help="class names in their order, with commas, for folders named by class")
    p.add_argument("--cache")
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(1)
    test_x = images.read_split(a.data, test=True)[..., 0].astype(np.float32) / 255
    test_y = read_labels(a.data, test=True)
    classes = int(test_y.max()) + 1
    if a.cache and os.path.exists(a.cache):
        net = torch.nn.Sequential(torch.nn.Linear(SIDE * SIDE, HIDDEN), torch.nn.ReLU(),
                                  torch.nn.Linear(HIDDEN, classes))
        net.load_state_dict(torch.load(a.cache))
    else:
        train_x = images.read_split(a.data, test=False)[..., 0].astype(np.float32) / 255
        net = train(rows(resize(train_x, SIDE)), torch.from_numpy(read_labels(a.data, test=False)), classes, a.seed)
        if a.cache:
            torch.save(net.state_dict(), a.cache)
    accuracy, _ = agreement(net, resize(test_x, SIDE), test_y)
    out = {"test_accuracy": round(accuracy, 4), "wanted": round(0.9 * accuracy, 4)}
    if a.samples:
        x, y = read_samples(a)
        if x.shape[1] != SIDE:
            there = resize(resize(test_x, x.shape[1]), SIDE)
            out["test_accuracy_resized"] = round(agreement(net, there, test_y)[0], 4)
        share, each = agreement(net, resize(x, SIDE), y)
        out.update(samples=len(x), agreement=round(share, 4), ratio=round(share / accuracy, 4), by_class=each)
    print(json.dumps(out))


if __name__ == "__main__":
    main()
