/* A GAN as data: what a model file says (io/config reads and writes it), and the concrete nets
 * that follow once image size and channels are known (gan/model expands it). Plain structs, no
 * ownership: copy them freely. */
#ifndef CLG_BASE_MODEL_H
#define CLG_BASE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/geometry.h"
#include "objective_list.h" /* made by the build from cl/objective_*.cl */

enum { CLG_LAYERS_MAX = 64, CLG_HEADS_MAX = 2, CLG_NAME_MAX = 64, CLG_PATH_MAX_LEN = 1024 };

/* The ops of a model file's layers. maxout stands for a linear layer of out * pieces units followed
 * by the maximum over each unit's pieces; in a plan it is the maximum alone. */
#define CLG_LAYER_LIST(X)                                                                    \
    X(CLG_LAYER_LINEAR, "linear")                                                            \
    X(CLG_LAYER_CONV2D, "conv2d")                                                            \
    X(CLG_LAYER_DECONV2D, "deconv2d")                                                        \
    X(CLG_LAYER_MAXOUT, "maxout")                                                            \
    X(CLG_LAYER_DROPOUT, "dropout")     /* inverted: kept values are divided by `keep` */    \
    X(CLG_LAYER_CONCAT, "concat")       /* on channels; a 1x1 `with` becomes planes */       \
    X(CLG_LAYER_EMBEDDING, "embedding") /* label -> a row of its table [classes, out] */     \
    X(CLG_LAYER_ONEHOT, "onehot")       /* label -> [classes] with one 1; no parameters */   \
    X(CLG_LAYER_UPSAMPLE, "upsample")   /* nearest, by `scale` */                            \
    X(CLG_LAYER_AVGPOOL, "avgpool")     /* mean of scale x scale pixels */
enum clg_layer_op {
#define CLG_X(id, text) id,
    CLG_LAYER_LIST(CLG_X)
#undef CLG_X
    CLG_LAYER_COUNT
};

enum clg_norm { CLG_NORM_NONE, CLG_NORM_BATCH };           /* "none", "batch" */

/* A size in a model file: a number, or a word that is resolved from the data.
 *   "channels" image channels; "pixels" size*size*channels, or the length of a data vector; "base"
 *   m, where size = m * 2^s, 4 <= m <= 7; "stage" the next stage width: width * 2^i capped at
 *   8 * width, i = 0 .. s-1 ascending in a discriminator and descending in a generator; "latent"
 *   latent.size. */
enum clg_dim_kind {
    CLG_DIM_NUMBER,
    CLG_DIM_CHANNELS,
    CLG_DIM_PIXELS,
    CLG_DIM_BASE,
    CLG_DIM_STAGE,
    CLG_DIM_LATENT
};
typedef struct clg_dim {
    enum clg_dim_kind kind;
    uint32_t number;
} clg_dim;

/* How a layer's bias starts: as init says; 0; bias_value; or, in a generator's last layer, so that
 * its sigmoid (tanh) of a zero sum is the data's mean, value by value: the logit of the mean. */
enum clg_bias_init {
    CLG_BIAS_DEFAULT, /* "default" */
    CLG_BIAS_ZERO,    /* "zero" */
    CLG_BIAS_CONSTANT,/* "constant" */
    CLG_BIAS_DATA     /* "data-logit" */
};

typedef struct clg_layer_desc {
    enum clg_layer_op op;
    clg_dim out, kernel;
    uint32_t stride, pad, out_pad;
    bool bias;
    enum clg_norm norm;
    enum clg_act act;
    float slope;             /* lrelu, default .2 */
    bool repeat_stages;      /* "repeat: stages": copied until every stage width is used */
    uint32_t pieces;         /* maxout */
    uint32_t scale;          /* upsample, avgpool */
    float keep;              /* dropout: share of values kept, in training only */
    enum clg_bias_init bias_init;
    float bias_value;        /* bias_init constant */
    char name[CLG_NAME_MAX]; /* module name; "" = prefix.<index>, see clg_layer */
    /* Branches. `id` names this layer for others; `from` is its input: "" the layer before,
     * "input" the net's x, "label" the class as one-hot vector (embedding: the class itself), or an
     * id. `with` is concat's second input. `head` marks an output: "realness", "match"; "" = none,
     * but for the last layer of a net without any. */
    char id[CLG_NAME_MAX], from[CLG_NAME_MAX], with[CLG_NAME_MAX], head[CLG_NAME_MAX];
    uint32_t line;           /* in its file, for messages */
} clg_layer_desc;

enum clg_init_kind { CLG_INIT_TORCH, CLG_INIT_NORMAL, CLG_INIT_UNIFORM, CLG_INIT_CONSTANT };
typedef struct clg_init {
    enum clg_init_kind kind; /* weights of linear/conv/deconv; torch: U(+-1/sqrt(fan_in)) */
    float std;               /* normal: N(0, std); uniform: U(-std, std); constant: the value */
    float norm_mean, norm_std; /* batch-norm weight N(norm_mean, norm_std); its bias is 0 */
    bool bias_zero;          /* biases 0 instead of torch's default U(+-1/sqrt(fan_in)) */
} clg_init;

