/* Runs the program as a child and looks at what it says. */
#define _DEFAULT_SOURCE 1
#include "support/cli_run.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "support/tmp.h"

enum { WORDS_MAX = 64, ENV_MAX = 8, LIMIT_S = 600 };

/* One child at a time; the test programs have one thread. */
static struct {
    char program[1024], dir[64], absolute[1200];
    char *out, *err;
    cli_result result;
    const char *env[ENV_MAX][2];
    int envs;
    uint64_t file_limit;
    const char *signal_text;
    int signal;
    bool twice;
} runner;

void cli_env(const char *name, const char *value)
{
    assert_true(runner.envs < ENV_MAX);
    runner.env[runner.envs][0] = name;
    runner.env[runner.envs++][1] = value;
}

void cli_file_limit(uint64_t bytes)
{
    runner.file_limit = bytes;
}

void cli_signal_after(const char *text, int signal, bool twice)
{
    runner.signal_text = text;
    runner.signal = signal;
    runner.twice = twice;
}

/* In the child. */
static void start_program(char **argv)
{
    for (int i = 0; i < runner.envs; i++) {
        if (runner.env[i][1] != NULL) {
            (void)setenv(runner.env[i][0], runner.env[i][1], 1);
        } else {
            (void)unsetenv(runner.env[i][0]);
        }
    }
    if (freopen("out.txt", "w", stdout) == NULL || freopen("err.txt", "w", stderr) == NULL ||
        freopen("/dev/null", "r", stdin) == NULL) {
        _exit(125);
    }
    /* Some runners of tests ignore these, which a child would inherit. */
    (void)signal(SIGXFSZ, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    if (runner.file_limit > 0) {
        struct rlimit limit = { .rlim_cur = runner.file_limit, .rlim_max = runner.file_limit };
        (void)setrlimit(RLIMIT_FSIZE, &limit);
    }
    (void)alarm(LIMIT_S);
    (void)execv(runner.program, argv);
    _exit(126);
}

static char *read_text(const char *name)
{
    size_t n = 0;
    return (char *)cli_read(name, &n);
}

static void send_signals(pid_t child)
{
    const struct timespec pause = { .tv_nsec = 2000000 };
    for (int i = 0; i < LIMIT_S * 500; i++) {
        char *text = read_text("err.txt");
        bool seen = strstr(text, runner.signal_text) != NULL;
        clg__free(text);
        siginfo_t ended = { 0 };
        (void)waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT);
        if (seen || ended.si_pid != 0) {
            break;
        }
        (void)nanosleep(&pause, NULL);
    }
    (void)kill(child, runner.signal);
    if (runner.twice) {
        (void)nanosleep(&pause, NULL);
        (void)kill(child, runner.signal);
    }
}

static void split(char *words, char **argv)
{
    int n = 1;
    argv[0] = runner.program;
    for (char *w = strtok(words, " "); w != NULL; w = strtok(NULL, " ")) {
        assert_true(n + 1 < WORDS_MAX);
        argv[n++] = strcmp(w, "''") == 0 ? w + 2 : w;
    }
    argv[n] = NULL;
}

const cli_result *cli_run(const char *words)
{
    char *argv[WORDS_MAX];
    int status = 0;
    char *copy = clg__strdup(words);
    assert_non_null(copy);
    split(copy, argv);
    clg__free(runner.out);
    clg__free(runner.err);
    cli_write_text("out.txt", "");
    cli_write_text("err.txt", "");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        start_program(argv);
    }
    if (runner.signal_text != NULL) {
        send_signals(child);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    clg__free(copy);
    runner.envs = 0;
    runner.file_limit = 0;
    runner.signal_text = NULL;
    runner.out = read_text("out.txt");
    runner.err = read_text("err.txt");
    runner.result =
        (cli_result){ .code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status),
                      .out = runner.out,
                      .err = runner.err };
    return &runner.result;
}

