#!/usr/bin/env bash
# clgan against PyTorch on this machine, the same training step, interleaved A-B-A-B.
#
#   bench/compare.sh [--model dcgan] [--batch 64] [--size 64] [--rounds 5] [--python python3]
#                    [--clgan build/clgan] [-- more options for clgan]
#
# Each round runs PyTorch eager on all cores, PyTorch's other good setting (channels_last for
# convolutional models, one thread for the MLP) and clgan as fresh processes; the peer's figure of a
# round is its better setting. Prints every round, then the median
# of the per-round ratios with its range, for speed and for peak memory.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
model=dcgan batch=64 size=64 rounds=5 python=/usr/bin/python3 clgan=$here/../build/clgan
while [ $# -gt 0 ]; do
    case $1 in
    --model) model=$2 ;;
    --batch) batch=$2 ;;
    --size) size=$2 ;;
    --rounds) rounds=$2 ;;
    --python) python=$2 ;;
    --clgan) clgan=$2 ;;
    --) shift; break ;;
    *) echo "compare.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
[ "$model" = mnist-mlp ] && size=28
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
peer() { (cd "$here/peers" && "$python" step_torch.py --model "$model" --batch "$batch" --size "$size" "$@"); }
ours() { "$clgan" bench step --model "$model" --batch "$batch" --size "$size" --rounds 3 --json "$@"; }
ours "$@" >/dev/null 2>&1 # fills the caches
for i in $(seq "$rounds"); do
    peer --threads "$(nproc)" >"$out/eager.$i"
    if [ "$model" = mnist-mlp ]; then
        peer --threads 1 >"$out/single.$i"
    else
        peer --threads "$(nproc)" --channels-last >"$out/last.$i"
    fi
    ours "$@" >"$out/clgan.$i" 2>/dev/null
done
"$python" - "$out" "$rounds" <<'PY'
import json, os, statistics, sys
out, rounds = sys.argv[1], int(sys.argv[2])
speed, memory = [], []
for i in range(1, rounds + 1):
    peers = [json.load(open(f"{out}/{n}.{i}")) for n in ("eager", "last", "single") if os.path.exists(f"{out}/{n}.{i}")]
    best = max(peers, key=lambda r: r["images_per_s"])
    c = json.load(open(f"{out}/clgan.{i}"))
    speed.append(c["images_per_s"] / best["images_per_s"])
    memory.append(c["peak_rss_bytes"] / min(p["peak_rss_bytes"] for p in peers))
    print(f"round {i}: clgan {c['images_per_s']:.1f} images/s ({c['gflop_per_s']:.0f} GFLOP/s, "
          f"loss {c['loss_d']:.3f}/{c['loss_g']:.3f}), PyTorch {best['torch']} "
          f"{best['images_per_s']:.1f} images/s ({'channels_last' if best['channels_last'] else 'eager'}, "
          f"{best['threads']} threads, loss {best['loss_d']:.3f}/{best['loss_g']:.3f}): {speed[-1]:.2f}x, "
          f"memory {memory[-1]:.2f}x, first step {c['first_step_s']:.2f} s against {best['first_step_s']:.2f} s")
print(f"{c['model']} {c['size_px']}px batch {c['batch']} on {c['device']}: speed {statistics.median(speed):.2f}x "
      f"({min(speed):.2f} .. {max(speed):.2f}), memory {statistics.median(memory):.2f}x "
      f"({min(memory):.2f} .. {max(memory):.2f}), {rounds} rounds")
PY
