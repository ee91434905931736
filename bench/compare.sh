#!/usr/bin/env bash
# clgan against PyTorch on this machine, the same work, interleaved.
#
#   bench/compare.sh [--model dcgan] [--batch N] [--size PX]       a training step
#   bench/compare.sh --what sample [--model dcgan] [--count 10000] drawing images
#   bench/compare.sh --what products                               matrix products of the models' sizes
#       [--rounds 5] [--python python3] [--clgan build/clgan] [--threads N] [--peer-device cpu|cuda]
#       [--isa avx2] [--json FILE] [-- options of clgan]
#
# Each round runs, as fresh processes, PyTorch at its settings worth trying (all threads eager;
# channels_last for convolutional models; one thread where the products are small) and clgan, in
# turns of order. The peer's speed in a round is that of its best setting there, its memory that of
# its smallest. Printed: every round, then the median of the per-round ratios with their range, for
# speed and for peak memory. One unmeasured run fills clgan's caches before. --json: the same as a
# file.
#
# --isa avx2: both as on a laptop without AVX-512: kernels of 8 floats a vector, built by pocl for
# Haswell (its caches in a folder of their own, as it does not tell them apart), and oneDNN, ATen and
# MKL held to AVX2.
# --threads: of both (default: all cores of this process's affinity, so `taskset -c 0,1 compare.sh`
# also works). Without options for clgan and without OCL_ICD_VENDORS, pocl is used where installed.
# Needs bash, coreutils and a python3 with torch (Debian: python3-torch, and libopenblas0-pthread,
# without which it multiplies with the slow reference BLAS).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
what=step model=dcgan batch="" size="" rounds=5 python=/usr/bin/python3 clgan=$here/../build/clgan
threads=$(nproc) peer_device=cpu count=10000 json="" isa=""
while [ $# -gt 0 ]; do
    case $1 in
    --) shift; break ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    --what | --model | --batch | --size | --rounds | --python | --clgan | --threads | --peer-device | \
        --count | --json | --isa)
        [ $# -ge 2 ] || { echo "compare.sh: $1 wants a value" >&2; exit 2; } ;;
    *) echo "compare.sh: unknown option $1, see --help" >&2; exit 2 ;;
    esac
    case $1 in
    --what) what=$2 ;;
    --model) model=$2 ;;
    --batch) batch=$2 ;;
    --size) size=$2 ;;
    --rounds) rounds=$2 ;;
    --python) python=$2 ;;
    --clgan) clgan=$2 ;;
    --threads) threads=$2 ;;
    --peer-device) peer_device=$2 ;;
    --count) count=$2 ;;
    --json) json=$2 ;;
    --isa) isa=$2 ;;
    esac
    shift 2
done
. "$here/isa.sh"
case $what-$model in
step-dcgan | step-dcgan32 | step-cgan-dcgan | sample-dcgan | sample-dcgan32) other="--channels-last" ;;
step-mnist-mlp | step-goodfellow-mnist | step-curves | products-*) other="--threads=1" ;;
*) echo "compare.sh: no PyTorch peer for $what of $model" >&2; exit 2 ;;
esac
[ "$peer_device" = cpu ] || [ "$other" = --channels-last ] || other=
[ -x "$clgan" ] || { echo "compare.sh: no program $clgan, give --clgan" >&2; exit 2; }
pocl=/etc/OpenCL/vendors/pocl.icd
if [ $# -eq 0 ] && [ -z "${OCL_ICD_VENDORS:-}" ] && [ -e "$pocl" ]; then
    export OCL_ICD_VENDORS=$pocl
fi
export POCL_MAX_PTHREAD_COUNT=$threads
shape=(${batch:+--batch "$batch"} ${size:+--size "$size"})
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
    local name=$1 work=(--model "$model")
    shift
    case $what in
    sample) work+=(--count "$count") ;;
    products) work=(--cases "$out/warm") ;;
    esac
    run "$name" "$python" "$here/peers/step_torch.py" "$what" "${work[@]}" "${shape[@]}" \
        --device "$peer_device" --threads "$threads" "$@"
}
ours() { # NAME OPTIONS...
    local name=$1 work=(--model "$model")
    shift
    case $what in
    step) work+=(--rounds 3) ;;
    sample) work+=(--count "$count") ;;
    products) work=() ;;
    esac
    run "$name" "$clgan" bench "$what" "${work[@]}" "${shape[@]}" --json "$@"
}
peers() { # ROUND
    peer "peer0.$1"
    [ -z "$other" ] || peer "peer1.$1" "$other"
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
    "$python" "$here/ratios.py" "$out" "$i" "$rounds" "$what" ${json:+"$json"}
done
