#include "cli/eval_report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/str.h"

/* ---- the table ---- */

enum { LABEL = 24, VALUE = 18 };

static void value_text(const clg_figure *f, char text[64])
{
    if (f == NULL) {
        (void)snprintf(text, 64, "-");
    } else if (!isfinite(f->value)) {
        (void)snprintf(text, 64, "none");
    } else if (f->error_key != NULL) {
        (void)snprintf(text, 64, "%.*f +- %.*f", f->decimals, f->value, f->decimals, f->error);
    } else {
        (void)snprintf(text, 64, "%.*f", f->kind == CLG_FIGURE_COUNT ? 0 : f->decimals, f->value);
    }
}

static const clg_figure *find_figure(const clg_report *r, const clg_figure *like)
{
    for (uint32_t i = 0; i < r->figures; i++) {
        if (strcmp(r->figure[i].metric, like->metric) == 0 &&
            strcmp(r->figure[i].key, like->key) == 0) {
            return &r->figure[i];
        }
    }
    return NULL;
}

static void print_head(const clg_eval_part *p, const char *mark)
{
    const clg_subject *s = p->subject;
    printf("%s%s", mark, s->desc.model.name);
    if (p->has_step) {
        printf(", step %" PRIu64, p->step);
    }
    if (s->samples.n > 0) {
        printf(", %u %s", s->samples.n, s->from_train ? "training images" : "samples");
    }
    printf("; data %s\n", s->data != NULL ? s->data : s->desc.data.source);
}

void clg__eval_print_table(const clg_eval_part *parts, uint32_t n)
{
    static const char *const better[] = { "", "higher", "lower" };
    print_head(&parts[0], n > 1 ? "A: " : "");
    if (n > 1) {
        print_head(&parts[1], "B: ");
    }
    const clg_report *r = parts[0].report;
    if (r->figures > 0) {
        printf("%-*s", LABEL, "");
        for (uint32_t k = 0; k < n; k++) {
            printf(" %*s", VALUE, n == 1 ? "value" : k == 0 ? "A" : "B");
        }
        printf("  %-7s  %s\n", "better", "meaning");
    }
    for (uint32_t i = 0; i < r->figures; i++) {
        const clg_figure *f = &r->figure[i];
        if (f->label == NULL) {
            continue;
        }
        printf("%-*s", LABEL, f->label);
        for (uint32_t k = 0; k < n; k++) {
            char text[64];
            value_text(find_figure(parts[k].report, f), text);
            printf(" %*s", VALUE, text);
        }
        printf("  %-7s  %s\n", better[f->better], f->meaning);
    }
    for (uint32_t k = 0; k < n; k++) {
        const char *who = n == 1 ? "" : k == 0 ? "A: " : "B: ";
        for (uint32_t i = 0; i < parts[k].report->notes; i++) {
            printf("note: %s%s\n", who, parts[k].report->note[i]);
        }
        for (uint32_t i = 0; i < parts[k].report->pictures; i++) {
            printf("picture: %s\n", parts[k].report->picture[i]);
        }
    }
}

/* ---- JSON ---- */

static void add_figure(clg_json *to, const clg_figure *f)
{
    if (f->kind == CLG_FIGURE_YES_NO) {
        clg__json_add_bool(to, f->key, f->value != 0.0);
    } else if (f->kind == CLG_FIGURE_COUNT) {
        clg__json_add_integer(to, f->key, (int64_t)f->value);
    } else {
        clg__json_add_number(to, f->key, f->value);
    }
    if (f->error_key != NULL) {
        clg__json_add_number(to, f->error_key, f->error);
    }
}

static void add_part(clg_json *to, const clg_eval_part *p)
{
    const clg_subject *s = p->subject;
    const clg_report *r = p->report;
    clg__json_add_text(to, "checkpoint", s->checkpoint);
    clg__json_add_text(to, "model", s->desc.model.name);
    if (p->has_step) {
        clg__json_add_integer(to, "step", (int64_t)p->step);
    }
    clg__json_add_text(to, "data", s->data != NULL ? s->data : s->desc.data.source);
    clg__json_add_text(to, "samples_from", s->from_train ? "train" : "generator");
    if (s->samples.n > 0) {
        clg__json_add_integer(to, "samples", s->samples.n);
    }
    clg__json_add_integer(to, "seed", (int64_t)s->seed);
    clg_json *metrics = clg__json_add_object(to, "metrics");
    clg_json *metric = NULL;
    for (uint32_t i = 0; i < r->figures; i++) { /* those of one metric stand together */
        if (i == 0 || strcmp(r->figure[i].metric, r->figure[i - 1].metric) != 0) {
            metric = clg__json_add_object(metrics, r->figure[i].metric);
        }
        add_figure(metric, &r->figure[i]);
    }
    clg_json *notes = clg__json_add_array(to, "notes");
    for (uint32_t i = 0; i < r->notes; i++) {
        clg__json_add_text(notes, NULL, r->note[i]);
    }
    clg_json *pictures = clg__json_add_array(to, "pictures");
    for (uint32_t i = 0; i < r->pictures; i++) {
        clg__json_add_text(pictures, NULL, r->picture[i]);
    }
}

int clg__eval_print_json(const clg_rt *rt, const clg_eval_part *parts, uint32_t n)
{
    clg_json *root = clg__json_begin(rt);
    if (n == 1) {
        add_part(root, &parts[0]);
    } else {
        add_part(clg__json_add_object(root, "a"), &parts[0]);
        add_part(clg__json_add_object(root, "b"), &parts[1]);
    }
    return clg__json_print(&root);
}
