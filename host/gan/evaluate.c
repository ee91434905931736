/* The subject of an evaluation: checkpoint, data, samples. Metrics: evaluate_metrics.c. */
#include "gan/evaluate.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "gan/metrics_modes.h"
#include "gan/model.h"

bool clg__subject_is_image(const clg_subject *s)
{
    return s->plan.system == CLG_SYSTEM_NONE;
}

bool clg__subject_is_autoencoder(const clg_subject *s)
{
    return s->desc.order.kind == CLG_ORDER_RECONSTRUCT;
}

/* ---- data ---- */

static int fail_shape(const clg_subject *s, const clg_dataset_info *i, bool resizable)
{
    int status =
        clg__fail(CLG_E_DATA, "%s has images of %ux%ux%u, the model gives %ux%ux%u", i->name,
                  i->size, i->size, i->channels, s->plan.size, s->plan.size, s->plan.channels);
    return resizable ? clg__hint(status,
                                 "--size %u resizes them; figures of a checkpoint mean most "
                                 "on the data that it was trained on (%s)",
                                 s->plan.size, s->desc.data.source)
                     : clg__hint(status, "evaluate on the data that it was trained on (%s)",
                                 s->desc.data.source);
}

/* Data that the user names must be of the model's shape by themselves: what is resized or turned
 * grey without a word gives figures of something else. */
static int check_named(const clg_subject *s)
{
    clg_dataset *own = NULL;
    clg_dataset_options opt = { .size = 0 };
    int status = CLG_OK;
    if (s->data == NULL) {
        return CLG_OK;
    }
    CLG_TRY(clg__dataset_open(&own, s->data, &opt));
    const clg_dataset_info *i = clg__dataset_info(own);
    bool sized =
        strcmp(i->kind, "folder") == 0 || i->size == s->plan.size || s->size_asked == s->plan.size;
    if (!sized || i->channels != s->plan.channels) {
        CLG_TRY(fail_shape(s, i, i->channels == s->plan.channels));
    }
out:
    clg__dataset_close(&own);
    return status;
}

/* Whether the data set has images for testing. */
static bool has_test(const clg_dataset_info *i)
{
    char **names = NULL;
    size_t n = 0;
    bool found = false, folder = strcmp(i->kind, "folder") == 0;
    if (clg__os_list(i->path, &names, &n) != CLG_OK) {
        return true; /* opening it says what is wrong */
    }
    for (size_t k = 0; k < n && !found; k++) {
        found = folder ? strcmp(names[k], "test") == 0
                       : strncmp(names[k], "t10k", 4) == 0 || strncmp(names[k], "test", 4) == 0;
    }
    clg__os_list_free(&names, n);
    return found;
}

/* Which rows are for what. Rows held out from training choose sigma, and half of them stand in for
 * test images where there are none; without any, the last rows that were trained on must do. */
static void choose_rows(clg_subject *s, bool test)
{
    uint32_t all = clg__dataset_info(s->train)->count, held = all - s->trained;
    uint32_t parts = test ? 1u : 2u;
    s->valid_is_trained = held < parts;
    s->test_is_trained = !test && s->valid_is_trained;
    if (s->valid_is_trained) {
        held = all > 4u * CLG_PARZEN_VALIDATION ? parts * CLG_PARZEN_VALIDATION : all / 4u;
        held = held > parts ? held : all < parts ? all : parts;
    }
    s->valid_first = all - held;
    s->valid_end = test || held < 2u ? all : all - held / 2u;
    s->test_first = test ? 0 : held < 2u ? s->valid_first : s->valid_end;
    s->test_end = test ? clg__dataset_info(s->test)->count : all;
}

int clg__subject_data(clg_subject *s)
{
    int status = CLG_OK;
    const char *source = s->data != NULL ? s->data : s->desc.data.source;
    clg_dataset_options opt = { .size = s->plan.size, .channels = s->plan.channels };
    if (s->train != NULL || !clg__subject_is_image(s)) {
        return CLG_OK;
    }
    CLG_TRY(check_named(s));
    CLG_TRY(clg__dataset_open(&s->train, source, &opt));
    uint32_t n = clg__dataset_info(s->train)->count;
    bool test = has_test(clg__dataset_info(s->train));
    opt.split = test ? CLG_SPLIT_TEST : CLG_SPLIT_TRAIN;
    CLG_TRY(clg__dataset_open(&s->test, source, &opt));
    s->trained = s->desc.data.holdout < n ? n - s->desc.data.holdout : n;
    choose_rows(s, test);
out:
    if (status != CLG_OK) {
        clg__dataset_close(&s->train);
        clg__dataset_close(&s->test);
    }
    return status;
}

