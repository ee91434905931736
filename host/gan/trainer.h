/* Training: one loop for every model. Owns device objects, loader and run folder; reports through
 * callbacks, never prints. */
#ifndef CLG_GAN_TRAINER_H
#define CLG_GAN_TRAINER_H

#include <math.h>

#include "base/model.h"
#include "gan/algorithms.h"
#include "gan/model.h"
#include "io/dataset.h"
#include "io/run_folder.h"
#include "nn/net.h"
#include "ops/ops.h"

typedef struct clg_trainer clg_trainer;
enum clg_which_net { CLG_GENERATOR, CLG_DISCRIMINATOR };

typedef struct clg_trainer_options {
    const char *version;      /* for metadata */
    uint64_t trace_steps;     /* --trace N */
    const char *out_dir;      /* NULL: runs/<model>-<n>; used by clg__trainer_run */
    bool no_run_folder;       /* benchmarks and the library: nothing is written */
} clg_trainer_options;

/* ds may be NULL when steps are fed by clg__trainer_step_on. Checks memory before anything is
 * allocated: CLG_E_DEVICE_MEMORY says which batch would fit. */
int clg__trainer_create(clg_trainer **out, const clg_ops *ops, const clg_model_desc *desc,
                        const clg_model_plan *plan, clg_dataset *ds,
                        const clg_trainer_options *opt);
void clg__trainer_destroy(clg_trainer **t);

typedef struct clg_trainer_facts {
    uint64_t parameters_g, parameters_d, device_bytes_needed, device_bytes_available;
    uint64_t checkpoint_bytes, steps_total, steps_per_epoch;
    uint32_t images, batch;
    double reference_flops_per_image; /* workload.md's count: whole step, padding counted */
} clg_trainer_facts;
void clg__trainer_facts(const clg_trainer *t, clg_trainer_facts *out);
/* The algorithms of its convolutions; a checkpoint that is loaded may change them. */
const clg_algorithms *clg__trainer_algorithms(const clg_trainer *t);

typedef struct clg_monitor { /* nan: not measured at this step */
    double parzen_ll;        /* mean log-likelihood of held-out images, nats */
    double real_below_half, fake_above_half; /* shares of real and fake that D takes for the other */
} clg_monitor;
#define CLG_NO_MONITOR ((clg_monitor){ (double)NAN, (double)NAN, (double)NAN })

/* nan: d_* of an autoencoder; loss_g and d_fake_after before G's first update */
typedef struct clg_progress {
    uint64_t step, steps_total;
    double epoch, loss_d, loss_g, d_real, d_fake_before, d_fake_after, images_per_s, eta_s;
    clg_monitor monitor;
} clg_progress;
typedef struct clg_trainer_events {
    void *user;
    void (*progress)(void *user, const clg_progress *p);      /* at each log line */
    void (*saved)(void *user, const char *what, const char *path); /* "grid", "checkpoint" */
    void (*first_step)(void *user);                           /* first step was enqueued */
    int (*stop_signal)(void *user);                           /* asked after each step; 0 or signal */
} clg_trainer_events;

/* Until steps_total. CLG_E_INTERRUPTED after a signal (state saved). CLG_E_NUMERIC when a loss is
 * not finite (the last finite checkpoint stays). */
int clg__trainer_run(clg_trainer *t, const clg_trainer_events *events);

/* One step on the next batch of the data set or of the drawn system / on given images (u8
 * [n,size,size,c]) with one label each (copied; NULL for a model without classes); nothing is waited
 * for, and steps that fused.h holds are enqueued when anything is asked for. */
int clg__trainer_step(clg_trainer *t);
int clg__trainer_step_on_labels(clg_trainer *t, const uint8_t *images, const uint32_t *labels,
                                uint32_t n);
int clg__trainer_step_on(clg_trainer *t, const uint8_t *images, uint32_t n);
uint64_t clg__trainer_step_number(const clg_trainer *t);
/* Updates of a net so far; fewer than steps where an order pauses it. */
uint64_t clg__trainer_updates(const clg_trainer *t, enum clg_which_net which);
/* Waits; losses of the last step. */
int clg__trainer_losses(clg_trainer *t, clg_progress *out);

int clg__trainer_save(clg_trainer *t, const char *path);
/* Whole state; refuses another model, seed or batch. *other_device: set when it was written on
 * another device or driver. */
int clg__trainer_load(clg_trainer *t, const char *path, bool *other_device);
/* Continue in the run folder of the checkpoint (cuts its logs) instead of a new one. */
int clg__trainer_resume(clg_trainer *t, const char *run_dir, bool *other_device);
/* Weights and running statistics only (a foreign state_dict with prefixes is fine). */
int clg__trainer_init_from(clg_trainer *t, const char *path);
const char *clg__trainer_run_dir(const clg_trainer *t); /* NULL before run */

/* ---- a look inside: self-test, comparisons (nets stay the trainer's) ---- */
clg_net *clg__trainer_net(clg_trainer *t, enum clg_which_net which);
/* From now on steps leave all gradients (CLG_NET_GRAD), which small nets else step by at once. */
void clg__trainer_keep_gradients(clg_trainer *t, bool keep);

/* ---- sampling from a checkpoint ---- */
typedef struct clg_sampler clg_sampler;
/* desc and plan from the checkpoint's metadata; a foreign file needs `desc_or_null`. max_batch: rows
 * of a pass at most; 0: as many as suit the model. */
int clg__sampler_open(clg_sampler **out, const clg_ops *ops, const char *checkpoint,
                      const clg_model_desc *desc_or_null, uint32_t max_batch);
void clg__sampler_close(clg_sampler **s);
const clg_model_desc *clg__sampler_desc(const clg_sampler *s);
const clg_model_plan *clg__sampler_plan(const clg_sampler *s);
/* Names of the classes that the generator was trained with; 0 classes: it takes no label. */
uint32_t clg__sampler_classes(const clg_sampler *s);
const char *clg__sampler_class(const clg_sampler *s, uint32_t class);
/* The class of each image; between two classes: mix[i] of `to`, 1 - mix[i] of `label`. */
typedef struct clg_sampler_labels {
    const uint32_t *label; /* [n]; NULL: the classes by turns, image i of class i % classes */
    const uint32_t *to;    /* [n] with mix [n]; NULL: as `label` says */
    const float *mix;
} clg_sampler_labels;
/* z [n, Z] on the host -> images f32 [n,size,size,c] in [-1,1] on the host, whatever data.range the
 * model has; rows of a drawn system as they are; any n. labels NULL: by turns. */
int clg__sampler_draw(clg_sampler *s, const float *z, const clg_sampler_labels *labels, uint32_t n,
                      float *images);
/* Latents of the model's kind from (seed, CLG_STREAM_Z_SAMPLE); an autoencoder's from the Gaussian
 * fitted to its codes. */
int clg__sampler_latents(clg_sampler *s, uint64_t seed, uint32_t n, float *z);

/* Model description and facts stored in a checkpoint's metadata. CLG_E_CHECKPOINT if it has none. */
typedef struct clg_checkpoint_info {
    clg_model_desc desc;
    uint32_t size, channels, classes;
    uint64_t step;
    char version[32], device[128], driver[128], data[1024], choices[512];
    char conv[128]; /* clg__algorithms_summary_of; "" when it does not say */
} clg_checkpoint_info;
int clg__checkpoint_info(const char *path, clg_checkpoint_info *out);
/* The data that it was trained on, for clg__model_expand_for. */
clg_data_shape clg__checkpoint_shape(const clg_checkpoint_info *info);
#endif
