/* Cases of conv2d. fwd: in x w [bias], out y; bwd_data: in dy w, out dx; bwd_weight: in x dy, out
 * dw. Keys n h w c k r s stride pad bias act slope store; exact=1: small integers, no error allowed;
 * algo 0 direct, 1 winograd2, 2 winograd4 (where they fit the device);
 * ready=1: with the filter made ready before; tile=1..10: with that shape of blas/tile.c (GPU
 * family). */
#include "ops/case_plan.h"
#include "ops/conv_case.h"
#include "ops/conv2d.h"

static const char *const KEYS[] = { "n",      "h",   "w",    "c",   "k",     "r",     "s",
                                    "stride", "pad", "bias", "act", "slope", "exact",
                                    "store",  "algo", "ready", "tile", NULL };
enum { QUICK = 31 };
static const char *const CASES[] = {
    "conv2d fwd n=1 h=1 w=1 c=1 k=1 r=1 s=1 exact=1",
    "conv2d bwd_data n=1 h=1 w=1 c=1 k=1 r=1 s=1 exact=1",
    "conv2d bwd_weight n=1 h=1 w=1 c=1 k=1 r=1 s=1 exact=1",
    "conv2d fwd n=2 h=6 w=6 c=3 k=5 r=4 s=4 stride=2 pad=1 bias=1 act=2 slope=0.2",
    "conv2d bwd_data n=2 h=6 w=6 c=3 k=16 r=4 s=4 stride=2 pad=1",
    "conv2d bwd_weight n=3 h=6 w=6 c=3 k=5 r=4 s=4 stride=2 pad=1",
    "conv2d fwd n=8 h=4 w=4 c=17 k=19 r=3 s=2 stride=1 pad=1",
    "conv2d bwd_data n=8 h=4 w=4 c=19 k=17 r=3 s=2 stride=1 pad=1",
    "conv2d bwd_weight n=3 h=5 w=4 c=17 k=33 r=2 s=3 stride=2 pad=0",
    "conv2d fwd n=3 h=3 w=3 c=5 k=2 r=3 s=3 bias=1", "conv2d bwd_data n=3 h=3 w=3 c=5 k=2 r=3 s=3",
    "conv2d bwd_weight n=3 h=3 w=3 c=5 k=2 r=3 s=3",
    "conv2d bwd_weight n=2 h=17 w=17 c=2 k=2 r=1 s=1 exact=1",
    "conv2d fwd n=2 h=6 w=6 c=3 k=5 r=4 s=4 stride=2 pad=1 bias=1 act=2 slope=0.2 store=1",
    "conv2d bwd_weight n=3 h=6 w=6 c=3 k=5 r=4 s=4 stride=2 pad=1 store=1",
    "conv2d bwd_data n=8 h=4 w=4 c=19 k=17 r=3 s=2 stride=1 pad=1 store=1",
    "conv2d fwd n=3 h=3 w=3 c=5 k=2 r=3 s=3 bias=1 act=1 store=1",
    "conv2d bwd_weight n=3 h=5 w=4 c=17 k=33 r=2 s=3 stride=2 pad=0 store=2",
    "conv2d fwd n=8 h=4 w=4 c=17 k=19 r=3 s=2 stride=1 pad=1 store=1",
    "conv2d fwd n=2 h=6 w=6 c=16 k=32 r=4 s=4 stride=2 pad=1 bias=1 act=2 slope=0.2 algo=1",
    "conv2d bwd_data n=2 h=6 w=8 c=32 k=16 r=4 s=4 stride=2 pad=1 algo=1 ready=1",
    "conv2d bwd_weight n=2 h=8 w=6 c=16 k=32 r=4 s=4 stride=2 pad=1 algo=1",
    "conv2d fwd n=2 h=8 w=10 c=16 k=32 r=4 s=4 stride=2 pad=1 algo=2 ready=1",
    "conv2d bwd_data n=2 h=8 w=8 c=32 k=16 r=4 s=4 stride=2 pad=1 algo=2",
    "conv2d bwd_weight n=2 h=10 w=6 c=16 k=32 r=4 s=4 stride=2 pad=1 algo=2",
    "conv2d fwd n=2 h=5 w=4 c=16 k=32 r=3 s=3 pad=1 bias=1 act=2 slope=0.2 algo=1 ready=1",
    "conv2d bwd_data n=2 h=4 w=5 c=32 k=16 r=3 s=3 pad=1 algo=1",
    "conv2d bwd_weight n=2 h=5 w=4 c=16 k=32 r=3 s=3 pad=1 algo=1",
    "conv2d fwd n=2 h=6 w=5 c=16 k=32 r=3 s=3 pad=1 algo=2",
    "conv2d bwd_data n=2 h=5 w=6 c=32 k=16 r=3 s=3 pad=1 algo=2 ready=1",
    "conv2d bwd_weight n=2 h=6 w=5 c=16 k=32 r=3 s=3 pad=1 algo=2",
    /* kernels 1-7, strides 1-4 */
    "conv2d fwd n=5 h=9 w=7 c=33 k=34 r=1 s=1 stride=1 exact=1",
    "conv2d bwd_data n=2 h=9 w=9 c=31 k=16 r=1 s=1 stride=3 pad=1 exact=1",
    "conv2d bwd_weight n=2 h=9 w=9 c=13 k=7 r=1 s=1 stride=4 exact=1",
    "conv2d fwd n=3 h=7 w=5 c=138 k=33 r=1 s=1 bias=1 act=2 slope=0.2",
    "conv2d bwd_data n=3 h=7 w=5 c=138 k=33 r=1 s=1",
    "conv2d bwd_weight n=3 h=7 w=5 c=138 k=33 r=1 s=1",
    "conv2d fwd n=3 h=7 w=5 c=138 k=33 r=1 s=1 bias=1 act=2 slope=0.2 store=1",
    "conv2d fwd n=3 h=7 w=5 c=138 k=3 r=1 s=1 bias=1",
    "conv2d fwd n=16 h=11 w=11 c=4 k=30 r=2 s=2 stride=1 pad=1 exact=1",
    "conv2d bwd_data n=16 h=11 w=11 c=20 k=6 r=2 s=2 stride=2 exact=1",
    "conv2d bwd_weight n=16 h=11 w=11 c=26 k=65 r=2 s=2 stride=3 exact=1",
    "conv2d fwd n=3 h=13 w=10 c=67 k=37 r=3 s=3 stride=2 pad=1 exact=1",
    "conv2d bwd_data n=3 h=13 w=10 c=67 k=37 r=3 s=3 stride=2 pad=1 exact=1",
    "conv2d bwd_weight n=3 h=13 w=10 c=67 k=37 r=3 s=3 stride=2 pad=1 exact=1",
    "conv2d fwd n=4 h=16 w=16 c=1 k=64 r=5 s=5 stride=2 pad=2 bias=1 act=1 exact=1",
    "conv2d bwd_data n=4 h=16 w=16 c=1 k=64 r=5 s=5 stride=2 pad=2 exact=1",
    "conv2d bwd_weight n=4 h=16 w=16 c=1 k=64 r=5 s=5 stride=2 pad=2 exact=1",
    "conv2d fwd n=2 h=12 w=15 c=2 k=3 r=6 s=6 stride=4 pad=3 exact=1",
    "conv2d bwd_data n=2 h=12 w=15 c=2 k=48 r=6 s=6 stride=4 pad=3 exact=1",
    "conv2d bwd_weight n=2 h=12 w=15 c=40 k=3 r=6 s=6 stride=4 pad=3 exact=1",
    "conv2d fwd n=2 h=14 w=14 c=9 k=11 r=7 s=5 stride=3 pad=3 act=3",
    "conv2d bwd_data n=2 h=14 w=14 c=9 k=11 r=7 s=5 stride=3 pad=3",
    "conv2d bwd_weight n=2 h=14 w=14 c=9 k=11 r=5 s=7 stride=1 pad=3",
    "conv2d fwd n=7 h=5 w=5 c=23 k=1 r=3 s=3 stride=1 pad=1 act=4",
    "conv2d bwd_data n=9 h=7 w=7 c=4 k=32 r=4 s=4 stride=1 pad=2",
    "conv2d bwd_weight n=7 h=5 w=5 c=23 k=1 r=3 s=3 stride=1 pad=1",
    "conv2d fwd n=3 h=13 w=10 c=67 k=37 r=3 s=3 stride=2 pad=1 store=1",
    "conv2d bwd_weight n=16 h=11 w=11 c=26 k=65 r=2 s=2 stride=3 exact=1 store=1",
    /* DCGAN-64 and -28, small batches */
    "conv2d fwd n=8 h=64 w=64 c=3 k=64 r=4 s=4 stride=2 pad=1 act=2 slope=0.2",
    "conv2d bwd_data n=2 h=64 w=64 c=3 k=64 r=4 s=4 stride=2 pad=1",
    "conv2d bwd_weight n=3 h=64 w=64 c=3 k=64 r=4 s=4 stride=2 pad=1",
    "conv2d fwd n=2 h=32 w=32 c=64 k=128 r=4 s=4 stride=2 pad=1",
    "conv2d bwd_data n=8 h=16 w=16 c=64 k=128 r=4 s=4 stride=2 pad=1",
    "conv2d bwd_weight n=5 h=16 w=16 c=64 k=128 r=4 s=4 stride=2 pad=1",
    "conv2d fwd n=16 h=8 w=8 c=64 k=96 r=4 s=4 stride=2 pad=1",
    "conv2d bwd_data n=3 h=8 w=8 c=96 k=64 r=4 s=4 stride=2 pad=1",
    "conv2d bwd_weight n=33 h=8 w=8 c=64 k=96 r=4 s=4 stride=2 pad=1",
    "conv2d fwd n=7 h=4 w=4 c=512 k=1 r=4 s=4", "conv2d bwd_data n=7 h=4 w=4 c=512 k=1 r=4 s=4",
    "conv2d bwd_weight n=7 h=4 w=4 c=512 k=1 r=4 s=4",
    "conv2d fwd n=3 h=28 w=28 c=1 k=64 r=4 s=4 stride=2 pad=1 act=2",
    "conv2d bwd_data n=3 h=28 w=28 c=1 k=64 r=4 s=4 stride=2 pad=1",
    "conv2d bwd_weight n=3 h=28 w=28 c=1 k=64 r=4 s=4 stride=2 pad=1",
    /* Winograd: odd sizes, any padding, tiles that end beyond the map, several chunks of a batch */
    "conv2d fwd n=3 h=13 w=11 c=16 k=64 r=4 s=4 stride=2 pad=0 bias=1 algo=1",
    "conv2d fwd n=3 h=13 w=11 c=16 k=64 r=4 s=4 stride=2 pad=3 bias=1 act=3 algo=2 ready=1",
    "conv2d fwd n=2 h=6 w=4 c=48 k=16 r=4 s=4 stride=2 pad=2 algo=2",
    "conv2d bwd_data n=3 h=13 w=11 c=32 k=16 r=4 s=4 stride=2 pad=0 algo=1",
    "conv2d bwd_data n=3 h=11 w=14 c=64 k=48 r=4 s=4 stride=2 pad=3 algo=2 ready=1",
    "conv2d bwd_weight n=3 h=13 w=11 c=16 k=32 r=4 s=4 stride=2 pad=2 algo=1",
    "conv2d bwd_weight n=19 h=32 w=30 c=16 k=32 r=4 s=4 stride=2 pad=1 algo=2",
    "conv2d fwd n=2 h=32 w=32 c=64 k=128 r=4 s=4 stride=2 pad=1 algo=2",
    "conv2d bwd_data n=8 h=16 w=16 c=64 k=128 r=4 s=4 stride=2 pad=1 algo=1",
    "conv2d bwd_weight n=33 h=8 w=8 c=64 k=96 r=4 s=4 stride=2 pad=1 algo=2",
    "conv2d fwd n=2 h=8 w=10 c=16 k=32 r=4 s=4 stride=2 pad=1 algo=2 store=1",
    "conv2d bwd_data n=2 h=8 w=8 c=32 k=16 r=4 s=4 stride=2 pad=1 algo=2 store=2 ready=1",
    "conv2d bwd_weight n=2 h=10 w=6 c=16 k=32 r=4 s=4 stride=2 pad=1 algo=1 store=1",
    "conv2d fwd n=1 h=8 w=8 c=128 k=128 r=4 s=4 stride=2 pad=1 algo=2",
    "conv2d bwd_data n=1 h=8 w=8 c=128 k=128 r=4 s=4 stride=2 pad=1 algo=2",
    /* the same with filters 3x3 */
    "conv2d fwd n=3 h=13 w=11 c=16 k=64 r=3 s=3 pad=0 bias=1 algo=1 ready=1",
    "conv2d fwd n=3 h=13 w=11 c=48 k=16 r=3 s=3 pad=2 bias=1 act=3 algo=2 ready=1",
    "conv2d fwd n=1 h=3 w=9 c=32 k=48 r=3 s=3 pad=0 algo=2",
    "conv2d fwd n=1 h=2 w=1 c=32 k=16 r=3 s=3 pad=1 algo=1",
    "conv2d fwd n=9 h=8 w=8 c=64 k=64 r=3 s=3 pad=1 act=2 slope=0.2 algo=2",
    "conv2d fwd n=2 h=32 w=32 c=64 k=64 r=3 s=3 pad=1 algo=2",
    "conv2d fwd n=5 h=9 w=8 c=64 k=32 r=3 s=3 pad=3 algo=1",
    "conv2d bwd_data n=3 h=13 w=11 c=32 k=16 r=3 s=3 pad=0 algo=1 ready=1",
    "conv2d bwd_data n=3 h=11 w=14 c=64 k=48 r=3 s=3 pad=2 algo=2 ready=1",
    "conv2d bwd_data n=1 h=3 w=9 c=48 k=32 r=3 s=3 pad=0 algo=2",
    "conv2d bwd_data n=4 h=16 w=16 c=64 k=64 r=3 s=3 pad=1 algo=1",
    "conv2d bwd_data n=2 h=9 w=8 c=16 k=64 r=3 s=3 pad=3 algo=1",
    "conv2d bwd_weight n=3 h=13 w=11 c=16 k=32 r=3 s=3 pad=2 algo=1",
    "conv2d bwd_weight n=1 h=5 w=3 c=64 k=16 r=3 s=3 pad=0 algo=2",
    "conv2d bwd_weight n=19 h=16 w=15 c=16 k=48 r=3 s=3 pad=1 algo=2",
    "conv2d bwd_weight n=9 h=8 w=8 c=64 k=64 r=3 s=3 pad=1 algo=2",
    "conv2d fwd n=2 h=8 w=10 c=16 k=32 r=3 s=3 pad=1 bias=1 algo=2 store=1",
    "conv2d fwd n=2 h=8 w=10 c=16 k=32 r=3 s=3 pad=1 algo=1 store=2 ready=1",
    "conv2d bwd_data n=2 h=8 w=8 c=32 k=16 r=3 s=3 pad=1 algo=2 store=2 ready=1",
    "conv2d bwd_weight n=2 h=10 w=6 c=16 k=32 r=3 s=3 pad=1 algo=1 store=1",
    "conv2d bwd_weight n=2 h=10 w=6 c=16 k=32 r=3 s=3 pad=1 algo=2 store=2",
    /* more tiles than a chunk of the GPU family's has */
    "conv2d fwd n=5 h=62 w=58 c=16 k=16 r=3 s=3 pad=1 bias=1 algo=1",
    "conv2d bwd_weight n=5 h=62 w=58 c=16 k=16 r=3 s=3 pad=1 algo=1",
    "conv2d fwd n=1 h=8 w=8 c=128 k=256 r=3 s=3 pad=1 algo=2",
    "conv2d bwd_data n=1 h=8 w=8 c=256 k=128 r=3 s=3 pad=1 algo=2",
    NULL
};

