/* bias_init data-logit: the generator starts at the data's mean image. With zero sums its sigmoid
 * (tanh) of the bias is the mean of each pixel, or of each channel under a convolution. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "gan/trainer_internal.h"

enum { READ_ROWS = 64 };

/* Sum of every byte's place over the images that are trained on. */
static int sum_images(clg_trainer *t, double *sum)
{
    uint64_t image = clg__trainer_pixels(t);
    uint32_t index[READ_ROWS];
    int status = CLG_OK;
    uint8_t *rows = clg__alloc(READ_ROWS, image);
    if (rows == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t first = 0; first < t->facts.images; first += READ_ROWS) {
        uint32_t left = t->facts.images - first, n = left < READ_ROWS ? left : READ_ROWS;
        for (uint32_t i = 0; i < n; i++) {
            index[i] = first + i;
        }
        CLG_TRY(clg__dataset_read(t->ds, index, NULL, n, rows));
        for (uint64_t i = 0; i < n * image; i++) {
            sum[i % image] += rows[i];
        }
    }
out:
    clg__free(rows);
    return status;
}

/* The bias whose activation is `mean` of [0,1]; a pixel that is black in every image stays half a
 * level away from 0, so that the logit is finite. */
static float bias_of(const clg_layer *l, double mean)
{
    const double edge = 1.0 / 510.0;
    double m = mean < edge ? edge : mean > 1.0 - edge ? 1.0 - edge : mean;
    switch (l->act) {
    case CLG_ACT_SIGMOID:
        return (float)log(m / (1.0 - m));
    case CLG_ACT_TANH: /* tanh(b) = 2 m - 1 */
        return (float)(0.5 * log(m / (1.0 - m)));
    default:
        return (float)m;
    }
}

/* In the order of files: [C,H,W] for an image behind a linear layer. */
static int fill_bias(const clg_trainer *t, const clg_layer *l, const double *sum, float *bias)
{
    uint64_t pixels = (uint64_t)t->plan.h * t->plan.w, c = t->plan.c, len = l->out_c;
    bool each = len == pixels * c;
    if (!each && len != c) {
        return clg__fail(CLG_E_MODEL, "layer %s starts from the data's mean, but gives %llu values, "
                         "not an image's %llu", l->name, (unsigned long long)len,
                         (unsigned long long)(pixels * c));
    }
    for (uint64_t ch = 0; ch < c; ch++) {
        double all = 0.0;
        for (uint64_t p = 0; p < pixels; p++) {
            double mean = sum[p * c + ch] / (255.0 * t->facts.images);
            all += mean / (double)pixels;
            if (each) {
                bias[ch * pixels + p] = bias_of(l, mean);
            }
        }
        if (!each) {
            bias[ch] = bias_of(l, all);
        }
    }
    return CLG_OK;
}

static const clg_layer *find_layer(const clg_net_plan *plan)
{
    for (uint32_t i = plan->layer_count; i-- > 0;) {
        if (plan->layer[i].bias && plan->layer[i].bias_init == CLG_BIAS_DATA) {
            return &plan->layer[i];
        }
    }
    return NULL;
}

int clg__data_bias_init(clg_trainer *t)
{
    const clg_layer *l = find_layer(&t->plan.g);
    uint64_t image = clg__trainer_pixels(t);
    char name[3 * CLG_NAME_MAX];
    int status = CLG_OK;
    if (l == NULL || t->ds == NULL) { /* without data the bias stays 0: a mean of one half */
        return CLG_OK;
    }
    snprintf(name, sizeof name, "%s.bias", l->name);
    double *sum = clg__alloc(image, sizeof *sum);
    float *bias = clg__alloc(l->out_c, sizeof *bias);
    CLG_TRY(sum != NULL && bias != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(sum_images(t, sum));
    CLG_TRY(fill_bias(t, l, sum, bias));
    for (uint32_t i = 0; i < clg__net_tensor_count(t->g); i++) {
        if (strcmp(clg__net_tensor_at(t->g, i)->name, name) == 0) {
            CLG_TRY(clg__net_write_tensor(t->g, i, bias));
        }
    }
out:
    clg__free(sum);
    clg__free(bias);
    return status;
}
