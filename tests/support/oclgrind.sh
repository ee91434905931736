#!/bin/bash
# Runs a test program under oclgrind with all its checks: oclgrind.sh PROGRAM [ARGUMENT...]
# Fails when the program fails, or when oclgrind, which itself ends with 0, found anything.
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
oclgrind --num-threads 1 --check-api --data-races --uninitialized --log "$log" "$@"
status=$?
if [ -s "$log" ]; then
    echo "oclgrind: $(grep -c . "$log") lines of findings, the first 60:"
    head -n 60 "$log"
    exit 1
fi
exit $status
