/* What the files of the trainer share. schedule: which images step s sees; feed: bringing them to
 * the device; order, loss_table: what a step does, as data; step: its work; losses: reading what it
 * left; optim: updates of the nets; trainer: life cycle; run: the loop; watch: collapse; checkpoint,
 * trace, grid, facts: as their names say. */
#ifndef CLG_GAN_TRAINER_INTERNAL_H
#define CLG_GAN_TRAINER_INTERNAL_H

#include "gan/algorithms.h"
#include "gan/fused.h"
#include "gan/order.h"
#include "gan/trainer.h"
#include "io/safetensors.h"
#include "nn/net.h"
#include "ops/loss.h"

/* ---- schedule: pure functions of (seed, step); steps count from 1 ---- */
typedef struct clg_schedule {
    uint64_t seed;
    uint32_t images, batch, packing;
    uint64_t steps_per_epoch; /* 0: no data set */
    bool hflip, dropped_one;  /* dropped_one: an epoch's last single image is left out */
    /* Cache of the worker thread: the permutation of one epoch (1 + its number; 0 = none). */
    uint32_t *order;
    uint64_t order_of;
} clg_schedule;

/* CLG_E_DATA if no step can be made of `images`. norm: a batch of 1 is not allowed. A partial batch
 * is cut to a multiple of the discriminator's packing. */
int clg__schedule_make(clg_schedule *s, const clg_model_desc *desc, uint32_t images, bool norm);
void clg__schedule_free(clg_schedule *s);
/* A clg_loader_plan: batch b (from 0) is that of step b + 1. user: clg_schedule. */
uint32_t clg__schedule_plan(void *user, uint64_t batch, uint32_t *indices, uint8_t *flip);

/* ---- feed: host images and labels to the device, at most `slots` uploads in flight ---- */
enum { CLG_FEED_SLOTS_MAX = 2 * CLG_MLP_STEPS_MAX };
typedef struct clg_feed {
    clg_loader *loader;
    uint8_t *staging;         /* copies of images given by the caller: [slots, batch, image] */
    uint32_t *labels;         /* [slots, groups, batch] */
    struct {
        clg_event *event, *label_event;
        bool from_loader;
    } pending[CLG_FEED_SLOTS_MAX];
    uint32_t slots;           /* 4; or two for each step of a launch, so that the next can be prepared */
    uint32_t first, count;    /* ring of pending uploads */
    uint32_t place;           /* of this step's images in t->bytes, in batches */
    uint64_t uploads;
} clg_feed;

/* ---- losses as a table of terms (loss_table.c) ---- */

/* Groups of rows in a D pass, each with batch statistics of its own. */
enum { CLG_GROUP_REAL, CLG_GROUP_FAKE, CLG_GROUP_WRONG }; /* real images with a wrong label */
enum { CLG_D_TERMS_MAX = 6, CLG_LOSS_ROW = 16 };

typedef struct clg_loss_term {
    uint32_t group, head;
    enum clg_loss_role role;
    float weight;
    uint32_t slot; /* which pair of a row of the ring: mean loss, mean shown(l) */
} clg_loss_term;
typedef struct clg_loss_table {
    clg_loss_term d[CLG_D_TERMS_MAX], g[CLG_HEADS_MAX];
    uint32_t d_count, g_count;
    uint32_t groups; /* of rows in a D pass: 2, or 3 with wrong labels */
} clg_loss_table;
/* A pure function of the model. D's slots come first, then G's. */
void clg__loss_table_make(const clg_model_desc *desc, const clg_model_plan *plan,
                          clg_loss_table *out);
/* Sum of weight * loss over terms, from a row of the ring. */
double clg__loss_sum(const clg_loss_term *term, uint32_t count, const float *row);

/* Passes of one step, as they count in the lanes of dropout and in names of traced masks. */
enum { CLG_PASS_D, CLG_PASS_D_OF_G, CLG_PASS_G };

enum { CLG_ROLLBACKS_MAX = 3 };
enum { CLG_RING_MAX = 1024 };

typedef struct clg_pictures clg_pictures; /* pictures_draw.c */

