/* A run's numbers over its steps, read back from its log.jsonl, so that the pictures of a resumed
 * run show all of it. A long log is thinned: neighbouring rows are averaged, so that at most
 * CLG_HISTORY_MAX rows are kept, whatever the length of the run. */
#ifndef CLG_IO_RUN_HISTORY_H
#define CLG_IO_RUN_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { CLG_HISTORY_MAX = 2048 };

enum clg_history_column {
    CLG_HISTORY_LOSS_D,
    CLG_HISTORY_LOSS_G,
    CLG_HISTORY_D_REAL,
    CLG_HISTORY_D_FAKE_BEFORE,
    CLG_HISTORY_D_FAKE_AFTER,
    CLG_HISTORY_PARZEN, /* the monitors: in few rows */
    CLG_HISTORY_REAL_BELOW,
    CLG_HISTORY_FAKE_ABOVE,
    CLG_HISTORY_COLUMNS
};

typedef struct clg_history clg_history;

/* layers: names of tensors as the log has them ("netG.main.0.weight"); copied. */
int clg__history_create(clg_history **out, const char *const *layers, size_t layer_count);
void clg__history_destroy(clg_history **h); /* NULL is fine */

/* Reads what is new in <run_dir>/log.jsonl since the last call; a log that was cut back meanwhile
 * is read anew. Lines that are cut or damaged, and rows whose step does not grow, are skipped;
 * without a log there are no rows. CLG_E_IO, CLG_E_MEMORY. */
int clg__history_read(clg_history *h, const char *run_dir);

/* ---- arrays of clg__history_rows(h) floats, valid until the next read; NaN where a row has no
 * such number ---- */
size_t clg__history_rows(const clg_history *h);
const float *clg__history_steps(const clg_history *h);
const float *clg__history_column(const clg_history *h, enum clg_history_column column);
const float *clg__history_layer(const clg_history *h, size_t i); /* relative_update of layers[i] */
uint64_t clg__history_last_step(const clg_history *h);           /* 0 without rows */

/* Below the file system, for the reader and its fuzzer: adds the complete lines of a piece of log;
 * returns how many of its bytes were used (up to and with the last newline). */
size_t clg__history_add(clg_history *h, const char *text, size_t n);

#endif
