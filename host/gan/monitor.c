/* Monitors of a training, as the first GAN's was watched (Goodfellow et al. 2014): once in so many
 * epochs the Parzen window log-likelihood of held-out images under 100 samples of the fixed
 * latents, and how often D is wrong about both. Far too few samples for a figure to publish (clgan
 * eval measures those): enough to see the course. Nothing of the training's state moves. Not here:
 * the measure itself (metrics_parzen.c), the log (run.c). */
#include <math.h>

#include "base/mem.h"
#include "gan/metrics_parzen.h"
#include "gan/trainer_internal.h"

enum { SAMPLES = 100, ROWS_MOST = 1000 };
static const double sigma = 0.2;

bool clg__monitor_due(const clg_trainer *t, uint64_t step)
{
    uint64_t every = t->desc.train.monitor_every * t->facts.steps_per_epoch;
    return every > 0 && (step % every == 0 || step == t->facts.steps_total);
}

int clg__monitor_check(const clg_model_desc *desc, const clg_model_plan *plan)
{
    if (desc->train.monitor_every == 0) {
        return CLG_OK;
    }
    if (plan->system != CLG_SYSTEM_NONE || desc->order.kind == CLG_ORDER_RECONSTRUCT) {
        return clg__hint(clg__fail(CLG_E_USAGE,
                                   "train.monitor_every: the monitors are for GANs on "
                                   "images, not for %s",
                                   desc->model.name),
                         "leave train.monitor_every at 0; clgan eval measures what fits");
    }
    return CLG_OK;
}

/* Images held out from training, or without any those that are trained on, spread evenly: rows in
 * [0,1] and their labels. */
static int read_real(clg_trainer *t, uint32_t n, float *rows, uint32_t *labels)
{
    enum { PART = 100 };
    uint32_t all = clg__dataset_info(t->ds)->count, first = t->facts.images;
    size_t len = (size_t)clg__trainer_pixels(t);
    uint8_t *bytes = clg__alloc(PART, len);
    uint32_t index[PART];
    int status = CLG_OK;
    if (bytes == NULL) {
        return CLG_E_MEMORY;
    }
    first = first < all ? first : 0;
    for (uint32_t done = 0; done < n; done += PART) {
        uint32_t part = n - done < PART ? n - done : PART;
        for (uint32_t i = 0; i < part; i++) {
            index[i] = first + (uint32_t)((uint64_t)(done + i) * (all - first) / n);
            int32_t label = clg__dataset_label(t->ds, index[i]);
            labels[done + i] = label > 0 ? (uint32_t)label : 0;
        }
        CLG_TRY(clg__dataset_read(t->ds, index, NULL, part, bytes));
        for (size_t i = 0; i < part * len; i++) {
            rows[done * len + i] = (float)bytes[i] / 255.0f;
        }
    }
out:
    clg__free(bytes);
    return status;
}

static int judge_part(clg_trainer *t, const float *x, const uint32_t *labels, uint32_t n,
                      float *logits)
{
    uint32_t packing = t->desc.discriminator.packing, len = (uint32_t)(n * clg__trainer_pixels(t));
    clg_tensor all = clg__tensor_all(t->images), heads[CLG_HEADS_MAX];
    clg_net_pass pass = { .n = n / packing, .groups = 1, .mode = CLG_NET_EVAL };
    int status = CLG_OK;
    pass.x = clg__tensor_view(all, 0, 4, n / packing, t->plan.h, t->plan.w, packing * t->plan.c);
    if (t->labels != NULL) {
        pass.labels = clg__tensor_vec(clg__tensor_all(t->labels), 0, n);
        CLG_TRY(clg__rt_write(t->ops->rt, pass.labels, labels));
    }
    CLG_TRY(clg__rt_write_f32(t->ops->rt, clg__tensor_vec(all, 0, len), x));
    CLG_TRY(clg__net_run(t->d, &pass, heads));
    CLG_TRY(clg__rt_read_f32(t->ops->rt, clg__tensor_vec(heads[0], 0, n / packing), logits));
out:
    return status;
}

