/* What the files of nn share: the graph of a net and its layout in slabs, and the structs
 * themselves. graph: who reads whom, and which buffer holds what; layout: places in the slabs; net:
 * making one; block: one block's ops; forward, backward; weights: what is made of
 * the parameters; optimise; init, host_copy; stats. */
#ifndef CLG_NN_NET_INTERNAL_H
#define CLG_NN_NET_INTERNAL_H

#include "nn/net.h"
#include "ops/conv2d.h"

enum { CLG_GROUPS_MAX = 4, CLG_VIEW_FLOATS = 16 };
enum { CLG_READY_PASSES = 2 }; /* CLG_FWD, CLG_BWD_DATA */
enum { CLG_INPUTS = 2 };     /* of a block: `from`, and concat's `with` */
enum { CLG_POOL_MAX = 16 };  /* buffers that the blocks of a net take turns in */
enum { CLG_NO_SLOT = 255 };  /* no such buffer */

/* Buffers that are free again once a value has been read for the last time; floats per image. */
typedef struct clg_pool {
    uint32_t count;
    uint64_t len[CLG_POOL_MAX];
} clg_pool;

/* What the links between blocks mean for memory; a pure function of the plan.
 *
 * A gradient lives from the last block that reads the activation (which is the first to give it a
 * gradient) down to the block itself; in a forward pass the normalised activation lies there, and
 * lives from the block up to its last reader: the same span. Blocks whose spans do not meet share a
 * buffer. A chain of blocks so needs two, used in turn. */
typedef struct clg_net_graph {
    clg_pool gradients;   /* in the scratch */
    clg_pool activations; /* of a net not for training */
    bool x_rides; /* the data gradient to the net's input can do the same for who made that */
    struct {
        uint32_t last;    /* the last block that reads the output; the number of layers: a head */
        int32_t head;     /* which head; -1: none */
        bool has_readers;
        bool trained;     /* it, or a block before it, has parameters */
        bool sees_x;      /* it, or a block before it, reads the net's input */
        bool keeps;       /* training: its normalised activation has a buffer of its own: heads,
                             and inputs of maxout, which wants them unspoilt on the way back */
        bool summed;      /* back: its norm's sums are left by the data gradient of the next block,
                             its only reader, if that can */
        bool rides;       /* back through its activation goes in its reader's data gradient */
        uint8_t gradient; /* buffer of its output's gradient */
        uint8_t spare[CLG_INPUTS]; /* a further gradient of that input waits here to be added */
        uint8_t activation;        /* not for training: buffer of its output */
    } node[CLG_LAYERS_MAX];
} clg_net_graph;

/* The tensors of one block. The first four lie in the parameter slab (and, at the same place, in
 * those of gradients and moments), the last two in the slab of running statistics. */
enum clg_part {
    CLG_PART_W,
    CLG_PART_B,
    CLG_PART_NORM_W,
    CLG_PART_NORM_B,
    CLG_PART_MEAN,
    CLG_PART_VAR,
    CLG_PART_COUNT
};

/* Where everything is, in floats; a pure function of the plan. Views start on multiples of
 * CLG_VIEW_FLOATS; what lies between them stays zero. */
typedef struct clg_net_layout {
    clg_net_graph graph;
    uint64_t params, stats, batch_stats; /* lengths of the slabs */
    struct {
        uint64_t at[CLG_PART_COUNT];
        uint64_t len[CLG_PART_COUNT];    /* 0: the block has no such tensor */
        uint64_t mean_at, invstd_at;     /* [CLG_GROUPS_MAX, c] each, in batch_stats */
        uint64_t out;                    /* floats of the block's output per image */
    } block[CLG_LAYERS_MAX];
} clg_net_layout;

struct clg_scratch {
    const clg_ops *ops;
    /* Gradients of block outputs, see clg_net_graph. NULL when not for training. Between passes
     * gradient[1] (the workspace, if gradients are not floats) holds the snapshot of
     * clg__net_snapshot. */
    clg_buffer *gradient[CLG_POOL_MAX];
    clg_buffer *workspace; /* floats; NULL if no operator wants any */
};

/* One named tensor and its place on host and device. */
typedef struct clg_net_entry {
    clg_net_tensor tensor;
    uint32_t block;
    enum clg_part part;
    uint64_t host_at;
} clg_net_entry;

