/* Runs a fuzzer without libFuzzer: replays files, then N mutations of the seeds, the same ones every
 * time.
 *
 *     fuzz_image [N [FILE ...]]
 *
 * Input i depends on i alone. With CLGAN_FUZZ_KEEP=FOLDER the bytes of the input in work are kept as
 * FOLDER/fuzz-input, to be replayed after a crash. Not here: coverage feedback. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "fuzz/fuzz.h"

enum { DEFAULT_INPUTS = 20000, SEEDS_MAX = 64, MUTATIONS_MAX = 6 };
#define MEMORY_BYTES_MAX ((uint64_t)64 << 20)

typedef struct seed {
    uint8_t *bytes;
    size_t n;
} seed;

typedef struct fuzz_run {
    seed seeds[SEEDS_MAX];
    unsigned count;
    uint64_t state; /* of the generator */
    uint8_t *input; /* FUZZ_INPUT_MAX */
} fuzz_run;

/* splitmix64 (Steele, Lea, Flood 2014), reduced to [0, below). */
static size_t draw(fuzz_run *r, size_t below)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return below != 0u ? (size_t)(z % below) : 0u;
}

/* Numbers at which sizes go wrong, in a width of 1 to 8 bytes and either byte order. */
static void put_number(fuzz_run *r, size_t n)
{
    static const uint64_t numbers[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x10000,
                                        0x7fffffff, 0x80000000, 0xffffffff, 0x100000000u,
                                        0x7fffffffffffffffu, 0xffffffffffffffffu };
    uint64_t v = numbers[draw(r, sizeof numbers / sizeof numbers[0])];
    size_t width = (size_t)1 << draw(r, 4), at = draw(r, n);
    bool big = draw(r, 2) == 1u;
    for (size_t i = 0; i < width && at + i < n; i++) {
        r->input[at + i] = (uint8_t)(v >> 8u * (big ? width - 1u - i : i));
    }
}

/* Copies up to 64 bytes of a random seed over the input, or into it. */
static size_t splice(fuzz_run *r, size_t n, bool insert)
{
    const seed *s = &r->seeds[draw(r, r->count)];
    size_t from = draw(r, s->n), len = 1u + draw(r, 64), to = draw(r, n + 1u);
    len = len > s->n - from ? s->n - from : len;
    if (insert && n + len <= FUZZ_INPUT_MAX) {
        memmove(r->input + to + len, r->input + to, n - to);
        n += len;
    }
    len = len > n - to ? n - to : len;
    memcpy(r->input + to, s->bytes + from, len);
    return n;
}

static size_t mutate(fuzz_run *r, size_t n)
{
    if (n == 0u) {
        return 0;
    }
    size_t at = draw(r, n);
    switch (draw(r, 8)) {
    case 0:
        r->input[at] ^= (uint8_t)(1u << draw(r, 8));
        return n;
    case 1:
        r->input[at] = (uint8_t)draw(r, 256);
        return n;
    case 2: { /* cut a piece out */
        size_t len = 1u + draw(r, n - at < 32u ? n - at : 32u);
        memmove(r->input + at, r->input + at + len, n - at - len);
        return n - len;
    }
    case 3: /* cut the end off */
        return draw(r, 4) == 0u ? at : n;
    case 4:
        return splice(r, n, true);
    case 5:
        return splice(r, n, false);
    default:
        put_number(r, n);
        return n;
    }
}

/* Each input lies in a block of exactly its size, so that a sanitizer sees any step beyond. */
static void run_input(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n + (n == 0u));
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, bytes, n);
    (void)LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void keep(const uint8_t *bytes, size_t n)
{
    const char *dir = clg__os_env("CLGAN_FUZZ_KEEP");
    char path[1024];
    if (dir != NULL) {
        (void)snprintf(path, sizeof path, "%s/fuzz-input", dir);
        FILE *f = fopen(path, "wb");
        if (f != NULL) {
            (void)fwrite(bytes, 1, n, f);
            (void)fclose(f);
        }
    }
}

static void run_mutations(fuzz_run *r, uint64_t inputs)
{
    for (uint64_t i = 0; i < inputs; i++) {
        const seed *s = &r->seeds[i % r->count];
        r->state = i;
        size_t n = s->n;
        memcpy(r->input, s->bytes, n);
        for (size_t m = 1u + draw(r, MUTATIONS_MAX); m > 0u; m--) {
            n = mutate(r, n);
        }
        if (draw(r, 4) != 0u) {
            fuzz_mend(r->input, n);
        }
        keep(r->input, n);
        run_input(r->input, n);
    }
}

static int replay(char **paths, int count)
{
    for (int i = 0; i < count; i++) {
        uint8_t *bytes = NULL;
        size_t n = 0;
        if (clg__os_read_file(paths[i], (size_t)1 << 30, &bytes, &n) != CLG_OK) {
            (void)fprintf(stderr, "%s\n", clg_message());
            return 1;
        }
        run_input(bytes, n);
        clg__free(bytes);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static fuzz_run run;
    uint64_t inputs = DEFAULT_INPUTS;
    if (argc > 1 && !clg__parse_u64(argv[1], &inputs)) {
        (void)fprintf(stderr, "usage: %s [N [FILE ...]]\n", argv[0]);
        return 2;
    }
    run.input = malloc(FUZZ_INPUT_MAX);
    FUZZ_CHECK(run.input != NULL);
    for (size_t n = 0; run.count < SEEDS_MAX && (n = fuzz_seed(run.count, run.input)) > 0u;) {
        seed *s = &run.seeds[run.count++];
        s->n = n;
        s->bytes = malloc(n);
        FUZZ_CHECK(s->bytes != NULL);
        memcpy(s->bytes, run.input, n);
        run_input(s->bytes, n);
    }
    FUZZ_CHECK(run.count > 0u);
    if (replay(argv + 2, argc > 2 ? argc - 2 : 0) != 0) {
        return 1;
    }
    const uint64_t before = clg__os_peak_rss_bytes();
    run_mutations(&run, inputs);
    const uint64_t grown = clg__os_peak_rss_bytes() - before;
    for (unsigned i = 0; i < run.count; i++) {
        free(run.seeds[i].bytes);
    }
    free(run.input);
    (void)printf("%llu mutations of %u seeds, peak memory + %llu KiB\n", (unsigned long long)inputs,
                 run.count, (unsigned long long)(grown >> 10));
#ifndef __SANITIZE_ADDRESS__ /* which keeps freed memory */
    if (grown > MEMORY_BYTES_MAX) {
        (void)fprintf(stderr, "more memory than the inputs justify\n");
        return 1;
    }
#endif
    return 0;
}
