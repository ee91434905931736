#include "support/gan_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/philox.h"
#include "gan/trainer_internal.h"
#include "support/net_support.h"
#include "support/rt_support.h"
#include "support/expand.h"

enum { SIZE = 16 };

static char *folder;

clg_model_desc *test_gan_desc(const char *name)
{
    clg_model_desc *d = clg__alloc(1, sizeof *d);
    assert_non_null(d);
    TEST_OK(clg__model_load(name, d));
    d->data.size = SIZE;
    d->generator.width = 8;
    d->discriminator.width = 8;
    d->latent.size = 12;
    d->train.batch = 6;
    d->train.seed = 11;
    d->train.log_every = 4;
    d->train.grid_every = 5;
    d->train.grid_rows = 2;
    d->train.grid_cols = 3;
    d->train.checkpoint_minutes = 0;
    return d;
}

clg_model_plan *test_gan_plan(const clg_model_desc *desc, uint32_t channels)
{
    clg_model_plan *p = clg__alloc(1, sizeof *p);
    assert_non_null(p);
    TEST_OK(test_expand(desc, SIZE, channels, p));
    return p;
}

uint8_t *test_gan_images(uint32_t count, uint32_t channels, uint64_t seed)
{
    size_t n = (size_t)count * SIZE * SIZE * channels;
    uint8_t *bytes = clg__alloc(n + 16, 1);
    clg_rng_key key = { .seed = seed, .stream = CLG_STREAM_TEST };
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i += 16) {
        uint32_t w[4];
        clg__philox(&key, i / 16, w);
        memcpy(bytes + i, w, 16);
    }
    return bytes;
}

clg_dataset *test_gan_data(uint32_t count, uint32_t channels)
{
    clg_dataset *ds = NULL;
    uint8_t *images = test_gan_images(count, channels, 21);
    clg_dataset_options opt = { .size = SIZE };
    TEST_OK(clg__dataset_from_memory(&ds, images, count, SIZE, SIZE, channels, &opt));
    clg__free(images);
    return ds;
}

static clg_trainer *make(const clg_model_desc *desc, uint32_t channels, clg_dataset *ds,
                         const clg_trainer_options *opt)
{
    clg_trainer *t = NULL;
    clg_model_plan *plan = test_gan_plan(desc, channels);
    TEST_OK(clg__trainer_create(&t, test_ops(), desc, plan, ds, opt));
    clg__free(plan);
    return t;
}

clg_trainer *test_gan_trainer(const clg_model_desc *desc, uint32_t channels, clg_dataset *ds)
{
    return make(desc, channels, ds,
                &(clg_trainer_options){ .version = "test", .no_run_folder = true });
}

clg_trainer *test_gan_trainer_at(const clg_model_desc *desc, uint32_t channels, clg_dataset *ds,
                                 const char *dir, uint64_t trace_steps)
{
    return make(desc, channels, ds,
                &(clg_trainer_options){ .version = "test", .out_dir = dir,
                                        .trace_steps = trace_steps });
}

void test_gan_latents(clg_trainer *t, uint32_t n, float *z)
{
    TEST_OK(clg__rt_read_f32(t->ops->rt, clg__tensor_vec(clg__tensor_all(t->z), 0,
                                                         n * t->desc.latent.size), z));
}

float *test_gan_state(clg_trainer *t, size_t *floats)
{
    static const enum clg_net_kind kinds[] = { CLG_NET_VALUE, CLG_NET_M, CLG_NET_V };
    clg_net *nets[2] = { clg__trainer_net(t, CLG_GENERATOR),
                         clg__trainer_net(t, CLG_DISCRIMINATOR) };
    size_t at = 0;
    *floats = 3u * (size_t)(clg__net_host_len(nets[0]) + clg__net_host_len(nets[1])) + 2u;
    float *state = clg__alloc(*floats, sizeof *state);
    assert_non_null(state);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 3; k++) {
            if (clg__net_has(nets[i], kinds[k])) { /* SGD has no second moment: zeros */
                TEST_OK(clg__net_read(nets[i], kinds[k], state + at));
            }
            at += clg__net_host_len(nets[i]);
        }
        state[at++] = (float)clg__net_batches_tracked(nets[i]);
    }
    return state;
}

void test_gan_same_state(clg_trainer *a, clg_trainer *b)
{
    size_t na, nb;
    float *sa = test_gan_state(a, &na), *sb = test_gan_state(b, &nb);
    assert_int_equal(na, nb);
    assert_memory_equal(sa, sb, na * sizeof *sa);
    clg__free(sa);
    clg__free(sb);
}

int test_gan_open_folder(void **state)
{
    (void)state;
    folder = test_folder("gan");
    return 0;
}

int test_gan_close_folder(void **state)
{
    test_folder_remove(folder);
    clg__free(folder);
    folder = NULL;
    return test_ops_done(state);
}

char *test_gan_path(const char *name)
{
    char *path = clg__os_join(folder, name);
    assert_non_null(path);
    return path;
}

uint8_t *test_gan_read(const char *dir, const char *name, size_t *n)
{
    char *path = clg__os_join(dir, name);
    uint8_t *bytes = NULL;
    TEST_OK(clg__os_read_file(path, (size_t)1 << 22, &bytes, n));
    clg__free(path);
    return bytes;
}