/* A filter made ready for one pass, as long as the parameters are those that it was made from. */
typedef struct clg_ready {
    clg_buffer *buf;       /* NULL: not kept */
    uint64_t version, len; /* of clg_net.version, 0: nothing yet; floats: tells algorithms apart */
    const clg_buffer *from; /* where the weights lay */
} clg_ready;

struct clg_net {
    const clg_ops *ops;
    clg_scratch *scratch;
    clg_net_plan plan;
    clg_net_layout layout;
    uint32_t max_batch;
    bool train, apart, fast; /* fast: and train */
    const char *label;

    enum clg_dtype store; /* of activations, their gradients, working weights */
    clg_buffer *work;    /* the parameters in that type; NULL for floats */
    uint64_t version;    /* of parameters and running statistics: 1 .., raised by every writer */
    uint64_t work_version; /* of which `work` was made */
    clg_buffer *folded;  /* not for training: weights and norm biases of blocks with a norm, its
                            running statistics folded in; laid out as the parameters. Or NULL */
    uint64_t folded_version;
    clg_ready ready[CLG_LAYERS_MAX][CLG_READY_PASSES];
    clg_buffer *scale;   /* state of the loss scale; NULL: none */
    clg_net *scaled_by;  /* whose scale the parameters' gradients carry; NULL: none */
    clg_buffer *slab[4]; /* by enum clg_net_kind; only VALUE when not for training, no V for SGD */
    clg_buffer *stats;   /* running mean and variance; NULL without batch norm */
    clg_buffer *batch_stats;
    /* Training: one per block. Otherwise those of the graph's activations. */
    clg_buffer *saved[CLG_LAYERS_MAX];
    clg_buffer *kept[CLG_LAYERS_MAX]; /* training: normalised activations that are kept, or NULL */
    /* Training, fast: of a conv2d's input, from the forward pass on. */
    clg_turned turned[CLG_LAYERS_MAX]; /* v: a buffer of its own, or "no tensor"; of all rows */
    clg_turned back; /* and of a deconv2d's dy, while the block goes back; they take turns */
    clg_buffer *segments; /* u32: [parameters, 2], then the counters of nonfinite */
    uint32_t *segments_host; /* what is on its way there, behind the zeroing of slabs */
    clg_event *segments_sent;
    uint64_t batches_tracked;

    clg_net_entry *entry;
    uint32_t entries, parameters;
    uint64_t host_len;
};

/* CLG_E_MODEL with the layer's name if the plan's links or shapes do not fit. */
int clg__net_graph_make(const clg_net_plan *plan, clg_net_graph *out);
int clg__net_layout_make(const clg_net_plan *plan, clg_net_layout *out);
/* Geometry of a conv2d or deconv2d layer for n images. */
int clg__layer_conv(const clg_layer *l, uint32_t n, clg_conv *g);
static inline uint64_t clg__layer_in(const clg_layer *l)
{
    return (uint64_t)l->in_h * l->in_w * l->in_c;
}
static inline uint64_t clg__layer_out(const clg_layer *l)
{
    return (uint64_t)l->out_h * l->out_w * l->out_c;
}
/* Linear, conv2d, deconv2d: they have a bias and may have norm and activation. */
static inline bool clg__layer_is_sum(const clg_layer *l)
{
    return l->op == CLG_LAYER_LINEAR || l->op == CLG_LAYER_CONV2D || l->op == CLG_LAYER_DECONV2D;
}
static inline bool clg__layer_is_conv(const clg_layer *l)
{
    return l->op == CLG_LAYER_CONV2D || l->op == CLG_LAYER_DECONV2D;
}
/* How many parts of each group its convolution sums; 0: none. */
uint32_t clg__layer_parts(const clg_ops *ops, const clg_layer *l, const clg_conv *g,
                          enum clg_pass pass, uint32_t groups);
/* Where input `slot` of a layer comes from: a layer's number or CLG_FROM_... */
static inline int32_t clg__layer_source(const clg_layer *l, uint32_t slot)
{
    return slot == 0 ? l->from : l->op == CLG_LAYER_CONCAT ? l->with : CLG_FROM_NONE;
}
/* Floats per image of what a source gives; 0 for labels and none. */
uint64_t clg__source_len(const clg_net_plan *plan, int32_t source);

/* The view of a part in a slab of kind `kind` (running statistics: CLG_NET_VALUE), shaped as the
 * operators want it; "no tensor" if the block has none. */
clg_tensor clg__net_part(const clg_net *net, enum clg_net_kind kind, uint32_t block,
                         enum clg_part part);
