#!/usr/bin/env bash
# Builds everything and runs all tests: the suite on pocl and rusticl, the kernels of both families
# on pocl, rusticl and (a reduced list) under oclgrind, the suite under ASan and UBSan on pocl alone,
# the lint tests. Fails if fewer tests, kernels or devices ran than tests/minimum.txt says.
#
#   bash tests/run.sh            needs the packages of README's second line
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
start=$SECONDS
say() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - start)); }
minimum() { awk -v k="$1" '$1 == k { print $2 }' tests/minimum.txt; }
need() { # need NAME REACHED
    local least
    least=$(minimum "$1")
    echo "$1: $2 (at least $least)"
    [ "$2" -ge "$least" ] || { echo "FAILED: only $2 $1, tests/minimum.txt wants $least"; exit 1; }
}
# One cache of compiled kernels for all parts.
export XDG_CACHE_HOME=$root/build/test-cache
pocl=(env OCL_ICD_VENDORS=/etc/OpenCL/vendors/pocl.icd)
rusticl=(env OCL_ICD_VENDORS=/etc/OpenCL/vendors/rusticl.icd RUSTICL_ENABLE=llvmpipe)

say "build"
cmake -B build -G Ninja
cmake --build build
mkdir -p "$XDG_CACHE_HOME" build/results

say "tests on pocl and rusticl, lint"
ctest --test-dir build --output-on-failure -j "$(nproc)" --output-log build/results/ctest.log ||
    { echo "FAILED: tests"; exit 1; }
tests=$(grep -oP '\d+(?= tests failed out of)|(?<=out of )\d+' build/results/ctest.log | tail -1)

say "self-test of every kernel, both families, three drivers"
devices=0
selftest() { # selftest NAME FAMILY COMMAND...
    local name=$1 family=$2
    shift 2
    local out=build/results/selftest-$name-$family
    if ! CLGAN_POISON=1 CLGAN_KERNELS=$family "$@" >"$out.json" 2>"$out.err"; then
        cat "$out.err"
        echo "FAILED: selftest on $name, $family kernels"
        exit 1
    fi
    echo "$name, $family kernels: $(grep -m1 '"run"' "$out.json") $(grep -m1 '"time_s"' <(tac "$out.json"))"
}
for family in cpu gpu; do
    # The kernels of 16-bit storage: one type with each family here, both in ctest's case tables.
    [ $family = cpu ] && precision=fp16 || precision=bf16
    selftest pocl $family "${pocl[@]}" build/clgan selftest --json --precision $precision
    selftest rusticl $family "${rusticl[@]}" build/clgan selftest --json --precision $precision
    # Without --uninitialized: ctest runs every kernel's cases with it; over a whole training this
    # simulator loses track of what was written (a copy of a tensor onto itself mends its findings).
    # Reads of what was never written are found by value instead: CLGAN_POISON fills buffers with NaN.
    selftest oclgrind $family env "CLGAN_OCLGRIND=--check-api --data-races" \
        bash tests/support/oclgrind.sh build/clgan selftest --quick --json --precision $precision
    devices=$((devices + 3))
done
devices=$((devices / 2))
selftest pocl-clblast cpu "${pocl[@]}" build/clgan selftest --json --set runtime.gemm=clblast

say "tests under ASan and UBSan on pocl"
cmake -B build-asan -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCLGAN_SANITIZE=ON \
    -DCLGAN_TEST_CACHE="$XDG_CACHE_HOME"
cmake --build build-asan
ctest --test-dir build-asan --output-on-failure -j "$(nproc)" -L 'pocl|none' -LE rusticl \
    --output-log build/results/ctest-asan.log || { echo "FAILED: tests under ASan"; exit 1; }
asan=$(grep -oP '(?<=out of )\d+' build/results/ctest-asan.log | tail -1)

say "counts"
cases=$(cat build/results/selftest-pocl-*.json | awk -F'[:,]' '/"run"/ { n += $2 } END { print n }')
cat build/results/selftest-pocl-*.json | awk '/"kernels"/ { k = 1; next } /\]/ { k = 0 } k' |
    tr -d ' ",' | sort -u >build/results/kernels-run
perl -0777 -ne 'while (/__kernel\b[^;{]*?\bvoid\s+(\w+)\s*\(/g) { print "$1\n" }' cl/*.cl cl/*.clh |
    sort -u | grep -v '^peak_' >build/results/kernels-written
missing=$(comm -13 build/results/kernels-run build/results/kernels-written)
if [ -n "$missing" ]; then
    echo "FAILED: kernels that no self-test ran:" $missing
    exit 1
fi
need devices "$devices"
need kernels "$(wc -l <build/results/kernels-run)"
need cases "$cases"
need tests "$tests"
need asan_tests "$asan"
say "done"
echo "$((tests + asan)) passed, 0 failed"
