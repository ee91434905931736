#!/usr/bin/env bash
# clgan against PyTorch on this machine, the same training step, interleaved.
#
#   bench/compare.sh [--model dcgan] [--batch 64] [--size PX] [--rounds 5] [--python python3]
#                    [--clgan build/clgan] [--threads N] [--peer-device cpu|cuda] [-- options of clgan]
#
# Each round runs, as fresh processes, PyTorch at its settings worth trying (all threads eager;
# channels_last for convolutional models; one thread for the MLP, whose products are small) and
# clgan, in turns of order. The peer's speed in a round is that of its best setting there, its
# memory that of its smallest. Printed: every round, then the median of the per-round ratios with
# their range, for speed and for peak memory. One unmeasured run fills clgan's caches before.
#
# --threads: of both (default: all cores of this process's affinity, so `taskset -c 0,1 compare.sh`
# also works). Without options for clgan and without OCL_ICD_VENDORS, pocl is used where installed.
# Needs bash, coreutils and a python3 with torch (Debian: python3-torch, and libopenblas0-pthread,
# without which it multiplies with the slow reference BLAS).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
model=dcgan batch=64 size="" rounds=5 python=/usr/bin/python3 clgan=$here/../build/clgan
threads=$(nproc) peer_device=cpu
while [ $# -gt 0 ]; do
    case $1 in
    --) shift; break ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    --model | --batch | --size | --rounds | --python | --clgan | --threads | --peer-device)
        [ $# -ge 2 ] || { echo "compare.sh: $1 wants a value" >&2; exit 2; } ;;
    *) echo "compare.sh: unknown option $1, see --help" >&2; exit 2 ;;
    esac
    case $1 in
    --model) model=$2 ;;
    --batch) batch=$2 ;;
    --size) size=$2 ;;
    --rounds) rounds=$2 ;;
    --python) python=$2 ;;
    --clgan) clgan=$2 ;;
    --threads) threads=$2 ;;
    --peer-device) peer_device=$2 ;;
    esac
    shift 2
done
case $model in
dcgan) size=${size:-64} others="--channels-last" ;;
mnist-mlp) size=${size:-28} others="--threads=1" ;;
*) echo "compare.sh: no PyTorch peer for model $model" >&2; exit 2 ;;
esac
[ "$peer_device" = cpu ] || [ "$model" = dcgan ] || others=
[ -x "$clgan" ] || { echo "compare.sh: no program $clgan, give --clgan" >&2; exit 2; }
pocl=/etc/OpenCL/vendors/pocl.icd
if [ $# -eq 0 ] && [ -z "${OCL_ICD_VENDORS:-}" ] && [ -e "$pocl" ]; then
    export OCL_ICD_VENDORS=$pocl
fi
export POCL_MAX_PTHREAD_COUNT=$threads
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# run NAME COMMAND...: standard output to NAME, what went wrong to the terminal.
run() {
    local name=$1
    shift
    if ! "$@" >"$out/$name" 2>"$out/log"; then
        echo "compare.sh: failed: $*" >&2
        tail -n 5 "$out/log" >&2
        exit 1
    fi
}
peer() { # NAME OPTIONS...
    local name=$1
    shift
    run "$name" "$python" "$here/peers/step_torch.py" --model "$model" --batch "$batch" \
        --size "$size" --device "$peer_device" --threads "$threads" "$@"
}
ours() { # NAME OPTIONS...
    local name=$1
    shift
    run "$name" "$clgan" bench step --model "$model" --batch "$batch" --size "$size" --rounds 3 \
        --json "$@"
}
peers() { # ROUND
    peer "eager.$1"
    # shellcheck disable=SC2086
    [ -z "$others" ] || peer "other.$1" $others
}
ours warm "$@"
for i in $(seq "$rounds"); do
    if [ $((i % 2)) -eq 1 ]; then
        peers "$i"
        ours "clgan.$i" "$@"
    else
        ours "clgan.$i" "$@"
        peers "$i"
    fi
    "$python" - "$out" "$i" "$rounds" <<'PY'
import json, os, statistics, sys

out, now, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
speed, memory = [], []
for i in range(1, now + 1):
    peers = [json.load(open(f"{out}/{n}.{i}")) for n in ("eager", "other") if os.path.exists(f"{out}/{n}.{i}")]
    c = json.load(open(f"{out}/clgan.{i}"))
    best = max(peers, key=lambda r: r["images_per_s"])
    speed.append(c["images_per_s"] / best["images_per_s"])
    memory.append(c["peak_rss_bytes"] / min(p["peak_rss_bytes"] for p in peers))
print(f"round {now}: clgan {c['images_per_s']:.1f} images/s ({c['gflop_per_s']:.0f} GFLOP/s, "
      f"{c['peak_rss_bytes'] / 1e6:.0f} MB, loss {c['loss_d']:.3f}/{c['loss_g']:.3f}), "
      f"PyTorch {best['torch']} {best['images_per_s']:.1f} images/s "
      f"({'channels_last' if best['channels_last'] else 'eager'}, {best['threads']} threads, "
      f"{min(p['peak_rss_bytes'] for p in peers) / 1e6:.0f} MB, "
      f"loss {best['loss_d']:.3f}/{best['loss_g']:.3f}): speed {speed[-1]:.2f}x, "
      f"memory {memory[-1]:.2f}x, first step {c['first_step_s']:.2f} s against {best['first_step_s']:.2f} s")
if now == rounds:
    print(f"{c['model']} {c['size_px']}px batch {c['batch']} on {c['device']}: "
          f"speed {statistics.median(speed):.2f}x ({min(speed):.2f} .. {max(speed):.2f}), "
          f"memory {statistics.median(memory):.2f}x ({min(memory):.2f} .. {max(memory):.2f}), "
          f"medians of {rounds} rounds and their range")
PY
done