int clg__subject_read(const clg_subject *s, const clg_dataset *ds, const uint32_t *index,
                      uint32_t first, uint32_t n, float *dst)
{
    enum { PART = 256 };
    int status = CLG_OK;
    uint8_t *bytes = clg__alloc(PART, s->d);
    CLG_TRY(bytes != NULL ? CLG_OK : CLG_E_MEMORY);
    for (uint32_t done = 0; done < n; done += PART) {
        uint32_t part = n - done < PART ? n - done : PART, place[PART];
        for (uint32_t i = 0; i < part; i++) {
            place[i] = index != NULL ? index[done + i] : first + done + i;
        }
        CLG_TRY(clg__dataset_read(ds, place, NULL, part, bytes));
        for (size_t i = 0; i < (size_t)part * s->d; i++) {
            dst[(size_t)done * s->d + i] = (float)bytes[i] / 255.0f;
        }
    }
out:
    clg__free(bytes);
    return status;
}

/* The model's number of a data set's class: splits and other sets may count theirs otherwise. */
static uint32_t find_class(const clg_subject *s, const clg_dataset *ds, int32_t label)
{
    uint32_t classes = s->plan.classes;
    if (label < 0 || classes == 0) {
        return 0;
    }
    for (uint32_t i = 0; s->sampler != NULL && i < classes; i++) {
        if (strcmp(clg__sampler_class(s->sampler, i),
                   clg__dataset_class(ds, (uint32_t)label)) == 0) {
            return i;
        }
    }
    return (uint32_t)label % classes;
}

int clg__subject_spread(const clg_subject *s, const clg_dataset *ds, uint32_t first, uint32_t end,
                        uint32_t n, float **images, uint32_t *labels)
{
    int status = CLG_OK;
    uint32_t *index = clg__alloc(n, sizeof *index);
    float *to = clg__alloc((size_t)n * s->d, sizeof *to);
    *images = NULL;
    CLG_TRY(index != NULL && to != NULL ? CLG_OK : CLG_E_MEMORY);
    for (uint32_t i = 0; i < n; i++) { /* folders come class by class */
        index[i] = first + (uint32_t)((uint64_t)i * (end - first) / n);
        if (labels != NULL) {
            labels[i] = find_class(s, ds, clg__dataset_label(ds, index[i]));
        }
    }
    CLG_TRY(clg__subject_read(s, ds, index, 0, n, to));
    *images = to;
    to = NULL;
out:
    clg__free(index);
    clg__free(to);
    return status;
}

/* ---- samples ---- */

static uint32_t choose_count(const clg_subject *s)
{
    if (s->asked > 0) {
        return s->asked < UINT32_MAX ? (uint32_t)s->asked : UINT32_MAX;
    }
    bool modes = s->plan.system == CLG_SYSTEM_RING || s->plan.system == CLG_SYSTEM_GRID;
    return modes ? CLG_MODES_SAMPLES : CLG_PARZEN_SAMPLES;
}

static int check_room(const clg_subject *s, uint64_t n)
{
    uint64_t each = ((uint64_t)s->d + s->desc.latent.size) * sizeof(float);
    uint64_t fit = clg__os_physical_memory_bytes() / 2u / each;
    return fit == 0 || n <= fit
               ? CLG_OK
               : clg__hint(clg__fail(CLG_E_USAGE,
                                     "%" PRIu64 " samples of %u values do not fit into "
                                     "memory",
                                     n, s->d),
                           "at most %" PRIu64 " fit: --count %" PRIu64, fit, fit);
}

/* Training images in the place of samples; the rows that choose sigma are not among them. */
static int take_training(clg_subject *s)
{
    int status = CLG_OK;
    uint32_t *order = NULL, n = s->samples.n;
    CLG_TRY(clg__subject_data(s));
    uint32_t end = s->trained < s->valid_first ? s->trained : s->valid_first;
    if (end == 0) {
        CLG_TRY(
            clg__hint(clg__fail(CLG_E_DATA, "%s: too few training images to take some as samples",
                                clg__dataset_info(s->train)->name),
                      "take a larger data set"));
    }
    n = n < end ? n : end;
    order = clg__alloc(end, sizeof *order);
    CLG_TRY(order != NULL ? CLG_OK : CLG_E_MEMORY);
    clg__philox_permutation(&(clg_rng_key){ .seed = s->seed, .stream = CLG_STREAM_EVAL }, order,
                            end);
    CLG_TRY(clg__subject_read(s, s->train, order, 0, n, s->owned));
    s->samples.n = n;
out:
    clg__free(order);
    return status;
}

static int draw_samples(clg_subject *s)
{
    int status = CLG_OK;
    uint32_t n = s->samples.n;
    float *z = clg__alloc((size_t)n * s->desc.latent.size, sizeof *z);
    CLG_TRY(z != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__sampler_latents(s->sampler, s->seed, n, z));
    CLG_TRY(clg__sampler_draw(s->sampler, z, NULL, n, s->owned));
    bool image = clg__subject_is_image(s);
    for (size_t i = 0; i < (size_t)n * s->d; i++) {
        if (!isfinite(s->owned[i])) {
            CLG_TRY(clg__hint(
                clg__fail(CLG_E_NUMERIC, "sample %zu of the generator is inf or nan", i / s->d),
                "the training has diverged; evaluate an earlier checkpoint"));
        }
        s->owned[i] = image ? 0.5f * s->owned[i] + 0.5f : s->owned[i];
    }
out:
    clg__free(z);
    return status;
}

