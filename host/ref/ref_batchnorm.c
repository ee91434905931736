/* Reference of batch normalisation with the activation behind it (Ioffe, Szegedy 2015, algorithms 1
 * and 2). x is [n*pixels, c]; the rows are cut into `groups` equal parts with statistics of their
 * own. */
#include <math.h>
#include <stddef.h>

#include "ref/ref_internal.h"

static uint64_t rows_per_group(const clg_bn *b)
{
    return (uint64_t)(b->n / b->groups) * b->pixels;
}

void ref_batchnorm_stats(const clg_bn *b, const double *x, double *mean, double *invstd,
                         double *running_mean, double *running_var)
{
    uint64_t rows = rows_per_group(b);
    double r = (double)rows, momentum = b->momentum;

    for (uint32_t g = 0; g < b->groups; g++) {
        const double *xg = x + (uint64_t)g * rows * b->c;
        for (uint32_t c = 0; c < b->c; c++) {
            double sum = 0.0, square = 0.0;
            for (uint64_t i = 0; i < rows; i++) {
                sum += xg[i * b->c + c];
            }
            double m = sum / r;
            for (uint64_t i = 0; i < rows; i++) {
                double d = xg[i * b->c + c] - m;
                square += d * d;
            }
            double var = square / r;
            mean[g * b->c + c] = m;
            invstd[g * b->c + c] = 1.0 / sqrt(var + (double)b->eps);
            if (running_mean) {
                running_mean[c] = (1.0 - momentum) * running_mean[c] + momentum * m;
            }
            if (running_var) {
                running_var[c] = (1.0 - momentum) * running_var[c] + momentum * square / (r - 1.0);
            }
        }
    }
}

void ref_batchnorm_running(const clg_bn *b, const double *running_mean, const double *running_var,
                           double *mean, double *invstd)
{
    for (uint32_t g = 0; g < b->groups; g++) {
        for (uint32_t c = 0; c < b->c; c++) {
            mean[g * b->c + c] = running_mean[c];
            invstd[g * b->c + c] = 1.0 / sqrt(running_var[c] + (double)b->eps);
        }
    }
}

void ref_batchnorm_fwd(const clg_bn *b, const double *x, const double *mean, const double *invstd,
                       const double *weight, const double *bias, double *y)
{
    uint64_t rows = rows_per_group(b);

    for (uint32_t g = 0; g < b->groups; g++) {
        for (uint64_t i = g * rows; i < (g + 1) * rows; i++) {
            for (uint32_t c = 0; c < b->c; c++) {
                uint32_t s = g * b->c + c;
                double v = weight[c] * (x[i * b->c + c] - mean[s]) * invstd[s] + bias[c];
                y[i * b->c + c] = ref_act(b->act, b->slope, v);
            }
        }
    }
}

/* Gradient at the normalised, scaled value (before the activation) of one element. */
static double grad_before_act(const clg_bn *b, double xhat, double weight, double bias, double dy)
{
    double y = ref_act(b->act, b->slope, weight * xhat + bias);

    return dy * ref_act_grad(b->act, b->slope, y);
}

void ref_batchnorm_bwd(const clg_bn *b, const double *x, const double *mean, const double *invstd,
                       const double *weight, const double *bias, const double *dy, double *dx,
                       double *dw, double *db)
{
    uint64_t rows = rows_per_group(b);

    for (uint32_t c = 0; c < b->c; c++) {
        double total_w = 0.0, total_b = 0.0;
        for (uint32_t g = 0; g < b->groups; g++) {
            double m = mean[g * b->c + c], is = invstd[g * b->c + c];
            double sum_w = 0.0, sum_b = 0.0;
            for (uint64_t i = g * rows; i < (g + 1) * rows; i++) {
                double xhat = (x[i * b->c + c] - m) * is;
                double d = grad_before_act(b, xhat, weight[c], bias[c], dy[i * b->c + c]);
                sum_w += d * xhat;
                sum_b += d;
            }
            for (uint64_t i = g * rows; i < (g + 1) * rows; i++) {
                double xhat = (x[i * b->c + c] - m) * is;
                double d = grad_before_act(b, xhat, weight[c], bias[c], dy[i * b->c + c]);
                dx[i * b->c + c] =
                    weight[c] * is * (d - (sum_b + xhat * sum_w) / (double)rows);
            }
            total_w += sum_w;
            total_b += sum_b;
        }
        if (dw) {
            dw[c] = total_w;
        }
        if (db) {
            db[c] = total_b;
        }
    }
}

static void fold(const clg_bn *b, const double *const *in, bool has_sum, double *const *out)
{
    for (uint64_t i = 0; i < (uint64_t)b->n * b->c * b->pixels; i++) {
        const uint64_t c = i / b->pixels % b->c;
        out[0][i] = in[0][i] * in[3][c] * in[2][c];
    }
    for (uint32_t c = 0; c < b->c; c++) {
        const double sum = has_sum ? in[5][c] : 0.0;
        out[1][c] = in[4][c] + in[3][c] * in[2][c] * (sum - in[1][c]);
    }
}

/* stats: in x running_mean running_var, out mean invstd running_mean running_var (inout);
 * running: in running_mean running_var, out mean invstd; fold: in w mean invstd weight bias
 * [sum_bias], out folded_w folded_b; fwd: in x mean invstd weight bias, out y;
 * bwd: in x mean invstd weight bias dy, out dx dw db. Keys n pixels c groups act slope. */
int ref_case_batchnorm(const clg_case *c, const double *const *in, double *const *out)
{
    clg_bn b = { .n = clg__case_u32(c, "n", 1), .pixels = clg__case_u32(c, "pixels", 1),
                 .c = clg__case_u32(c, "c", 1), .groups = clg__case_u32(c, "groups", 1),
                 .eps = (float)REF_BN_EPS, .momentum = (float)REF_BN_MOMENTUM,
                 .act = ref__case_act(c), .slope = (float)clg__case_get(c, "slope", REF_SLOPE) };

    if (ref__case_pass(c, "stats")) {
        ref_batchnorm_stats(&b, in[0], out[0], out[1], out[2], out[3]);
    } else if (ref__case_pass(c, "running")) {
        ref_batchnorm_running(&b, in[0], in[1], out[0], out[1]);
    } else if (ref__case_pass(c, "fold")) {
        fold(&b, in, clg__case_u32(c, "sum", 0) != 0, out);
    } else if (ref__case_pass(c, "fwd")) {
        ref_batchnorm_fwd(&b, in[0], in[1], in[2], in[3], in[4], out[0]);
    } else if (ref__case_pass(c, "bwd")) {
        ref_batchnorm_bwd(&b, in[0], in[1], in[2], in[3], in[4], in[5], out[0], out[1], out[2]);
    } else {
        return ref__case_unknown(c);
    }
    return CLG_OK;
}