static int read_shape(const clg_case *c, clg_conv *g)
{
    const uint32_t any = UINT32_MAX;
    *g = (clg_conv){ 0 };
    const clg_case_key keys[] = {
        { "n", 1, any, 1, &g->n }, { "h", 1, any, 1, &g->h }, { "w", 1, any, 1, &g->w },
        { "c", 1, any, 1, &g->c }, { "k", 1, any, 1, &g->k }, { "r", 1, any, 1, &g->r },
        { "s", 1, any, 1, &g->s }, { "stride", 1, any, 1, &g->stride }, { "pad", 0, any, 0, &g->pad },
        { NULL, 0, 0, 0, NULL },
    };
    const int status = clg__case_keys(c, keys);
    return status != CLG_OK ? status : clg__conv_make(g);
}

static const clg_conv_case OPERATOR = { .up = false,
                                        .read_shape = read_shape,
                                        .workspace = clg__conv2d_workspace,
                                        .ready_len = clg__conv2d_ready_len,
                                        .prepare = clg__conv2d_prepare,
                                        .fwd = clg__conv2d_fwd,
                                        .bwd_data = clg__conv2d_bwd_data,
                                        .bwd_weight = clg__conv2d_bwd_weight };

static int plan(const clg_case *c, clg_case_plan *out)
{
    return clg__conv_case_plan(&OPERATOR, c, out);
}

static uint64_t workspace(const clg_ops *o, const clg_case *c)
{
    return clg__conv_case_workspace(&OPERATOR, o, c);
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    return clg__conv_case_run(&OPERATOR, o, c, in, out, ws);
}

const clg_op clg__op_conv2d = { .name = "conv2d",
                                .keys = KEYS,
                                .cases = CASES,
                                .quick = QUICK,
                                .plan = plan,
                                .workspace = workspace,
                                .run = run };
