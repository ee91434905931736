/* Nets on the device. A net is a graph of blocks, in an order in which every input is computed before
 * it is read: an op (linear, conv2d, deconv2d with bias, optional batch norm and activation; maxout,
 * dropout, concat, embedding, onehot, upsample, avgpool). Parameters, gradients and the optimiser's
 * moments are one slab each; blocks hold views.
 *
 * What a forward keeps for the backward: for a block without norm its output (the activation's
 * derivative needs only that), for a block with norm the op's output and the batch mean and
 * invstd; the normalised activation itself is made again when the next layer's weight gradient
 * needs it, in the place where that layer's data gradient goes a moment later. So memory is one
 * activation per block, and for a chain of blocks two gradients; branches take a further gradient
 * for each activation that waits meanwhile. */
#ifndef CLG_NN_NET_H
#define CLG_NN_NET_H

#include "base/model.h"
#include "ops/mlp.h"
#include "ops/ops.h"
#include "ops/sgd.h"

typedef struct clg_net clg_net;
typedef struct clg_scratch clg_scratch; /* transient buffers that several nets share */

enum clg_net_mode {
    CLG_NET_TRAIN,  /* batch statistics, running ones moved */
    CLG_NET_DRAW,   /* batch statistics, nothing moved: sample grids */
    CLG_NET_EVAL    /* running statistics */
};

/* Scratch sized for every plan given, each with its largest batch; made before the nets and
 * destroyed after them. train: for backward passes too; store: as in the nets' options. */
int clg__scratch_create(clg_scratch **out, const clg_ops *ops, const clg_net_plan *const *plans,
                        const uint32_t *batches, uint32_t n, bool train, enum clg_dtype store);
/* Makes room for other algorithms of the operators (ops->conv_choices) than it was made for; the
 * rest as in create. On failure the scratch stays as it is. */
int clg__scratch_refit(clg_scratch *s, const clg_net_plan *const *plans, const uint32_t *batches,
                       uint32_t n, bool train, enum clg_dtype store);
void clg__scratch_destroy(clg_scratch **s);

typedef struct clg_net_options {
    uint32_t max_batch;
    bool train; /* gradients and moments too */
    enum clg_optimizer optimizer; /* training: Adam keeps both moments, SGD the first alone */
    /* Of activations, their gradients and the copy of the weights that the layers read; x, y, dy and
     * dx are of this type: CLG_F32 (0), CLG_F16, CLG_BF16. All else is float: parameters, their
     * gradients, moments, statistics. With CLG_F16 a net for training has a loss scale. */
    enum clg_dtype store;
    /* Training: the parameters are written seldom, so filters made ready are kept for both ways, as
     * nets that are not for training keep them for theirs. */
    bool fixed;
    /* Training: what the way back could make again is kept instead: normalised activations, and on
     * GPUs the larger maps as Winograd transforms them (clg_turned). Same bits. */
    bool fast;
    /* Norms read what they sum in passes of their own, not as convolutions make it. */
    bool apart;
    const char *label; /* static: "netG", "netD" */
} clg_net_options;

/* Device bytes a net or the scratch will need, without making anything. */
typedef struct clg_bytes {
    uint64_t total, largest; /* of all buffers; of the largest single one */
} clg_bytes;
/* One more buffer. */
static inline void clg__bytes_add(clg_bytes *b, uint64_t bytes)
{
    b->total += bytes;
    b->largest = bytes > b->largest ? bytes : b->largest;
}
int clg__net_bytes(const clg_ops *ops, const clg_net_plan *plan, const clg_net_options *opt,
                   clg_bytes *out);
int clg__scratch_bytes(const clg_ops *ops, const clg_net_plan *const *plans,
                       const uint32_t *batches, uint32_t n, bool train, enum clg_dtype store,
                       clg_bytes *out);
/* And bytes that a product library takes for itself, at most at a time, beside them. */
uint64_t clg__foreign_bytes(const clg_ops *ops, const clg_net_plan *const *plans,
                            const uint32_t *batches, uint32_t n);

int clg__net_create(clg_net **out, const clg_ops *ops, clg_scratch *scratch,
                    const clg_net_plan *plan, const clg_net_options *opt);
