/* The theory of Goodfellow et al. 2014 (section 4) on data whose density is known: gauss1d, N(4,
 * .5^2). For a fixed G the best discriminator is D*(x) = p_data / (p_data + p_g) (proposition 1),
 * and the value of the game there is -log 4 + 2 JSD(p_data, p_g) (theorem 1); with any other D the
 * value V(D, G) = E_data[log D(x)] + E_g[log(1 - D(x))] is lower. Pure functions on host arrays;
 * p_g is a kernel estimate, integrals are trapezoids. */
#ifndef CLG_GAN_METRICS_GAUSS1D_H
#define CLG_GAN_METRICS_GAUSS1D_H

#include <stddef.h>
#include <stdint.h>

enum { CLG_GAUSS1D_POINTS = 1024 };

typedef struct clg_gauss1d {
    /* At CLG_GAUSS1D_POINTS places, evenly from the first to the last. */
    float x[CLG_GAUSS1D_POINTS];
    float p_data[CLG_GAUSS1D_POINTS], p_g[CLG_GAUSS1D_POINTS];
    float best[CLG_GAUSS1D_POINTS]; /* D*; NaN where both densities vanish */
    float d[CLG_GAUSS1D_POINTS];    /* D(x), by clg__gauss1d_judge */
    double jsd;                     /* Jensen-Shannon divergence, nats: 0 .. log 2 */
    double bound;                   /* -log 4 + 2 jsd: the value with D* */
    double value;                   /* V(D, G), by clg__gauss1d_judge */
    double mean, std;               /* of the samples */
} clg_gauss1d;

/* Places, densities, D*, jsd and bound from generated samples [n] (n >= 2; what is not finite is
 * left out). The places cover -1 .. 9 and the samples, at most -20 .. 28. d is NaN. */
void clg__gauss1d_measure(const float *samples, size_t n, clg_gauss1d *out);
/* d and value from D's logits at out->x. */
void clg__gauss1d_judge(const float *logits, clg_gauss1d *out);

#endif
