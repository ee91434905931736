#!/usr/bin/env python3
"""Times one piece of work in PyTorch, as `clgan bench` does, and prints one JSON line.

    step_torch.py step   [--model dcgan] [--batch 64] [--size 64]     a training step on random images
    step_torch.py sample [--model dcgan] [--count 10000] [--size 64]  drawing images in inference mode
    step_torch.py products --cases ANSWER.json                        matrix products
    [--rounds 3] [--threads 2] [--channels-last] [--device cuda] [--frozen-d]

rate is in images/s. Two runs warm up; short ones are timed in packs
(0.2 s, products 5 ms), and the device is waited for once per round. first_step_s runs from before
the import of torch until the first step is done. peak_rss_bytes is taken before the result is
printed and contains everything that the process ever held. --frozen-d: D's weights take no gradient
in G's step, which the well-known example computes and throws away.
"""
import argparse
import json
import resource
import time

START = time.time()
import torch

import steps

SAMPLE_CHUNKS = (64, 256)


def median_of(run, rounds, pack_s, wait):
    """Seconds of one run."""
    for _ in range(2):
        run()
    wait()
    t = time.perf_counter()
    run()
    wait()
    once = time.perf_counter() - t
    count = 1 if once > pack_s else int(pack_s / once) + 1
    times = []
    for _ in range(rounds):
        t = time.perf_counter()
        for _ in range(count):
            run()
        wait()
        times.append((time.perf_counter() - t) / count)
    return sorted(times)[len(times) // 2]


def time_step(a, wait):
    step, _ = steps.make(a.model, a.batch, a.size, a.device, a.channels_last, a.frozen_d)
    step()
    wait()
    first, last = time.time() - START, []

    def run():
        last[:] = step()
    seconds = median_of(run, a.rounds, 0.2, wait)
    return {"rate": a.batch / seconds, "step_ms": seconds * 1e3, "first_step_s": first,
            "loss_d": float(last[0]), "loss_g": float(last[1])}


def time_sample(a, wait):
    """The best of some chunk sizes on a short run, then all images with it; each chunk comes to the
    host, as clgan's does."""
    _, g = steps.make(a.model, 2, a.size, a.device, a.channels_last)
    g.eval()

    @torch.inference_mode()
    def draw(count, chunk):
        for first in range(0, count, chunk):
            g(torch.randn(min(chunk, count - first), 100, device=a.device)).cpu()

    def rate(chunk):
        t = time.perf_counter()
        draw(2 * max(SAMPLE_CHUNKS), chunk)
        return time.perf_counter() - t
    draw(2 * max(SAMPLE_CHUNKS), SAMPLE_CHUNKS[0])
    chunk = min(SAMPLE_CHUNKS, key=rate)
    t = time.perf_counter()
    draw(a.count, chunk)
    return {"rate": a.count / (time.perf_counter() - t), "chunk": chunk}


def time_products(a, wait):
    """C = A B of each case in an answer of `clgan bench products`, into a tensor that is there; A and
    B as they lie, as clgan takes them. -> GFLOP/s by case"""
    rates = {}
    for line in (row["case"] for row in json.load(open(a.cases))["products"]):
        keys = {"ta": 0, "tb": 0, **{k: int(v) for k, v in (w.split("=") for w in line.split()[2:])}}
        m, n, k = keys["m"], keys["n"], keys["k"]
        x = torch.randn((k, m), device=a.device).t() if keys["ta"] else torch.randn(m, k, device=a.device)
        y = torch.randn((n, k), device=a.device).t() if keys["tb"] else torch.randn(k, n, device=a.device)
        c = torch.empty(m, n, device=a.device)
        with torch.inference_mode():
            seconds = median_of(lambda: torch.matmul(x, y, out=c), 5, 0.005, wait)
        rates[line] = 2e-9 * m * n * k / seconds
    return {"products": rates}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("step", "sample", "products"))
    p.add_argument("--model", default="dcgan", choices=sorted(steps.DEFAULT_SIZE))
    for name, value in (("batch", 0), ("size", 0), ("rounds", 3), ("threads", 0), ("count", 10000)):
        p.add_argument("--" + name, type=int, default=value)
    p.add_argument("--device", default="cpu")
    p.add_argument("--cases")
    for name in ("channels-last", "frozen-d"):
        p.add_argument("--" + name, action="store_true")
    a = p.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    a.batch, a.size = a.batch or steps.DEFAULT_BATCH.get(a.model, 64), a.size or steps.DEFAULT_SIZE[a.model]
    result = {"step": time_step, "sample": time_sample, "products": time_products}[a.what](
        a, torch.cuda.synchronize if a.device != "cpu" else lambda: None)
    print(json.dumps({
        "torch": torch.__version__, "threads": torch.get_num_threads(), "model": a.model, "batch": a.batch,
        "size_px": a.size, "channels_last": a.channels_last, **result,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
