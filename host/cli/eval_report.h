/* What `clgan eval` prints: a table for readers, JSON for programs. */
#ifndef CLG_CLI_EVAL_REPORT_H
#define CLG_CLI_EVAL_REPORT_H

#include "cli/cli.h"
#include "gan/evaluate.h"

/* One checkpoint's part. */
typedef struct clg_eval_part {
    clg_subject *subject;
    clg_report *report;
    const char *name; /* as the user wrote it */
    char path[CLG_PATH_MAX_LEN];
    uint64_t step;
    bool has_step;
} clg_eval_part;

/* One part, or two side by side, on standard output. */
void clg__eval_print_table(const clg_eval_part *parts, uint32_t n);
int clg__eval_print_json(const clg_rt *rt, const clg_eval_part *parts, uint32_t n);
#endif
