#!/usr/bin/env python3
"""Frechet distance between sampled images and the test images of a data set, on the 64 first
principal components of the test images' pixels (no downloaded network, so anybody gets the same
number from the same files).

    frechet.py SAMPLES.npy [OTHER.npy] TESTDATA      e.g. ours.npy peer.npy /usr/share/datasets/fashion-mnist

SAMPLES: float32 [N,H,W,C] in [-1,1] (clgan sample --count 10000 --out x.npy; train_torch.py).
TESTDATA: IDX folder or CIFAR-10 batches; its test images are resized to the samples' size.
Prints each distance, that of as many training images for scale (what a perfect model would get),
and for two files the ratio first / second. --limit R: exit code 1 if the ratio is above R.
"""
import argparse

import numpy as np

import images

COMPONENTS = 64


def to_rows(a):
    return a.reshape(len(a), -1).astype(np.float32)


def fit(rows):
    """Mean and first principal components [pixels, 64] of the test images; by subspace iteration
    (Halko, Martinsson, Tropp 2011, algorithm 4.4), which needs no pixels x pixels matrix."""
    mean = rows.mean(0)
    centred = rows - mean
    basis = np.random.default_rng(0).normal(size=(rows.shape[1], 2 * COMPONENTS)).astype(np.float32)
    for _ in range(15):
        basis = np.linalg.qr(centred.T @ (centred @ basis))[0]
    values, vectors = np.linalg.eigh(np.cov((centred @ basis).astype(np.float64), rowvar=False))
    kept = basis @ vectors[:, ::-1][:, :COMPONENTS].astype(np.float32)
    return mean, kept, values[::-1][:COMPONENTS].sum() / (centred ** 2).sum() * (len(rows) - 1)


def root(m):
    values, vectors = np.linalg.eigh(m)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def distance(x, y):
    """||mx - my||^2 + tr(Cx + Cy - 2 (Cx Cy)^(1/2)) of two sets of rows."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    cx, cy = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    half = root(cx)
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(half @ cy @ half), 0, None)).sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cx) + np.trace(cy) - 2 * cross)


p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("samples", nargs="+")
p.add_argument("testdata")
p.add_argument("--limit", type=float)
a = p.parse_args()
if len(a.samples) > 2:
    p.error("one or two files of samples")
sets = [np.load(f) for f in a.samples]
shape = sets[0].shape[1:]
for name, s in zip(a.samples, sets):
    if s.ndim != 4 or s.shape[1:] != shape or shape[0] != shape[1]:
        raise SystemExit(f"{name}: shape {s.shape}, wants [N,{shape[0]},{shape[0]},C] in every file")
    if not np.isfinite(s).all() or np.abs(s).max() > 1.001:
        raise SystemExit(f"{name}: values outside [-1,1]")
most = max(len(s) for s in sets)


def read(test, n=None):
    all_images = images.read_split(a.testdata, test)[:n]
    if all_images.shape[3] != shape[2]:
        raise SystemExit(f"{a.testdata}: {all_images.shape[3]} channels, the samples have {shape[2]}")
    return to_rows(images.resize(all_images, shape[0])) * np.float32(2 / 255) - 1


test = read(True)
mean, kept, share = fit(test)
reference = (test - mean) @ kept
print(f"{len(test)} test images of {shape[0]}x{shape[1]}x{shape[2]}, {COMPONENTS} components hold "
      f"{100 * share:.1f} % of the variance")
print(f"{distance((read(False, most) - mean) @ kept, reference):10.4f}  training images")
found = [distance((to_rows(s) - mean) @ kept, reference) for s in sets]
for name, s, d in zip(a.samples, sets, found):
    print(f"{d:10.4f}  {name} ({len(s)} samples)")
if len(found) == 2:
    print(f"{found[0] / found[1]:10.4f}  ratio")
    if a.limit and not found[0] <= a.limit * found[1]:
        raise SystemExit(1)