void clg__net_destroy(clg_net **net);
/* After other algorithms were chosen: what the net keeps for them has their size. Between passes. */
int clg__net_refit(clg_net *net);
/* Initial parameters on the host from Philox (seed, stream, number of the tensor), uploaded. A bias
 * that starts from the data (CLG_BIAS_DATA) is 0: write it afterwards, clg__net_write_tensor.
 * Embeddings are N(0,1), as PyTorch's are, whatever the net's init is. */
int clg__net_init(clg_net *net, uint64_t seed, enum clg_stream stream);
const clg_net_plan *clg__net_plan(const clg_net *net);
/* The convolutions of a plan on n images, one per conv2d and deconv2d layer in their order. */
int clg__net_convs(const clg_net_plan *plan, uint32_t n, clg_conv out[CLG_LAYERS_MAX],
                   uint32_t *count);

/* Is the plan a chain of linear layers without norm, with one head? Then its layers and where their
 * parameters lie in the net's slabs. */
bool clg__net_chain(const clg_net_plan *plan, clg_mlp_chain *out);

/* What goes through a net. */
typedef struct clg_net_pass {
    clg_tensor x;      /* [n, in...]; unchanged until the last backward that wants weight gradients */
    clg_tensor labels; /* u32 [n], all below plan->classes; nets that take no label ignore it.
                          Without a way back also f32 [n, classes]: shares of the classes. */
    uint32_t n, groups; /* rows; equal parts with batch statistics of their own, 1..4 */
    enum clg_net_mode mode;
    clg_rng_key dropout; /* of the masks, used in CLG_NET_TRAIN only: layer i adds i to the lane */
    clg_tensor y; /* CLG_NET_TRAIN, where clg__net_writes_to: place of the output [n, out...], of the
                     net's type and unchanged until its last way back. CLG_NO_TENSOR: the net's own */
} clg_net_pass;
/* Can the output go to a place of the caller's? One head, and no norm that needs both its sides. */
bool clg__net_writes_to(const clg_net *net);
/* y[h]: view of the output of head h [n, out...], the net's own (then valid until the next forward)
 * or pass->y. */
int clg__net_run(clg_net *net, const clg_net_pass *pass, clg_tensor y[CLG_HEADS_MAX]);

/* The way back after a CLG_NET_TRAIN run of `pass`, for all its rows or for some groups of them. It
 * may be done several times after one run. */
typedef struct clg_net_back {
    uint32_t first, groups; /* groups first .. first+groups of the pass; groups 0 = all */
    bool want_dw;           /* parameters' gradients are overwritten; else left as they are */
    clg_tensor dy[CLG_HEADS_MAX]; /* gradient of head h for these rows, overwritten; CLG_NO_TENSOR:
                                     zero. At least one is given. */
    clg_tensor dx;          /* where the gradient of x's rows goes, or CLG_NO_TENSOR */
    clg_gate gate;          /* what made x: dx goes back through it. Of clg__net_gate; zeroed: none */
    bool gated;             /* dy has gone back through the head's activation by such a gate */
    clg_net *scaled_by;     /* whose loss scale dy carries, if both have one; NULL: this net's */
} clg_net_back;
int clg__net_back(clg_net *net, const clg_net_pass *pass, const clg_net_back *back);
/* The activation at the end of `net` as a gate of the way back through `reader`, whose input x is
 * the only output of `net` in its run of `pass`. CLG_ACT_NONE where there is no such activation, or
 * the reader's first layer does not take gates: then both ways back are made without. */
clg_gate clg__net_gate(clg_net *net, const clg_net_pass *pass, const clg_net *reader);

/* ---- loss scale: nets for training that store halves ----
 * The loss whose gradient comes back through a net with want_dw must be multiplied by this element
 * (ops/loss.h); CLG_NO_TENSOR: the net has no scale. Parameters' gradients are divided by it before
 * anything reads them. When they hold inf or nan they become 0, the next step of the optimiser
 * changes nothing and the scale halves; Adam's t counts the other steps. Nothing waits for that. */
