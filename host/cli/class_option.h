/* --class: which classes `clgan sample` draws. */
#ifndef CLG_CLI_CLASS_OPTION_H
#define CLG_CLI_CLASS_OPTION_H

#include "gan/trainer.h"

typedef struct clg_class_walk {
    bool given;        /* --class was */
    bool walks;        /* A..B: from one to another */
    uint32_t from, to; /* equal unless it walks */
} clg_class_walk;

/* "3", "Sneaker", "3..7", "Sneaker..Bag"; NULL: not given. A name that looks like a range is a name
 * first. CLG_E_USAGE lists the classes of the checkpoint. */
int clg__class_option(const clg_sampler *s, const char *text, clg_class_walk *out);
#endif
