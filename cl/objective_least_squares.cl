/* The least-squares objective: D's output l itself is pulled to 1 on real and to 0 on fake rows.
 *     real: (l - 1)^2 / 2;  fake: l^2 / 2;  G: (l - 1)^2 / 2
 * Source: Mao et al., "Least squares generative adversarial networks", 2017, equation 9 (a = 0,
 * b = c = 1). */
#include "objective.clh"

REAL_FN loss_real(real l)      { return 0.5f * (l - 1.0f) * (l - 1.0f); }
REAL_FN loss_real_grad(real l) { return l - 1.0f; }
REAL_FN loss_fake(real l)      { return 0.5f * l * l; }
REAL_FN loss_fake_grad(real l) { return l; }
REAL_FN loss_g(real l)         { return 0.5f * (l - 1.0f) * (l - 1.0f); }
REAL_FN loss_g_grad(real l)    { return l - 1.0f; }
REAL_FN shown(real l)          { return l; }

#include "objective_kernel.clh"