int clg__subject_samples(clg_subject *s)
{
    int status = CLG_OK;
    if (s->samples.at != NULL) {
        return CLG_OK;
    }
    s->samples = (clg_rows){ .n = choose_count(s), .d = s->d };
    CLG_TRY(check_room(s, s->samples.n));
    s->owned = clg__alloc((size_t)s->samples.n * s->d, sizeof *s->owned);
    CLG_TRY(s->owned != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(s->from_train ? take_training(s) : draw_samples(s));
    s->samples.at = s->owned;
out:
    if (status != CLG_OK) {
        clg__free(s->owned);
        s->owned = NULL;
    }
    return status;
}

/* ---- open, close ---- */

/* Shape of the data for a model without checkpoint. */
static int expand_by_data(clg_subject *s)
{
    int status = CLG_OK;
    clg_dataset *ds = NULL;
    clg_data_shape shape = { .system = clg__system_find(s->desc.data.source) };
    clg_dataset_options opt = { .size = s->desc.data.size, .channels = s->desc.data.channels };
    if (shape.system == CLG_SYSTEM_NONE) {
        CLG_TRY(clg__dataset_open(&ds, s->desc.data.source, &opt));
        const clg_dataset_info *i = clg__dataset_info(ds);
        shape = (clg_data_shape){ .size = i->size, .channels = i->channels, .classes = i->classes };
    }
    CLG_TRY(clg__model_expand(&s->desc, &shape, &s->plan));
out:
    clg__dataset_close(&ds);
    return status;
}

/* The run's own data are read at the size of its images: another one would be ignored. */
static int check_size(const clg_subject *s)
{
    uint32_t size = s->plan.size;
    if (s->checkpoint == NULL || s->size_asked == 0 || s->size_asked == size) {
        return CLG_OK;
    }
    if (!clg__subject_is_image(s)) {
        return clg__hint(clg__fail(CLG_E_USAGE, "--size %u: model %s gives vectors of %u numbers",
                                   s->size_asked, s->desc.model.name, s->d),
                         "leave --size away");
    }
    return clg__hint(clg__fail(CLG_E_USAGE, "--size %u: %s gives images of %ux%u, and can only be "
                               "evaluated at that size", s->size_asked, s->checkpoint, size, size),
                     "leave --size away; for another size train at it: clgan train --model %s "
                     "--size %u", s->desc.model.name, s->size_asked);
}

int clg__subject_open(clg_subject **out, const clg_ops *ops, const clg_subject_options *opt)
{
    int status = CLG_OK;
    *out = NULL;
    clg_subject *s = clg__alloc(1, sizeof *s);
    if (s == NULL) {
        return CLG_E_MEMORY;
    }
    s->ops = ops;
    s->checkpoint = opt->checkpoint;
    s->from_train = opt->from_train;
    s->seed = opt->seed;
    s->asked = opt->count;
    s->step = opt->step;
    s->data = opt->data;
    s->size_asked = opt->size;
    s->pictures = opt->pictures;
    if (opt->checkpoint != NULL) {
        CLG_TRY(clg__sampler_open(&s->sampler, ops, opt->checkpoint, opt->model, 0));
        s->desc = *clg__sampler_desc(s->sampler);
        s->plan = *clg__sampler_plan(s->sampler);
    } else {
        s->desc = *opt->model;
        CLG_TRY(expand_by_data(s));
    }
    s->d = s->plan.h * s->plan.w * s->plan.c;
    CLG_TRY(check_size(s));
    if (s->data != NULL && !clg__subject_is_image(s)) {
        CLG_TRY(clg__hint(clg__fail(CLG_E_DATA, "--data %s: model %s gives vectors of %u numbers, "
                                    "and its data are drawn", s->data, s->desc.model.name, s->d),
                          "leave --data away"));
    }
    if (s->from_train && !clg__subject_is_image(s)) {
        CLG_TRY(clg__hint(clg__fail(CLG_E_USAGE,
                                    "--samples-from train is for images; %s draws its "
                                    "data",
                                    s->desc.model.name),
                          "leave it away"));
    }
    *out = s;
    s = NULL;
out:
    clg__subject_close(&s);
    return status;
}

void clg__subject_close(clg_subject **ps)
{
    if (ps == NULL || *ps == NULL) {
        return;
    }
    clg_subject *s = *ps;
    clg__sampler_close(&s->sampler);
    clg__dataset_close(&s->train);
    clg__dataset_close(&s->test);
    clg__free(s->owned);
    clg__free(s);
    *ps = NULL;
}
