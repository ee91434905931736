#!/usr/bin/env python3
"""The table of bench/targets.sh, from the answers of its rows.

    target_table.py FOLDER [RESULT.json]    prints markdown; the same as JSON
    target_table.py --cold FOLDER           FOLDER/cold.1 .. 3 -> FOLDER/cold.json
"""
import json
import os
import statistics
import sys
import time

# row of the table, file, figure in it, must, aim, unit; a ratio x is better when larger, memory and
# seconds when smaller
ROWS = (
    ("DCGAN-64 step, batch 64, against the newest PyTorch", "dcgan-64", "speed", 1.5, 2.0, "x"),
    ("DCGAN-64 step, batch 128, newest", "dcgan-128", "speed", 1.5, 2.0, "x"),
    ("DCGAN-64 step, batch 64, against Debian's PyTorch", "dcgan-64-old", "speed", 4.0, 5.0, "x"),
    ("DCGAN-64 step, batch 128, Debian's", "dcgan-128-old", "speed", 4.0, 5.0, "x"),
    ("DCGAN-32 step, newest", "dcgan32", "speed", 1.5, 2.0, "x"),
    ("conditional DCGAN step, newest", "cgan-dcgan", "speed", 1.5, 2.0, "x"),
    ("`mnist-mlp` step, batch 64, newest", "mnist-mlp", "speed", 3.0, 5.0, "x"),
    ("`goodfellow-mnist` step, batch 100, newest", "goodfellow-mnist", "speed", 1.4, 1.8, "x"),
    ("`curves` step, Debian's", "curves", "speed", 8.0, 15.0, "x"),
    ("builtin GEMM, newest `matmul`, geometric mean", "products", "speed", 0.9, 1.0, "x"),
    ("sampling 10,000 images 64x64, newest", "sample", "speed", 1.6, 2.0, "x"),
    ("start until the first step is enqueued, warm caches", "dcgan-64", "clgan_first_step_s", 0.5, 0.2, " s"),
    ("start until the first step is enqueued, empty caches", "cold", "first_step_s", 15.0, 8.0, " s"),
    ("peak memory of `bench step`, DCGAN-64 batch 64, of the newest PyTorch's", "dcgan-64", "memory", 0.45, 0.35, "x"),
    ("DCGAN-64 step on a GPU, fp32, PyTorch CUDA eager without TF32", "cuda", "speed", 0.7, 1.0, "x"),
)


def smaller_is_better(figure):
    return figure != "speed"


def verdict(value, figure, must, aim):
    reaches = (lambda limit: value <= limit) if smaller_is_better(figure) else (lambda limit: value >= limit)
    return "aim" if reaches(aim) else "must" if reaches(must) else "missed"


def row(title, s, figure, must, aim, unit, peer):
    return {"row": title, "figure": figure, "must": must, "aim": aim, "unit": unit.strip(), **s, "peer": peer,
            "verdict": verdict(s["median"], figure, must, aim)}


def collect(folder):
    rows, answers = [], {}
    for title, name, figure, must, aim, unit in ROWS:
        path = os.path.join(folder, name + ".json")
        if not os.path.exists(path):
            rows.append({"row": title, "figure": figure, "must": must, "aim": aim, "unit": unit.strip(),
                         "verdict": "not measured"})
            continue
        a = answers.setdefault(name, json.load(open(path)))
        peer = f"PyTorch {a['torch'].split('+')[0]}, {a['setting']}" if "setting" in a else ""
        rows.append(row(title, a[figure], figure, must, aim, unit, peer))
        for p in a.get("products", ()):
            keys = dict(w.split("=") for w in p["case"].split()[2:])
            t = "".join(f", {k[1]} transposed" for k in ("ta", "tb") if k in keys)
            rows.append(row(f"… {keys['m']} x {keys['n']} x {keys['k']}{t}", p["speed"], figure, must, aim, unit,
                            f"{p['clgan_gflop_per_s']['median']:.0f} against {p['torch_gflop_per_s']['median']:.0f} "
                            "GFLOP/s"))
    return rows, answers


def limit(r, value):
    return f"{'≤ ' if smaller_is_better(r['figure']) else ''}{value:g}{'' if r['unit'] == 'x' else ' '}{r['unit']}"


def markdown(rows):
    lines = ["| work | measured (range) | must | aim | reached | peer at its best |", "|---|---|---|---|---|---|"]
    for r in rows:
        unit = r["unit"] if r["unit"] == "x" else " " + r["unit"]
        found = f"{r['median']:.2f}{unit} ({r['min']:.2f} .. {r['max']:.2f})" if "median" in r else "–"
        lines.append(f"| {r['row']} | {found} | {limit(r, r['must'])} | {limit(r, r['aim'])} | {r['verdict']} | "
                     f"{r.get('peer', '')} |")
    return "\n".join(lines)


def cold(folder):
    answers = [json.load(open(os.path.join(folder, f"cold.{i}"))) for i in (1, 2, 3)]
    first = [a["first_step_s"] for a in answers]
    head = {k: answers[0][k] for k in ("version", "platform", "device", "driver")}
    result = {**head, "first_step_s": {"median": statistics.median(first), "min": min(first), "max": max(first)}}
    json.dump(result, open(os.path.join(folder, "cold.json"), "w"))


def main():
    if sys.argv[1] == "--cold":
        return cold(sys.argv[2])
    rows, answers = collect(sys.argv[1])
    print(markdown(rows))
    if not answers:
        sys.exit("targets.sh: nothing was measured")
    first = next(iter(answers.values()))
    head = {k: first[k] for k in ("version", "platform", "device", "driver")}
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(f"\nclgan {head['version']} on {head['device']}, {head['platform']} {head['driver']}, {date}")
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w") as f:
            json.dump({"targets": rows, **head, "date": date, "answers": answers}, f, indent=2)
            f.write("\n")


if __name__ == "__main__":
    main()
