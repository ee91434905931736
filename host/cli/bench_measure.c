/* Timing of operators, training steps and sampling. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/philox.h"
#include "base/stats.h"
#include "base/str.h"
#include "cli/bench.h"
#include "cli/case_runner.h"

enum { STEPS_WARM = 2, BENCH_IMAGES = 256, RUNS_MAX = 1000, SAMPLE_CHUNK = 256 };

/* ---- rounds of anything ---- */

typedef struct work {
    clg_rt *rt;
    int (*run)(void *user); /* enqueues one run */
    void *user;
    uint32_t warm; /* unmeasured runs before; the last one tells how long a pack is */
} work;

static int time_runs(const work *w, uint32_t runs, double *seconds)
{
    double start = clg__os_now_s();
    for (uint32_t i = 0; i < runs; i++) {
        int status = w->run(w->user);
        if (status != CLG_OK) {
            return status;
        }
    }
    int status = clg__rt_finish(w->rt);
    *seconds = clg__os_now_s() - start;
    return status;
}

static bool is_over(const clg_bench_limits *limits, double begin)
{
    return limits->limit_s > 0.0 && clg__os_now_s() - begin > limits->limit_s;
}

static int measure(const work *w, const clg_bench_limits *limits, clg_bench_time *out)
{
    int status = CLG_OK;
    double begin = clg__os_now_s(), one = 0.0;
    uint32_t rounds = limits->rounds < 1u                     ? 1u
                      : limits->rounds > CLG_BENCH_ROUNDS_MAX ? CLG_BENCH_ROUNDS_MAX
                                                              : limits->rounds;
    double *seconds = clg__alloc(rounds, sizeof *seconds);
    *out = (clg_bench_time){ .runs_per_round = 1 };
    CLG_TRY(seconds != NULL ? CLG_OK : CLG_E_MEMORY);
    for (uint32_t i = 0; i < w->warm && (i == 0 || !is_over(limits, begin)); i++) {
        CLG_TRY(time_runs(w, 1, &one));
    }
    if (limits->pack_s > one) {
        double runs = one > limits->pack_s / RUNS_MAX ? limits->pack_s / one + 1.0 : RUNS_MAX;
        out->runs_per_round = (uint32_t)runs;
    }
    clg__rt_profile_reset(w->rt);
    while (out->rounds < rounds) {
        CLG_TRY(time_runs(w, out->runs_per_round, &seconds[out->rounds]));
        seconds[out->rounds++] /= out->runs_per_round;
        if (is_over(limits, begin)) {
            break;
        }
    }
    out->median_s = clg__median(seconds, out->rounds);
    out->min_s = seconds[0];
    out->max_s = seconds[out->rounds - 1];
out:
    clg__free(seconds);
    return status;
}

/* ---- operators ---- */

static int run_case(void *user)
{
    return clg__case_enqueue(user);
}

int clg__bench_case(const clg_ops *ops, const clg_op *op, const char *line,
                    const clg_bench_limits *limits, clg_bench_case *out)
{
    int status = CLG_OK;
    clg_case_job *job = NULL;
    CLG_TRY(clg__case_open(&job, ops, op, line));
    const work w = { .rt = ops->rt, .run = run_case, .user = job, .warm = 2 };
    CLG_TRY(measure(&w, limits, &out->time));
    out->flops = clg__case_plan(job)->flops;
    out->bytes = clg__case_plan(job)->bytes;
out:
    clg__case_close(&job);
    return status;
}

/* ---- training steps ---- */

int clg__bench_expand(clg_model_desc *desc, clg_data_shape *shape, clg_model_plan **plan)
{
    *plan = clg__alloc(1, sizeof **plan);
    if (*plan == NULL) {
        return CLG_E_MEMORY;
    }
    *shape = clg__model_data_shape(desc);
    if (desc->data.channels == 0) {
        shape->channels = shape->size >= 32 ? 3u : 1u;
    }
    if (shape->system == CLG_SYSTEM_NONE) {
        desc->data.size = shape->size;
        desc->data.channels = shape->channels;
    }
    return clg__model_expand(desc, shape, *plan);
}

/* Images of noise in all classes: the time of a step does not depend on what they show. */
static int make_data(const clg_model_desc *desc, const clg_data_shape *shape, clg_dataset **ds)
{
    uint32_t size = shape->size, c = shape->channels;
    uint32_t count = desc->train.batch > BENCH_IMAGES ? desc->train.batch : BENCH_IMAGES;
    count -= count % desc->train.batch;
    size_t len = (size_t)size * size * c;
    int status = CLG_OK;
    uint8_t *images = clg__alloc(count * len + 16, 1);
    int32_t *labels = clg__alloc(count, sizeof *labels);
    if (images == NULL || labels == NULL) {
        CLG_TRY(CLG_E_MEMORY);
    }
    clg_rng_key key = { .seed = 1, .stream = CLG_STREAM_TEST };
    for (size_t i = 0; i <= count * len / 16; i++) {
        uint32_t words[4];
        clg__philox(&key, i, words);
        memcpy(images + 16 * i, words, i < count * len / 16 ? sizeof words : count * len % 16);
    }
    for (uint32_t i = 0; i < count; i++) {
        labels[i] = (int32_t)(i % shape->classes);
    }
    clg_dataset_options opt = {
        .size = size, .channels = c, .labels = labels, .classes = shape->classes
    };
    CLG_TRY(clg__dataset_from_memory(ds, images, count, size, size, c, &opt));
out:
    clg__free(images);
    clg__free(labels);
    return status;
}

