/* clgan sample. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "cli/class_option.h"
#include "cli/cli.h"
#include "gan/model.h"
#include "gan/trainer.h"
#include "io/image_file.h"
#include "io/run_folder.h"
#include "io/safetensors.h"

enum { SAMPLE_COUNT = 64, IMAGES_MAX = 10000000 };

typedef struct sample_job {
    uint32_t n, rows, cols;
    float *z;      /* [n, Z] */
    clg_sampler_labels labels; /* of a model with classes */
    uint32_t *label, *label_to;
    float *mix;
    float *images; /* [n, h, w, c] in [-1,1] */
} sample_job;

static int check_arguments(const clg_cli *cli)
{
    if (cli->words != 1) {
        return clg__hint(clg__fail(CLG_E_USAGE, "sample: wants one run folder or checkpoint, got %u",
                                   cli->words),
                         "write for example clgan sample runs/dcgan-1 --out samples.png");
    }
    if (cli->grid != NULL && cli->has_count) {
        return clg__hint(clg__fail(CLG_E_USAGE, "--grid and --count exclude each other"),
                         "give one of them");
    }
    if (cli->latents != NULL &&
        (cli->grid != NULL || cli->has_count || cli->has_interpolate || cli->has_seed)) {
        return clg__hint(clg__fail(CLG_E_USAGE, "--latents excludes --grid, --count, --interpolate "
                                                "and --seed"),
                         "each row of the file gives one image");
    }
    if (cli->model == NULL && (cli->sets > 0 || cli->has_size)) {
        return clg__hint(clg__fail(CLG_E_USAGE, "sample: --size and --set need --model"),
                         "they describe a checkpoint of another program; one of this program says "
                         "itself what it holds");
    }
    uint32_t rows = 0, cols = 0;
    return cli->grid != NULL ? clg__parse_grid(cli->grid, &rows, &cols) : CLG_OK;
}

/* Rows and columns of the grid that holds n images: 8 wide, or n when fewer. */
static void choose_grid(sample_job *job)
{
    job->cols = job->n < 8 ? job->n : 8;
    job->rows = clg__ceil_div(job->n, job->cols);
}

static int load_latents(sample_job *job, const char *path, uint32_t z_size)
{
    uint64_t dim[8] = { 0 };
    uint32_t rank = 0;
    int status = clg__npy_read(path, &job->z, dim, &rank);
    if (status != CLG_OK) {
        return status;
    }
    if (rank != 2 || dim[1] != z_size || dim[0] == 0 || dim[0] > IMAGES_MAX) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: an array of rank %u with %llu rows of %llu "
                                   "numbers; the model wants [N,%u]", path, rank,
                                   (unsigned long long)(rank > 0 ? dim[0] : 0),
                                   (unsigned long long)(rank > 1 ? dim[1] : 0), z_size),
                         "save a float32 array of shape (N, %u) with numpy.save", z_size);
    }
    job->n = (uint32_t)dim[0];
    for (size_t i = 0; i < (size_t)job->n * z_size; i++) {
        if (!isfinite(job->z[i])) {
            return clg__hint(clg__fail(CLG_E_DATA, "%s: row %zu has a number that is inf or nan",
                                       path, i / z_size),
                             "latents are finite numbers, usually drawn from N(0, 1)");
        }
    }
    return CLG_OK;
}

/* Spherical interpolation between neighbours of `anchors` [rows+1, zs] (linear when they are
 * parallel): Shoemake 1985, and White 2016 for latents. */
static void interpolate(const float *anchors, uint32_t rows, uint32_t cols, uint32_t zs, float *z)
{
    for (uint32_t r = 0; r < rows; r++) {
        const float *a = anchors + (size_t)r * zs;
        const float *b = a + zs;
        double aa = 0.0, bb = 0.0, ab = 0.0;
        for (uint32_t i = 0; i < zs; i++) {
            aa += (double)a[i] * a[i];
            bb += (double)b[i] * b[i];
            ab += (double)a[i] * b[i];
        }
        double cosine = aa > 0.0 && bb > 0.0 ? ab / sqrt(aa * bb) : 1.0;
        double angle = acos(cosine > 1.0 ? 1.0 : cosine < -1.0 ? -1.0 : cosine);
        for (uint32_t c = 0; c < cols; c++) {
            double t = cols > 1 ? (double)c / (cols - 1) : 0.0;
            double wa = sin(angle) > 1e-6 ? sin((1.0 - t) * angle) / sin(angle) : 1.0 - t;
            double wb = sin(angle) > 1e-6 ? sin(t * angle) / sin(angle) : t;
            for (uint32_t i = 0; i < zs; i++) {
                z[((size_t)r * cols + c) * zs + i] = (float)(wa * a[i] + wb * b[i]);
            }
        }
    }
}