typedef struct clg_net_desc {
    char prefix[CLG_NAME_MAX]; /* "main", "model": PyTorch's Sequential name */
    uint32_t width;            /* f */
    /* Discriminator: this many samples side by side make one input (vector data, or flat nets):
     * Lin, Khetan, Fanti, Oh, "PacGAN", 2018. 1 = none. The generator's is 1. */
    uint32_t packing;
    clg_init init;
    uint32_t layer_count;
    clg_layer_desc layer[CLG_LAYERS_MAX];
} clg_net_desc;

/* What a net learns from the logits; one file cl/objective_<name>.cl each, from which the build
 * makes the list: CLG_OBJECTIVE_HINGE "hinge", CLG_OBJECTIVE_NON_SATURATING "non-saturating", ... */
enum clg_objective {
#define CLG_X(id, text) id,
    CLG_OBJECTIVE_LIST(CLG_X)
#undef CLG_X
    CLG_OBJECTIVE_COUNT
};
/* Whose rows a loss is for. A real row with target t counts t as real and 1 - t as fake. */
enum clg_loss_role { CLG_LOSS_OF_REAL, CLG_LOSS_OF_FAKE, CLG_LOSS_OF_G };
/* In what order the nets are stepped; gan/order.c has the table that says what each means. */
#define CLG_ORDER_LIST(X)                                                                  \
    X(CLG_ORDER_SIMULTANEOUS, "simultaneous")    /* both gradients at the old weights */   \
    X(CLG_ORDER_D_THEN_G_SAME_FAKES, "d-then-g-same-fakes")                                \
    X(CLG_ORDER_D_THEN_G_FRESH_FAKES, "d-then-g-fresh-fakes")                              \
    X(CLG_ORDER_G_THEN_D, "g-then-d")            /* D on fresh fakes of the new G */       \
    X(CLG_ORDER_ALTERNATE, "alternate")          /* one net per minibatch: D, G, D, ... */ \
    X(CLG_ORDER_RECONSTRUCT, "reconstruct")      /* autoencoder: D encodes, G decodes */
enum clg_order {
#define CLG_X(id, text) id,
    CLG_ORDER_LIST(CLG_X)
#undef CLG_X
    CLG_ORDER_COUNT
};
enum clg_latent { CLG_LATENT_NORMAL, CLG_LATENT_UNIFORM, CLG_LATENT_SPHERICAL }; /* by name */
enum clg_gemm_choice { CLG_GEMM_AUTO, CLG_GEMM_CLBLAST, CLG_GEMM_BUILTIN };
enum clg_family_choice { CLG_FAMILY_AUTO, CLG_FAMILY_CPU, CLG_FAMILY_GPU };
/* Convolutions: as measured or by the shipped rule, or this algorithm wherever it fits; in the order
 * of ops/conv_algo.h. */
enum clg_conv_wish {
    CLG_CONV_WISH_AUTO,
    CLG_CONV_WISH_DIRECT,
    CLG_CONV_WISH_WINOGRAD2,
    CLG_CONV_WISH_WINOGRAD4,
    CLG_CONV_WISH_COUNT
};
enum clg_precision { CLG_PRECISION_FP32, CLG_PRECISION_FP16, CLG_PRECISION_BF16 };
enum clg_math { CLG_MATH_FP32, CLG_MATH_TF32 }; /* what products multiply; sums are of floats */
/* small: what the way back can make again is made again; fast: it is kept. */
enum clg_memory { CLG_MEMORY_SMALL, CLG_MEMORY_FAST };
enum clg_data_range { CLG_RANGE_SYMMETRIC, CLG_RANGE_UNIT }; /* [-1,1], [0,1] */
enum clg_on_collapse { CLG_COLLAPSE_WARN, CLG_COLLAPSE_STOP, CLG_COLLAPSE_ROLLBACK };

/* Data that are drawn, not read: data.source names one. Vectors; `clg__system_dim` floats each. */
#define CLG_SYSTEM_LIST(X)                                                                    \
    X(CLG_SYSTEM_CURVES, "curves")   /* 15 points of a x^2 + a - 1 on [-2,2], a ~ U[1,3] */   \
    X(CLG_SYSTEM_GAUSS1D, "gauss1d") /* N(4, .5^2) */                                         \
    X(CLG_SYSTEM_RING, "ring")       /* 8 Gaussians, std .01, at k 2pi/8 on the unit circle */ \
    X(CLG_SYSTEM_GRID, "grid")       /* 25 Gaussians, std .05, at -4, -2, 0, 2, 4 squared */
