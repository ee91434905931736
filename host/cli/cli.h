/* The command line: one table of options, one table of commands, what they share. */
#ifndef CLG_CLI_CLI_H
#define CLG_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/model.h"
#include "base/status.h"
#include "gan/algorithms.h"
#include "io/json.h"
#include "ops/conv_choices.h"

enum { CLG_CLI_SETS = 64, CLG_CLI_WORDS = 32 };

/* Everything that any command takes. Text fields point into argv; NULL = not given. */
typedef struct clg_cli {
    const char *command;
    const char *word[CLG_CLI_WORDS]; /* positional */
    uint32_t words;
    const char *model, *data, *platform, *device, *out, *resume, *init_from, *latents, *grid,
        *class, *on_collapse, *precision, *math, *metrics, *against, *samples_from, *png;
    const char *set[CLG_CLI_SETS];
    uint32_t sets;
    uint64_t epochs, steps, batch, size, seed, trace, count, interpolate, rounds;
    bool has_epochs, has_steps, has_batch, has_size, has_seed, has_count, has_interpolate,
        has_rounds;
    bool profile, json, clear, help, quick, thorough;
} clg_cli;

typedef struct clg_command {
    const char *name, *arguments, *summary;
    const char *const *options; /* names of the options it takes, NULL-ended */
    const char *notes;          /* more help text, may be NULL */
    int (*run)(const clg_cli *cli);
} clg_command;

/* The commands, NULL-name ended (main.c). */
extern const clg_command clg__commands[];

/* Reads argv[1..]. CLG_E_USAGE with the nearest name. *command stays NULL for no command. */
int clg__cli_parse(int argc, char **argv, clg_cli *out, const clg_command **command);
/* Help of one command, or of all (NULL). */
void clg__cli_help(const clg_command *command, FILE *to);
/* Documented exit code of a status. */
int clg__cli_exit_code(int status);

int clg__cmd_train(const clg_cli *cli);
int clg__cmd_sample(const clg_cli *cli);
int clg__cmd_devices(const clg_cli *cli);
int clg__cmd_selftest(const clg_cli *cli);
int clg__cmd_models(const clg_cli *cli);
int clg__cmd_info(const clg_cli *cli);
int clg__cmd_compare(const clg_cli *cli);
int clg__cmd_cache(const clg_cli *cli);
int clg__cmd_bench(const clg_cli *cli);
int clg__cmd_eval(const clg_cli *cli);
int clg__cmd_tune(const clg_cli *cli);

/* ---- shared by commands (session.c) ---- */

/* A device opened with its GEMM. */
typedef struct clg_session {
    clg_rt *rt;
    clg_blas *blas;
    clg_conv_choices conv; /* what is asked for, and what the record says */
    clg_conv_list record;  /* of this device; empty with tune off */
    clg_ops ops;           /* points into this struct */
} clg_session;
/* Picks by --platform / --device, prints the choice on standard error. runtime: gemm, kernels,
 * tune, conv of the model; NULL: defaults. */
int clg__session_open(clg_session *s, const clg_cli *cli, const clg_model_desc *runtime);
/* How long building kernels took, once, if a log line said that it takes a while. */
void clg__session_tell_builds(const clg_session *s);
void clg__session_close(clg_session *s);
/* Before a new training of so many steps: measures convolutions that the record does not know, if
 * the model wants tuning and the run is long enough (gan/conv_jobs.h). */
void clg__session_tune(clg_session *s, const clg_model_desc *desc, const clg_model_plan *plan,
                       uint64_t steps);
/* --model with --data, --batch, --size, --seed, --epochs, --steps and --set applied. */
int clg__cli_model(const clg_cli *cli, const char *name, clg_model_desc *out);
int clg__cli_apply(const clg_cli *cli, clg_model_desc *desc);

/* Starts a JSON answer: version, platform, device, driver (the last three null without rt). */
clg_json *clg__json_begin(const clg_rt *rt);
/* Prints it on standard output and frees it. */
int clg__json_print(clg_json **root);

/* "1.5 GB", "12 min 3 s" */
const char *clg__human_bytes(uint64_t bytes, char buf[32]);
const char *clg__human_time(double seconds, char buf[32]);
/* The --profile table on standard error. */
int clg__print_profile(clg_rt *rt);
/* Which algorithm each job of a run's convolutions has, on standard error. */
void clg__print_algorithms(const clg_algorithms *a);
/* Prints what lies in device memory now, by label and type. */
int clg__print_buffers(const clg_rt *rt);
/* "RxC" -> rows, cols; each 1..64. */
int clg__parse_grid(const char *text, uint32_t *rows, uint32_t *cols);

#endif