static int fail_many(const clg_cli *cli, uint64_t images, uint64_t fit)
{
    int status = clg__fail(CLG_E_USAGE, "%llu images are too many at once for %s",
                           (unsigned long long)images, cli->out != NULL ? cli->out : "a grid");
    return clg__hint(status, "at most %llu fit; draw them in parts with different --seed",
                     (unsigned long long)fit);
}

/* What is drawn is held in memory as float32 and, for pictures, as bytes. */
static int check_size(const clg_cli *cli, const sample_job *job, const clg_sampler *s)
{
    const clg_model_plan *p = clg__sampler_plan(s);
    uint64_t image = (uint64_t)p->h * p->w * p->c * 5u +
                     clg__sampler_desc(s)->latent.size * 4u;
    uint64_t fit = clg__os_physical_memory_bytes() / 2u / image;
    if (fit > 0 && job->n > fit) {
        return fail_many(cli, job->n, fit);
    }
    const char *out = cli->out != NULL ? cli->out : "samples.png";
    if (p->system != CLG_SYSTEM_NONE && !clg__ends_with(out, ".npy")) {
        return clg__hint(clg__fail(CLG_E_USAGE, "--out %s: model %s draws vectors of %u numbers, "
                                   "not images", out, clg__sampler_desc(s)->model.name, p->c),
                         "write an array: --out samples.npy");
    }
    return clg__ends_with(out, ".png") ? clg__png_check_grid(job->rows, job->cols, p->size, p->size,
                                                             p->channels)
                                       : CLG_OK;
}

/* A folder is new or empty: old images among new ones would be taken for new ones. */
static int check_folder(const char *out)
{
    char **names = NULL;
    size_t n = 0;
    if (clg__ends_with(out, ".png") || clg__ends_with(out, ".npy") || !clg__os_stat(out).is_dir) {
        return CLG_OK;
    }
    int status = clg__os_list(out, &names, &n);
    clg__os_list_free(&names, n);
    if (status == CLG_OK && n > 0) {
        status = clg__hint(clg__fail(CLG_E_USAGE, "--out %s: the folder is not empty", out),
                           "choose another name, or empty it");
    }
    return status;
}

/* The model that the user names must be the one that the checkpoint says it holds. */
static int check_model(const clg_cli *cli, const clg_sampler *s, const char *path)
{
    const clg_model_desc *held = clg__sampler_desc(s);
    clg_model_desc *asked = clg__alloc(1, sizeof *asked);
    int status = asked != NULL ? clg__cli_model(cli, cli->model, asked) : CLG_E_MEMORY;
    if (status == CLG_OK && strcmp(asked->model.name, held->model.name) != 0) {
        status = clg__hint(clg__fail(CLG_E_CHECKPOINT, "%s holds model %s, not %s", path,
                                     held->model.name, asked->model.name),
                           "leave --model away: the checkpoint says what it holds");
    }
    if (status == CLG_OK && cli->has_size && cli->size != clg__sampler_plan(s)->size) {
        status = clg__hint(clg__fail(CLG_E_CHECKPOINT, "%s gives images of %u pixels a side, not %u",
                                     path, clg__sampler_plan(s)->size, (unsigned)cli->size),
                           "leave --size away: the checkpoint says what it holds");
    }
    clg__free(asked);
    return status;
}

/* The class of each sample: that of --class; in a grid one per row; else by turns. A walk goes from
 * one class to the other along each row. */
