/* The run folder runs/<model>-<n>/: config.yaml, log.jsonl, log.csv, samples/, plots/,
 * checkpoints/, trace/, clgan.log. */
#ifndef CLG_IO_RUN_FOLDER_H
#define CLG_IO_RUN_FOLDER_H

#include <stdint.h>

#include "base/status.h"
#include "io/image_file.h"

typedef struct clg_run clg_run;

/* Whether `dir` may become a run folder: it is new or an empty folder. Nothing is made.
 * CLG_E_USAGE. */
int clg__run_check_out(const char *dir);

/* `dir` NULL: the first free runs/<model>-<n>, n = 1, 2, ...; else that folder, which must not
 * exist or be empty. Writes config.yaml. */
int clg__run_create(clg_run **out, const char *dir, const char *model, const char *config_yaml);
/* An existing one, to resume. Cuts log.jsonl and log.csv back to rows with step <= `step` (atomic). */
int clg__run_resume(clg_run **out, const char *dir, uint64_t step);
void clg__run_close(clg_run **run);
const char *clg__run_dir(const clg_run *run);

typedef struct clg_layer_stat {
    const char *name; /* "netG.main.0.weight" */
    double weight_norm, grad_norm, relative_update;
} clg_layer_stat;
typedef struct clg_log_row {
    uint64_t step;
    double epoch; /* fraction */
    double loss_d, loss_g, d_real, d_fake_before, d_fake_after;
    double images_per_s, elapsed_s;
    double parzen_ll, real_below_half, fake_above_half; /* monitors; nan at most lines */
    const clg_layer_stat *layers;
    size_t layer_count;
} clg_log_row;
/* One line in log.jsonl (with layers) and one in log.csv (without). */
int clg__run_log(clg_run *run, const clg_log_row *row);
int clg__run_message(clg_run *run, const char *line); /* clgan.log, with time */
/* samples/step-%08d.png; images u8 [n,h,w,c]. */
int clg__run_grid(clg_run *run, uint64_t step, const uint8_t *images, uint32_t n, uint32_t h,
                  uint32_t w, uint32_t c, uint32_t rows, uint32_t cols);
/* samples/step-%08d.png, plots/<name>.png: where pictures go. path: CLG_PATH_MAX_LEN bytes; name:
 * at most 32. */
void clg__run_grid_path(const clg_run *run, uint64_t step, char *path);
void clg__run_plot_path(const clg_run *run, const char *name, char *path);

/* checkpoints/step-%08d.safetensors. path: CLG_PATH_MAX_LEN bytes. */
void clg__run_checkpoint_path(const clg_run *run, uint64_t step, char *path);
void clg__run_trace_path(const clg_run *run, uint64_t step, char *path); /* trace/step-%06d.safetensors */
/* Removes all but the last `keep` checkpoints, those whose step divides by keep_every (if any), and
 * the one of path `spared` ("": none). */
int clg__run_prune(clg_run *run, uint32_t keep, uint64_t keep_every, const char *spared);
/* Newest checkpoint in a run folder that opens and whose checksum holds; or `path` itself if it is
 * a file. CLG_E_CHECKPOINT if there is none. *step from its name, path: CLG_PATH_MAX_LEN bytes. */
int clg__run_find_checkpoint(const char *run_or_file, char *path, uint64_t *step);
#endif