/* ---- watch: signs of collapse, from log line to log line ---- */
enum clg_collapse {
    CLG_COLLAPSE_NONE,
    CLG_COLLAPSE_DIVERSITY,
    CLG_COLLAPSE_SATURATED,
    CLG_COLLAPSE_EXPLODED
};
typedef struct clg_watch {
    double real_distance;    /* mean distance of real rows; 0 = not measured yet */
    uint32_t logs, low, saturated; /* lines seen; in a row with like fakes; with D always right */
    uint32_t wild;           /* grows with lines of losses out of all measure */
    bool was_high;           /* fakes were different once */
    double worst;            /* largest |loss| of a step since the last line */
} clg_watch;

struct clg_trainer {
    const clg_ops *ops; /* of `algorithms` */
    clg_algorithms algorithms;
    clg_model_desc desc;
    clg_model_plan plan;
    clg_dataset *ds;       /* not owned; NULL when steps are fed by hand */
    clg_trainer_facts facts;
    char version[32];
    char resumed_from[CLG_PATH_MAX_LEN]; /* checkpoint that this run goes on from; "" when new */
    char *out_dir;
    bool no_run_folder, norm;
    bool keep_gradients;
    uint64_t trace_steps;
    clg_loss_table table;
    clg_fused fused;       /* small nets: passes in one launch */

    clg_scratch *scratch;
    clg_net *g, *d;
    /* Latents, images and gradients of logits are of the nets' `store`. */
    clg_buffer *z;         /* [N, Z] */
    clg_buffer *images;    /* [groups, N, image]: D's input. While G learns the first group holds
                              the gradient of the fakes instead; a fused pass leaves
                              the group of real images as it was, if it makes them itself. */
    clg_buffer *bytes;     /* u8 [steps of a launch, N, image]; NULL for drawn systems */
    clg_buffer *labels;    /* u32 [groups, N]; NULL without classes */
    clg_buffer *dlogits;   /* [heads, groups, N]; an autoencoder's codes' gradient [N, Z] */
    clg_buffer *loss_ws;   /* of clg__mse; NULL if it is not used */
    clg_buffer *ring;      /* [ring_len, CLG_LOSS_ROW] */
    clg_buffer *norms;     /* sums of squares: weights, gradients, updates of G, then of D */
    uint32_t ring_len;

    clg_schedule schedule;
    clg_feed feed;
    uint64_t step;         /* done so far */
    uint32_t rows;         /* of the last step */
    clg_watch watch;
    uint64_t updates[2];   /* of each net, by enum clg_which_net */
    uint32_t noise_stream; /* of the latents; moved on by a rollback */
    double lr_factor;      /* of both learning rates; halved by a rollback */
    uint64_t checked;      /* losses up to this step were read and are finite */
    clg_run *run;
    clg_pictures *pictures; /* NULL before the first picture */
};

/* trainer.c. The algorithms that the checkpoint was written with, and room for them. */
int clg__trainer_recall(clg_trainer *t, const clg_st_file *f, const char *path);

/* Name of a class: the data set's, or its number; "" beyond the last. */
const char *clg__trainer_class(const clg_trainer *t, uint32_t class);
uint64_t clg__trainer_pixels(const clg_trainer *t); /* floats per image or drawn row */
uint32_t clg__trainer_batch_bytes(const clg_trainer *t);  /* of a batch of images in t->bytes */
/* What a byte becomes: x * scale + shift. */
void clg__trainer_range(const clg_model_desc *desc, float *scale, float *shift);

/* feed.c. Brings the next batch / given images with their labels (NULL without classes) to t->bytes
 * and t->labels; *n images (0: end of the data). */
int clg__feed_next(clg_trainer *t, uint32_t *n);
int clg__feed_images(clg_trainer *t, const uint8_t *images, const uint32_t *labels, uint32_t n);
void clg__feed_stop(clg_trainer *t); /* waits for uploads; the loader starts anew when needed */

/* step.c */
typedef struct clg_step_wish {
    bool norms;  /* leave norms of weights, gradients and updates in t->norms */
    bool gradients; /* leave those, as clg__trainer_keep_gradients says */
    float *real; /* [n, image]: copy of the real rows without noise (waits), or NULL */
} clg_step_wish;
/* One step on the n images at the feed's place in t->bytes, or on n rows that are drawn here: enqueued, or
 * held (fused.h). */