/* *share: of n rows of pixels in [0,1] those that D takes for what they are not, by its sign: below
 * one half for real ones, above for fakes. x: the model's own pixels, room for a batch. */
static int judge(clg_trainer *t, const float *rows, const uint32_t *labels, uint32_t n, bool real,
                 double *share)
{
    uint32_t batch = t->desc.train.batch, packing = t->desc.discriminator.packing, wrong = 0,
             of = 0;
    size_t len = (size_t)clg__trainer_pixels(t);
    float scale, shift, *x = clg__alloc(batch * len, sizeof *x);
    float *logits = clg__alloc(batch, sizeof *logits);
    int status = x != NULL && logits != NULL ? CLG_OK : CLG_E_MEMORY;
    CLG_TRY(status);
    clg__trainer_range(&t->desc, &scale, &shift);
    for (uint32_t first = 0; first + packing <= n; first += batch) {
        uint32_t part = n - first < batch ? (n - first) / packing * packing : batch;
        for (size_t i = 0; i < part * len; i++) {
            x[i] = 255.0f * scale * rows[first * len + i] + shift;
        }
        CLG_TRY(judge_part(t, x, labels + first, part, logits));
        for (uint32_t i = 0; i < part / packing; i++, of++) {
            wrong += real ? logits[i] < 0.0f : logits[i] > 0.0f;
        }
    }
    *share = of > 0 ? (double)wrong / of : (double)NAN;
out:
    clg__free(x);
    clg__free(logits);
    return status;
}

static int measure(clg_trainer *t, clg_rows real, clg_rows fake, const uint32_t *labels,
                   clg_monitor *out)
{
    double *ll = clg__alloc(real.n, sizeof *ll), sum = 0.0;
    uint32_t turns[SAMPLES];
    int status = ll != NULL ? CLG_OK : CLG_E_MEMORY;
    CLG_TRY(status);
    CLG_TRY(clg__parzen_log(t->ops, &fake, &real, &sigma, 1, ll));
    for (uint32_t i = 0; i < real.n; i++) {
        sum += ll[i];
    }
    out->parzen_ll = sum / real.n;
    if (clg__objective_is_probability(&t->desc)) {
        clg__grid_labels(t, 0, SAMPLES, turns);
        CLG_TRY(judge(t, real.at, labels, real.n, true, &out->real_below_half));
        CLG_TRY(judge(t, fake.at, turns, fake.n, false, &out->fake_above_half));
    }
out:
    clg__free(ll);
    return status;
}

int clg__monitor_measure(clg_trainer *t, clg_monitor *out)
{
    uint32_t all = clg__dataset_info(t->ds)->count, held = all - t->facts.images;
    uint32_t n = held > 0 ? held : all;
    size_t len = (size_t)clg__trainer_pixels(t);
    *out = CLG_NO_MONITOR;
    n = n < ROWS_MOST ? n : ROWS_MOST;
    float *real = clg__alloc(n * len, sizeof *real),
          *fake = clg__alloc(SAMPLES * len, sizeof *fake);
    uint32_t *labels = clg__alloc(n, sizeof *labels);
    int status = real != NULL && fake != NULL && labels != NULL ? CLG_OK : CLG_E_MEMORY;
    CLG_TRY(status);
    CLG_TRY(read_real(t, n, real, labels));
    CLG_TRY(clg__grid_samples(t, SAMPLES, fake));
    for (size_t i = 0; i < SAMPLES * len && t->desc.data.range != CLG_RANGE_UNIT; i++) {
        fake[i] = 0.5f * fake[i] + 0.5f;
    }
    CLG_TRY(measure(t, (clg_rows){ .at = real, .n = n, .d = (uint32_t)len },
                    (clg_rows){ .at = fake, .n = SAMPLES, .d = (uint32_t)len }, labels, out));
out:
    clg__free(real);
    clg__free(fake);
    clg__free(labels);
    return status;
}