/* The same view in a buffer with the layout of the parameter slab. */
clg_tensor clg__net_part_in(const clg_net *net, clg_buffer *slab, uint32_t block,
                            enum clg_part part);
clg_tensor clg__scratch_workspace(const clg_scratch *s);
/* Its last `floats`: what a convolution leaves for the operator after it. */
clg_tensor clg__scratch_end(const clg_scratch *s, uint64_t floats);
/* Divides the parameters' gradients by the loss scale, once after each backward. */
int clg__net_unscale(clg_net *net);

/* ---- weights.c ---- */
/* Brings the working weights up to date before a pass. */
int clg__net_refresh(clg_net *net);
/* Weights as the block's ops read them. */
clg_tensor clg__net_weight(const clg_net *net, uint32_t block);
/* Weights w of a conv2d or deconv2d of geometry g; ready, if the net keeps that. */
int clg__net_filter(clg_net *net, uint32_t block, const clg_conv *g, enum clg_pass pass,
                    clg_tensor w, clg_filter *out);
/* How many passes' filters are kept (the first ones), and the floats of one in
 * passes of n rows; 0 for other layers. */
uint32_t clg__net_ready_passes(const clg_net_options *opt);
uint64_t clg__net_ready_len(const clg_ops *ops, const clg_layer *l, uint32_t n, enum clg_pass pass);

/* ---- turned.c: the larger maps of convolutions, kept between two passes (clg_turned) ---- */
/* Floats of blocks of n rows: a conv2d's own; of the buffer that deconv2ds take turns in. */
uint64_t clg__net_turned_len(const clg_ops *ops, const clg_layer *l, uint32_t n);
uint64_t clg__net_back_len(const clg_ops *ops, const clg_net_plan *plan, uint32_t n);
void clg__net_turned_free(clg_net *net);

/* ---- block.c: one block, on n rows from row `first` of the pass on ---- */
typedef struct clg_walk {
    clg_net *net;
    const clg_net_pass *pass;
    uint32_t first, n;            /* rows */
    uint32_t first_group, groups; /* the same in groups */
    enum clg_net_mode mode;
    bool want_dw;
    clg_gate gate; /* back: the activation that made x */
    bool gated;    /* back: the heads' gradients are those of their sums already */
} clg_walk;

/* turned.c: what the block's `pass` may leave there, or take from there; NULL: nothing. */
clg_turned *clg__block_turned(const clg_walk *k, uint32_t i, enum clg_pass pass);

/* k->n rows from row `first` of t on, as the block wants its input `slot` or gives its output. */
clg_tensor clg__block_shape_in(const clg_walk *k, uint32_t i, uint32_t slot, clg_tensor t,
                               uint32_t first);
clg_tensor clg__block_shape_out(const clg_walk *k, uint32_t i, clg_tensor t, uint32_t first);
/* The block's own buffer: what its op gave, and the activation unless a norm comes between. */
clg_tensor clg__block_saved(const clg_walk *k, uint32_t i);
/* The scratch buffer of its output's gradient, from its first row on. */
clg_tensor clg__block_gradient(const clg_walk *k, uint32_t i);
/* True if the block's norm is in its folded weights, so that its op gives the activation. */
bool clg__block_is_folded(const clg_walk *k, uint32_t i);
int clg__block_fold(const clg_walk *k, uint32_t i);
/* x[0], x[1]: inputs. y: the op's output, bias added, activated if there is no norm
 * left to do. */
int clg__block_run(const clg_walk *k, uint32_t i, const clg_tensor x[CLG_INPUTS], clg_tensor y);
int clg__block_statistics(const clg_walk *k, uint32_t i, clg_tensor x);
int clg__block_normalise(const clg_walk *k, uint32_t i, clg_tensor x, clg_tensor y);
/* dy of the block's output becomes, in place, the gradient of its op's sum; norm parameters get
 * theirs, and biases but for linear, where they come with the weights'. */
int clg__block_back_end(const clg_walk *k, uint32_t i, clg_tensor dy);
int clg__block_back_weight(const clg_walk *k, uint32_t i, clg_tensor x, clg_tensor dy);
/* x: the first input, for those ops that want it. dx[j]: "no tensor" where not wanted. */
int clg__block_back_data(const clg_walk *k, uint32_t i, clg_tensor x, clg_tensor dy,
                         const clg_tensor dx[CLG_INPUTS]);

/* forward.c: checks a pass against the net; what: "forward", "backward". */
int clg__net_check_pass(const clg_net *net, const char *what, const clg_net_pass *pass,
                        bool want_x);

#endif