int clg__step_enqueue(clg_trainer *t, uint32_t n, const clg_step_wish *wish);
/* Next batch, then clg__step_enqueue; *n images. */
int clg__step_next(clg_trainer *t, const clg_step_wish *wish, uint32_t *n);
/* Key of the latents of draw 0 or 1 of a step. */
clg_rng_key clg__step_latent_key(const clg_trainer *t, uint64_t step, uint32_t draw);

/* optim.c. One update of a net with its gradients as they are; with `norms` the sums of squares of
 * weights, gradients and the update go to t->norms. */
int clg__update_net(clg_trainer *t, enum clg_which_net which, bool norms);
/* Adam's numbers for this update; whether the update is Adam's step and nothing else. */
bool clg__update_is_adam(const clg_trainer *t, enum clg_which_net which, clg_adam *adam);
/* Learning rate of update `done` (from 0); momentum at a step (from 1). */
float clg__optim_lr(const clg_optim_desc *o, uint64_t done, double factor);
float clg__optim_momentum(const clg_optim_desc *o, uint64_t step, uint64_t steps_per_epoch);

/* losses.c. Reads the losses of the steps since the last call; CLG_E_NUMERIC names the first step whose
 * losses are not finite. *last: those of the last step. */
int clg__step_check(clg_trainer *t, clg_progress *last);
/* The ring's row of a step. */
clg_tensor clg__losses_row(const clg_trainer *t, uint64_t step);
/* Rows of the log from t->norms; *rows by clg__free, names point into the second allocation. */
int clg__step_norms(clg_trainer *t, clg_layer_stat **rows, char **names, size_t *count);

/* watch.c. Looks at the last step's fakes (waits); *what is told once, when it begins. */
int clg__watch_look(clg_trainer *t, const clg_progress *p, enum clg_collapse *what);
/* A loss of a step was read. */
void clg__watch_note(clg_trainer *t, double loss_d, double loss_g);
/* No sign of collapse, and somebody looked; nothing was learnt yet at step 0. */
bool clg__objective_is_probability(const clg_model_desc *desc); /* D's answer is one, as a logit */
bool clg__watch_is_calm(const clg_trainer *t);
void clg__watch_describe(enum clg_collapse what, const char **fault, const char **advice);
/* Back to a checkpoint of this run with another noise stream and half the learning rates; logs and
 * checkpoints after it are cut. CLG_E_NUMERIC after CLG_ROLLBACKS_MAX of them. */
int clg__watch_rollback(clg_trainer *t, const char *checkpoint);

/* monitor.c: whether the monitors are measured after this step, whether a model can have them, and
 * measuring (waits). */
bool clg__monitor_due(const clg_trainer *t, uint64_t step);
int clg__monitor_check(const clg_model_desc *desc, const clg_model_plan *plan);
int clg__monitor_measure(clg_trainer *t, clg_monitor *out);

/* facts.c */
/* Type of stored activations that the model asks for. */
enum clg_dtype clg__trainer_store(const clg_model_desc *desc);
/* How G (0) and D (1) are made for a batch. */
void clg__facts_nets(const clg_model_desc *desc, const clg_model_plan *plan, uint32_t batch,
                     clg_net_options opt[2]);
/* Floats of the gradient of what D answers. */
uint64_t clg__facts_answers(const clg_model_desc *desc, const clg_model_plan *plan,
                            uint32_t groups, uint32_t batch);
int clg__facts_need(const clg_ops *ops, const clg_model_desc *desc, const clg_model_plan *plan,
                    uint32_t batch, clg_bytes *out);
int clg__facts_check_memory(const clg_ops *ops, const clg_model_desc *desc,
                            const clg_model_plan *plan, clg_bytes *need);
double clg__facts_flops(const clg_model_plan *plan);
uint32_t clg__trainer_ring_len(const clg_model_desc *desc);

/* checkpoint.c. */
/* The tensors that are the state: values and moments of both nets, with the prefixes of files. */
enum { CLG_STATE_GROUPS_MAX = 6 };
typedef struct clg_state_group {
    clg_net *net;
    enum clg_net_kind kind;
    const char *prefix;
} clg_state_group;
uint32_t clg__checkpoint_groups(clg_trainer *t, clg_state_group out[CLG_STATE_GROUPS_MAX]);
/* True if any tensor is not finite is CLG_E_NUMERIC. */
int clg__checkpoint_check_finite(clg_trainer *t);

