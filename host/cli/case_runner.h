/* Runs one line of an operator's case table on the device and compares it with host/ref. Used by
 * `clgan selftest`, `clgan bench op` and the tests. Prints nothing. */
#ifndef CLG_CLI_CASE_RUNNER_H
#define CLG_CLI_CASE_RUNNER_H

#include "ops/ops.h"

enum { CLG_CASE_LINE = 256, CLG_CASE_TEXT = 320 };

typedef struct clg_case_result {
    char line[CLG_CASE_LINE]; /* the case, as text that re-runs it */
    bool passed;
    double worst;        /* largest |got - want| / tolerance over all outputs; <= 1 passes */
    double worst_rel;    /* largest relative L2 difference of an output */
    const char *tensor;  /* static: output with the worst element */
    uint64_t index;      /* of that element */
    double got, want, tolerance;
    uint64_t elements;   /* compared */
    double flops, bytes; /* of one run, from the plan */
    char text[CLG_CASE_TEXT]; /* "" if passed, else one line that says what was wrong */
} clg_case_result;

/* The whole of it: parse, plan, fill the inputs, run once, compare, check the guards. CLG_OK if
 * the case passed; CLG_E_MISMATCH (message = res->text) if a value is off or a guard word around a
 * tensor was overwritten; other codes if it could not run. res is always filled. */
int clg__case_run(const clg_ops *ops, const clg_op *op, const char *line, clg_case_result *res);

/* False for a case that the operator leaves to others on this device (clg_op.fits). */
bool clg__case_fits(const clg_ops *ops, const clg_op *op, const char *line);

/* The same in steps, for timing. */
typedef struct clg_case_job clg_case_job;
/* Parses and plans `line`, makes its inputs from Philox (seed = hash of the line, stream
 * CLG_STREAM_TEST), uploads them. Every tensor lies in a buffer of its own at an odd multiple of 64
 * bytes with guard words on both sides; outputs and workspace start as NaN. */
int clg__case_open(clg_case_job **out, const clg_ops *ops, const clg_op *op, const char *line);
void clg__case_close(clg_case_job **job); /* NULL and half-built are fine */
int clg__case_enqueue(clg_case_job *job); /* one run of the operator; does not wait */
/* Waits, downloads, compares with the reference. Right after one enqueue: an inout output moves on
 * with each further run. */
int clg__case_check(clg_case_job *job, clg_case_result *res);
const clg_case_plan *clg__case_plan(const clg_case_job *job);

#endif
