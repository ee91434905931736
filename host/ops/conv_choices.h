/* Lists of decisions of conv_algo.h that own their memory, and their text: one line each, the same
 * in a checkpoint's metadata and in a tuning record (there with the times behind it):
 *
 *     conv down h8 w8 c3 k5 r4 s4 stride2 pad1 rows64: direct (direct 0.020 ms, winograd2 0.031 ms)
 *
 * On the GPU family the algorithm may have a tile shape behind it, "direct tile64x32". What was
 * measured, rows and shape, is the record's alone: a checkpoint's lines are without them, its run
 * uses them for any rows, and every shape computes the same.
 * Not here: where they come from and go to (gan/algorithms.c, nn/conv_tune.c). */
#ifndef CLG_OPS_CONV_CHOICES_H
#define CLG_OPS_CONV_CHOICES_H

#include "base/str.h"
#include "ops/conv_algo.h"

enum { CLG_CONV_LIST_MAX = 4096 }; /* more are not read from a text */

/* Milliseconds of each algorithm; 0: not measured. */
typedef struct clg_conv_times {
    double ms[CLG_CONV_ALGO_COUNT];
} clg_conv_times;

/* Zero it to start. */
typedef struct clg_conv_list {
    clg_conv_choice *choice;
    clg_conv_times *times; /* of each choice */
    uint32_t count, room;
} clg_conv_list;

void clg__conv_list_free(clg_conv_list *list);
/* Adds the decision, or puts it in the place of that job's earlier one (clg__conv_same_job). times
 * NULL: not measured. CLG_E_MEMORY. */
int clg__conv_list_set(clg_conv_list *list, const clg_conv_choice *choice,
                       const clg_conv_times *times);
/* Place of the job's decision for about g->n rows; list->count if there is none. */
uint32_t clg__conv_list_find(const clg_conv_list *list, const clg_conv *g, enum clg_conv_job job);

void clg__conv_list_format(const clg_conv_list *list, clg_str *out);
/* Reads lines as they are written, and nothing else: those of another form, with an algorithm that
 * this version does not know, a shape that there is none of, or with times that are none, are
 * counted in *bad and left out. */
int clg__conv_list_parse(const char *text, clg_conv_list *out, uint32_t *bad);
/* "winograd2", or "direct tile64x32" where the choice has a shape; for lines and tables. */
enum { CLG_CONV_WAY_LEN = 32 };
const char *clg__conv_way_name(enum clg_conv_algo algo, uint32_t tile, char dst[CLG_CONV_WAY_LEN]);
/* "down 32x32x64 -> 16x16x128 k4 s2" for tables. */
void clg__conv_describe(const clg_conv_choice *c, char *dst, size_t cap);

/* The environment's CLGAN_CONV: an algorithm for every job that it fits; CLG_CONV_ALGO_COUNT when
 * it is not set, or auto. Who makes a clg_ops asks. */
int clg__conv_forced_by_env(enum clg_conv_algo *out);

#endif
