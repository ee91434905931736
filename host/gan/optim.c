/* One update of a net: weight decay, the optimiser, clipping, with the values of this update. */
#include <math.h>

#include "gan/trainer_internal.h"

float clg__optim_lr(const clg_optim_desc *o, uint64_t done, double factor)
{
    double lr = o->lr;
    if (o->lr_divisor > 1.0f && done > 0) {
        lr *= pow((double)o->lr_divisor, -(double)done);
        lr = lr > (double)o->lr_floor ? lr : (double)o->lr_floor;
    }
    return (float)(lr * factor);
}

float clg__optim_momentum(const clg_optim_desc *o, uint64_t step, uint64_t steps_per_epoch)
{
    uint64_t epoch = steps_per_epoch > 0 ? 1u + (step - 1u) / steps_per_epoch : 1u;
    if (o->momentum_epochs == 0) {
        return o->momentum;
    }
    if (epoch >= o->momentum_epochs) {
        return o->momentum_end;
    }
    double part = (double)(epoch - 1u) / (double)(o->momentum_epochs - 1u);
    return (float)((double)o->momentum + part * ((double)o->momentum_end - (double)o->momentum));
}

static clg_adam adam_of(const clg_trainer *t, enum clg_which_net which)
{
    const clg_optim_desc *o = which == CLG_GENERATOR ? &t->desc.optimizer_g : &t->desc.optimizer_d;
    return (clg_adam){ .lr = clg__optim_lr(o, t->updates[which], t->lr_factor),
                       .beta1 = o->beta1,
                       .beta2 = o->beta2,
                       .eps = o->eps,
                       .t = t->updates[which] + 1u };
}

bool clg__update_is_adam(const clg_trainer *t, enum clg_which_net which, clg_adam *adam)
{
    const clg_optim_desc *o = which == CLG_GENERATOR ? &t->desc.optimizer_g : &t->desc.optimizer_d;
    *adam = adam_of(t, which);
    return o->kind == CLG_OPTIMIZER_ADAM && o->weight_decay <= 0.0f && o->clip <= 0.0f;
}

static int step_net(clg_trainer *t, enum clg_which_net which, clg_net *net, const clg_optim_desc *o)
{
    if (o->kind == CLG_OPTIMIZER_SGD) {
        clg_sgd sgd = { .lr = clg__optim_lr(o, t->updates[which], t->lr_factor),
                        .momentum = clg__optim_momentum(o, t->step + 1u,
                                                                  t->facts.steps_per_epoch) };
        return clg__net_sgd(net, &sgd);
    }
    clg_adam adam = adam_of(t, which);
    return clg__net_adam(net, &adam);
}

int clg__update_net(clg_trainer *t, enum clg_which_net which, bool norms)
{
    bool is_g = which == CLG_GENERATOR;
    clg_net *net = is_g ? t->g : t->d;
    const clg_optim_desc *o = is_g ? &t->desc.optimizer_g : &t->desc.optimizer_d;
    uint32_t n = clg__net_parameter_count(net);
    uint32_t first = is_g ? 0 : 3u * clg__net_parameter_count(t->g);
    clg_tensor all = clg__tensor_all(t->norms);
    int status = CLG_OK;
    if (o->weight_decay > 0.0f) {
        CLG_TRY(clg__net_weight_decay(net, o->weight_decay));
    }
    if (norms) {
        CLG_TRY(clg__net_sumsq(net, CLG_NET_VALUE, clg__tensor_vec(all, first, n)));
        CLG_TRY(clg__net_sumsq(net, CLG_NET_GRAD, clg__tensor_vec(all, first + n, n)));
        CLG_TRY(clg__net_snapshot(net));
    }
    CLG_TRY(step_net(t, which, net, o));
    if (o->clip > 0.0f) {
        CLG_TRY(clg__net_weight_clip(net, o->clip));
    }
    if (norms) {
        CLG_TRY(clg__net_sumsq_update(net, clg__tensor_vec(all, first + 2u * n, n)));
    }
    t->updates[which]++;
out:
    return status;
}
