/* What the files of nn share: the layout of a net in its slabs, and the structs themselves. */
#ifndef CLG_NN_NET_INTERNAL_H
#define CLG_NN_NET_INTERNAL_H

#include "nn/net.h"

enum { CLG_GROUPS_MAX = 4, CLG_VIEW_FLOATS = 16 };

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
    uint64_t params, stats, batch_stats; /* lengths of the slabs */
    struct {
        uint64_t at[CLG_PART_COUNT];
        uint64_t len[CLG_PART_COUNT];    /* 0: the block has no such tensor */
        uint64_t mean_at, invstd_at;     /* [CLG_GROUPS_MAX, c] each, in batch_stats */
        uint64_t out;                    /* floats of the block's output per image */
        uint32_t gradient;               /* which scratch buffer holds its output's gradient */
    } block[CLG_LAYERS_MAX];
} clg_net_layout;

struct clg_scratch {
    const clg_ops *ops;
    /* Gradients of block outputs, alternating; see clg_net_layout. NULL when not for training.
     * Between passes gradient[1] holds the snapshot of clg__net_snapshot. */
    clg_buffer *gradient[2];
    clg_buffer *workspace; /* NULL if no operator wants any */
};

/* One named tensor and its place on host and device. */
typedef struct clg_net_entry {
    clg_net_tensor tensor;
    uint32_t block;
    enum clg_part part;
    uint64_t host_at;
} clg_net_entry;

struct clg_net {
    const clg_ops *ops;
    clg_scratch *scratch;
    clg_net_plan plan;
    clg_net_layout layout;
    uint32_t max_batch;
    bool train;
    const char *label;

    clg_buffer *slab[4]; /* by enum clg_net_kind; only VALUE when not for training */
    clg_buffer *stats;   /* running mean and variance; NULL without batch norm */
    clg_buffer *batch_stats;
    /* Training: one per block. Otherwise two, used in turn. */
    clg_buffer *saved[CLG_LAYERS_MAX];
    clg_buffer *last;     /* training: the output, if the last block has a norm */
    clg_buffer *segments; /* u32: [parameters, 2], then the counters of nonfinite */
    uint64_t batches_tracked;

    clg_net_entry *entry;
    uint32_t entries, parameters;
    uint64_t host_len;
};

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
/* The view of a part in a slab of kind `kind` (running statistics: CLG_NET_VALUE), shaped as the
 * operators want it; "no tensor" if the block has none. */
clg_tensor clg__net_part(const clg_net *net, enum clg_net_kind kind, uint32_t block,
                         enum clg_part part);
clg_tensor clg__scratch_workspace(const clg_scratch *s);

#endif