clg_tensor clg__net_loss_scale(const clg_net *net);
enum { CLG_NET_SCALE_LEN = 8 };
/* The state for checkpoints, ops/loss_scale.h. Blocking. A net without scale: CLG_E_INTERNAL. */
int clg__net_scale_read(clg_net *net, float state[CLG_NET_SCALE_LEN]);
int clg__net_scale_write(clg_net *net, const float state[CLG_NET_SCALE_LEN]);
/* The state of a scale that starts after `updates` updates without one. */
void clg__net_scale_start(float state[CLG_NET_SCALE_LEN], uint64_t updates);

/* ---- steps of the optimisers; the net was made with the options' optimizer of that name ---- */
int clg__net_adam(clg_net *net, const clg_adam *a);
int clg__net_sgd(clg_net *net, const clg_sgd *s); /* velocity: CLG_NET_M */
/* gradient += decay * w, for weights only: not biases, not a norm's parameters. Before the step. */
int clg__net_weight_decay(clg_net *net, float decay);
/* Every parameter cut to [-limit, limit]. After the step. */
int clg__net_weight_clip(clg_net *net, float limit);

/* ---- tensors by name, for checkpoints, traces and statistics ---- */
enum clg_net_kind { CLG_NET_VALUE, CLG_NET_GRAD, CLG_NET_M, CLG_NET_V };
typedef struct clg_net_tensor {
    char name[3 * CLG_NAME_MAX]; /* "main.0.weight", "main.1.running_mean" */
    uint32_t rank;
    uint64_t dim[4];  /* PyTorch's shape */
    uint64_t len;
    bool is_buffer;   /* running statistics: only CLG_NET_VALUE; no moments, no gradient */
} clg_net_tensor;
/* All parameters, or as much of their gradients or moments; clg__net_chain says what lies where. */
clg_tensor clg__net_slab(const clg_net *net, enum clg_net_kind kind);
/* Whoever writes parameters or running statistics calls this: nothing made from the old ones is
 * used any more. */
void clg__net_touch(clg_net *net);
uint32_t clg__net_tensor_count(const clg_net *net);
const clg_net_tensor *clg__net_tensor_at(const clg_net *net, uint32_t i);
/* Whole slabs at once: reads every tensor of `kind` in PyTorch's layout into one float array of
 * clg__net_host_len floats, tensor i starting at clg__net_host_offset(i). Blocking. */
uint64_t clg__net_host_len(const clg_net *net);
uint64_t clg__net_host_offset(const clg_net *net, uint32_t i);
int clg__net_read(clg_net *net, enum clg_net_kind kind, float *dst);
int clg__net_write(clg_net *net, enum clg_net_kind kind, const float *src);
/* False for what the net was made without: gradients, moments. Reading or writing that is an error.
 */
bool clg__net_has(const clg_net *net, enum clg_net_kind kind);
/* Values of tensor i alone, PyTorch's layout. Blocking. */
int clg__net_write_tensor(clg_net *net, uint32_t i, const float *src);
/* Place in the device's layout of tensor i of its element `at` in PyTorch's layout: the reference's
 * nets hold the device's. */
uint64_t clg__net_device_index(const clg_net *net, uint32_t i, uint64_t at);
/* num_batches_tracked of every batch norm (moves with each CLG_NET_TRAIN forward, by groups). */
uint64_t clg__net_batches_tracked(const clg_net *net);
void clg__net_set_batches_tracked(clg_net *net, uint64_t value);

/* Sums of squares per parameter tensor (not buffers), one device tensor f32 [count] per call:
 * weights, gradients; and of the difference to a copy of the parameters taken by `snapshot`, which
 * lies in the scratch: it lasts until the next pass of any net on that scratch. */
uint32_t clg__net_parameter_count(const clg_net *net);
const char *clg__net_parameter_name(const clg_net *net, uint32_t i);
int clg__net_sumsq(clg_net *net, enum clg_net_kind kind, clg_tensor out);
int clg__net_snapshot(clg_net *net);
int clg__net_sumsq_update(clg_net *net, clg_tensor out);
/* Number of inf/nan among all parameters, moments and buffers. Blocking. */
int clg__net_nonfinite(clg_net *net, uint32_t *count);
#endif
