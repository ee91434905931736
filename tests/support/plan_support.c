#include "support/plan_support.h"

#include <stdio.h>

enum { CLASSES = 5 };

static clg_layer *add(clg_net_plan *p, enum clg_layer_op op, int32_t from, uint32_t h, uint32_t w,
                      uint32_t c)
{
    uint32_t i = p->layer_count++;
    clg_layer *l = &p->layer[i];
    *l = (clg_layer){ .op = op, .from = from, .with = CLG_FROM_NONE, .out_h = h, .out_w = w,
                      .out_c = c, .slope = 0.2f };
    const clg_layer *source = from >= 0 ? &p->layer[from] : NULL;
    l->in_h = source ? source->out_h : p->in_h;
    l->in_w = source ? source->out_w : p->in_w;
    l->in_c = source ? source->out_c : p->in_c;
    if (op == CLG_LAYER_LINEAR) {
        if (l->in_h > 1) {
            l->image_in_h = l->in_h, l->image_in_w = l->in_w, l->image_in_c = l->in_c;
        }
        l->in_c *= l->in_h * l->in_w;
        l->in_h = l->in_w = 1;
    }
    snprintf(l->name, sizeof l->name, "main.%u", i);
    snprintf(l->norm_name, sizeof l->norm_name, "main.%u.norm", i);
    return l;
}

static void add_conv(clg_net_plan *p, int32_t from, uint32_t h, uint32_t w, uint32_t c,
                     uint32_t kernel, uint32_t stride, enum clg_act act)
{
    clg_layer *l = add(p, CLG_LAYER_CONV2D, from, h, w, c);
    l->kernel = kernel;
    l->stride = stride;
    l->pad = 1;
    l->norm = CLG_NORM_BATCH;
    l->act = act;
}

static clg_layer *add_linear(clg_net_plan *p, int32_t from, uint32_t c, enum clg_norm norm,
                             enum clg_act act)
{
    clg_layer *l = add(p, CLG_LAYER_LINEAR, from, 1, 1, c);
    l->bias = norm == CLG_NORM_NONE;
    l->norm = norm;
    l->act = act;
    return l;
}

static void add_concat(clg_net_plan *p, int32_t from, int32_t with)
{
    const clg_layer *a = &p->layer[from], *b = &p->layer[with];
    add(p, CLG_LAYER_CONCAT, from, a->out_h, a->out_w, a->out_c + b->out_c)->with = with;
}

static void end(clg_net_plan *p, uint32_t heads, uint32_t first, uint32_t second)
{
    const clg_layer *l = &p->layer[first];
    p->head_count = heads;
    p->head[0] = first;
    p->head[1] = second;
    p->out_h = l->out_h, p->out_w = l->out_w, p->out_c = l->out_c;
}

void test_plan_branched(clg_net_plan *p)
{
    *p = (clg_net_plan){ .in_h = 8, .in_w = 8, .in_c = 2, .classes = CLASSES,
                         .init = { .kind = CLG_INIT_NORMAL, .std = 0.3f, .norm_mean = 1.0f,
                                   .norm_std = 0.2f } };
    add_conv(p, CLG_FROM_INPUT, 4, 4, 4, 4, 2, CLG_ACT_LRELU);       /* 0 */
    add(p, CLG_LAYER_AVGPOOL, 0, 2, 2, 4)->scale = 2;                /* 1 */
    add(p, CLG_LAYER_UPSAMPLE, 1, 4, 4, 4)->scale = 2;               /* 2 */
    add(p, CLG_LAYER_ONEHOT, CLG_FROM_LABEL, 1, 1, CLASSES);         /* 3 */
    add_concat(p, 0, 3);                                             /* 4: [4,4,9] */
    add(p, CLG_LAYER_AVGPOOL, CLG_FROM_INPUT, 4, 4, 2)->scale = 2;   /* 5 */
    add_concat(p, 4, 2);                                             /* 6: [4,4,13] */
    add_concat(p, 6, 5);                                             /* 7: [4,4,15] */
    add_conv(p, 7, 4, 4, 6, 3, 1, CLG_ACT_RELU);                     /* 8 */
    add(p, CLG_LAYER_DROPOUT, 8, 4, 4, 6)->keep = 0.6f;              /* 9 */
    add_linear(p, 9, 12, CLG_NORM_BATCH, CLG_ACT_NONE);              /* 10 */
    add(p, CLG_LAYER_MAXOUT, 10, 1, 1, 4)->pieces = 3;               /* 11 */
    add_linear(p, 0, 1, CLG_NORM_NONE, CLG_ACT_NONE);                /* 12: head 0 */
    add(p, CLG_LAYER_EMBEDDING, CLG_FROM_LABEL, 1, 1, 4);            /* 13 */
    add_concat(p, 11, 13);                                           /* 14: [8] */
    add_linear(p, 14, 3, CLG_NORM_BATCH, CLG_ACT_TANH);              /* 15: head 1 */
    end(p, 2, 12, 15);
}

void test_plan_head_inside(clg_net_plan *p)
{
    *p = (clg_net_plan){ .in_h = 1, .in_w = 1, .in_c = 6, .init = { .kind = CLG_INIT_TORCH } };
    add_linear(p, CLG_FROM_INPUT, 5, CLG_NORM_BATCH, CLG_ACT_TANH);  /* 0: head 0 */
    add_linear(p, 0, 4, CLG_NORM_NONE, CLG_ACT_LRELU);               /* 1 */
    add_linear(p, 0, 4, CLG_NORM_NONE, CLG_ACT_RELU);                /* 2 */
    add_concat(p, 1, 2);                                             /* 3 */
    add_linear(p, 3, 2, CLG_NORM_NONE, CLG_ACT_NONE);                /* 4: head 1 */
    end(p, 2, 0, 4);
}