/* trace.c: trace/step-<t->step>. n = 0: the state before the first step. */
int clg__trace_write(clg_trainer *t, uint32_t n, const float *real);

/* grid.c: the fixed latents through G as it is now; u8 [rows*cols, image], by clg__free. */
int clg__grid_draw(clg_trainer *t, uint8_t **images);
/* The same as G gives them, for n fixed latents; samples [n, pixels] on the host. */
int clg__grid_samples(clg_trainer *t, uint32_t n, float *samples);

/* pictures_draw.c: charts of a run, after a step whose losses were checked. What goes wrong is one
 * warning. The picture of a drawn system, samples/step-<t->step>.png; false if there is none. */
bool clg__pictures_sample(clg_trainer *t, char path[CLG_PATH_MAX_LEN]);
/* plots/: the log's courses, read back. Not `last`: left for later when they would take more than a
 * small share of the time. */
void clg__pictures_courses(clg_trainer *t, bool last);
void clg__pictures_destroy(clg_pictures **p);

/* data_bias.c: the bias of G's last layer from the data's mean, where the model says so. */
int clg__data_bias_init(clg_trainer *t);

/* The classes of samples first .. first+n of the grid; nothing without classes. */
void clg__grid_labels(const clg_trainer *t, uint32_t first, uint32_t n, uint32_t *label);

/* codes.c: mean [Z] and lower Cholesky factor [Z,Z] of the codes of clg__codes_count training
 * images; both by clg__free. */
int clg__codes_fit(clg_trainer *t, float **mean, float **cholesky);
/* Up to 10,000 and no more than were trained on so far, lest a checkpoint of a young run or on a
 * slow device take longer than the training; enough for a covariance of all latents. */
uint32_t clg__codes_count(uint32_t images, uint32_t latents, uint64_t seen);

/* latents.c: n latents of the model's kind on the host, z [n, Z]. */
void clg__latents_draw(const clg_model_desc *desc, const clg_rng_key *key, float *z, size_t n);

/* ---- lists of named tensors for files ---- */
enum { CLG_LIST_BLOCKS = 20 + 4 * CLG_LAYERS_MAX }; /* two per net and kind; traced masks */
typedef struct clg_tensor_list {
    clg_st_tensor *tensor;
    char (*name)[4 * CLG_NAME_MAX];
    size_t count, cap;
    void *owned[CLG_LIST_BLOCKS];
    uint32_t owned_count;
} clg_tensor_list;
int clg__tensor_list_make(clg_tensor_list *list, size_t cap);
void clg__tensor_list_free(clg_tensor_list *list);
/* Memory that lives as long as the list; NULL: CLG_E_MEMORY. */
void *clg__tensor_list_own(clg_tensor_list *list, size_t count, size_t size);
/* Room for one more; data stays the caller's. */
int clg__tensor_list_add(clg_tensor_list *list, enum clg_st_dtype dtype, uint32_t rank,
                         const uint64_t *dim, const void *data, const char *prefix,
                         const char *name);
/* Every tensor of the net of this kind under prefix + PyTorch's name; values with the running
 * statistics and num_batches_tracked. Reads the device. */
int clg__tensor_list_add_net(clg_tensor_list *list, clg_net *net, enum clg_net_kind kind,
                             const char *prefix);
/* Upper bound of what one clg__tensor_list_add_net adds. */
size_t clg__tensor_list_room(const clg_net *net);
/* Reads every tensor of the net from a file, all present and of the right shape; CLG_E_CHECKPOINT
 * names the tensor. strict: other tensors under the prefix are a fault too. */
int clg__tensor_list_read_net(const clg_st_file *f, const char *path, clg_net *net,
                              enum clg_net_kind kind, const char *prefix, bool strict);

/* trace_draws.c: what the last step drew, of n rows a group: labels, masks, noise. */
int clg__trace_draws(clg_trainer *t, clg_tensor_list *list, uint32_t n);
size_t clg__trace_draws_room(const clg_trainer *t);

#endif
