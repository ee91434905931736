/* Lists of convolution choices and their text. */
#include "ops/conv_choices.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "blas/tile.h"

enum { LINE_MAX_LEN = 320 };
static const double MS_MAX = 1e9; /* longer times are none */

void clg__conv_list_free(clg_conv_list *list)
{
    clg__free(list->choice);
    clg__free(list->times);
    *list = (clg_conv_list){ 0 };
}

static uint32_t find(const clg_conv_list *list, const clg_conv_choice *c)
{
    uint32_t i = 0;
    while (i < list->count && !clg__conv_same_job(&list->choice[i], c)) {
        i++;
    }
    return i;
}

uint32_t clg__conv_list_find(const clg_conv_list *list, const clg_conv *g, enum clg_conv_job job)
{
    clg_conv_choice c = clg__conv_choice_of(g, job, CLG_CONV_DIRECT);
    c.rows = g->n;
    return find(list, &c);
}

static int grow(clg_conv_list *list)
{
    uint32_t room = list->room > 0 ? 2u * list->room : 32u;
    clg_conv_choice *choice = clg__realloc(list->choice, room, sizeof *choice);
    if (choice == NULL) {
        return CLG_E_MEMORY;
    }
    list->choice = choice;
    clg_conv_times *times = clg__realloc(list->times, room, sizeof *times);
    if (times == NULL) {
        return CLG_E_MEMORY;
    }
    list->times = times;
    list->room = room;
    return CLG_OK;
}

int clg__conv_list_set(clg_conv_list *list, const clg_conv_choice *choice,
                       const clg_conv_times *times)
{
    static const clg_conv_times none = { { 0.0 } };
    uint32_t i = find(list, choice);
    if (i == list->room) {
        int status = grow(list);
        if (status != CLG_OK) {
            return status;
        }
    }
    list->choice[i] = *choice;
    list->times[i] = times != NULL ? *times : none;
    list->count += i == list->count;
    return CLG_OK;
}

/* ---- text ---- */

const char *clg__conv_way_name(enum clg_conv_algo algo, uint32_t tile, char dst[CLG_CONV_WAY_LEN])
{
    char shape[CLG_TILE_NAME_LEN] = "";
    (void)snprintf(dst, CLG_CONV_WAY_LEN, "%s%s%s", clg__conv_algo_name(algo), tile > 0 ? " " : "",
                   tile > 0 ? clg__tile_name(tile, shape) : "");
    return dst;
}

static void format_line(const clg_conv_choice *c, const clg_conv_times *t, clg_str *out)
{
    uint32_t shown = 0;
    char way[CLG_CONV_WAY_LEN];
    clg__str_add(out, "conv %s h%u w%u c%u k%u r%u s%u stride%u pad%u", clg__conv_job_name(c->job),
                 c->h, c->w, c->c, c->k, c->r, c->s, c->stride, c->pad);
    if (c->rows > 0) {
        clg__str_add(out, " rows%u", c->rows);
    }
    clg__str_add(out, ": %s", clg__conv_way_name(c->algo, c->rows > 0 ? c->tile : 0, way));
    for (int i = 0; i < CLG_CONV_ALGO_COUNT; i++) {
        if (t->ms[i] > 0.0) {
            clg__str_add(out, "%s%s %.3f ms", shown++ == 0 ? " (" : ", ",
                         clg__conv_algo_name((enum clg_conv_algo)i), t->ms[i]);
        }
    }
    clg__str_add(out, "%s\n", shown > 0 ? ")" : "");
}

void clg__conv_list_format(const clg_conv_list *list, clg_str *out)
{
    clg__str_add(out, "%s", "");
    for (uint32_t i = 0; i < list->count; i++) {
        format_line(&list->choice[i], &list->times[i], out);
    }
}

/* " (direct 1.920 ms, winograd2 1.310 ms)", or nothing. */
static bool parse_times(const char *text, clg_conv_times *t)
{
    const char *between = " (";
    *t = (clg_conv_times){ { 0.0 } };
    if (*text == '\0') {
        return true;
    }
    while (strncmp(text, between, 2) == 0) {
        char name[16] = "", number[24] = "";
        int used = 0;
        if (sscanf(text + 2, "%15[a-z0-9] %23[0-9.] ms%n", name, number, &used) != 2 || used == 0) {
            return false;
        }
        enum clg_conv_algo algo = clg__conv_algo_find(name);
        double ms = 0.0;
        if (algo == CLG_CONV_ALGO_COUNT || !clg__parse_f64(number, &ms) || !isfinite(ms) ||
            ms <= 0.0 || ms > MS_MAX) {
            return false;
        }
        t->ms[algo] = ms;
        text += 2 + used;
        between = ", ";
    }
    return strcmp(text, ")") == 0;
}

