/* Binary cross-entropy on n logits with one target, and its gradient, in one launch.
 *
 * With a = |l| and e = log1p(exp(-a)): softplus(l) = max(l,0) + e, so
 *     softplus(l) - t*l = (1-t) max(l,0) + t max(-l,0) + e
 *     sigmoid(l) - t    = (1-t) sigmoid(l) - t sigmoid(-l)
 * both without cancellation for t = 0 and t = 1.
 *
 * CPU -DVW=16: one work-item, vectors of 16, then their sum in fixed order. GPU -DVW=1 -DRED_X=1
 * -DRED_Y=lanes: one work-group, a tree over the lanes, 4 * RED_Y bytes of local memory. */
#include "common.clh"

static inline float lanes_of(fvec v)
{
#if VW == 1
    return v;
#else
    float t[VW], s = 0.0f;
    CLG_CAT(vstore, VW)(v, 0, t);
    for (uint i = 0; i < VW; ++i) {
        s += t[i];
    }
    return s;
#endif
}

/* out[0] = sum of softplus(l[i]) - t*l[i], over n; out[1] = mean sigmoid(l[i]);
 * dl[i] = scale * (sigmoid(l[i]) - t) when has_dl. Work-items: (1, lanes). */
__kernel RED_KERNEL void bce(__global const float *l, uint l_off, __global float *out, uint out_off,
                             __global float *dl, uint dl_off, uint n, float t, float scale,
                             uint has_dl)
{
    RED_BUFFER;
    fvec loss = (fvec)(0.0f), prob = (fvec)(0.0f);
    l += l_off;
    dl += dl_off;
    for (uint i = LANE * VW; i < n; i += LANES * VW) {
        const uint part = min((uint)VW, n - i);
        const fvec x = LOAD_PART(l + i, part);
        const fvec e = exp(-fabs(x));
        /* sigmoid(|x|) and sigmoid(-|x|); x >= 0 tells which of them is sigmoid(x). */
        const fvec big = 1.0f / (1.0f + e), small = e * big;
        const fvec yes = x >= 0.0f ? big : small, no = x >= 0.0f ? small : big;
        fvec li = (1.0f - t) * fmax(x, 0.0f) + t * fmax(-x, 0.0f) + log1p(e);
        fvec pi = yes;
        if (has_dl != 0u) {
            STORE_PART(scale * ((1.0f - t) * yes - t * no), dl + i, part);
        }
#if VW > 1
        if (part < VW) { /* zeros beyond the end are logits too: take them out */
            float lt[VW], pt[VW];
            CLG_CAT(vstore, VW)(li, 0, lt);
            CLG_CAT(vstore, VW)(pi, 0, pt);
            for (uint j = 0; j < VW; ++j) {
                lt[j] = j < part ? lt[j] : 0.0f;
                pt[j] = j < part ? pt[j] : 0.0f;
            }
            li = CLG_CAT(vload, VW)(0, lt);
            pi = CLG_CAT(vload, VW)(0, pt);
        }
#endif
        loss += li;
        prob += pi;
    }
    const float loss_sum = RED_SUM(lanes_of(loss));
    const float prob_sum = RED_SUM(lanes_of(prob));
    if (LANE == 0u) {
        out[out_off] = loss_sum / (float)n;
        out[out_off + 1u] = prob_sum / (float)n;
    }
}
