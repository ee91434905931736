/* Cases of embedding. onehot: out y, keys n classes; fwd: in w, out y; bwd_weight: in dy, out dw;
 * keys n classes k ints store. Row i has the label (i * 7919 + i / 3) % classes. Copies must be
 * equal, and so must sums of small integers (ints=1). */
#include "ops/embedding.h"

#include "base/mem.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n", "classes", "k", "ints", "store", NULL };
static const char *const CASES[] = { "embedding onehot n=1 classes=1",
                                     "embedding onehot n=13 classes=10",
                                     "embedding onehot n=5 classes=37 store=1",
                                     "embedding fwd n=1 classes=1 k=1",
                                     "embedding fwd n=13 classes=10 k=19",
                                     "embedding fwd n=13 classes=5 k=35 store=1",
                                     "embedding bwd_weight n=1 classes=3 k=1",
                                     "embedding bwd_weight n=13 classes=10 k=19",
                                     "embedding bwd_weight n=29 classes=3 k=35 ints=1 store=1",
                                     "embedding bwd_weight n=29 classes=3 k=35 store=1",
                                     "embedding onehot n=100 classes=10",
                                     "embedding onehot n=64 classes=1000",
                                     "embedding fwd n=100 classes=10 k=1000",
                                     "embedding fwd n=1031 classes=101 k=3",
                                     "embedding bwd_weight n=100 classes=10 k=1000",
                                     "embedding bwd_weight n=1031 classes=101 k=3 ints=1",
                                     "embedding bwd_weight n=257 classes=1 k=240 ints=1",
                                     "embedding bwd_weight n=4 classes=1000 k=17",
                                     NULL };

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n, classes, k;
    int status = CLG_OK;
    enum clg_case_fill fill = clg__case_fill(c);
    bool ints = fill == CLG_FILL_SMALL_INT;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(clg__case_count(c, "n", &n));
    CLG_TRY(clg__case_count(c, "classes", &classes));
    CLG_TRY(clg__case_count(c, "k", &k));
    double rows = (double)n * k, table = (double)classes * k;
    if (clg__case_is(c, "onehot")) {
        clg__plan_out(out, "y", (uint64_t)n * classes, 0.0, 0.0, 0.0);
        out->bytes = 4.0 * n * classes;
    } else if (clg__case_is(c, "fwd")) {
        clg__plan_in(out, "w", (uint64_t)classes * k, fill);
        clg__plan_out(out, "y", (uint64_t)n * k, 0.0, 0.0, 0.0);
        out->bytes = 8.0 * rows;
    } else if (clg__case_is(c, "bwd_weight")) {
        double most = (double)n / classes + 2.0; /* rows of one class */
        clg__plan_in(out, "dy", (uint64_t)n * k, fill);
        clg__plan_out(out, "dw", (uint64_t)classes * k, 0.0,
                      ints ? 0.0 : clg__plan_sum_tolerance(most) * sqrt(most), 0.0);
        out->flops = rows;
        out->bytes = 4.0 * (rows + table);
    } else {
        return clg__case_no_pass(c);
    }
    clg__plan_stored(out, "w y dy");
out:
    return status;
}

static int run_labels(const clg_ops *o, const clg_case *c, clg_tensor labels, const clg_tensor *in,
                      const clg_tensor *out)
{
    if (clg__case_is(c, "onehot")) {
        return clg__onehot(o, labels, out[0]);
    }
    return clg__case_is(c, "fwd") ? clg__embedding_fwd(o, labels, in[0], out[0])
                                  : clg__embedding_bwd_weight(o, labels, in[0], out[0]);
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    int status = CLG_OK;
    clg_buffer *buf = NULL;
    uint32_t n = clg__case_u32(c, "n", 1), classes = clg__case_u32(c, "classes", 1);
    uint32_t *labels = clg__alloc(n, sizeof *labels);
    (void)ws;
    if (labels == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t i = 0; i < n; i++) {
        labels[i] = (i * 7919u + i / 3u) % classes;
    }
    CLG_TRY(clg__case_buffer(o->rt, CLG_U32, n, "case labels", labels, &buf));
    CLG_TRY(run_labels(o, c, clg__tensor_all(buf), in, out));
    CLG_TRY(clg__rt_finish(o->rt));
out:
    clg__buffer_destroy(&buf);
    clg__free(labels);
    return status;
}

const clg_op clg__op_embedding = {
    .name = "embedding", .keys = KEYS, .cases = CASES, .quick = 10, .plan = plan, .run = run
};
