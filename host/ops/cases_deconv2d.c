/* Cases of deconv2d. fwd: in x w [bias], out y; bwd_data: in dy w, out dx; bwd_weight: in x dy, out
 * dw; x is [N,P,Q,K], y [N,H,W,C]. Keys n p q k c r s stride pad out_pad bias act slope store; exact=1:
 * small integers, no error allowed; algo, ready, tile as in cases_conv2d.c. */
#include "ops/case_plan.h"
#include "ops/conv_case.h"
#include "ops/deconv2d.h"

static const char *const KEYS[] = { "n",    "p",   "q",      "k",     "c",
                                    "r",    "s",   "stride", "pad",   "out_pad",
                                    "bias", "act", "slope",  "exact", "store",
                                    "algo", "ready", "tile", NULL };
enum { QUICK = 13 };
static const char *const CASES[] = {
    "deconv2d fwd n=1 p=1 q=1 k=1 c=1 r=1 s=1 exact=1",
    "deconv2d bwd_data n=1 p=1 q=1 k=1 c=1 r=1 s=1 exact=1",
    "deconv2d bwd_weight n=1 p=1 q=1 k=1 c=1 r=1 s=1 exact=1",
    "deconv2d fwd n=2 p=3 q=3 k=16 c=3 r=4 s=4 stride=2 pad=1 bias=1 act=3",
    "deconv2d bwd_data n=2 p=3 q=3 k=5 c=3 r=4 s=4 stride=2 pad=1",
    "deconv2d bwd_weight n=2 p=3 q=3 k=5 c=3 r=4 s=4 stride=2 pad=1",
    "deconv2d fwd n=3 p=1 q=1 k=7 c=5 r=3 s=3 bias=1 act=1",
    "deconv2d bwd_data n=3 p=1 q=1 k=7 c=5 r=3 s=3",
    "deconv2d bwd_weight n=3 p=1 q=1 k=7 c=5 r=3 s=3",
    "deconv2d fwd n=2 p=3 q=3 k=16 c=3 r=4 s=4 stride=2 pad=1 bias=1 act=3 store=1",
    "deconv2d bwd_data n=2 p=3 q=3 k=5 c=3 r=4 s=4 stride=2 pad=1 store=1",
    "deconv2d fwd n=3 p=1 q=1 k=7 c=5 r=3 s=3 bias=1 act=1 store=1",
    "deconv2d bwd_weight n=2 p=3 q=3 k=5 c=3 r=4 s=4 stride=2 pad=1 store=1",
    /* kernels, strides, output padding */
    "deconv2d fwd n=8 p=5 q=4 k=33 c=34 r=3 s=3 stride=2 pad=1 out_pad=1 exact=1",
    "deconv2d bwd_data n=8 p=5 q=4 k=33 c=34 r=3 s=3 stride=2 pad=1 out_pad=1 exact=1",
    "deconv2d bwd_weight n=8 p=5 q=4 k=33 c=34 r=3 s=3 stride=2 pad=1 out_pad=1 exact=1",
    "deconv2d fwd n=3 p=4 q=6 k=20 c=2 r=5 s=5 stride=3 pad=1 out_pad=2 bias=1 exact=1",
    "deconv2d bwd_data n=3 p=4 q=6 k=20 c=2 r=5 s=5 stride=3 pad=1 out_pad=2 exact=1",
    "deconv2d bwd_weight n=3 p=4 q=6 k=20 c=2 r=5 s=5 stride=3 pad=1 out_pad=2 exact=1",
    "deconv2d fwd n=2 p=3 q=3 k=6 c=18 r=1 s=2 stride=4 out_pad=3 bias=1 act=2 slope=0.5 exact=1",
    "deconv2d bwd_data n=2 p=5 q=3 k=70 c=1 r=7 s=6 stride=4 pad=2 exact=1",
    "deconv2d bwd_weight n=16 p=5 q=3 k=1 c=70 r=6 s=7 stride=1 pad=3 exact=1",
    "deconv2d fwd n=3 p=7 q=5 k=33 c=18 r=1 s=1 bias=1 act=1",
    "deconv2d fwd n=3 p=7 q=5 k=33 c=18 r=1 s=1 bias=1 act=1 store=2",
    "deconv2d bwd_data n=3 p=7 q=5 k=33 c=18 r=1 s=1",
    "deconv2d fwd n=7 p=6 q=5 k=13 c=29 r=2 s=2 stride=1 act=4",
    "deconv2d fwd n=5 p=7 q=7 k=64 c=4 r=3 s=3 stride=1 pad=1 act=3 bias=1",
    "deconv2d fwd n=8 p=5 q=4 k=33 c=34 r=3 s=3 stride=2 pad=1 store=1",
    /* DCGAN-64 and -28, small batches */
    "deconv2d fwd n=5 p=1 q=1 k=100 c=128 r=4 s=4",
    "deconv2d bwd_data n=5 p=1 q=1 k=100 c=128 r=4 s=4",
    "deconv2d bwd_weight n=5 p=1 q=1 k=100 c=128 r=4 s=4",
    "deconv2d fwd n=16 p=4 q=4 k=96 c=64 r=4 s=4 stride=2 pad=1",
    "deconv2d bwd_data n=9 p=4 q=4 k=96 c=64 r=4 s=4 stride=2 pad=1",
    "deconv2d bwd_weight n=20 p=4 q=4 k=96 c=64 r=4 s=4 stride=2 pad=1",
    "deconv2d fwd n=2 p=16 q=16 k=128 c=64 r=4 s=4 stride=2 pad=1",
    "deconv2d fwd n=8 p=32 q=32 k=64 c=3 r=4 s=4 stride=2 pad=1 act=3",
    "deconv2d bwd_data n=2 p=32 q=32 k=64 c=3 r=4 s=4 stride=2 pad=1",
    "deconv2d bwd_weight n=3 p=32 q=32 k=64 c=3 r=4 s=4 stride=2 pad=1",
    "deconv2d fwd n=2 p=14 q=14 k=64 c=1 r=4 s=4 stride=2 pad=1 act=3",
    "deconv2d bwd_weight n=2 p=14 q=14 k=64 c=1 r=4 s=4 stride=2 pad=1",
    /* Winograd */
    "deconv2d fwd n=3 p=5 q=4 k=32 c=16 r=4 s=4 stride=2 pad=1 out_pad=1 bias=1 act=1 algo=1",
    "deconv2d fwd n=2 p=8 q=8 k=64 c=32 r=4 s=4 stride=2 pad=1 bias=1 algo=2 ready=1",
    "deconv2d bwd_data n=2 p=8 q=8 k=64 c=32 r=4 s=4 stride=2 pad=1 algo=2",
    "deconv2d bwd_weight n=2 p=5 q=4 k=32 c=16 r=4 s=4 stride=2 pad=1 out_pad=1 algo=2",
    "deconv2d fwd n=2 p=7 q=6 k=32 c=16 r=3 s=3 stride=1 pad=1 bias=1 act=1 algo=1 ready=1",
    "deconv2d fwd n=2 p=7 q=6 k=64 c=48 r=3 s=3 stride=1 pad=0 bias=1 act=3 algo=2",
    "deconv2d bwd_data n=2 p=8 q=9 k=16 c=32 r=3 s=3 stride=1 pad=2 algo=2",
    "deconv2d bwd_weight n=2 p=7 q=6 k=32 c=16 r=3 s=3 stride=1 pad=1 algo=2", NULL
};

