#!/usr/bin/env bash
# Who may include whom: base <- ref; base <- rt <- blas <- ops <- nn <- gan <- cli; base <- io;
# gan and cli may include io, cli may include ref. Only rt calls OpenCL, only blas CLBlast, only io
# the YAML, JSON and image libraries, only base/os_posix* POSIX.
set -u
root=${1:-.}
cd "$root/host" || exit 2
bad=0
say() { echo "$1"; bad=1; }

declare -A may=(
    [base]="base" [ref]="base ref" [rt]="base rt" [blas]="base rt blas" [ops]="base rt blas ops"
    [nn]="base rt blas ops nn" [io]="base io" [gan]="base rt blas ops nn io gan"
    [cli]="base ref rt blas ops nn io gan cli")
checked=0
for room in "${!may[@]}"; do
    while IFS=: read -r file _ line; do
        [ -n "$file" ] || continue
        other=$(sed -E 's/^[^"]*"([^"\/]*)\/.*/\1/' <<<"$line")
        checked=$((checked + 1))
        [ "$other" = clgan ] && continue
        case " ${may[$room]} " in
        *" $other "*) ;;
        *) say "$file: room $room may not include $line" ;;
        esac
    done < <(grep -rnE '^ *# *include +"[^"]*/' "$room" --include='*.c' --include='*.h')
done
[ "$checked" -gt 50 ] || say "only $checked includes found: this test does not see the sources"

outside() { # outside PATTERN "allowed paths regex" what
    grep -rnE "$1" . --include='*.c' --include='*.h' | grep -vE "^\./($2)" | while read -r hit; do
        echo "$hit: $3"
    done
}
hits=$(
    outside '# *include *[<"]CL/' 'rt/|blas/clblast' 'OpenCL is for rt'
    outside '\bcl(Create|Enqueue|Get|Build|Release|Set|Finish|Flush|Wait)[A-Z][A-Za-z]*\(' 'rt/' 'cl* calls are for rt'
    outside '# *include *[<"]clblast' 'blas/clblast' 'CLBlast is for blas'
    outside '# *include *<(yaml|jansson|cairo|png|jpeglib|zlib|stb/)' 'io/' 'file libraries are for io'
    outside '# *include *<(unistd|fcntl|dirent|pthread|signal|sys/)' 'base/os_posix' 'POSIX is for base/os_posix'
    outside '\b(printf|fprintf|exit|abort|puts)\(' 'cli/' 'only cli prints or ends'
    grep -rnE 'CL/cl' ../include | sed 's/$/: no OpenCL in public headers/'
    perl -0777 -ne 's{/\*.*?\*/}{}gs;
        while (/static inline (\w+ \w+)\([^;{]*?\b(?:__local|RED_ARG)\b[^;{]*?\)\s*\{/g) {
            print "$ARGV: $1: a function that takes local memory is LOCAL_INLINE\n" }' \
        ../cl/*.cl ../cl/*.clh
    # tasks.clh hands out work by counters, which no result depends on.
    grep -nE 'get_group_id|get_num_groups|get_global_size|atomic_|atom_' ../cl/*.cl ../cl/*.clh |
        grep -v '^../cl/tasks.clh:.*atomic_' |
        grep -vE '^\S+:[0-9]+: *(\*|/\*|//)' | sed 's/$/: kernels are sliced and deterministic/'
)
[ -z "$hits" ] || say "$hits"
[ "$bad" = 0 ] && echo "$checked includes, all allowed"
exit "$bad"
