/* A look into a running trainer, for the self-test and the comparison with other engines. */
#include "gan/trainer_internal.h"

clg_net *clg__trainer_net(clg_trainer *t, enum clg_which_net which)
{
    return which == CLG_GENERATOR ? t->g : t->d;
}

void clg__trainer_keep_gradients(clg_trainer *t, bool keep)
{
    t->keep_gradients = keep;
}
