/* The algorithms of a run's convolutions. */
#include "gan/algorithms.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "nn/net.h"

_Static_assert(CLG_CONV_WISH_COUNT == CLG_CONV_ALGO_COUNT + 1 &&
                   CLG_CONV_WISH_DIRECT == CLG_CONV_DIRECT + 1 &&
                   CLG_CONV_WISH_WINOGRAD2 == CLG_CONV_WINOGRAD2 + 1 &&
                   CLG_CONV_WISH_WINOGRAD4 == CLG_CONV_WINOGRAD4 + 1,
               "a wish is auto, or an algorithm");

void clg__algorithms_free(clg_algorithms *a)
{
    clg__conv_list_free(&a->list);
    *a = (clg_algorithms){ .asked = false };
}

/* Points the choices at the list, which a longer list moves. */
static void use_list(clg_algorithms *a)
{
    a->choices = (clg_conv_choices){ .forced = CLG_CONV_ALGO_COUNT,
                                     .list = a->list.choice,
                                     .count = a->list.count };
    a->ops.conv_choices = &a->choices;
}

int clg__algorithms_decide(clg_algorithms *a, const clg_ops *ops, enum clg_conv_wish wish,
                           const clg_net_plan *const *plans, const uint32_t *rows, uint32_t n)
{
    clg_conv_choices source = { .forced = CLG_CONV_ALGO_COUNT };
    clg_ops asker = *ops;
    clg_conv *conv = NULL;
    int status = CLG_OK;
    clg__algorithms_free(a);
    a->ops = *ops;
    if (ops->conv_choices != NULL) {
        source = *ops->conv_choices;
    }
    if (wish != CLG_CONV_WISH_AUTO) {
        source.forced = (enum clg_conv_algo)((int)wish - 1);
    }
    asker.conv_choices = &source;
    a->asked = source.forced != CLG_CONV_ALGO_COUNT;
    conv = clg__alloc(CLG_LAYERS_MAX, sizeof *conv);
    CLG_TRY(conv != NULL ? CLG_OK : CLG_E_MEMORY);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t count = 0;
        CLG_TRY(clg__net_convs(plans[i], rows[i], conv, &count));
        for (uint32_t k = 0; k < CLG_CONV_JOB_COUNT * count; k++) {
            const clg_conv *g = &conv[k / CLG_CONV_JOB_COUNT];
            enum clg_conv_job job = (enum clg_conv_job)(k % CLG_CONV_JOB_COUNT);
            clg_conv_choice c = clg__conv_choice_of(g, job, clg__conv_algo_pick(&asker, g, job));
            c.tile = clg__conv_tile_pick(&asker, g, job, c.algo);
            a->tuned = a->tuned || c.tile > 0 || c.algo != clg__conv_algo_rule(ops, g, job);
            CLG_TRY(clg__conv_list_set(&a->list, &c, NULL));
        }
    }
out:
    use_list(a);
    clg__free(conv);
    return status;
}

/* ---- from a checkpoint ---- */

/* What the file says about each job of the list; direct where it says nothing. */
static int read_told(const clg_algorithms *a, const char *text, clg_conv_list *told, uint32_t *bad)
{
    clg_conv_list said = { 0 };
    int status = CLG_OK;
    CLG_TRY(clg__conv_list_parse(text, &said, bad));
    for (uint32_t i = 0; i < a->list.count; i++) {
        clg_conv_choice c = a->list.choice[i];
        const clg_conv g = clg__conv_choice_geometry(&c);
        uint32_t at = clg__conv_list_find(&said, &g, c.job);
        c.algo = at < said.count ? said.choice[at].algo : CLG_CONV_DIRECT;
        CLG_TRY(clg__conv_list_set(told, &c, NULL));
    }
out:
    clg__conv_list_free(&said);
    return status;
}

/* Where the run differs from what was told: first place, or list.count. */
static uint32_t find_difference(const clg_algorithms *a, const clg_conv_list *told)
{
    uint32_t i = 0;
    while (i < a->list.count && a->list.choice[i].algo == told->choice[i].algo) {
        i++;
    }
    return i;
}

static void warn_difference(const clg_algorithms *a, const clg_conv_list *told, uint32_t i)
{
    char layer[96];
    clg__conv_describe(&told->choice[i], layer, sizeof layer);
    clg__log(CLG_LOG_WARN,
             "checkpoint was written with %s for the convolution %s, this run has %s: "
             "results will differ in the last bits",
             clg__conv_algo_name(told->choice[i].algo), layer,
             clg__conv_algo_name(a->list.choice[i].algo));
}

int clg__algorithms_recall(clg_algorithms *a, const clg_st_file *f, const char *path)
{
    const char *device = clg__st_meta_find(f, "device"), *text = clg__st_meta_find(f, "conv");
    clg_conv_list told = { 0 };
    uint32_t bad = 0;
    int status = CLG_OK;
    if (device == NULL || strcmp(device, clg__rt_device(a->ops.rt)->name) != 0) {
        return CLG_OK; /* another program's, or another device, whose choices would not fit */
    }
    CLG_TRY(read_told(a, text != NULL ? text : "", &told, &bad));
    if (bad > 0) {
        clg__log(CLG_LOG_WARN,
                 "%s: %u lines of its metadata's conv are not understood: those "
                 "convolutions run direct",
                 path, bad);
    }
    for (uint32_t i = 0; i < told.count && !a->asked; i++) {
        const clg_conv g = clg__conv_choice_geometry(&told.choice[i]);
        bool fits = clg__conv_algo_fits(&a->ops, &g, told.choice[i].job, told.choice[i].algo);
        const enum clg_conv_algo algo = fits ? told.choice[i].algo : CLG_CONV_DIRECT;
        a->list.choice[i].tile = algo == a->list.choice[i].algo ? a->list.choice[i].tile : 0;
        a->list.choice[i].algo = algo;
        a->recalled = true;
    }
    uint32_t at = find_difference(a, &told);
    if (at < told.count) {
        warn_difference(a, &told, at);
    }
out:
    use_list(a);
    clg__conv_list_free(&told);
    return status;
}

/* ---- text ---- */

static void summarise(const clg_conv_list *list, char *dst, size_t cap)
{
    uint32_t count[CLG_CONV_ALGO_COUNT] = { 0 };
    size_t used = 0;
    (void)snprintf(dst, cap, "none");
    for (uint32_t i = 0; i < list->count; i++) {
        count[list->choice[i].algo]++;
    }
    for (int i = CLG_CONV_ALGO_COUNT - 1; i >= 0; i--) {
        if (count[i] > 0 && used < cap) {
            used += (size_t)snprintf(dst + used, cap - used, "%s%s %u", used > 0 ? ", " : "",
                                     clg__conv_algo_name((enum clg_conv_algo)i), count[i]);
        }
    }
}

void clg__algorithms_summary(const clg_algorithms *a, char *dst, size_t cap)
{
    summarise(&a->list, dst, cap);
    size_t used = strlen(dst);
    if (a->list.count > 0) {
        (void)snprintf(dst + used, cap - used, " (%s)",
                       a->asked      ? "as asked for"
                       : a->recalled ? "as the checkpoint"
                       : a->tuned    ? "tuning record"
                                     : "shipped rule");
    }
}

void clg__algorithms_summary_of(const char *text, char *dst, size_t cap)
{
    clg_conv_list list = { 0 };
    uint32_t bad = 0;
    dst[0] = '\0';
    if (clg__conv_list_parse(text, &list, &bad) == CLG_OK) {
        summarise(&list, dst, cap);
    }
    clg__conv_list_free(&list);
}
