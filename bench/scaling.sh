#!/usr/bin/env bash
# How the speed and memory of a DCGAN step follow its size: images/s against batch, image size and
# width f, with one thread and with two.
#
#   bench/scaling.sh [--clgan build/clgan] [--threads "1 2"] [--rounds 3] [--out bench/results]
#                    [--python /usr/bin/python3] [--quick] [-- options of clgan]
#
# Writes scaling.json, scaling.md (a table, and where an efficiency falls under half of its sweep's
# best or memory leaves a straight line) and scaling.png into --out. Efficiency is GFLOP/s on the
# reference count, of the fastest round, so that what else the machine does makes no cliff. --quick:
# small values only, to try the script. About 8 minutes on two quiet cores. Needs python3 with
# matplotlib (Debian: python3-matplotlib).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
clgan=$here/../build/clgan threads="1 2" rounds=3 python=/usr/bin/python3 out=$here/results quick=""
while [ $# -gt 0 ]; do
    case $1 in
    --) shift; break ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    --quick) quick=1; shift; continue ;;
    --clgan | --threads | --rounds | --out | --python)
        [ $# -ge 2 ] || { echo "scaling.sh: $1 wants a value" >&2; exit 2; } ;;
    *) echo "scaling.sh: unknown option $1, see --help" >&2; exit 2 ;;
    esac
    case $1 in
    --clgan) clgan=$2 ;;
    --threads) threads=$2 ;;
    --rounds) rounds=$2 ;;
    --out) out=$2 ;;
    --python) python=$2 ;;
    esac
    shift 2
done
[ -x "$clgan" ] || { echo "scaling.sh: no program $clgan, give --clgan" >&2; exit 2; }
batches="1 2 4 8 16 32 64 128 256 512" sizes="16 32 64 128 256" widths="16 32 64 128 256"
[ -z "$quick" ] || { batches="2 4 8" sizes="16 32" widths="16 32"; }
pocl=/etc/OpenCL/vendors/pocl.icd
if [ $# -eq 0 ] && [ -z "${OCL_ICD_VENDORS:-}" ] && [ -e "$pocl" ]; then
    export OCL_ICD_VENDORS=$pocl
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
# point SWEEP VALUE BATCH SIZE WIDTH OPTIONS...: with each number of threads, into one line of JSON.
point() {
    local sweep=$1 value=$2 batch=$3 size=$4 width=$5 t
    shift 5
    for t in $threads; do
        n=$((n + 1))
        echo "scaling.sh: $sweep $value, $t threads" >&2
        if POCL_MAX_PTHREAD_COUNT=$t "$clgan" bench step --model dcgan --batch "$batch" --size "$size" \
            --set generator.width="$width" --set discriminator.width="$width" --rounds "$rounds" --json \
            "$@" >"$work/answer" 2>"$work/log"; then
            printf '{"sweep": "%s", "value": %s, "threads": %s, "answer": %s}\n' "$sweep" "$value" "$t" \
                "$(cat "$work/answer")" >"$work/point.$(printf %03d "$n")"
        else
            echo "scaling.sh: $sweep $value with $t threads failed:" >&2
            tail -n 2 "$work/log" >&2
        fi
    done
}
# Sizes and widths at batch 16, so that the largest takes seconds.
for b in $batches; do point batch "$b" "$b" 64 64 "$@"; done
for s in $sizes; do point size "$s" 16 "$s" 64 "$@"; done
for f in $widths; do point width "$f" 16 64 "$f" "$@"; done
mkdir -p "$out"
"$python" "$here/scaling_table.py" "$work" "$out"
