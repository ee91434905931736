/* The run folder's parts; inside io only. */
#ifndef CLG_IO_RUN_FOLDER_INTERNAL_H
#define CLG_IO_RUN_FOLDER_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/model.h"
#include "base/os.h"
#include "io/run_folder.h"

struct clg_run {
    char dir[CLG_PATH_MAX_LEN];
    clg_log_file *jsonl, *csv, *text; /* log.jsonl, log.csv, clgan.log */
};

/* First line of log.csv; rows have the same columns. */
extern const char clg__run_csv_head[];

/* "dir/name" into path; CLG_E_IO when it is too long. */
int clg__run_path(char path[CLG_PATH_MAX_LEN], const char *dir, const char *name);
/* Cuts log.jsonl and log.csv back to complete rows with step <= `step`. */
int clg__run_cut_logs(const char *dir, uint64_t step);

/* Checkpoints of a folder, by step, oldest first. clg__free *steps. */
int clg__run_list_checkpoints(const char *dir, uint64_t **steps, size_t *n);

#endif
