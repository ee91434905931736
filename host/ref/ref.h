/* Double-precision reference of every operator: plain loops, written to be read. Inputs are float
 * or double arrays in the device's layouts; results are double. No OpenCL, no speed. */
#ifndef CLG_REF_REF_H
#define CLG_REF_REF_H

#include "base/geometry.h"
#include "base/model.h"
#include "base/op_case.h"
#include "base/op_list.h"
#include "base/philox.h"

/* ---- operators (all outputs are overwritten) ---- */
void ref_gemm(const clg_gemm *g, const double *a, const double *b, double *c); /* c: in and out */
void ref_conv2d_fwd(const clg_conv *g, const double *x, const double *w, const double *bias,
                    double *y); /* bias may be NULL */
void ref_conv2d_bwd_data(const clg_conv *g, const double *dy, const double *w, double *dx);
void ref_conv2d_bwd_weight(const clg_conv *g, const double *x, const double *dy, double *dw);
/* x [N,P,Q,K] -> y [N,H,W,C] */
void ref_deconv2d_fwd(const clg_conv *g, const double *x, const double *w, const double *bias,
                      double *y);
void ref_deconv2d_bwd_data(const clg_conv *g, const double *dy, const double *w, double *dx);
void ref_deconv2d_bwd_weight(const clg_conv *g, const double *x, const double *dy, double *dw);
void ref_linear_fwd(uint32_t n, uint32_t c, uint32_t k, const double *x, const double *w,
                    const double *bias, double *y);
void ref_linear_bwd_data(uint32_t n, uint32_t c, uint32_t k, const double *dy, const double *w,
                         double *dx);
void ref_linear_bwd_weight(uint32_t n, uint32_t c, uint32_t k, const double *x, const double *dy,
                           double *dw);
/* running_mean/var may be NULL; else moved once per group, in order */
void ref_batchnorm_stats(const clg_bn *b, const double *x, double *mean, double *invstd,
                         double *running_mean, double *running_var);
void ref_batchnorm_running(const clg_bn *b, const double *running_mean, const double *running_var,
                           double *mean, double *invstd);
void ref_batchnorm_fwd(const clg_bn *b, const double *x, const double *mean, const double *invstd,
                       const double *weight, const double *bias, double *y);
void ref_batchnorm_bwd(const clg_bn *b, const double *x, const double *mean, const double *invstd,
                       const double *weight, const double *bias, const double *dy, double *dx,
                       double *dw, double *db);
double ref_act(enum clg_act act, double slope, double x);
double ref_act_grad(enum clg_act act, double slope, double y); /* from the output */
void ref_activation_fwd(enum clg_act act, double slope, const double *x, double *y, uint64_t n);
void ref_activation_bwd(enum clg_act act, double slope, const double *y, const double *dy,
                        double *dx, uint64_t n);
void ref_maxout_fwd(const double *x, uint32_t pieces, double *y, uint64_t n); /* n units */
void ref_maxout_bwd_data(const double *x, uint32_t pieces, const double *dy, double *dx,
                         uint64_t n);
/* x[i] is element first + i of the masked tensor; the way back is the same function of dy. */
void ref_dropout(const clg_rng_key *key, double keep, uint32_t first, const double *x, double *y,
                 uint64_t n);
void ref_concat_fwd(const clg_concat *c, const double *a, const double *b, double *y);
/* da, db may be NULL. */
void ref_concat_bwd_data(const clg_concat *c, const double *dy, double *da, double *db);
void ref_onehot(const uint32_t *labels, uint32_t n, uint32_t classes, double *y);
void ref_embedding_fwd(const uint32_t *labels, uint32_t n, uint32_t k, const double *w, double *y);
void ref_embedding_bwd_weight(const uint32_t *labels, uint32_t n, uint32_t classes, uint32_t k,
                              const double *dy, double *dw);
/* rows, w: rows of all images together and columns, both of the small image. */
void ref_resize_up(uint64_t rows, uint32_t w, uint32_t c, uint32_t scale, double factor,
                   const double *x, double *y);
void ref_resize_down(uint64_t rows, uint32_t w, uint32_t c, uint32_t scale, double factor,
                     const double *x, double *y);
/* The functions of cl/objective_<name>.cl in double; loss and grad by enum clg_loss_role. */
typedef struct ref_objective {
    double (*loss[3])(double l), (*grad[3])(double l), (*shown)(double l);
} ref_objective;
const ref_objective *ref_objective_get(enum clg_objective objective);
void ref_loss(enum clg_objective objective, enum clg_loss_role role, const double *l, uint32_t n,
              double t, double scale, double out[2], double *dl); /* dl may be NULL */
