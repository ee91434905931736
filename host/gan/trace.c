/* --trace: everything that went into a step and came out of it, one safetensors file per step, so
 * that each step can be replayed by itself on another device or in another framework. */
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "gan/trainer_internal.h"
#include "io/config.h"

typedef struct clg_trace_text {
    char step[24], steps_per_epoch[24], classes[16];
    clg_str config;
} clg_trace_text;

static int add_inputs(clg_trainer *t, clg_tensor_list *list, uint32_t n, const float *real,
                      float *z, float losses[2])
{
    clg_progress last;
    uint64_t image_dim[4] = { n, t->plan.h, t->plan.w, t->plan.c };
    uint64_t z_dim[2] = { n, t->desc.latent.size };
    int status = CLG_OK;
    CLG_TRY(clg__trainer_losses(t, &last));
    losses[0] = (float)last.loss_d;
    losses[1] = (float)last.loss_g;
    CLG_TRY(clg__rt_read_f32(t->ops->rt, clg__tensor_vec(clg__tensor_all(t->z), 0,
                                                         n * t->desc.latent.size), z));
    CLG_TRY(clg__tensor_list_add(list, CLG_ST_F32, 4, image_dim, real, "", "real"));
    CLG_TRY(clg__tensor_list_add(list, CLG_ST_F32, 2, z_dim, z, "", "z"));
    CLG_TRY(clg__trace_draws(t, list, n));
    CLG_TRY(clg__tensor_list_add(list, CLG_ST_F32, 0, NULL, &losses[0], "", "loss_d"));
    CLG_TRY(clg__tensor_list_add(list, CLG_ST_F32, 0, NULL, &losses[1], "", "loss_g"));
    /* D's gradients are those of its own step: the G step computes none for D. A net that this step
     * did not move still has those of its last one. */
    CLG_TRY(clg__tensor_list_add_net(list, t->g, CLG_NET_GRAD, "grad.netG."));
    CLG_TRY(clg__tensor_list_add_net(list, t->d, CLG_NET_GRAD, "grad.netD."));
out:
    return status;
}

static int add_state(clg_trainer *t, clg_tensor_list *list)
{
    clg_state_group group[CLG_STATE_GROUPS_MAX];
    uint32_t groups = clg__checkpoint_groups(t, group);
    int status = CLG_OK;
    for (uint32_t i = 0; i < groups; i++) {
        CLG_TRY(clg__tensor_list_add_net(list, group[i].net, group[i].kind, group[i].prefix));
    }
out:
    return status;
}

int clg__trace_write(clg_trainer *t, uint32_t n, const float *real)
{
    clg_tensor_list list = { 0 };
    clg_trace_text text = { 0 };
    char path[CLG_PATH_MAX_LEN];
    float losses[2], *z = clg__alloc((size_t)n * t->desc.latent.size + 1u, sizeof *z);
    size_t room = clg__tensor_list_room(t->g) + clg__tensor_list_room(t->d);
    int status = CLG_OK;
    if (z == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(clg__tensor_list_make(&list, 4u + 4u * room + clg__trace_draws_room(t)));
    if (n > 0) {
        CLG_TRY(add_inputs(t, &list, n, real, z, losses));
    }
    CLG_TRY(add_state(t, &list));
    snprintf(text.step, sizeof text.step, "%llu", (unsigned long long)t->step);
    snprintf(text.steps_per_epoch, sizeof text.steps_per_epoch, "%llu",
             (unsigned long long)t->facts.steps_per_epoch);
    snprintf(text.classes, sizeof text.classes, "%u", t->plan.classes);
    CLG_TRY(clg__config_write(&t->desc, &text.config));
    clg_st_meta meta[] = { { "clgan", t->version },
                           { "model", t->desc.model.name },
                           { "step", text.step },
                           { "steps_per_epoch", text.steps_per_epoch },
                           { "classes", text.classes },
                           { "config", text.config.text } };
    clg__run_trace_path(t->run, t->step, path);
    CLG_TRY(clg__st_write(path, list.tensor, list.count, meta, sizeof meta / sizeof meta[0]));
out:
    clg__tensor_list_free(&list);
    clg__str_free(&text.config);
    clg__free(z);
    return status;
}
