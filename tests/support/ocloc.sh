#!/usr/bin/env bash
# Builds every program that a self-test of the GPU family runs for Intel GPUs that are not here, with
# Intel's offline compiler (Debian's intel-opencl-icd; Intel's sub-groups in place of the portable
# ones). Prints what the compiler refuses, and what it spills: bytes, kernel, lanes, options. "retry":
# given up and compiled again with its arrays in memory.
#     tests/support/ocloc.sh build/clgan [DEVICE...]       default: skl tgllp dg2 pvc
# Fails when one does not build. Sub-groups of 16 are pvc's, of 8 the others'; items of 8x8 sums are
# other makers'.
set -uo pipefail
clgan=$1
shift
[ $# -gt 0 ] || set -- skl tgllp dg2 pvc
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
for lanes in off 8 16; do
    CLGAN_SUBGROUPS=$lanes CLGAN_KERNELS=gpu CLGAN_KEEP_SOURCES=$dir XDG_CACHE_HOME=$dir/cache \
        "$clgan" selftest >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
done
echo "$(find "$dir" -maxdepth 1 -name '*.cl' | wc -l) programs"
sed -i '1s/ -DSUB_PORTABLE//' "$dir"/*.cl
for file in $(grep -l -- '-DSUB_LANES=8' "$dir"/*.cl); do # the same tiles without sub-groups
    sed '1s/ -DSUB_LANES=8//' "$file" >"${file%.cl}-plain.cl"
done

build() { # build DEVICE SOURCE
    local out options spill kernel
    options=$(head -n 1 "$2" | cut -c 11-)
    case "$1$options" in pvc*LANES=8* | [!p]*LANES=16* | *RM=8\ -DRN=8*) return 0 ;; esac
    out=$(mktemp -d -p "$(dirname "$2")") || return 1
    if ! IGC_ShaderDumpEnable=1 IGC_DumpToCustomDir=$out ocloc compile -q -file "$2" -device "$1" \
        -options "$options" -out_dir "$out" -output program >"$out/log" 2>&1; then
        echo "FAILED $1 $(basename "$2") $options"
        cat "$out/log"
        return 1
    fi
    for asm in "$out"/*.asm; do
        spill=$(awk '/^\/\/\.spill size/ { print $3 }' "$asm")
        kernel=$(awk '/^\/\/\.kernel/ { print $2 }' "$asm")
        case $asm in *_1_simd*) kernel="$kernel retry" ;; esac
        [ -z "$spill" ] || echo "$1 spill $spill $kernel $(grep -oE 'simd[0-9]+' <<<"$asm") $options"
    done
    rm -rf "$out"
}
export -f build
for device in "$@"; do
    find "$dir" -maxdepth 1 -name '*.cl' -print0 |
        xargs -0 -P "$(nproc)" -I{} bash -c "build $device {} || exit 255" || exit 1
done
echo "all of them build for: $*"