static int make_labels(const clg_cli *cli, clg_sampler *s, const clg_class_walk *walk,
                       sample_job *job)
{
    uint32_t classes = clg__sampler_classes(s);
    bool grid = cli->out == NULL || clg__ends_with(cli->out, ".png");
    if (classes == 0) {
        return CLG_OK;
    }
    job->label = clg__alloc(job->n, sizeof *job->label);
    job->label_to = clg__alloc(job->n, sizeof *job->label_to);
    job->mix = clg__alloc(job->n, sizeof *job->mix);
    if (job->label == NULL || job->label_to == NULL || job->mix == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t i = 0; i < job->n; i++) {
        uint32_t turn = (grid || cli->has_interpolate ? i / job->cols : i) % classes;
        job->label[i] = walk->given ? walk->from : turn;
        job->label_to[i] = walk->walks ? walk->to : job->label[i];
        job->mix[i] = job->cols > 1u ? (float)(i % job->cols) / (float)(job->cols - 1u) : 0.0f;
    }
    job->labels = (clg_sampler_labels){ .label = job->label };
    if (walk->walks) {
        job->labels.to = job->label_to;
        job->labels.mix = job->mix;
    }
    return CLG_OK;
}

/* How many in which rows and columns, when nobody says: a model with classes shows 8 of each. */
static void choose_count(const clg_cli *cli, const clg_sampler *s, const clg_class_walk *walk,
                         sample_job *job)
{
    uint32_t classes = clg__sampler_classes(s);
    job->n = cli->has_count ? (uint32_t)cli->count : SAMPLE_COUNT;
    if (!cli->has_count && classes > 0 && classes <= SAMPLE_COUNT && !walk->given) {
        job->n = 8u * classes;
    }
    choose_grid(job);
}

static int make_latents(const clg_cli *cli, clg_sampler *s, const clg_class_walk *walk,
                        sample_job *job)
{
    int status = CLG_OK;
    float *anchors = NULL;
    uint32_t zs = clg__sampler_desc(s)->latent.size;
    uint64_t seed = cli->has_seed ? cli->seed : 1;
    if (cli->latents != NULL) {
        CLG_TRY(load_latents(job, cli->latents, zs));
        choose_grid(job);
        return check_size(cli, job, s);
    }
    choose_count(cli, s, walk, job);
    if (cli->grid != NULL) {
        CLG_TRY(clg__parse_grid(cli->grid, &job->rows, &job->cols));
        job->n = job->rows * job->cols;
    }
    if (cli->has_interpolate) {
        job->cols = (uint32_t)cli->interpolate;
        job->rows = cli->grid != NULL ? job->rows : cli->has_count ? (uint32_t)cli->count : 8;
        if (job->rows > IMAGES_MAX / job->cols) {
            CLG_TRY(fail_many(cli, (uint64_t)job->rows * job->cols, IMAGES_MAX));
        }
        job->n = job->rows * job->cols;
        anchors = clg__alloc((size_t)(job->rows + 1) * zs, sizeof *anchors);
        CLG_TRY(anchors != NULL ? CLG_OK : CLG_E_MEMORY);
        CLG_TRY(clg__sampler_latents(s, seed, job->rows + 1, anchors));
    }
    CLG_TRY(check_size(cli, job, s));
    job->z = clg__alloc((size_t)job->n * zs, sizeof *job->z);
    CLG_TRY(job->z != NULL ? CLG_OK : CLG_E_MEMORY);
    if (anchors != NULL && walk->walks) {
        for (uint32_t i = 0; i < job->n; i++) { /* the class alone changes along a row */
            memcpy(job->z + (size_t)i * zs, anchors + (size_t)(i / job->cols) * zs,
                   zs * sizeof *job->z);
        }
    } else if (anchors != NULL) {
        interpolate(anchors, job->rows, job->cols, zs, job->z);
    } else {
        CLG_TRY(clg__sampler_latents(s, seed, job->n, job->z));
    }
out:
    clg__free(anchors);
    return status;
}

static void to_bytes(const float *src, uint8_t *dst, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float v = floorf((src[i] + 1.0f) * 127.5f + 0.5f);
        dst[i] = v >= 255.0f ? 255u : v > 0.0f ? (uint8_t)v : 0u;
    }
}

