#!/bin/bash
# Runs a program under oclgrind with all its checks, or those in $CLGAN_OCLGRIND: oclgrind.sh PROGRAM
# [ARGUMENT...]. Fails when the program fails, or when oclgrind, which itself ends with 0, found anything.
# It empties its log for each context that the program opens, so the log is a pipe.
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
exec 9> >(cat >"$log")
writer=$!
checks=${CLGAN_OCLGRIND:---check-api --data-races --uninitialized}
# shellcheck disable=SC2086
oclgrind --num-threads 1 $checks --log /dev/fd/9 "$@"
status=$?
exec 9>&-
wait "$writer"
if [ -s "$log" ]; then
    echo "oclgrind: $(grep -c . "$log") lines of findings, the first 60:" >&2
    head -n 60 "$log" >&2
    exit 1
fi
exit $status
