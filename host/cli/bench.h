/* What `clgan bench` measures. Prints nothing; how results look is the business of cmd_bench.c and
 * bench_all.c. */
#ifndef CLG_CLI_BENCH_H
#define CLG_CLI_BENCH_H

#include "cli/cli.h"
#include "cli/peak.h"
#include "gan/model.h"
#include "gan/trainer.h"

enum { CLG_BENCH_ROUNDS_MAX = 1000 };

/* How long to measure. Runs shorter than pack_s are timed in packs of that length, so that the wait
 * at the end of a round weighs little; 0: each by itself. Once limit_s are over no further round is
 * begun, but one is always measured; 0: no limit. */
typedef struct clg_bench_limits {
    uint32_t rounds;
    double pack_s, limit_s;
} clg_bench_limits;

typedef struct clg_bench_time { /* of one run */
    double median_s, min_s, max_s;
    uint32_t rounds, runs_per_round;
} clg_bench_time;

/* One line of an operator's case table (cli/case_runner.h) on inputs of its own. */
typedef struct clg_bench_case {
    clg_bench_time time;
    double flops, bytes; /* of one run: the direct count, and every tensor moved once */
} clg_bench_case;
int clg__bench_case(const clg_ops *ops, const clg_op *op, const char *line,
                    const clg_bench_limits *limits, clg_bench_case *out);

/* A model on what it is timed on: drawn systems as they are; else images of the size and channels
 * that the model or the command says, in colour from 32x32 on; then desc's data.size and
 * data.channels become those. *plan by clg__free, on errors too. */
int clg__bench_expand(clg_model_desc *desc, clg_data_shape *shape, clg_model_plan **plan);

/* Training steps of a model on images of noise, or on what it draws. desc changes as by
 * clg__bench_expand. */
typedef struct clg_bench_step {
    clg_bench_time time;
    double first_step_s;    /* from the start of the process until the first step was enqueued */
    double images_per_s, gflops; /* on the reference count, workload of the whole step */
    uint64_t peak_rss_bytes, device_bytes; /* of the process so far, at most */
    clg_trainer_facts facts;
    clg_progress losses;
    char convolutions[128]; /* clg__algorithms_summary */
} clg_bench_step;
/* after, may be NULL: called with `user` right after the last round, while the trainer lives. */
int clg__bench_step(const clg_session *s, clg_model_desc *desc, const clg_bench_limits *limits,
                    int (*after)(void *user, const clg_trainer *t), void *user, clg_bench_step *out);

/* `count` images drawn by the model's untrained generator, as `clgan sample` draws them, up to the
 * floats on the host. Writes a checkpoint of the untrained model into the cache folder meanwhile. */
typedef struct clg_bench_sample {
    clg_bench_time time; /* of all `count` images */
    double images_per_s;
    uint64_t peak_rss_bytes;
    uint32_t size, channels;
} clg_bench_sample;
int clg__bench_sample(const clg_session *s, clg_model_desc *desc, uint32_t count, uint32_t rounds,
                      clg_bench_sample *out);

/* The whole table: device, peaks, products, layers of the model and steps, or the one of these parts
 * that the first word names (bench_all.c). */
int clg__bench_all(const clg_cli *cli);
bool clg__bench_has_part(const char *name);

#endif
