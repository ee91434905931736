/* What the files of the trainer share. schedule: which images step s sees; feed: bringing them to
 * the device; step: the work of one step; trainer: life cycle; run: the loop; checkpoint, trace,
 * grid, facts: as their names say. */
#ifndef CLG_GAN_TRAINER_INTERNAL_H
#define CLG_GAN_TRAINER_INTERNAL_H

#include "gan/trainer.h"
#include "io/safetensors.h"
#include "nn/net.h"

/* ---- schedule: pure functions of (seed, step); steps count from 1 ---- */
typedef struct clg_schedule {
    uint64_t seed;
    uint32_t images, batch;
    uint64_t steps_per_epoch; /* 0: no data set */
    bool hflip, dropped_one;  /* dropped_one: an epoch's last single image is left out */
    /* Cache of the worker thread: the permutation of one epoch (1 + its number; 0 = none). */
    uint32_t *order;
    uint64_t order_of;
} clg_schedule;

/* CLG_E_DATA if no step can be made of `images`. norm: a batch of 1 is not allowed. */
int clg__schedule_make(clg_schedule *s, const clg_model_desc *desc, uint32_t images, bool norm);
void clg__schedule_free(clg_schedule *s);
/* A clg_loader_plan: batch b (from 0) is that of step b + 1. user: clg_schedule. */
uint32_t clg__schedule_plan(void *user, uint64_t batch, uint32_t *indices, uint8_t *flip);

/* ---- feed: host images to the device, at most FEED_SLOTS uploads in flight ---- */
enum { CLG_FEED_SLOTS = 4 };
typedef struct clg_feed {
    clg_loader *loader;
    uint8_t *staging;         /* copies of images given by the caller: [slots, batch, image] */
    struct {
        clg_event *event;
        bool from_loader;
    } pending[CLG_FEED_SLOTS];
    uint32_t first, count;    /* ring of pending uploads */
    uint64_t uploads;
} clg_feed;

/* What one step leaves in the ring of losses: three pairs as clg__bce writes them. */
enum { CLG_LOSS_REAL, CLG_D_REAL, CLG_LOSS_FAKE, CLG_D_FAKE_BEFORE, CLG_LOSS_G, CLG_D_FAKE_AFTER,
       CLG_LOSS_ROW = 16 };
enum { CLG_RING_MAX = 1024 };

struct clg_trainer {
    const clg_ops *ops;
    clg_model_desc desc;
    clg_model_plan plan;
    clg_dataset *ds;       /* not owned; NULL when steps are fed by hand */
    clg_trainer_facts facts;
    char version[32];
    char resumed_from[CLG_PATH_MAX_LEN]; /* checkpoint that this run goes on from; "" when new */
    char *out_dir;
    bool no_run_folder, norm;
    uint64_t trace_steps;

    clg_scratch *scratch;
    clg_net *g, *d;
    clg_buffer *z;         /* [N, Z] */
    clg_buffer *images;    /* [2N, image]: D's input, real then fake. In the G step the first half
                              holds the gradient of the fakes instead. */
    clg_buffer *bytes;     /* u8 [N, image] */
    clg_buffer *dlogits;   /* [2N] */
    clg_buffer *ring;      /* [ring_len, CLG_LOSS_ROW] */
    clg_buffer *norms;     /* sums of squares: weights, gradients, updates of G, then of D */
    uint32_t ring_len;

    clg_schedule schedule;
    clg_feed feed;
    uint64_t step;         /* done so far */
    uint64_t checked;      /* losses up to this step were read and are finite */
    clg_run *run;
};

uint64_t clg__trainer_pixels(const clg_trainer *t); /* floats per image */

/* feed.c. Brings the next batch / given images into t->bytes; *n images (0: end of the data). */
int clg__feed_next(clg_trainer *t, uint32_t *n);
int clg__feed_images(clg_trainer *t, const uint8_t *images, uint32_t n);
void clg__feed_stop(clg_trainer *t); /* waits for uploads; the loader starts anew when needed */

/* step.c */
typedef struct clg_step_wish {
    bool norms;  /* leave norms of weights, gradients and updates in t->norms */
    float *real; /* [n, image]: copy of the real images (waits), or NULL */
} clg_step_wish;
/* Enqueues one step on the n images in t->bytes. */
int clg__step_enqueue(clg_trainer *t, uint32_t n, const clg_step_wish *wish);
/* Next batch, then clg__step_enqueue; *n images. */
int clg__step_next(clg_trainer *t, const clg_step_wish *wish, uint32_t *n);
/* Reads the losses of the steps since the last call; CLG_E_NUMERIC names the first step whose
 * losses are not finite. *last: those of the last step. */
int clg__step_check(clg_trainer *t, clg_progress *last);
/* Rows of the log from t->norms; *rows by clg__free, names point into the second allocation. */
int clg__step_norms(clg_trainer *t, clg_layer_stat **rows, char **names, size_t *count);

/* facts.c */
int clg__facts_need(const clg_ops *ops, const clg_model_desc *desc, const clg_model_plan *plan,
                    uint32_t batch, clg_bytes *out);
int clg__facts_check_memory(const clg_ops *ops, const clg_model_desc *desc,
                            const clg_model_plan *plan, clg_bytes *need);
double clg__facts_flops(const clg_model_plan *plan);
uint32_t clg__trainer_ring_len(const clg_model_desc *desc);

/* checkpoint.c. True if any tensor is not finite is CLG_E_NUMERIC. */
int clg__checkpoint_check_finite(clg_trainer *t);

/* trace.c: trace/step-<t->step>. n = 0: the state before the first step. */
int clg__trace_write(clg_trainer *t, uint32_t n, const float *real);

/* grid.c: the fixed latents through G as it is now; u8 [rows*cols, image], by clg__free. */
int clg__grid_draw(clg_trainer *t, uint8_t **images);

/* ---- lists of named tensors for files ---- */
enum { CLG_LIST_BLOCKS = 20 }; /* two per net and kind */
typedef struct clg_tensor_list {
    clg_st_tensor *tensor;
    char (*name)[4 * CLG_NAME_MAX];
    size_t count, cap;
    void *owned[CLG_LIST_BLOCKS];
    uint32_t owned_count;
} clg_tensor_list;
int clg__tensor_list_make(clg_tensor_list *list, size_t cap);
void clg__tensor_list_free(clg_tensor_list *list);
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

#endif
