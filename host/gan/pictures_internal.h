/* What the files of the pictures share. */
#ifndef CLG_GAN_PICTURES_INTERNAL_H
#define CLG_GAN_PICTURES_INTERNAL_H

#include "base/str.h"
#include "gan/pictures.h"

/* "step 500     loss D 1.386 ..." */
void clg__picture_facts_text(const clg_picture_facts *f, clg_str *out);

#endif
