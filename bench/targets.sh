#!/usr/bin/env bash
# The table of targets against PyTorch, measured: one row per target with the median of the per-round
# ratios, their range, and what must and what should be reached.
#
#   bench/targets.sh [--python PY] [--old-python /usr/bin/python3] [--rounds 5] [--only ROW,ROW...]
#                    [--clgan build/clgan] [--threads N] [--keep FOLDER] [--json bench/results/targets.json]
#                    [--cuda-python PY] [--isa avx2]
#
# --python has the newest PyTorch, --old-python Debian's 1.13; a row whose PyTorch is missing is left
# out. Rows: dcgan-64 dcgan-128 dcgan-64-old dcgan-128-old dcgan32 cgan-dcgan mnist-mlp
# goodfellow-mnist curves products sample cold cuda; dcgan-64 also gives the rows of the start with
# warm caches and of memory. Each is bench/compare.sh (fresh processes, interleaved), but cold: three
# starts of clgan with empty caches. --cuda-python: a PyTorch with CUDA, for the row of the GPU.
# --isa avx2: as on a laptop without AVX-512 (see compare.sh); to bench/results/targets-avx2.json.
# --keep: the rows' own answers stay in FOLDER, and rows that are there already are not measured
# again. The table goes to standard output as markdown, progress to standard error.
# All rows take about 40 minutes on two quiet cores.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=python3 old_python=/usr/bin/python3 cuda_python="" rounds=5 only="" clgan=$here/../build/clgan
threads=$(nproc) keep="" json="" isa=""
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    --python | --old-python | --cuda-python | --rounds | --only | --clgan | --threads | --keep | --json | \
        --isa)
        [ $# -ge 2 ] || { echo "targets.sh: $1 wants a value" >&2; exit 2; } ;;
    *) echo "targets.sh: unknown option $1, see --help" >&2; exit 2 ;;
    esac
    case $1 in
    --python) python=$2 ;;
    --old-python) old_python=$2 ;;
    --cuda-python) cuda_python=$2 ;;
    --rounds) rounds=$2 ;;
    --only) only=$2 ;;
    --clgan) clgan=$2 ;;
    --threads) threads=$2 ;;
    --keep) keep=$2 ;;
    --json) json=$2 ;;
    --isa) isa=$2 ;;
    esac
    shift 2
done
json=${json:-$here/results/targets${isa:+-$isa}.json}
. "$here/isa.sh"
work=${keep:-$(mktemp -d)}
mkdir -p "$work"
[ -n "$keep" ] || trap 'rm -rf "$work"' EXIT
wanted() { # ROW: asked for and not there yet
    case ,$only, in
    ,, | *,"$1",*) [ ! -e "$work/$1.json" ] ;;
    *) return 1 ;;
    esac
}
has_torch() { command -v "$1" >/dev/null 2>&1 && "$1" -c 'import torch' 2>/dev/null; }

# row NAME PYTHON OPTIONS...: one comparison.
row() {
    local name=$1 py=$2
    shift 2
    wanted "$name" || return 0
    if ! has_torch "$py"; then
        echo "targets.sh: $name is left out: no PyTorch in $py" >&2
        return 0
    fi
    echo "targets.sh: $name" >&2
    bash "$here/compare.sh" --python "$py" --rounds "$rounds" --clgan "$clgan" --threads "$threads" \
        --json "$work/$name.json" "$@" >&2
}
# Starts with empty caches: of clgan's programs and records, and of the driver's kernels.
cold() {
    local i fresh pocl=/etc/OpenCL/vendors/pocl.icd
    wanted cold || return 0
    echo "targets.sh: cold" >&2
    if [ -z "${OCL_ICD_VENDORS:-}" ] && [ -e "$pocl" ]; then
        export OCL_ICD_VENDORS=$pocl
    fi
    for i in 1 2 3; do
        fresh=$(mktemp -d)
        mkdir "$fresh/pocl"
        XDG_CACHE_HOME=$fresh POCL_CACHE_DIR=$fresh/pocl POCL_MAX_PTHREAD_COUNT=$threads CUDA_CACHE_PATH=$fresh/cuda \
            MESA_SHADER_CACHE_DIR=$fresh/mesa "$clgan" bench step --rounds 1 --json >"$work/cold.$i"
        rm -rf "$fresh"
    done
    "$old_python" "$here/target_table.py" --cold "$work"
}
row dcgan-64 "$python" --model dcgan --batch 64
row dcgan-128 "$python" --model dcgan --batch 128
row dcgan-64-old "$old_python" --model dcgan --batch 64
row dcgan-128-old "$old_python" --model dcgan --batch 128
row dcgan32 "$python" --model dcgan32
row cgan-dcgan "$python" --model cgan-dcgan
row mnist-mlp "$python" --model mnist-mlp --batch 64
row goodfellow-mnist "$python" --model goodfellow-mnist --batch 100
row curves "$old_python" --model curves
row products "$python" --what products -- --set runtime.gemm=builtin
row sample "$python" --what sample --count 10000
cold
[ -z "$cuda_python" ] || row cuda "$cuda_python" --model dcgan --batch 64 --peer-device cuda -- --device gpu
"$old_python" "$here/target_table.py" "$work" "$json"
