/* clgan info. */
#include <inttypes.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "gan/trainer.h"
#include "io/run_folder.h"
#include "io/safetensors.h"

static const char *dtype_name(enum clg_st_dtype d)
{
    static const char *const names[] = { "F32", "F64", "F16", "BF16", "I64",
                                         "I32", "U8", "U32", "other" };
    return names[d];
}

static void shape_text(const clg_st_tensor *t, char text[128])
{
    size_t n = 0;
    text[n++] = '[';
    for (uint32_t i = 0; i < t->rank; i++) {
        n += (size_t)snprintf(text + n, 128 - n, "%s%" PRIu64, i > 0 ? "," : "", t->dim[i]);
    }
    (void)snprintf(text + n, 128 - n, "]");
}

static int print_json(const char *path, const clg_checkpoint_info *info, const clg_st_file *f)
{
    clg_json *root = clg__json_begin(NULL);
    /* Of the device that wrote it; null in a file of another program. */
    clg__json_add_text(root, "platform", clg__st_meta_find(f, "platform"));
    clg__json_add_text(root, "device", clg__st_meta_find(f, "device"));
    clg__json_add_text(root, "driver", clg__st_meta_find(f, "driver"));
    clg__json_add_text(root, "checkpoint", path);
    if (info != NULL) {
        clg__json_add_text(root, "model", info->desc.model.name);
        clg__json_add_integer(root, "step", (int64_t)info->step);
        clg__json_add_integer(root, "size_px", info->size);
        clg__json_add_integer(root, "channels", info->channels);
        clg__json_add_integer(root, "classes", info->classes);
        clg__json_add_text(root, "data", info->size == 0 ? info->desc.data.source : info->data);
        clg__json_add_text(root, "choices", info->choices);
        clg__json_add_text(root, "convolutions", info->conv[0] != '\0' ? info->conv : "direct");
        clg__json_add_text(root, "written_by_version", info->version);
    }
    clg_json *list = clg__json_add_array(root, "tensors");
    for (size_t i = 0; i < clg__st_count(f); i++) {
        const clg_st_tensor *t = clg__st_at(f, i);
        clg_json *o = clg__json_add_object(list, NULL);
        clg__json_add_text(o, "name", t->name);
        clg__json_add_text(o, "dtype", dtype_name(t->dtype));
        clg_json *shape = clg__json_add_array(o, "shape");
        for (uint32_t d = 0; d < t->rank; d++) {
            clg__json_add_integer(shape, NULL, (int64_t)t->dim[d]);
        }
        clg__json_add_integer(o, "size_bytes", (int64_t)t->bytes);
    }
    return clg__json_print(&root);
}

static void print_classes(const clg_checkpoint_info *info, const clg_st_file *f)
{
    const char *names = clg__st_meta_find(f, "class_names");
    if (info->classes == 0) {
        printf("\n");
        return;
    }
    printf(" in %u classes\n", info->classes);
    if (names != NULL) {
        printf("classes     ");
        for (; *names != '\0'; names++) {
            fputs(*names == '\n' ? ", " : (const char[]){ *names, '\0' }, stdout);
        }
        printf("\n");
    }
}

static void print_text(const char *path, const clg_checkpoint_info *info, const clg_st_file *f)
{
    printf("checkpoint  %s\n", path);
    if (info != NULL) {
        bool drawn = info->size == 0;
        if (drawn) {
            printf("model       %s, vectors of %u value%s\n", info->desc.model.name,
                   info->channels, info->channels == 1 ? "" : "s");
        } else {
            printf("model       %s, images of %ux%ux%u", info->desc.model.name, info->size,
                   info->size, info->channels);
            print_classes(info, f);
        }
        printf("step        %" PRIu64 "\ndata        %s\n"
               "device      %s, driver %s\nchoices     %s\nconv        %s\n"
               "written by  clgan %s\n",
               info->step, drawn ? info->desc.data.source : info->data, info->device, info->driver,
               info->choices, info->conv[0] != '\0' ? info->conv : "direct", info->version);
    } else {
        printf("model       unknown: written by another program\n");
    }
    printf("tensors     %zu\n", clg__st_count(f));
    for (size_t i = 0; i < clg__st_count(f); i++) {
        const clg_st_tensor *t = clg__st_at(f, i);
        char shape[128];
        shape_text(t, shape);
        printf("  %-48s %-5s %s\n", t->name, dtype_name(t->dtype), shape);
    }
}

int clg__cmd_info(const clg_cli *cli)
{
    int status = CLG_OK;
    char path[CLG_PATH_MAX_LEN];
    uint64_t step = 0;
    clg_st_file *f = NULL;
    clg_checkpoint_info *info = clg__alloc(1, sizeof *info);
    CLG_TRY(info != NULL ? CLG_OK : CLG_E_MEMORY);
    if (cli->words != 1) {
        CLG_TRY(clg__hint(clg__fail(CLG_E_USAGE, "info: wants one run folder or checkpoint"),
                          "write for example clgan info runs/dcgan-1"));
    }
    CLG_TRY(clg__run_find_checkpoint(cli->word[0], path, &step));
    CLG_TRY(clg__st_open(&f, path));
    bool ours = clg__checkpoint_info(path, info) == CLG_OK;
    if (cli->json) {
        CLG_TRY(print_json(path, ours ? info : NULL, f));
    } else {
        print_text(path, ours ? info : NULL, f);
    }
out:
    clg__st_close(&f);
    clg__free(info);
    return status;
}
