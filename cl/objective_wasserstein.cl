/* The Wasserstein objective: D is a critic without bounds, and the sum of its two losses is minus
 * the estimated distance between data and samples.
 *     real: -l;  fake: l;  G: -l
 * Source: Arjovsky, Chintala, Bottou, "Wasserstein GAN", 2017, algorithm 1. Sound only with a
 * critic of bounded slope: clip its weights (optimizer_d.clip). */
#include "objective.clh"

REAL_FN loss_real(real l)      { return -l; }
REAL_FN loss_real_grad(real l) { return -1.0f; }
REAL_FN loss_fake(real l)      { return l; }
REAL_FN loss_fake_grad(real l) { return 1.0f; }
REAL_FN loss_g(real l)         { return -l; }
REAL_FN loss_g_grad(real l)    { return -1.0f; }
REAL_FN shown(real l)          { return l; }

#include "objective_kernel.clh"