enum clg_system {
    CLG_SYSTEM_NONE,
#define CLG_X(id, text) id,
    CLG_SYSTEM_LIST(CLG_X)
#undef CLG_X
    CLG_SYSTEM_COUNT
};
enum clg_system clg__system_find(const char *name); /* CLG_SYSTEM_NONE if there is none */
uint32_t clg__system_dim(enum clg_system system);

enum clg_optimizer { CLG_OPTIMIZER_ADAM, CLG_OPTIMIZER_SGD }; /* "adam", "sgd" */
typedef struct clg_optim_desc {
    enum clg_optimizer kind;
    float lr, beta1, beta2, eps;
    /* sgd: v <- m v - lr g, w <- w + v; m goes from momentum (epoch <= 1) linearly to momentum_end
     * at momentum_epochs; momentum_epochs 0: constant. */
    float momentum, momentum_end;
    uint32_t momentum_epochs;
    float lr_divisor; /* after every update lr <- max(lr / lr_divisor, lr_floor); 1 = constant */
    float lr_floor;
    float weight_decay; /* adds weight_decay * w to the gradient of weights (not biases, norms) */
    float clip;         /* after the update every parameter is cut to [-clip, clip]; 0 = not */
} clg_optim_desc;

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
        float weight_real, weight_fake, weight_g; /* factors of the terms, default 1 */
        float wrong_label_weight; /* w of the three-part conditional loss: fakes weigh 1 - w */
        float real_target;        /* label smoothing: a real row counts t real + (1-t) fake */
        float input_noise;        /* std of noise added to D's inputs, real and fake */
    } loss;
    struct { /* order: */
        enum clg_order kind;
        uint32_t d_steps;       /* G is stepped at every d_steps-th minibatch */
        uint32_t g_start_epoch; /* and not before this epoch (from 0) */
    } order;
    clg_optim_desc optimizer_g, optimizer_d;
    struct { /* data: */
        char source[CLG_PATH_MAX_LEN]; /* name or path */
        uint32_t size;                 /* pixels per side; 0 = as the data are */
        uint32_t channels;             /* 1, 3; 0 = as the data are */
        bool hflip;
        enum clg_data_range range;     /* what a pixel becomes */
        uint32_t rows;                 /* drawn systems: rows per epoch */
        uint32_t holdout;              /* images at the end of the training set that are not
                                          trained on: for validation */
    } data;
    struct { /* train: */
        uint32_t batch, epochs;
        uint64_t steps; /* 0 = by epochs */
        uint64_t seed;
        uint32_t log_every, grid_every, grid_rows, grid_cols;
        uint32_t checkpoint_minutes; /* 0 = never by time */
        uint32_t keep;               /* last N checkpoints kept */
        uint64_t keep_every;         /* every Nth step kept for good; 0 = none */
        enum clg_on_collapse on_collapse;
        uint32_t monitor_every;      /* epochs between two looks of the monitors; 0 = none */
    } train;
    struct { /* runtime: */
        enum clg_gemm_choice gemm;
        enum clg_family_choice kernels;
        bool tune;
        bool fuse; /* small nets: steps in one launch, ops/mlp.h; others: struct clg_sums */
        enum clg_conv_wish conv;
        enum clg_precision precision; /* of stored activations and working weights */
        enum clg_math math;
        enum clg_memory memory;
    } runtime;
} clg_model_desc;

/* Where a layer's input comes from, if not from the layer with this number. */
enum { CLG_FROM_INPUT = -1, CLG_FROM_LABEL = -2, CLG_FROM_NONE = -3 };

/* One concrete layer. Module indices count as PyTorch's Sequential does: the op, then its norm,
 * then its activation take one index each (concat and onehot take none). Layers come in an order in
 * which every input is computed before it is used. */
typedef struct clg_layer {
    enum clg_layer_op op;
    int32_t from, with;           /* numbers of layers, or CLG_FROM_... ; with: concat only */
    uint32_t pieces, scale;       /* maxout: in_c = out_c * pieces, unit j is the maximum of
                                     x[j*pieces .. +pieces] */
    float keep;
    enum clg_bias_init bias_init;
    float bias_value;
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
    uint32_t in_h, in_w, in_c;
    uint32_t out_h, out_w, out_c; /* of head 0 */
    uint32_t head_count, head[CLG_HEADS_MAX]; /* layers whose outputs are the net's; 0 realness */
    uint32_t classes;             /* of the label that the net takes; 0 = it takes none */
    clg_init init;
    uint32_t layer_count;
    clg_layer layer[CLG_LAYERS_MAX];
    uint64_t parameters;
} clg_net_plan;

typedef struct clg_model_plan {
    uint32_t size, channels; /* image; size 0: a vector of `channels` values */
    uint32_t h, w, c;        /* of one sample: size, size, channels, or 1, 1, channels */
    uint32_t classes;        /* 0: no net takes a label */
    enum clg_system system;  /* data that are drawn */
    clg_net_plan g, d;       /* d.in_c has packing * c */
} clg_model_plan;

#endif
