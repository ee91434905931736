#!/usr/bin/env python3
"""README's tables of results and a chart, from the files in bench/results.

    clgan bench --out bench/results/2026-11-21-my-device.json     on each device
    bench/targets.sh                                              -> bench/results/targets.json
    bench/report.py [--results bench/results] [--readme README.md] [--check]

Every answer of `clgan bench` there becomes a line of the table between the marks <!-- devices --> and
<!-- /devices --> of the README, the newest of each device, driver and kernel family; targets.json the
one between <!-- targets --> and <!-- /targets -->, and so for each targets-NAME.json (`targets.sh --isa
avx2`, `targets.sh --json bench/results/targets-NAME.json` on another machine).
devices.png beside the results shows each layer's passes of DCGAN against the device's FMA peak.
--check: writes nothing, fails if the README is not up to date. The chart needs matplotlib (Debian:
python3-matplotlib), the tables nothing.
"""
import argparse
import glob
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = ("dcgan", "dcgan32", "cgan-dcgan", "mnist-mlp", "goodfellow-mnist")
PASSES = ("fwd", "bwd_data", "bwd_weight")


def load(folder):
    """The newest answer of each device."""
    newest = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        a = json.load(open(path))
        if isinstance(a, dict) and {"steps", "layers", "products", "date"} <= set(a):
            key = (a["device"], a["platform"], a["driver"], a["kernels"])
            if key not in newest or newest[key]["date"] < a["date"]:
                newest[key] = a
    return sorted(newest.values(), key=lambda a: -a["fma_peak_gflop_per_s"])


def name(a):
    return f"{a['device']} ({a['compute_units']} compute units)"


def step(a, model):
    r = next((s for s in a["steps"] if s["model"] == model and "images_per_s" in s), None)
    return f"{r['images_per_s']:,.0f}" if r else "–"


def device_table(answers):
    lines = ["| device | driver | FMA peak, GFLOP/s | copy, GB/s | best product | images/s: " + " | ".join(
        f"`{m}`" for m in STEPS) + " | date |", "|---" * (6 + len(STEPS)) + "|"]
    for a in answers:
        best = max(p["gflop_per_s"] for p in a["products"])
        cells = [name(a), f"{a['platform']} {a['driver']}, {a['kernels']} kernels", f"{a['fma_peak_gflop_per_s']:.0f}",
                 f"{a['copy_bandwidth_gb_per_s']:.0f}", f"{best:.0f}", *(step(a, m) for m in STEPS), a["date"][:10]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def target_table(t):
    lines = [f"| on {t['device']}, {t['platform']} {t['driver']} | measured (range) | peer at its best |",
             "|---|---|---|"]
    for r in (r for r in t["targets"] if "median" in r and not r["row"].startswith("…")):
        unit = "x" if r["unit"] == "x" else " " + r["unit"]
        lines.append(f"| {r['row']} | {r['median']:.2f}{unit} ({r['min']:.2f} .. {r['max']:.2f}) | {r['peer']} |")
    return "\n".join(lines)


def replace(text, mark, table):
    """Puts a table between its marks; a README without them is left alone."""
    return re.sub(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", lambda m: m[1] + table + "\n" + m[2], text,
                  flags=re.S)


def draw(answers, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    fig, axes = plt.subplots(len(answers), 1, figsize=(9, 3.2 * len(answers)), squeeze=False)
    for ax, a in zip(axes[:, 0], answers):
        layers = list(dict.fromkeys(r["layer"] for r in a["layers"]))
        for i, p in enumerate(PASSES):
            rate = {r["layer"]: r["gflop_per_s"] for r in a["layers"] if r["pass"] == p}
            ax.bar([k + (i - 1) * 0.27 for k in range(len(layers))], [rate.get(l, 0) for l in layers], 0.25, label=p)
        ax.axhline(a["fma_peak_gflop_per_s"], ls="--", color="black", label="FMA peak")
        ax.set_xticks(range(len(layers)), layers)
        ax.set_title(f"{name(a)}, {a['platform']} {a['driver']}", fontsize=10)
        ax.set_ylabel("GFLOP/s, direct count")
        ax.set_ylim(top=1.2 * max(a["fma_peak_gflop_per_s"], *(r["gflop_per_s"] for r in a["layers"])))
        ax.legend(fontsize=8, ncol=4, loc="upper center")
        ax.grid(axis="y", alpha=0.3)
    fig.suptitle("DCGAN-64's convolutions, batch 64")
    fig.tight_layout()
    fig.savefig(path, dpi=90)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--results", default=os.path.join(HERE, "results"))
    p.add_argument("--readme", default=os.path.join(HERE, "..", "README.md"))
    p.add_argument("--check", action="store_true")
    a = p.parse_args()
    old = text = open(a.readme).read()
    answers = load(a.results)
    if answers:
        text = replace(text, "devices", device_table(answers))
    for path in glob.glob(os.path.join(a.results, "targets*.json")):
        mark = os.path.splitext(os.path.basename(path))[0]
        text = replace(text, mark, target_table(json.load(open(path))))
    if a.check:
        sys.exit(0 if text == old else "report.py: README.md is not what the results say, run bench/report.py")
    with open(a.readme, "w") as f:
        f.write(text)
    if answers:
        draw(answers, os.path.join(a.results, "devices.png"))
    print(f"report.py: {len(answers)} devices" + ("" if text == old else f", {os.path.basename(a.readme)} updated"))


if __name__ == "__main__":
    main()
