#!/usr/bin/env python3
"""What bench/compare.sh prints after each round.

    ratios.py FOLDER NOW ROUNDS step|sample|products [RESULT.json]

FOLDER has clgan.I (an answer of `clgan bench --json`) and peer0.I, peer1.I (step_torch.py at its
settings) of the rounds 1 .. NOW. After the last one the medians of the per-round ratios with their
ranges are printed and written.
"""
import glob
import json
import statistics
import sys


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def text(s, unit="x", digits=2):
    return f"{s['median']:.{digits}f}{unit} ({s['min']:.{digits}f} .. {s['max']:.{digits}f})"


def load(folder, i):
    ours = json.load(open(f"{folder}/clgan.{i}"))
    return ours, [json.load(open(p)) for p in sorted(glob.glob(f"{folder}/peer?.{i}"))]


def setting(r):
    return f"{'channels_last' if r['channels_last'] else 'eager'}, {r['threads']} threads"


def head(what, ours, peer, rounds):
    keys = ("version", "platform", "device", "driver", "model", "batch", "size_px", "count")
    return {"what": what, **{k: ours[k] for k in keys if k in ours}, "torch": peer["torch"], "rounds": rounds}


def of_work(folder, now, rounds, what):
    """Steps or samples: one rate each."""
    pairs = [load(folder, i) for i in range(1, now + 1)]
    best = [max(peers, key=lambda r: r["rate"]) for _, peers in pairs]
    least = [min(p["peak_rss_bytes"] for p in peers) for _, peers in pairs]
    speed = [c["images_per_s"] / b["rate"] for (c, _), b in zip(pairs, best)]
    memory = [c["peak_rss_bytes"] / m for (c, _), m in zip(pairs, least)]
    c, b = pairs[-1][0], best[-1]
    line = (f"round {now}: clgan {c['images_per_s']:.1f} images/s ({c['peak_rss_bytes'] / 1e6:.0f} MB), PyTorch "
            f"{b['torch']} {b['rate']:.1f} images/s ({setting(b)}, {least[-1] / 1e6:.0f} MB): speed "
            f"{speed[-1]:.2f}x, memory {memory[-1]:.2f}x")
    if what == "step":
        line += (f", losses {c['loss_d']:.3f}/{c['loss_g']:.3f} and {b['loss_d']:.3f}/{b['loss_g']:.3f}, first step "
                 f"{c['first_step_s']:.2f} s against {b['first_step_s']:.2f} s")
    print(line, flush=True)
    if now < rounds:
        return None
    result = {**head(what, c, b, rounds), "setting": setting(b), "speed": spread(speed), "memory": spread(memory),
              "clgan_images_per_s": spread([c["images_per_s"] for c, _ in pairs]),
              "torch_images_per_s": spread([b["rate"] for b in best])}
    if what == "step":
        result["clgan_first_step_s"] = spread([c["first_step_s"] for c, _ in pairs])
        result["torch_first_step_s"] = spread([min(p["first_step_s"] for p in peers) for _, peers in pairs])
        result["clgan_gflop_per_s"] = spread([c["gflop_per_s"] for c, _ in pairs])
        result["share_of_fma_peak"] = spread([c["share_of_fma_peak"] for c, _ in pairs])
    size = f" {c['size_px']}px" if c.get("size_px") else ""
    print(f"{what}, {c['model']}{size}{' batch %d' % c['batch'] if 'batch' in c else ''} on {c['device']}: speed "
          f"{text(result['speed'])}, memory {text(result['memory'])}, medians of {rounds} rounds and their range")
    return result


def of_products(folder, now, rounds):
    """Many rates each, by case."""
    ratio, rate = {}, {}
    for i in range(1, now + 1):
        ours, peers = load(folder, i)
        for row in ours["products"]:
            case = row["case"]
            best = max(p["products"][case] for p in peers)
            ratio.setdefault(case, []).append(row["gflop_per_s"] / best)
            rate.setdefault(case, []).append((row["gflop_per_s"], best))
    mean = [statistics.geometric_mean([r[i] for r in ratio.values()]) for i in range(now)]
    print(f"round {now}: {mean[-1]:.2f}x PyTorch's matmul, geometric mean of {len(ratio)} products", flush=True)
    if now < rounds:
        return None
    for case, r in ratio.items():
        print(f"  {text(spread(r))}  clgan {rate[case][-1][0]:.0f}, PyTorch {rate[case][-1][1]:.0f} GFLOP/s  {case}")
    return {**head("products", ours, peers[0], rounds), "gemm": ours["gemm_backend"], "speed": spread(mean),
            "products": [{"case": c, "speed": spread(r), "clgan_gflop_per_s": spread([x for x, _ in rate[c]]),
                          "torch_gflop_per_s": spread([y for _, y in rate[c]])} for c, r in ratio.items()]}


def main():
    folder, now, rounds, what = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    result = of_products(folder, now, rounds) if what == "products" else of_work(folder, now, rounds, what)
    if result and len(sys.argv) > 5:
        with open(sys.argv[5], "w") as f:
            json.dump(result, f, indent=2)
            f.write("\n")


if __name__ == "__main__":
    main()
