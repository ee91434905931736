#!/usr/bin/env bash
# Installs the tree into a temporary folder, builds tests/api_three_steps.c against it with
# pkg-config, once with the shared and once with the static library, and runs both.
set -euo pipefail
source=$1 build=$2 cc=$3 flags=${4:-}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cmake --install "$build" --prefix "$tmp/usr" >/dev/null
export PKG_CONFIG_PATH=$(dirname "$(find "$tmp/usr" -name clgan.pc)")
# The file says the prefix of the configuration; this installation lies elsewhere.
cflags=$(pkg-config --define-variable=prefix="$tmp/usr" --cflags clgan)
prefix_define=$(pkg-config --define-variable=prefix="$tmp/usr" --variable=libdir clgan)
if grep -rl 'CL/cl\|host/' "$tmp/usr/include"; then
    echo "public headers name OpenCL or the sources"
    exit 1
fi
# shellcheck disable=SC2086
$cc -std=c11 -Wall -Wextra -Werror $flags $cflags "$source/tests/api_three_steps.c" \
    -L"$prefix_define" -lclgan -Wl,-rpath,"$prefix_define" -o "$tmp/shared"
# What libclgan.a needs, without the flag that would find the shared library first.
needs=$(pkg-config --define-variable=prefix="$tmp/usr" --static --libs clgan)
# shellcheck disable=SC2086
$cc -std=c11 $flags $cflags "$source/tests/api_three_steps.c" "$prefix_define/libclgan.a" \
    ${needs/-lclgan /} -o "$tmp/static"
cd "$tmp"
./shared
./static
lines=$(wc -l <"$source/tests/api_three_steps.c")
[ "$lines" -le 40 ] || { echo "api_three_steps.c has $lines lines, more than 40"; exit 1; }
echo "both programs trained three steps"
