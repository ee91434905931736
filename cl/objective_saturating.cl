/* The saturating objective, the minimax game itself: D as in the non-saturating one, D(x) =
 * sigmoid(l), and G minimises what D maximises.
 *     real: -log D = softplus(-l);  fake: -log(1 - D) = softplus(l);  G: log(1 - D) = -softplus(l)
 * Source: Goodfellow et al., "Generative adversarial nets", 2014, equation 1. G's gradient vanishes
 * while D wins. */
#include "objective.clh"

REAL_FN loss_real(real l)      { return softplus(-l); }
REAL_FN loss_real_grad(real l) { return -sigmoid(-l); }
REAL_FN loss_fake(real l)      { return softplus(l); }
REAL_FN loss_fake_grad(real l) { return sigmoid(l); }
REAL_FN loss_g(real l)         { return -softplus(l); }
REAL_FN loss_g_grad(real l)    { return -sigmoid(l); }
REAL_FN shown(real l)          { return sigmoid(l); }

#include "objective_kernel.clh"
