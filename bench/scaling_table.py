#!/usr/bin/env python3
"""Table and chart of bench/scaling.sh.

    scaling_table.py POINTS OUT    POINTS/point.* -> OUT/scaling.json, scaling.md, scaling.png

Violations that it reports: an efficiency (GFLOP/s on the reference count, which also counts what
padding needs) under half of the best of its sweep with as many threads; device memory that leaves
the straight line through a sweep over batches by more than a tenth.
"""
import glob
import json
import os
import sys
import time

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator, ScalarFormatter

TITLES = {"batch": "batch (64x64, f = 64)", "size": "image side in pixels (batch 16, f = 64)",
          "width": "width f (64x64, batch 16)"}


def read(folder):
    points = []
    for path in sorted(glob.glob(os.path.join(folder, "point.*"))):
        p = json.load(open(path))
        a = p.pop("answer")
        faster = a["step_ms"] / a["step_min_ms"]  # of the fastest round, not of the median one
        points.append({**p, **{k: a[k] * faster for k in ("images_per_s", "gflop_per_s")},
                       **{k: a[k] for k in ("step_ms", "step_min_ms", "step_max_ms", "device_bytes",
                                            "peak_rss_bytes", "fma_peak_gflop_per_s")}})
        head = {k: a[k] for k in ("version", "platform", "device", "driver")}
    if not points:
        sys.exit("scaling.sh: nothing was measured")
    return head, points


def rows_of(points, sweep, threads):
    return [p for p in points if p["sweep"] == sweep and p["threads"] == threads]


def line_through(rows):
    """Least squares on relative errors, so that the small ones count as much. -> offset, slope"""
    w = [1.0 / r["device_bytes"] ** 2 for r in rows]
    x, y = [r["value"] for r in rows], [r["device_bytes"] for r in rows]
    s = sum(w)
    mx, my = sum(a * b for a, b in zip(w, x)) / s, sum(a * b for a, b in zip(w, y)) / s
    slope = (sum(a * (b - mx) * (c - my) for a, b, c in zip(w, x, y)) /
             sum(a * (b - mx) ** 2 for a, b in zip(w, x)))
    return my - slope * mx, slope


def judge(points, threads):
    found = []
    for sweep in TITLES:
        for t in threads:
            rows = rows_of(points, sweep, t)
            best = max((r["gflop_per_s"] for r in rows), default=0.0)
            for r in rows:
                r["efficiency"] = r["gflop_per_s"] / best
                if r["efficiency"] < 0.5:
                    found.append(f"{sweep} {r['value']}, {t} threads: {r['gflop_per_s']:.0f} GFLOP/s is "
                                 f"{r['efficiency']:.2f} of the sweep's best")
    rows = rows_of(points, "batch", threads[-1])
    if len(rows) > 2:
        offset, slope = line_through(rows)
        for r in rows:
            off = r["device_bytes"] / (offset + slope * r["value"]) - 1
            if abs(off) > 0.1:
                found.append(f"batch {r['value']}: device memory is {100 * off:+.0f} % off the line "
                             f"{offset / 1e6:.0f} MB + {slope / 1e6:.2f} MB per image")
    return found


def markdown(head, date, points, threads, found):
    lines = ["# Speed and memory against batch, image size and width", "",
             f"DCGAN step by `bench/scaling.sh`, clgan {head['version']} on {head['device']}, {head['platform']} "
             f"{head['driver']}, {date}. Rates are of each point's "
             "fastest round; efficiency is GFLOP/s on the reference count over the best of its column.",
             "", "![chart](scaling.png)"]
    for sweep, title in TITLES.items():
        cols = [f"images/s, {t} thread{'s' if t > 1 else ''} | GFLOP/s | efficiency" for t in threads]
        lines += ["", f"| {title} | {' | '.join(cols)} | speed-up | device memory, MB |",
                  "|---" * (3 + 3 * len(threads)) + "|"]
        for value in sorted({p["value"] for p in points if p["sweep"] == sweep}):
            by = {p["threads"]: p for p in points if p["sweep"] == sweep and p["value"] == value}
            cells = [f"{by[t]['images_per_s']:.1f} | {by[t]['gflop_per_s']:.0f} | {by[t]['efficiency']:.2f}"
                     if t in by else "– | – | –" for t in threads]
            first, last = by.get(threads[0]), by.get(threads[-1])
            up = f"{last['images_per_s'] / first['images_per_s']:.2f}" if first and last else "–"
            lines.append(f"| {value} | {' | '.join(cells)} | {up} | "
                         f"{(last or first)['device_bytes'] / 1e6:.0f} |")
    lines += ["", "## Under half of the best, or off the line", ""]
    return "\n".join(lines + ([f"- {f}" for f in found] or ["Nothing."])) + "\n"


def draw(points, threads, path):
    fig, axes = plt.subplots(3, len(TITLES), figsize=(13, 9), squeeze=False)
    for i, (sweep, title) in enumerate(TITLES.items()):
        values = sorted({p["value"] for p in points if p["sweep"] == sweep})
        for row, (key, scale, name) in enumerate((
                ("gflop_per_s", 1.0, "GFLOP/s, reference count\n(dotted: half of the best)"),
                ("images_per_s", 1.0, "images/s"), ("device_bytes", 1e-6, "device memory, MB"))):
            ax = axes[row][i]
            for t in threads if key != "device_bytes" else threads[-1:]:
                rows = rows_of(points, sweep, t)
                label = f"{t} thread{'s' if t > 1 else ''}"
                line, = ax.plot([r["value"] for r in rows], [r[key] * scale for r in rows], "o-", label=label)
                if row == 0 and rows:
                    ax.axhline(max(r[key] for r in rows) / 2, ls=":", color=line.get_color())
            ax.set_xscale("log", base=2)
            ax.xaxis.set_major_locator(FixedLocator(values))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter(ScalarFormatter())
            ax.set_yscale("log" if row else "linear")
            ax.grid(alpha=0.3)
            if row == 0:
                ax.set_ylim(bottom=0)
                ax.set_title(title)
                ax.legend()
            else:
                ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
                ax.yaxis.set_minor_locator(NullLocator())
            if i == 0:
                ax.set_ylabel(name)
    fig.tight_layout()
    fig.savefig(path, dpi=90)


def main():
    head, points = read(sys.argv[1])
    threads = sorted({p["threads"] for p in points})
    found = judge(points, threads)
    date = time.strftime("%Y-%m-%d", time.gmtime())
    out = sys.argv[2]
    with open(os.path.join(out, "scaling.json"), "w") as f:
        json.dump({"scaling": points, **head, "date": date, "violations": found}, f, indent=1)
        f.write("\n")
    text = markdown(head, date, points, threads, found)
    with open(os.path.join(out, "scaling.md"), "w") as f:
        f.write(text)
    draw(points, threads, os.path.join(out, "scaling.png"))
    print(text)


if __name__ == "__main__":
    main()
