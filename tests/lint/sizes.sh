#!/usr/bin/env bash
# Files stay readable: no source over 620 lines, no line over 120 columns, no tabs in C.
set -u
cd "${1:-.}" || exit 2
bad=0
n=0
while read -r file; do
    n=$((n + 1))
    lines=$(wc -l <"$file")
    if [ "$lines" -gt 620 ]; then
        echo "$file: $lines lines, more than 620: split it"
        bad=1
    fi
    if grep -nP '^\t|.{121,}' "$file" | head -3 | sed "s|^|$file:|" | grep .; then
        bad=1
    fi
done < <(git ls-files -co --exclude-standard -- '*.c' '*.h' '*.cl' '*.clh' '*.py' '*.sh' 2>/dev/null)
if [ "$n" -lt 50 ]; then
    echo "only $n files found: this test does not see the sources"
    bad=1
fi
[ "$bad" = 0 ] && echo "$n files, all short enough"
exit "$bad"
