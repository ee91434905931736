#!/usr/bin/env bash
# Makes the pictures of README's gallery from real runs, one after another.
#
#   bench/gallery.sh [--clgan build/clgan] [--out bench/results/gallery] [--runs DIR] [--only a,b]
#
# Each row of the table below is: picture, model, options of `clgan train`, and where in the run the
# picture lies ("grid": the last of samples/; a name: that file). Runs stay in --runs (default: a
# folder gallery-runs beside --out); a finished run is not made again, an interrupted one goes on.
# All of it takes two and a half hours on 2 cores. Data: Debian's dataset-fashion-mnist, and MNIST and
# CIFAR-10 where clgan finds them (README, Data).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
clgan=$here/../build/clgan out=$here/results/gallery runs="" only=""
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    --clgan | --out | --runs | --only)
        [ $# -ge 2 ] || { echo "gallery.sh: $1 wants a value" >&2; exit 2; } ;;
    *) echo "gallery.sh: unknown option $1, see --help" >&2; exit 2 ;;
    esac
    case $1 in
    --clgan) clgan=$2 ;;
    --out) out=$2 ;;
    --runs) runs=$2 ;;
    --only) only=$2 ;;
    esac
    shift 2
done
[ -x "$clgan" ] || { echo "gallery.sh: no program $clgan, give --clgan" >&2; exit 2; }
runs=${runs:-$out/../gallery-runs}
mkdir -p "$out" "$runs"

# What keeps the sheet's D from winning at once (clgan models show cgan-mlp).
calm="--set discriminator.init.std=0.005 --set loss.weight_real=0.5 --set loss.weight_fake=0.5"

table() {
    cat <<ROWS
curves               curves               --steps 10000                    grid
gauss1d              gauss1d              --steps 25000                    grid
ring                 ring                 --epochs 50                      grid
grid                 grid                 --epochs 50                      grid
mnist-mlp            mnist-mlp            --data mnist --epochs 20         grid
goodfellow-mnist     goodfellow-mnist     --epochs 160                     grid
dcgan-32             dcgan                --size 32 --epochs 1             grid
dcgan32-cifar10      dcgan32              --steps 12000                    grid
cgan-dcgan           cgan-dcgan           --epochs 2                       grid
cgan-dcgan-two-head  cgan-dcgan-two-head  --epochs 2                       grid
cgan-mlp             cgan-mlp             --epochs 20 $calm                grid
autoencoder          autoencoder          --size 32 --epochs 1             grid
loss                 dcgan                --size 32 --epochs 1             plots/loss.png
weights              dcgan                --size 32 --epochs 1             plots/weights.png
ROWS
}

make_run() { # make_run FOLDER MODEL OPTION...
    local run=$1 model=$2
    shift 2
    if [ -e "$run/done" ]; then
        return 0
    elif ls "$run"/checkpoints/*.safetensors >/dev/null 2>&1; then
        "$clgan" train --resume "$run" || return
    else
        rm -rf "$run"
        "$clgan" train --model "$model" "$@" --out "$run" || return
    fi
    touch "$run/done"
}

failed=0
while read -r picture model rest; do
    case ",$only," in ,, | *",$picture,"*) ;; *) continue ;; esac
    where=${rest##* }
    options=${rest% *}
    # Rows with equal model and options share a run.
    run=$runs/$model$(printf %s "$options" | tr -c 'a-z0-9\n' '-' | tr -s '-' | sed 's/-$//')
    echo "== $picture: clgan train --model $model $options" | tr -s ' '
    # shellcheck disable=SC2086 # options are words
    if ! make_run "$run" "$model" $options; then
        echo "gallery.sh: $picture was not made" >&2
        failed=1
        continue
    fi
    if [ "$where" = grid ]; then
        file=$(ls "$run"/samples/*.png | tail -1)
    else
        file=$run/$where
    fi
    cp "$file" "$out/$picture.png"
done < <(table)
exit $failed
