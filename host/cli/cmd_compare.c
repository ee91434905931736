/* clgan compare: the first differing step and tensor of two traces, or tensor of two checkpoints. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "cli/cli.h"
#include "io/run_folder.h"
#include "io/safetensors.h"

typedef struct difference {
    bool found;
    char file[64], tensor[256], what[64];
    double relative_l2, max_abs; /* of the tensor named */
    uint64_t index, tensors_compared, tensors_differing;
    double worst_l2;             /* over all tensors of the first differing file */
    char worst_tensor[256];
} difference;

static void note(difference *d, const char *file, const char *tensor, const char *what)
{
    d->tensors_differing++;
    if (!d->found) {
        d->found = true;
        (void)snprintf(d->file, sizeof d->file, "%s", file);
        (void)snprintf(d->tensor, sizeof d->tensor, "%s", tensor);
        (void)snprintf(d->what, sizeof d->what, "%s", what);
    }
}

static void measure(difference *d, const char *file, const clg_st_tensor *a, const clg_st_tensor *b)
{
    double diff = 0.0, norm = 0.0, worst = 0.0;
    uint64_t at = 0, n = a->bytes / 4;
    for (uint64_t i = 0; i < n; i++) {
        float x, y;
        memcpy(&x, (const char *)a->data + 4 * i, 4);
        memcpy(&y, (const char *)b->data + 4 * i, 4);
        double e = fabs((double)x - (double)y);
        diff += e * e;
        norm += (double)x * (double)x;
        if (e > worst) {
            worst = e;
            at = i;
        }
    }
    double l2 = diff > 0.0 ? sqrt(diff / (norm > 0.0 ? norm : 1.0)) : 0.0;
    bool first = !d->found;
    note(d, file, a->name, "values differ");
    if (first) {
        d->relative_l2 = l2;
        d->max_abs = worst;
        d->index = at;
    }
    if (l2 >= d->worst_l2) {
        d->worst_l2 = l2;
        (void)snprintf(d->worst_tensor, sizeof d->worst_tensor, "%s", a->name);
    }
}

static void compare_tensor(difference *d, const char *file, const clg_st_tensor *a,
                           const clg_st_tensor *b)
{
    d->tensors_compared++;
    if (b == NULL) {
        note(d, file, a->name, "missing in B");
    } else if (a->dtype != b->dtype || a->rank != b->rank ||
               memcmp(a->dim, b->dim, a->rank * sizeof a->dim[0]) != 0) {
        note(d, file, a->name, "type or shape differs");
    } else if (memcmp(a->data, b->data, a->bytes) != 0) {
        if (a->dtype == CLG_ST_F32) {
            measure(d, file, a, b);
        } else {
            note(d, file, a->name, "values differ");
        }
    }
}

static int compare_files(const char *a, const char *b, const char *label, difference *d)
{
    int status = CLG_OK;
    clg_st_file *fa = NULL;
    clg_st_file *fb = NULL;
    CLG_TRY(clg__st_open(&fa, a));
    CLG_TRY(clg__st_open(&fb, b));
    for (size_t i = 0; i < clg__st_count(fa); i++) {
        const clg_st_tensor *t = clg__st_at(fa, i);
        compare_tensor(d, label, t, clg__st_find(fb, t->name));
    }
    for (size_t i = 0; i < clg__st_count(fb); i++) {
        const clg_st_tensor *t = clg__st_at(fb, i);
        if (clg__st_find(fa, t->name) == NULL) {
            note(d, label, t->name, "missing in A");
        }
    }
out:
    clg__st_close(&fa);
    clg__st_close(&fb);
    return status;
}

/* The trace folder of a run, or the folder itself if it holds step files; NULL if there is none. */
static char *find_trace(const char *path)
{
    char *trace = clg__os_join(path, "trace");
    if (trace != NULL && !clg__os_stat(trace).is_dir) {
        clg__free(trace);
        trace = NULL;
    }
    if (trace == NULL) {
        char *first = clg__os_join(path, "step-000000.safetensors");
        if (first != NULL && clg__os_stat(first).is_file) {
            trace = clg__strdup(path);
        }
        clg__free(first);
    }
    return trace;
}