static int read_shape(const clg_case *c, clg_conv *g)
{
    const uint32_t any = UINT32_MAX;
    uint32_t out_pad;
    *g = (clg_conv){ 0 };
    const clg_case_key keys[] = {
        { "n", 1, any, 1, &g->n }, { "p", 1, any, 1, &g->p }, { "q", 1, any, 1, &g->q },
        { "k", 1, any, 1, &g->k }, { "c", 1, any, 1, &g->c }, { "r", 1, any, 1, &g->r },
        { "s", 1, any, 1, &g->s }, { "stride", 1, any, 1, &g->stride }, { "pad", 0, any, 0, &g->pad },
        { "out_pad", 0, any, 0, &out_pad },
        { NULL, 0, 0, 0, NULL },
    };
    const int status = clg__case_keys(c, keys);
    return status != CLG_OK ? status : clg__deconv_make(g, out_pad);
}

static const clg_conv_case OPERATOR = { .up = true,
                                        .read_shape = read_shape,
                                        .workspace = clg__deconv2d_workspace,
                                        .ready_len = clg__deconv2d_ready_len,
                                        .prepare = clg__deconv2d_prepare,
                                        .fwd = clg__deconv2d_fwd,
                                        .bwd_data = clg__deconv2d_bwd_data,
                                        .bwd_weight = clg__deconv2d_bwd_weight };

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

const clg_op clg__op_deconv2d = { .name = "deconv2d",
                                  .keys = KEYS,
                                  .cases = CASES,
                                  .quick = QUICK,
                                  .plan = plan,
                                  .workspace = workspace,
                                  .run = run };