static int write_folder(const char *dir, const uint8_t *bytes, uint32_t n, const clg_model_plan *p)
{
    size_t len = (size_t)p->size * p->size * p->channels;
    int status = clg__os_mkdirs(dir, 0777);
    for (uint32_t i = 0; i < n && status == CLG_OK; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%06u.png", i);
        char *path = clg__os_join(dir, name);
        status = path == NULL ? CLG_E_MEMORY
                              : clg__png_write_one_of_many(path, bytes + i * len, p->size, p->size,
                                                           p->channels);
        clg__free(path);
    }
    return status;
}

static int write_images(const char *out, const sample_job *job, const clg_model_plan *p)
{
    size_t len = (size_t)p->size * p->size * p->channels;
    if (clg__ends_with(out, ".npy")) {
        bool vectors = p->system != CLG_SYSTEM_NONE;
        uint64_t dim[4] = { job->n, vectors ? p->c : p->h, p->w, p->c };
        return clg__npy_write(out, job->images, dim, vectors ? 2 : 4);
    }
    uint8_t *bytes = clg__alloc(job->n, len);
    if (bytes == NULL) {
        return CLG_E_MEMORY;
    }
    to_bytes(job->images, bytes, job->n * len);
    int status = clg__ends_with(out, ".png")
                     ? clg__png_write_grid(out, bytes, job->n, p->size, p->size, p->channels,
                                           job->rows, job->cols)
                     : write_folder(out, bytes, job->n, p);
    clg__free(bytes);
    return status;
}

static int draw(const clg_cli *cli, clg_sampler *s, const char *out)
{
    int status = CLG_OK;
    sample_job job = { 0 };
    const clg_model_plan *p = clg__sampler_plan(s);
    clg_class_walk walk;
    CLG_TRY(clg__class_option(s, cli->class, &walk));
    if (walk.walks && !cli->has_interpolate) {
        CLG_TRY(clg__hint(clg__fail(CLG_E_USAGE, "--class %s: a walk between classes needs "
                                    "--interpolate", cli->class),
                          "add --interpolate 8 for eight steps"));
    }
    CLG_TRY(check_folder(out));
    CLG_TRY(make_latents(cli, s, &walk, &job));
    CLG_TRY(make_labels(cli, s, &walk, &job));
    job.images = clg__alloc((size_t)job.n * p->h * p->w, p->c * sizeof *job.images);
    CLG_TRY(job.images != NULL ? CLG_OK : CLG_E_MEMORY);
    double start = clg__os_now_s();
    CLG_TRY(clg__sampler_draw(s, job.z, &job.labels, job.n, job.images));
    double seconds = clg__os_now_s() - start;
    CLG_TRY(write_images(out, &job, p));
    fprintf(stderr, "%u %s of %ux%ux%u, %.1f a second\n", job.n,
            p->system != CLG_SYSTEM_NONE ? "rows" : "images", p->h, p->w, p->c,
            (double)job.n / (seconds > 1e-9 ? seconds : 1e-9));
    printf("%s\n", out);
out:
    clg__free(job.z);
    clg__free(job.label);
    clg__free(job.label_to);
    clg__free(job.mix);
    clg__free(job.images);
    return status;
}

int clg__cmd_sample(const clg_cli *cli)
{
    int status = CLG_OK;
    clg_session session = { 0 };
    clg_sampler *s = NULL;
    char path[CLG_PATH_MAX_LEN];
    uint64_t step = 0;
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    CLG_TRY(desc != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(check_arguments(cli));
    CLG_TRY(clg__run_find_checkpoint(cli->word[0], path, &step));
    if (cli->model != NULL) {
        CLG_TRY(clg__cli_model(cli, cli->model, desc));
    }
    CLG_TRY(clg__session_open(&session, cli, cli->model != NULL ? desc : NULL));
    CLG_TRY(clg__sampler_open(&s, &session.ops, path, cli->model != NULL ? desc : NULL, 0));
    if (cli->model != NULL) {
        CLG_TRY(check_model(cli, s, path));
    }
    CLG_TRY(draw(cli, s, cli->out != NULL ? cli->out : "samples.png"));
out:
    clg__sampler_close(&s);
    clg__session_close(&session);
    clg__free(desc);
    return status;
}
