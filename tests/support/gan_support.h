/* Small GANs under test: descriptions, images, trainers. */
#ifndef CLG_TESTS_SUPPORT_GAN_SUPPORT_H
#define CLG_TESTS_SUPPORT_GAN_SUPPORT_H

#include "gan/model.h"
#include "gan/trainer.h"

/* Preset `name` ("dcgan", "mnist-mlp") made small: 16x16 images, widths and latents of 8 to 12,
 * batch 6, a log line every 4 steps, a 2x3 grid. Settings may change it before test_gan_plan. */
clg_model_desc *test_gan_desc(const char *name); /* clg__free it */
clg_model_plan *test_gan_plan(const clg_model_desc *desc, uint32_t channels); /* clg__free it */

/* Noise bytes [count, 16, 16, channels], a pure function of the seed. */
uint8_t *test_gan_images(uint32_t count, uint32_t channels, uint64_t seed); /* clg__free it */
clg_dataset *test_gan_data(uint32_t count, uint32_t channels);

/* Without a run folder, on the shared context of net_support. */
clg_trainer *test_gan_trainer(const clg_model_desc *desc, uint32_t channels, clg_dataset *ds);
/* With one at `dir`. */
clg_trainer *test_gan_trainer_at(const clg_model_desc *desc, uint32_t channels, clg_dataset *ds,
                                 const char *dir, uint64_t trace_steps);

/* Group set-up and tear-down: an empty folder for the group's runs, the shared context closed. */
int test_gan_open_folder(void **state);
int test_gan_close_folder(void **state);
char *test_gan_path(const char *name); /* in that folder; clg__free it */
/* A file of a run's folder, ended by a 0. */
uint8_t *test_gan_read(const char *dir, const char *name, size_t *n); /* clg__free it */

/* Latents [n, Z] of the last step (the last that were drawn in it), an autoencoder's codes. */
void test_gan_latents(clg_trainer *t, uint32_t n, float *z);
/* Every bit of state: values and moments of both nets. clg__free it. */
float *test_gan_state(clg_trainer *t, size_t *floats);
void test_gan_same_state(clg_trainer *a, clg_trainer *b);

#endif
