/* Nets for measuring: the one whose norms are folded is the same function, the search for latents
 * finds images that the generator can make, and codes come from the encoder. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "gan/eval_nets.h"
#include "gan/metrics_images.h"
#include "support/gan_support.h"
#include "support/net_support.h"
#include "support/rt_support.h"

enum { IMAGES = 20, N = 13, ROWS = 5 }; /* two passes and a partial one */

static char *dir, *checkpoint;

/* A checkpoint after a few steps, so that running statistics are not those of the start. */
static void train(const char *preset, uint32_t channels)
{
    clg_model_desc *desc = test_gan_desc(preset);
    desc->generator.init.std = 0.15f; /* images that depend on their latents from the start */
    clg_dataset *ds = test_gan_data(IMAGES, channels);
    clg_trainer *t = test_gan_trainer(desc, channels, ds);
    for (int i = 0; i < 5; i++) {
        TEST_OK(clg__trainer_step(t));
    }
    TEST_OK(clg__trainer_save(t, checkpoint));
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(desc);
}

static clg_sampler *open_sampler(size_t *d)
{
    clg_sampler *s = NULL;
    TEST_OK(clg__sampler_open(&s, test_ops(), checkpoint, NULL, 32));
    const clg_model_plan *p = clg__sampler_plan(s);
    *d = (size_t)p->h * p->w * p->c;
    return s;
}

static void folded_is_the_same_function(const char *preset, uint32_t channels)
{
    size_t d;
    train(preset, channels);
    clg_sampler *s = open_sampler(&d);
    float *z = clg__alloc(N * clg__sampler_desc(s)->latent.size, sizeof *z);
    float *want = clg__alloc(N * d, sizeof *want), *got = clg__alloc(N * d, sizeof *got);
    assert_true(z != NULL && want != NULL && got != NULL);
    TEST_OK(clg__sampler_latents(s, 3, N, z));
    TEST_OK(clg__sampler_draw(s, z, NULL, N, want));
    for (int searched = 0; searched < 2; searched++) {
        clg_eval_net *g = NULL;
        TEST_OK(clg__eval_net_open(&g, test_ops(), checkpoint, clg__sampler_plan(s), CLG_GENERATOR,
                                   ROWS, searched));
        TEST_OK(clg__eval_net_run(g, z, NULL, N, got));
        for (size_t i = 0; i < N * d; i++) {
            assert_true(fabsf(got[i] - want[i]) <= 2e-5f);
        }
        assert_true(clg__mean_square(want, want + d, (N - 1) * d) > 1e-3); /* not all alike */
        clg__eval_net_close(&g);
    }
    clg__free(z);
    clg__free(want);
    clg__free(got);
    clg__sampler_close(&s);
}

static void norms_fold_into_transposed_convolutions(void **state)
{
    (void)state;
    folded_is_the_same_function("dcgan", 3);
}

static void nets_without_norms_stay_as_they_are(void **state)
{
    (void)state;
    folded_is_the_same_function("mnist-mlp", 1);
}

/* Images of the generator itself: there are latents that make them. */
static void the_search_comes_near_what_can_be_made(const char *preset, uint32_t channels)
{
    size_t d;
    clg_eval_net *g = NULL;
    train(preset, channels);
    clg_sampler *s = open_sampler(&d);
    size_t nz = clg__sampler_desc(s)->latent.size;
    float *z = clg__alloc(N * nz, sizeof *z), *images = clg__alloc(N * d, sizeof *images);
    float *got = clg__alloc(N * d, sizeof *got);
    assert_true(z != NULL && images != NULL && got != NULL);
    TEST_OK(clg__sampler_latents(s, 4, N, z));
    TEST_OK(clg__eval_net_open(&g, test_ops(), checkpoint, clg__sampler_plan(s), CLG_GENERATOR,
                               ROWS, true));
    TEST_OK(clg__eval_net_run(g, z, NULL, N, images));
    TEST_OK(clg__sampler_latents(s, 5, N, z));
    TEST_OK(clg__eval_net_run(g, z, NULL, N, got));
    double before = clg__mean_square(got, images, N * d);
    TEST_OK(clg__eval_net_search(g, images, NULL, N, 100, z));
    TEST_OK(clg__eval_net_run(g, z, NULL, N, got));
    double after = clg__mean_square(got, images, N * d);
    print_message("%s: %.5f before, %.5f after\n", preset, before, after);
    assert_true(before > 1e-4);
    assert_true(after < 0.1 * before);
    clg__eval_net_close(&g);
    clg__sampler_close(&s);
    clg__free(z);
    clg__free(images);
    clg__free(got);
}

static void latents_of_an_mlp_are_found(void **state)
{
    (void)state;
    the_search_comes_near_what_can_be_made("mnist-mlp", 1);
}

static void latents_of_a_dcgan_are_found(void **state)
{
    (void)state;
    the_search_comes_near_what_can_be_made("dcgan", 1);
}

static void a_net_that_is_not_for_searching_says_so(void **state)
{
    (void)state;
    size_t d;
    clg_eval_net *g = NULL;
    float z[12] = { 0 }, image[256] = { 0 };
    train("mnist-mlp", 1);
    clg_sampler *s = open_sampler(&d);
    TEST_OK(clg__eval_net_open(&g, test_ops(), checkpoint, clg__sampler_plan(s), CLG_GENERATOR,
                               ROWS, false));
    assert_int_equal(clg__eval_net_search(g, image, NULL, 1, 3, z), CLG_E_INTERNAL);
    clg__eval_net_close(&g);
    clg__sampler_close(&s);
}

static int make_folder(void **state)
{
    (void)state;
    dir = test_folder("eval-nets");
    checkpoint = clg__os_join(dir, "c.safetensors");
    return checkpoint == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    test_folder_remove(dir);
    clg__free(dir);
    clg__free(checkpoint);
    return test_ops_done(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_fold_into_transposed_convolutions),
        cmocka_unit_test(nets_without_norms_stay_as_they_are),
        cmocka_unit_test(latents_of_an_mlp_are_found),
        cmocka_unit_test(latents_of_a_dcgan_are_found),
        cmocka_unit_test(a_net_that_is_not_for_searching_says_so),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
