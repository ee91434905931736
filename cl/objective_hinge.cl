/* The hinge objective: D stops caring about rows beyond its margin of 1, G never does.
 *     real: max(0, 1 - l);  fake: max(0, 1 + l);  G: -l
 * Source: Lim, Ye, "Geometric GAN", 2017; Miyato et al., "Spectral normalization", 2018, equations
 * 16 and 17. At the corners the derivative is 0, as relu's is in PyTorch. */
#include "objective.clh"

REAL_FN loss_real(real l)      { return l >= 1.0f ? 0.0f : 1.0f - l; }
REAL_FN loss_real_grad(real l) { return l >= 1.0f ? 0.0f : -1.0f; }
REAL_FN loss_fake(real l)      { return l <= -1.0f ? 0.0f : 1.0f + l; }
REAL_FN loss_fake_grad(real l) { return l <= -1.0f ? 0.0f : 1.0f; }
REAL_FN loss_g(real l)         { return -l; }
REAL_FN loss_g_grad(real l)    { return -1.0f; }
REAL_FN shown(real l)          { return l; }

#include "objective_kernel.clh"