static int run_step(void *user)
{
    return clg__trainer_step(user);
}

int clg__bench_step(const clg_session *s, clg_model_desc *desc, const clg_bench_limits *limits,
                    int (*after)(void *user, const clg_trainer *t), void *user, clg_bench_step *out)
{
    int status = CLG_OK;
    clg_dataset *ds = NULL;
    clg_trainer *t = NULL;
    clg_model_plan *plan = NULL;
    clg_data_shape shape;
    const clg_trainer_options opt = { .version = CLGAN_VERSION, .no_run_folder = true };
    CLG_TRY(clg__bench_expand(desc, &shape, &plan));
    if (shape.system == CLG_SYSTEM_NONE) {
        desc->data.holdout = 0;
        CLG_TRY(make_data(desc, &shape, &ds));
    }
    CLG_TRY(clg__trainer_create(&t, &s->ops, desc, plan, ds, &opt));
    clg__trainer_facts(t, &out->facts);
    CLG_TRY(clg__trainer_step(t));
    out->first_step_s = clg__os_since_process_start_s();
    const work w = { .rt = s->rt, .run = run_step, .user = t, .warm = STEPS_WARM };
    CLG_TRY(measure(&w, limits, &out->time));
    CLG_TRY(clg__trainer_losses(t, &out->losses));
    clg__algorithms_summary(clg__trainer_algorithms(t), out->convolutions,
                            sizeof out->convolutions);
    out->peak_rss_bytes = clg__os_peak_rss_bytes();
    out->device_bytes = clg__rt_bytes_peak(s->rt);
    out->images_per_s = desc->train.batch / out->time.median_s;
    out->gflops = out->images_per_s * out->facts.reference_flops_per_image * 1e-9;
    if (after != NULL) {
        CLG_TRY(after(user, t));
    }
out:
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(plan);
    return status;
}

/* ---- sampling ---- */

typedef struct sampling {
    clg_sampler *sampler;
    uint32_t count, chunk;
    float *z, *images; /* [chunk, ...] */
} sampling;

static int run_sampling(void *user)
{
    sampling *s = user;
    int status = CLG_OK;
    for (uint32_t first = 0; first < s->count; first += s->chunk) {
        uint32_t n = s->count - first < s->chunk ? s->count - first : s->chunk;
        CLG_TRY(clg__sampler_latents(s->sampler, first, n, s->z));
        CLG_TRY(clg__sampler_draw(s->sampler, s->z, NULL, n, s->images));
    }
out:
    return status;
}

/* The sampler reads checkpoints, so one of the untrained model is written: clg__free(*path), which
 * is removed by the caller. Of the model's own batch, whose algorithms the sampler takes over. */
static int write_checkpoint(const clg_session *s, clg_model_desc *desc, char **path)
{
    int status = CLG_OK;
    char dir[CLG_PATH_MAX_LEN], name[64];
    uint64_t tag = 0;
    clg_trainer *t = NULL;
    clg_model_plan *plan = NULL;
    clg_data_shape shape;
    const clg_trainer_options opt = { .version = CLGAN_VERSION, .no_run_folder = true };
    CLG_TRY(clg__bench_expand(desc, &shape, &plan));
    CLG_TRY(clg__trainer_create(&t, &s->ops, desc, plan, NULL, &opt));
    CLG_TRY(clg__os_cache_dir(dir, sizeof dir));
    CLG_TRY(clg__os_mkdirs(dir, 0700));
    clg__os_random_bytes(&tag, sizeof tag);
    (void)snprintf(name, sizeof name, "bench-%016" PRIx64 ".safetensors", tag);
    *path = clg__os_join(dir, name);
    CLG_TRY(*path != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__trainer_save(t, *path));
out:
    clg__trainer_destroy(&t);
    clg__free(plan);
    return status;
}

int clg__bench_sample(const clg_session *s, clg_model_desc *desc, uint32_t count, uint32_t rounds,
                      clg_bench_sample *out)
{
    int status = CLG_OK;
    char *path = NULL;
    sampling job = { .chunk = count < SAMPLE_CHUNK ? count : SAMPLE_CHUNK };
    CLG_TRY(write_checkpoint(s, desc, &path));
    CLG_TRY(clg__sampler_open(&job.sampler, &s->ops, path, NULL, 0));
    const clg_model_plan *plan = clg__sampler_plan(job.sampler);
    size_t image = (size_t)plan->h * plan->w * plan->c;
    job.z = clg__alloc((size_t)job.chunk * desc->latent.size, sizeof *job.z);
    job.images = clg__alloc(job.chunk * image, sizeof *job.images);
    CLG_TRY(job.z != NULL && job.images != NULL ? CLG_OK : CLG_E_MEMORY);
    job.count = job.chunk;
    CLG_TRY(run_sampling(&job)); /* warm */
    job.count = count;
    const work w = { .rt = s->rt, .run = run_sampling, .user = &job };
    const clg_bench_limits limits = { .rounds = rounds };
    CLG_TRY(measure(&w, &limits, &out->time));
    out->images_per_s = count / out->time.median_s;
    out->peak_rss_bytes = clg__os_peak_rss_bytes();
    out->size = plan->size;
    out->channels = plan->channels;
out:
    if (path != NULL) {
        (void)clg__os_remove(path);
    }
    clg__sampler_close(&job.sampler);
    clg__free(job.z);
    clg__free(job.images);
    clg__free(path);
    return status;
}