/* out[0] mean of (x - y)^2, out[1] mean |x|; dx may be NULL */
void ref_mse(const double *x, const double *y, uint64_t n, double scale, double out[2], double *dx);
void ref_sgd_step(double lr, double momentum, uint64_t n, const double *g, double *w, double *v);
void ref_weight_decay(double decay, uint64_t n, const double *w, double *g);
void ref_weight_clip(double limit, uint64_t n, double *w);
void ref_adam_step(const clg_adam *a, uint64_t n, const double *g, double *w, double *m, double *v);
void ref_reduce_columns(const double *x, uint32_t rows, uint32_t cols, double *y);
/* x [n,d], s [m,d], h [widths]; least [n], sum [n,widths], at [n]: ops/parzen.h. */
void ref_parzen_sum(const double *x, const double *s, uint32_t n, uint32_t m, uint32_t d,
                    const double *h, uint32_t widths, double *least, double *sum);
void ref_parzen_nearest(const double *x, const double *s, uint32_t n, uint32_t m, uint32_t d,
                        double *least, double *at);
double ref_reduce_sumsq(const double *x, const double *minus, uint64_t n);

/* Rows 0 .. n-1 of a drawn system: base/system.h says which. y [n, clg__system_dim]. */
void ref_system(enum clg_system system, const clg_rng_key *key, uint32_t n, double *y);

/* ---- the case table's side ---- */
/* in[i], out[i] as planned by the operator's plan(); an inout output starts as a copy of its
 * input. u8 tensors are given as double values 0..255. */
typedef int (*ref_case_fn)(const clg_case *c, const double *const *in, double *const *out);
#define CLG_X(op) int ref_case_##op(const clg_case *c, const double *const *in, double *const *out);
CLG_OP_LIST(CLG_X)
#undef CLG_X
ref_case_fn ref_case_find(const char *op); /* NULL if there is none */

/* ---- whole nets, for the training replay (ref_net.c, ref_gan.c) ---- */
/* Parameters and buffers of a net in order of its layers: op weight, op bias if any, norm weight,
 * norm bias, running mean, running var; each a double array in *device* layout. */
typedef struct ref_net ref_net;
int ref_net_create(ref_net **out, const clg_net_plan *plan, uint32_t max_batch);
void ref_net_destroy(ref_net **net);
enum ref_kind { REF_VALUE, REF_GRAD, REF_M, REF_V };
/* Pointer to the doubles of "main.0.weight" etc. (running_mean and running_var only as REF_VALUE)
 * and their number; NULL if there is no such tensor. */
double *ref_net_tensor(ref_net *net, const char *name, enum ref_kind kind, uint64_t *len);
/* What clg_net_pass and clg_net_back of nn/net.h say. */
typedef struct ref_pass {
    const double *x;        /* [n, in] */
    const uint32_t *labels; /* [n], for nets that take some */
    uint32_t n, groups;
    bool train;             /* batch statistics and running update; dropout drops */
    clg_rng_key dropout;    /* layer i adds i to the lane */
} ref_pass;
typedef struct ref_way_back {
    uint32_t first, groups; /* groups of the pass; groups 0 = all from first on */
    bool want_dw;
    const double *dy[CLG_HEADS_MAX]; /* of these rows; NULL: zero */
    double *dx;             /* of these rows, or NULL */
} ref_way_back;
/* y[h]: output [n, out] of head h, owned by the net. */
void ref_net_run(ref_net *net, const ref_pass *pass, const double *y[CLG_HEADS_MAX]);
/* After a run of the same pass: parameter gradients (overwritten, when want_dw) and dx. */
void ref_net_back(ref_net *net, const ref_pass *pass, const ref_way_back *back);

/* The same for nets with one head, without label and dropout. */
const double *ref_net_forward(ref_net *net, const double *x, uint32_t n, uint32_t groups,
                              bool train);
void ref_net_backward(ref_net *net, const double *x, const double *dy, uint32_t n, uint32_t groups,
                      bool want_dw, double *dx);
/* One minibatch of training with the order, losses and optimisers of the model description. What is
 * not given is drawn from desc->train.seed as the trainer draws it. */
typedef struct ref_gan_batch {
    const double *real;     /* [n, ...], without noise */
    const double *z;        /* [n, Z] of the step's first latents, or NULL */
    const uint32_t *labels; /* [n], or NULL for a model without classes */
    uint32_t n;
    uint64_t step, steps_per_epoch;  /* step from 1; 0 steps: there are no epochs */
    uint64_t updates_g, updates_d;   /* done before this step */
    uint32_t noise_stream;           /* number of rollbacks so far */
} ref_gan_batch;
/* Losses, mean D(x), mean D(G(z)) before and after; those of a net that the step leaves alone stay
 * as they are. */
typedef struct ref_gan_result {
    double loss_d, loss_g, d_real, d_fake_before, d_fake_after;
} ref_gan_result;
int ref_gan_step(const clg_model_desc *desc, ref_net *g, ref_net *d, const ref_gan_batch *b,
                 ref_gan_result *out);

#endif
