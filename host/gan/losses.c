/* Reading what steps left on the device: losses, and norms for the log. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "gan/trainer_internal.h"

/* ---- losses ---- */

clg_tensor clg__losses_row(const clg_trainer *t, uint64_t step)
{
    return clg__tensor_vec(clg__tensor_all(t->ring), step % t->ring_len * CLG_LOSS_ROW,
                           CLG_LOSS_ROW);
}

static void read_row(const clg_trainer *t, const float *row, uint64_t step, clg_progress *p)
{
    *p = (clg_progress){ .step = step, .steps_total = t->facts.steps_total,
                         .monitor = CLG_NO_MONITOR };
    if (t->facts.steps_per_epoch > 0) {
        p->epoch = (double)step / (double)t->facts.steps_per_epoch;
    }
    const clg_loss_table *table = &t->table;
    p->loss_d = clg__loss_sum(table->d, table->d_count, row);
    p->loss_g = clg__loss_sum(table->g, table->g_count, row);
    if (t->desc.order.kind != CLG_ORDER_RECONSTRUCT) { /* the first head's terms */
        p->d_real = row[2u * table->d[0].slot + 1u];
        p->d_fake_before = row[2u * table->d[1].slot + 1u];
        p->d_fake_after = row[2u * table->g[0].slot + 1u];
    } else { /* nobody judges */
        p->d_real = p->d_fake_before = p->d_fake_after = (double)NAN;
    }
}

static int check_row(const clg_progress *p)
{
    if (isfinite(p->loss_d) && isfinite(p->loss_g)) {
        return CLG_OK;
    }
    const char *which = isfinite(p->loss_d) ? "loss_g" : "loss_d";
    return clg__hint(clg__fail(CLG_E_NUMERIC, "%s is %f at step %llu", which,
                               isfinite(p->loss_d) ? p->loss_g : p->loss_d,
                               (unsigned long long)p->step),
                     "lower optimizer_g.lr and optimizer_d.lr");
}

/* An order may start G later: until then nothing is known of it. */
static void hide_unknown(const clg_trainer *t, clg_progress *p)
{
    if (t->updates[CLG_GENERATOR] == 0) {
        p->loss_g = p->d_fake_after = (double)NAN;
    }
}

int clg__step_check(clg_trainer *t, clg_progress *last)
{
    int status = CLG_OK;
    *last = (clg_progress){ .step = t->step, .steps_total = t->facts.steps_total };
    if (t->step == 0) {
        return CLG_OK;
    }
    size_t len = (size_t)t->ring_len * CLG_LOSS_ROW;
    float *ring = clg__alloc(len, sizeof *ring);
    if (ring == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(clg__fused_check(&t->fused));
    CLG_TRY(clg__rt_read(t->ops->rt, clg__tensor_all(t->ring), ring));
    uint64_t oldest = t->step > t->ring_len ? t->step - t->ring_len : 0;
    for (uint64_t s = (t->checked > oldest ? t->checked : oldest) + 1u; s <= t->step; s++) {
        read_row(t, ring + s % t->ring_len * CLG_LOSS_ROW, s, last);
        CLG_TRY(check_row(last));
        clg__watch_note(t, last->loss_d, last->loss_g);
    }
    read_row(t, ring + t->step % t->ring_len * CLG_LOSS_ROW, t->step, last);
    hide_unknown(t, last);
    t->checked = t->step;
out:
    clg__free(ring);
    return status;
}

int clg__trainer_losses(clg_trainer *t, clg_progress *out)
{
    float row[CLG_LOSS_ROW];
    *out = (clg_progress){ .step = t->step, .steps_total = t->facts.steps_total };
    if (t->step == 0) {
        return CLG_OK;
    }
    int status = clg__fused_check(&t->fused);
    if (status == CLG_OK) {
        status = clg__rt_read(t->ops->rt, clg__losses_row(t, t->step), row);
    }
    if (status != CLG_OK) {
        return status;
    }
    read_row(t, row, t->step, out);
    status = check_row(out);
    hide_unknown(t, out);
    return status;
}

/* ---- norms ---- */

/* known: the net was updated, so that there are sums. */
static void fill_rows(const clg_net *net, const char *prefix, const float *sums, bool known,
                      clg_layer_stat *rows, char *names, size_t name_len)
{
    uint32_t n = clg__net_parameter_count(net);
    for (uint32_t i = 0; i < n; i++) {
        char *name = names + i * name_len;
        double weight = sqrt((double)sums[i]);
        snprintf(name, name_len, "%s%s", prefix, clg__net_parameter_name(net, i));
        rows[i] = (clg_layer_stat){ .name = name, .weight_norm = weight,
                                    .grad_norm = sqrt((double)sums[n + i]) };
        rows[i].relative_update = weight > 0.0 ? sqrt((double)sums[2u * n + i]) / weight : 0.0;
        if (!known) {
            rows[i].weight_norm = rows[i].grad_norm = rows[i].relative_update = (double)NAN;
        }
    }
}

int clg__step_norms(clg_trainer *t, clg_layer_stat **rows, char **names, size_t *count)
{
    enum { NAME = 4 * CLG_NAME_MAX };
    uint32_t ng = clg__net_parameter_count(t->g), nd = clg__net_parameter_count(t->d);
    int status = CLG_OK;
    *count = ng + nd;
    float *sums = clg__alloc(3u * *count, sizeof *sums);
    *rows = clg__alloc(*count, sizeof **rows);
    *names = clg__alloc(*count, NAME);
    if (sums == NULL || *rows == NULL || *names == NULL) {
        status = CLG_E_MEMORY;
        goto out;
    }
    CLG_TRY(clg__rt_read(t->ops->rt, clg__tensor_all(t->norms), sums));
    fill_rows(t->g, "netG.", sums, t->updates[CLG_GENERATOR] > 0, *rows, *names, NAME);
    fill_rows(t->d, "netD.", sums + 3u * ng, t->updates[CLG_DISCRIMINATOR] > 0, *rows + ng,
              *names + (size_t)ng * NAME, NAME);
out:
    clg__free(sums);
    return status;
}