bool cli_matches(const char *pattern, const char *text)
{
    for (; *pattern != '*'; pattern++, text++) {
        if (*pattern != *text) {
            return false;
        }
        if (*pattern == '\0') {
            return true;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    for (;; text++) {
        if (cli_matches(pattern, text)) {
            return true;
        }
        if (*text == '\0') {
            return false;
        }
    }
}

/* The start of the last `lines` lines. */
static const char *last_lines(const char *text, int lines)
{
    const char *p = text + strlen(text);
    while (p > text && lines >= 0) {
        p--;
        lines -= *p == '\n';
    }
    return lines < 0 ? p + 1 : p;
}

void cli_fails(const char *words, int code, const char *message, const char *hint)
{
    const cli_result *r = cli_run(words);
    char want[4096];
    (void)snprintf(want, sizeof want, "clgan: error: %s\nhint: %s\n", message, hint);
    const char *end = last_lines(r->err, 2);
    const char *first = strstr(r->err, "clgan: error: ");
    if (r->code != code || !cli_matches(want, end) || r->out[0] != '\0' || first != end) {
        fail_msg("clgan %s\nended with %d and said\n%s%s%s\nwanted %d and\n%s", words, r->code,
                 r->err, r->out[0] != '\0' ? "-- on standard output --\n" : "", r->out, code, want);
    }
}

const cli_result *cli_works(const char *words)
{
    const cli_result *r = cli_run(words);
    if (r->code != 0) {
        fail_msg("clgan %s\nended with %d and said\n%s%s", words, r->code, r->err, r->out);
    }
    return r;
}

/* ---- files ---- */

void cli_write(const char *name, const void *bytes, size_t n)
{
    char dir[512];
    (void)snprintf(dir, sizeof dir, "%s", name);
    char *slash = strrchr(dir, '/');
    if (slash != NULL) {
        *slash = '\0';
        assert_int_equal(clg__os_mkdirs(dir, 0777), CLG_OK);
    }
    FILE *f = fopen(name, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

void cli_write_text(const char *name, const char *text)
{
    cli_write(name, text, strlen(text));
}

uint8_t *cli_read(const char *name, size_t *n)
{
    uint8_t *bytes = NULL;
    if (clg__os_read_file(name, (size_t)1 << 30, &bytes, n) != CLG_OK) {
        fail_msg("%s", clg_message());
    }
    return bytes;
}

void cli_copy(const char *from, const char *to)
{
    size_t n = 0;
    uint8_t *bytes = cli_read(from, &n);
    cli_write(to, bytes, n);
    clg__free(bytes);
}

bool cli_exists(const char *name)
{
    return clg__os_stat(name).exists;
}

const char *cli_absolute(const char *name)
{
    char here[1024];
    assert_non_null(getcwd(here, sizeof here));
    (void)snprintf(runner.absolute, sizeof runner.absolute, "%s/%s", here, name);
    return runner.absolute;
}

void cli_write_idx(const char *name, uint32_t count, uint32_t h, uint32_t w, size_t bytes)
{
    const uint32_t dim[3] = { count, h, w };
    uint8_t *file = clg__alloc(16 + bytes, 1);
    assert_non_null(file);
    file[2] = 8;
    file[3] = 3;
    for (uint32_t i = 0; i < 12; i++) {
        file[4 + i] = (uint8_t)(dim[i / 4] >> (24 - 8 * (i % 4)));
    }
    uint32_t noise = 1;
    for (size_t i = 0; i < bytes; i++) {
        noise = noise * 1664525u + 1013904223u;
        file[16 + i] = (uint8_t)(noise >> 24);
    }
    cli_write(name, file, 16 + bytes);
    clg__free(file);
}

/* ---- group ---- */

int cli_setup(void **state)
{
    (void)state;
    const char *build = clg__os_env("CLGAN_BUILD_DIR");
    (void)snprintf(runner.program, sizeof runner.program, "%s/clgan", build != NULL ? build : ".");
    (void)unsetenv("CLGAN_DATA");
    (void)unsetenv("CLGAN_PLATFORM");
    (void)unsetenv("CLGAN_DEVICE");
    test_tmp_make(runner.dir);
    if (chdir(runner.dir) != 0) {
        return -1;
    }
    cli_write_idx("idx/train-images-idx3-ubyte", 22, 16, 16, 22 * 16 * 16);
    return 0;
}

int cli_teardown(void **state)
{
    (void)state;
    clg__free(runner.out);
    clg__free(runner.err);
    runner.out = runner.err = NULL;
    if (chdir("..") != 0) {
        return -1;
    }
    test_tmp_remove(runner.dir);
    return 0;
}
