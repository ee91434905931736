/* What D and G learn, as a table of terms: which rows, which of D's heads, which role, which weight.
 *
 *   plain:       real -> real, fake -> fake; G: fake -> real
 *   conditional: (real, right label) real, weight 1; (fake, its label) fake, 1 - w; (real, wrong
 *                label) fake, w; for w = 0 the third group of rows is not made
 *   two heads:   r(x) real, r(G) fake; m(x, c) real, w m(x, wrong) fake, (1 - w) m(G, c) fake;
 *                G: r(G) and m(G, c) real
 * each times loss.weight_real, weight_fake or weight_g. */
#include "gan/trainer_internal.h"

static void add_d(clg_loss_table *t, uint32_t group, uint32_t head, enum clg_loss_role role,
                  float weight)
{
    t->d[t->d_count] = (clg_loss_term){ .group = group, .head = head, .role = role,
                                        .weight = weight, .slot = t->d_count };
    t->d_count++;
}

void clg__loss_table_make(const clg_model_desc *desc, const clg_model_plan *plan,
                          clg_loss_table *out)
{
    float real = desc->loss.weight_real, fake = desc->loss.weight_fake;
    float w = plan->d.classes > 0 ? desc->loss.wrong_label_weight : 0.0f;
    uint32_t heads = plan->d.head_count > 1u ? 2u : 1u;
    *out = (clg_loss_table){ .groups = w > 0.0f ? 3u : 2u };
    if (desc->order.kind == CLG_ORDER_RECONSTRUCT) { /* one error, which is both nets' loss */
        out->groups = 2u; /* the second holds the reconstructions' gradient */
        out->d_count = out->g_count = 1;
        out->d[0] = out->g[0] = (clg_loss_term){ .group = CLG_GROUP_REAL, .weight = 1.0f };
        return;
    }
    add_d(out, CLG_GROUP_REAL, 0, CLG_LOSS_OF_REAL, real);
    add_d(out, CLG_GROUP_FAKE, 0, CLG_LOSS_OF_FAKE, heads > 1u ? fake : fake * (1.0f - w));
    if (heads > 1u) {
        add_d(out, CLG_GROUP_REAL, 1, CLG_LOSS_OF_REAL, real);
        add_d(out, CLG_GROUP_FAKE, 1, CLG_LOSS_OF_FAKE, fake * (1.0f - w));
    }
    if (w > 0.0f) {
        add_d(out, CLG_GROUP_WRONG, heads - 1u, CLG_LOSS_OF_FAKE, fake * w);
    }
    for (uint32_t h = 0; h < heads; h++) {
        out->g[out->g_count] = (clg_loss_term){ .group = CLG_GROUP_FAKE, .head = h,
                                                .role = CLG_LOSS_OF_G,
                                                .weight = desc->loss.weight_g,
                                                .slot = out->d_count + h };
        out->g_count++;
    }
}

double clg__loss_sum(const clg_loss_term *term, uint32_t count, const float *row)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < count; i++) {
        sum += (double)term[i].weight * (double)row[2u * term[i].slot];
    }
    return sum;
}