static bool parse_line(const char *line, clg_conv_choice *c, clg_conv_times *t)
{
    char job[8] = "", algo[16] = "";
    uint32_t tile_rows = 0, tile_cols = 0;
    int used = 0;
    *c = (clg_conv_choice){ .job = CLG_CONV_JOB_COUNT };
    if (sscanf(line, "conv %7[a-z] h%9u w%9u c%9u k%9u r%9u s%9u stride%9u pad%9u%n", job, &c->h,
               &c->w, &c->c, &c->k, &c->r, &c->s, &c->stride, &c->pad, &used) != 9) {
        return false;
    }
    line += used;
    if (sscanf(line, " rows%9u%n", &c->rows, &used) == 1) {
        line += used;
    }
    if (sscanf(line, ": %15[a-z0-9]%n", algo, &used) != 1) {
        return false;
    }
    for (int i = 0; i < CLG_CONV_JOB_COUNT; i++) {
        c->job = strcmp(job, clg__conv_job_name((enum clg_conv_job)i)) == 0 ? (enum clg_conv_job)i
                                                                            : c->job;
    }
    c->algo = clg__conv_algo_find(algo);
    line += used;
    if (sscanf(line, " tile%9ux%9u%n", &tile_rows, &tile_cols, &used) == 2) {
        line += used;
        c->tile = clg__tile_find(tile_rows, tile_cols); /* 0, if there is none, is not canonical */
    }
    return c->job != CLG_CONV_JOB_COUNT && c->algo != CLG_CONV_ALGO_COUNT && c->stride > 0 &&
           parse_times(line, t);
}

/* scanf takes more than is ever written ("+4", two spaces): what was read must be what stands
 * there. */
static bool is_canonical(const clg_conv_choice *c, const clg_conv_times *t, const char *line,
                         size_t len)
{
    clg_str again = { 0 };
    format_line(c, t, &again);
    bool same = !again.failed && again.len == len + 1u && memcmp(again.text, line, len) == 0;
    clg__str_free(&again);
    return same;
}

int clg__conv_list_parse(const char *text, clg_conv_list *out, uint32_t *bad)
{
    int status = CLG_OK;
    *bad = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char line[LINE_MAX_LEN];
        clg_conv_choice c;
        clg_conv_times t;
        (void)snprintf(line, sizeof line, "%.*s", len < sizeof line ? (int)len : 0, text);
        if (out->count == CLG_CONV_LIST_MAX) {
            (*bad)++;
            return CLG_OK;
        }
        if (parse_line(line, &c, &t) && is_canonical(&c, &t, text, len)) {
            CLG_TRY(clg__conv_list_set(out, &c, &t));
        } else {
            (*bad)++;
        }
        text += len + (text[len] == '\n');
    }
out:
    return status;
}

void clg__conv_describe(const clg_conv_choice *c, char *dst, size_t cap)
{
    uint32_t p = (c->h + 2u * c->pad - c->r) / c->stride + 1u;
    uint32_t q = (c->w + 2u * c->pad - c->s) / c->stride + 1u;
    (void)snprintf(dst, cap, "%-5s %ux%ux%u %s %ux%ux%u k%u s%u", clg__conv_job_name(c->job), c->h,
                   c->w, c->c,
                   c->job == CLG_CONV_JOB_DOWN ? "->"
                   : c->job == CLG_CONV_JOB_UP ? "<-"
                                               : "x",
                   p, q, c->k, c->r, c->stride);
}

/* ---- environment ---- */

int clg__conv_forced_by_env(enum clg_conv_algo *out)
{
    const char *words[CLG_CONV_ALGO_COUNT + 1], *env = clg__os_env("CLGAN_CONV");
    *out = CLG_CONV_ALGO_COUNT;
    if (env == NULL || strcmp(env, "auto") == 0) {
        return CLG_OK;
    }
    *out = clg__conv_algo_find(env);
    if (*out != CLG_CONV_ALGO_COUNT) {
        return CLG_OK;
    }
    for (int i = 0; i < CLG_CONV_ALGO_COUNT; i++) {
        words[i] = clg__conv_algo_name((enum clg_conv_algo)i);
    }
    words[CLG_CONV_ALGO_COUNT] = "auto";
    const char *near = clg__nearest(env, words, CLG_CONV_ALGO_COUNT + 1);
    int status = clg__fail(CLG_E_USAGE, "environment CLGAN_CONV is '%.40s'", env);
    return near != NULL ? clg__hint(status, "did you mean %s?", near)
                        : clg__hint(status, "it may be auto, direct, winograd2 or winograd4");
}
