/* The non-saturating objective: binary cross-entropy on logits, D(x) = sigmoid(l).
 *     real: -log D = softplus(-l);  fake: -log(1 - D) = softplus(l);  G: -log D(G(z)) = softplus(-l)
 * Source: Goodfellow et al., "Generative adversarial nets", 2014, section 3: the same fixed point as
 * the minimax game, with a strong gradient for G while D wins. */
#include "objective.clh"

REAL_FN loss_real(real l)      { return softplus(-l); }
REAL_FN loss_real_grad(real l) { return -sigmoid(-l); }
REAL_FN loss_fake(real l)      { return softplus(l); }
REAL_FN loss_fake_grad(real l) { return sigmoid(l); }
REAL_FN loss_g(real l)         { return softplus(-l); }
REAL_FN loss_g_grad(real l)    { return -sigmoid(-l); }
REAL_FN shown(real l)          { return sigmoid(l); }

#include "objective_kernel.clh"
