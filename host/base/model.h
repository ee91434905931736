/* A GAN as data: what a model file says (io/config reads and writes it), and the concrete nets
 * that follow once image size and channels are known (gan/model expands it). Plain structs, no
 * ownership: copy them freely. */
#ifndef CLG_BASE_MODEL_H
#define CLG_BASE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/geometry.h"

enum { CLG_LAYERS_MAX = 64, CLG_NAME_MAX = 64, CLG_PATH_MAX_LEN = 1024 };

#define CLG_LAYER_LIST(X)          \
    X(CLG_LAYER_LINEAR, "linear")  \
    X(CLG_LAYER_CONV2D, "conv2d")  \
    X(CLG_LAYER_DECONV2D, "deconv2d")
enum clg_layer_op {
#define CLG_X(id, text) id,
    CLG_LAYER_LIST(CLG_X)
#undef CLG_X
    CLG_LAYER_COUNT
};

enum clg_norm { CLG_NORM_NONE, CLG_NORM_BATCH };           /* "none", "batch" */

/* A size in a model file: a number, or a word that is resolved from the data.
 *   "channels" image channels; "pixels" size*size*channels; "base" m, where size = m * 2^s,
 *   4 <= m <= 7; "stage" the next stage width: width * 2^i capped at 8 * width, i = 0 .. s-1
 *   ascending in a discriminator and descending in a generator. */
enum clg_dim_kind { CLG_DIM_NUMBER, CLG_DIM_CHANNELS, CLG_DIM_PIXELS, CLG_DIM_BASE, CLG_DIM_STAGE };
typedef struct clg_dim {
    enum clg_dim_kind kind;
    uint32_t number;
} clg_dim;

typedef struct clg_layer_desc {
    enum clg_layer_op op;
    clg_dim out, kernel;
    uint32_t stride, pad, out_pad;
    bool bias;
    enum clg_norm norm;
    enum clg_act act;
    float slope;             /* lrelu, default .2 */
    bool repeat_stages;      /* "repeat: stages": copied until every stage width is used */
    char name[CLG_NAME_MAX]; /* module name; "" = prefix.<index>, see clg_layer */
    uint32_t line;           /* in its file, for messages */
} clg_layer_desc;

enum clg_init_kind { CLG_INIT_TORCH, CLG_INIT_NORMAL, CLG_INIT_UNIFORM };
typedef struct clg_init {
    enum clg_init_kind kind; /* weights of linear/conv/deconv; torch: U(+-1/sqrt(fan_in)) */
    float std;               /* normal: N(0, std); uniform: U(-std, std) */
    float norm_mean, norm_std; /* batch-norm weight N(norm_mean, norm_std); its bias is 0 */
    bool bias_zero;          /* biases 0 instead of torch's default U(+-1/sqrt(fan_in)) */
} clg_init;

typedef struct clg_net_desc {
    char prefix[CLG_NAME_MAX]; /* "main", "model": PyTorch's Sequential name */
    uint32_t width;            /* f */
    clg_init init;
    uint32_t layer_count;
    clg_layer_desc layer[CLG_LAYERS_MAX];
} clg_net_desc;

enum clg_objective { CLG_OBJECTIVE_NON_SATURATING };             /* "non-saturating" */
enum clg_order { CLG_ORDER_D_THEN_G_SAME_FAKES };                /* "d-then-g-same-fakes" */
enum clg_latent { CLG_LATENT_NORMAL, CLG_LATENT_UNIFORM };       /* "normal", "uniform" */
enum clg_gemm_choice { CLG_GEMM_AUTO, CLG_GEMM_CLBLAST, CLG_GEMM_BUILTIN };
enum clg_family_choice { CLG_FAMILY_AUTO, CLG_FAMILY_CPU, CLG_FAMILY_GPU };

typedef struct clg_adam_desc {
    float lr, beta1, beta2, eps;
} clg_adam_desc;

typedef struct clg_model_desc {
    struct { /* model: */
        char name[CLG_NAME_MAX];
        char summary[160];
    } model;
    struct { /* latent: */
        uint32_t size;
        enum clg_latent kind;
        float lo, hi; /* uniform */
    } latent;
    clg_net_desc generator, discriminator;
    struct { /* loss: */
        enum clg_objective objective;
    } loss;
    struct { /* order: */
        enum clg_order kind;
    } order;
    clg_adam_desc optimizer_g, optimizer_d;
    struct { /* data: */
        char source[CLG_PATH_MAX_LEN]; /* name or path */
        uint32_t size;                 /* pixels per side; 0 = as the data are */
        uint32_t channels;             /* 1, 3; 0 = as the data are */
        bool hflip;
    } data;
    struct { /* train: */
        uint32_t batch, epochs;
        uint64_t steps; /* 0 = by epochs */
        uint64_t seed;
        uint32_t log_every, grid_every, grid_rows, grid_cols;
        uint32_t checkpoint_minutes; /* 0 = never by time */
        uint32_t keep;               /* last N checkpoints kept */
        uint64_t keep_every;         /* every Nth step kept for good; 0 = none */
    } train;
    struct { /* runtime: */
        enum clg_gemm_choice gemm;
        enum clg_family_choice kernels;
        bool tune;
    } runtime;
} clg_model_desc;

/* One concrete layer. Module indices count as PyTorch's Sequential does: the op, then its norm,
 * then its activation take one index each. */
typedef struct clg_layer {
    enum clg_layer_op op;
    uint32_t in_h, in_w, in_c;    /* linear: flattened, in_h = in_w = 1, in_c = features */
    uint32_t out_h, out_w, out_c;
    uint32_t kernel, stride, pad, out_pad;
    bool bias;
    enum clg_norm norm;
    enum clg_act act;
    float slope;
    char name[2 * CLG_NAME_MAX];      /* "main.0": its tensors are name.weight, name.bias */
    char norm_name[2 * CLG_NAME_MAX]; /* "main.1" */
    /* A linear layer that reads or writes an image of more than one channel: the image's shape, so
     * that files hold PyTorch's C,H,W order. All 0 otherwise. */
    uint32_t image_in_h, image_in_w, image_in_c, image_out_h, image_out_w, image_out_c;
} clg_layer;

typedef struct clg_net_plan {
    uint32_t in_h, in_w, in_c, out_h, out_w, out_c;
    clg_init init;
    uint32_t layer_count;
    clg_layer layer[CLG_LAYERS_MAX];
    uint64_t parameters;
} clg_net_plan;

typedef struct clg_model_plan {
    uint32_t size, channels; /* image */
    clg_net_plan g, d;
} clg_model_plan;

#endif
