/* What the files of the evaluation share: the metrics, by kind of data. */
#ifndef CLG_GAN_EVALUATE_INTERNAL_H
#define CLG_GAN_EVALUATE_INTERNAL_H

#include "gan/evaluate.h"

/* evaluate_images.c */
int clg__evaluate_parzen(clg_subject *s, clg_report *r);
int clg__evaluate_sharpness(clg_subject *s, clg_report *r);
int clg__evaluate_reconstruction(clg_subject *s, clg_report *r);
int clg__evaluate_nearest(clg_subject *s, clg_report *r);
/* evaluate_systems.c */
int clg__evaluate_modes(clg_subject *s, clg_report *r);
int clg__evaluate_curves(clg_subject *s, clg_report *r);
int clg__evaluate_gauss1d(clg_subject *s, clg_report *r);

#endif
