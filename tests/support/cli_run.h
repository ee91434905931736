/* Runs the program as a child and looks at what it says. For the tests of host/cli: each group
 * works in a scratch folder of its own, so that messages show short relative names. */
#ifndef TESTS_SUPPORT_CLI_RUN_H
#define TESTS_SUPPORT_CLI_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a child did. Owned by the runner until the next call of cli_run. */
typedef struct cli_result {
    int code; /* exit code, or 1000 + number of the signal that ended it */
    const char *out, *err;
} cli_result;

/* What the next child gets; each call of cli_run sets it back. */
void cli_env(const char *name, const char *value); /* NULL removes it; at most 8 */
void cli_file_limit(uint64_t bytes);               /* RLIMIT_FSIZE, SIGXFSZ at its default */
/* Sends `signal` once the child's standard error holds `text`, and again if `twice`. */
void cli_signal_after(const char *text, int signal, bool twice);

/* Words are split at spaces; '' is an empty word. The child ends by itself within 100 s or fails.
 */
const cli_result *cli_run(const char *words);

/* The child must end with `code` and leave exactly these as its last two lines on standard error
 * ("clgan: error: <message>", "hint: <hint>"), once, and nothing on standard output. '*' in message
 * and hint stands for any text. */
void cli_fails(const char *words, int code, const char *message, const char *hint);
/* The child must end with 0. */
const cli_result *cli_works(const char *words);
/* Whether text matches a pattern with '*'. */
bool cli_matches(const char *pattern, const char *text);

/* Group set-up: makes and enters the scratch folder with a small set idx/ of 22 images of 16x16;
 * tear-down: leaves and removes it. */
int cli_setup(void **state);
int cli_teardown(void **state);

/* Files in the scratch folder; folders in the name are made. */
void cli_write(const char *name, const void *bytes, size_t n);
void cli_write_text(const char *name, const char *text);
uint8_t *cli_read(const char *name, size_t *n); /* clg__free it; NUL-ended */
void cli_copy(const char *from, const char *to);
bool cli_exists(const char *name);
/* The absolute path of a name in the scratch folder (XDG_CACHE_HOME must be one); one at a time. */
const char *cli_absolute(const char *name);
/* An IDX file of noise [count,side,side] with these numbers in the header; `cut` bytes less. */
void cli_write_idx(const char *name, uint32_t count, uint32_t h, uint32_t w, size_t bytes);

/* A dcgan so small that a step takes a few ms, on idx/. */
#define CLI_SMALL                                                           \
    "--model dcgan --data idx --size 16 --batch 4 --set generator.width=4 " \
    "--set discriminator.width=4 "

#endif