static int compare_traces(const char *a, const char *b, difference *d, uint64_t *steps)
{
    int status = CLG_OK;
    for (uint64_t step = 0; !d->found; step++) {
        char name[64];
        (void)snprintf(name, sizeof name, "step-%06" PRIu64 ".safetensors", step);
        char *fa = clg__os_join(a, name);
        char *fb = clg__os_join(b, name);
        bool both = fa != NULL && fb != NULL && clg__os_stat(fa).is_file && clg__os_stat(fb).is_file;
        status = both ? compare_files(fa, fb, name, d) : CLG_OK;
        clg__free(fa);
        clg__free(fb);
        if (!both || status != CLG_OK) {
            break;
        }
        *steps = step + 1;
    }
    return status;
}

static int report(const clg_cli *cli, const difference *d, uint64_t steps)
{
    int status = CLG_OK;
    if (cli->json) {
        clg_json *root = clg__json_begin(NULL);
        clg__json_add_bool(root, "equal", !d->found);
        clg__json_add_integer(root, "files_compared", (int64_t)steps);
        clg__json_add_integer(root, "tensors_compared", (int64_t)d->tensors_compared);
        if (d->found) {
            clg__json_add_text(root, "file", d->file);
            clg__json_add_text(root, "tensor", d->tensor);
            clg__json_add_text(root, "what", d->what);
            clg__json_add_integer(root, "index", (int64_t)d->index);
            clg__json_add_number(root, "relative_l2", d->relative_l2);
            clg__json_add_number(root, "max_abs_difference", d->max_abs);
            clg__json_add_integer(root, "tensors_differing", (int64_t)d->tensors_differing);
            clg__json_add_text(root, "worst_tensor", d->worst_tensor);
            clg__json_add_number(root, "worst_relative_l2", d->worst_l2);
        }
        status = clg__json_print(&root);
    } else if (!d->found) {
        printf("equal: %" PRIu64 " file(s), %" PRIu64 " tensors, 0 differing bits\n", steps,
               d->tensors_compared);
    } else {
        printf("first difference: %s, %s: %s", d->file, d->tensor, d->what);
        if (d->max_abs > 0.0) {
            printf(" (relative L2 %.3g, largest %.3g at element %" PRIu64 ")", d->relative_l2,
                   d->max_abs, d->index);
        }
        printf("\nin that file %" PRIu64 " tensors differ", d->tensors_differing);
        if (d->worst_tensor[0] != '\0') {
            printf(", the most: %s by %.3g relative L2", d->worst_tensor, d->worst_l2);
        }
        printf("\n");
    }
    if (status == CLG_OK && d->found) {
        status = clg__hint(clg__fail(CLG_E_MISMATCH, "%s and %s differ at %s, %s", cli->word[0],
                                     cli->word[1], d->file, d->tensor),
                           "see the lines above; equal seeds, batches, data and devices give "
                           "equal bits");
    }
    return status;
}

int clg__cmd_compare(const clg_cli *cli)
{
    int status = CLG_OK;
    difference d = { 0 };
    uint64_t steps = 0;
    char *trace_a = NULL;
    char *trace_b = NULL;
    if (cli->words != 2) {
        return clg__hint(clg__fail(CLG_E_USAGE, "compare: wants two runs or two checkpoints, got %u",
                                   cli->words),
                         "write for example clgan compare runs/dcgan-1 runs/dcgan-2");
    }
    trace_a = find_trace(cli->word[0]);
    trace_b = find_trace(cli->word[1]);
    if (trace_a != NULL && trace_b != NULL) {
        CLG_TRY(compare_traces(trace_a, trace_b, &d, &steps));
    }
    if (steps == 0) {
        char a[CLG_PATH_MAX_LEN], b[CLG_PATH_MAX_LEN];
        uint64_t step = 0;
        CLG_TRY(clg__run_find_checkpoint(cli->word[0], a, &step));
        CLG_TRY(clg__run_find_checkpoint(cli->word[1], b, &step));
        CLG_TRY(compare_files(a, b, "checkpoint", &d));
        steps = 1;
    }
    CLG_TRY(report(cli, &d, steps));
out:
    clg__free(trace_a);
    clg__free(trace_b);
    return status;
}
