/* clgan models list | show | check. */
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "cli/cli.h"
#include "gan/model.h"
#include "io/config.h"

static int expand_default(const clg_model_desc *desc, clg_model_plan *plan)
{
    clg_data_shape shape = clg__model_data_shape(desc);
    return clg__model_expand(desc, &shape, plan);
}

/* "28x28x1", "15 values", "28x28x1 in 10 classes" */
static const char *show_data(char dst[64], const clg_model_plan *plan)
{
    if (plan->size == 0) {
        (void)snprintf(dst, 64, "%u value%s, drawn", plan->c, plan->c == 1 ? "" : "s");
    } else if (plan->classes != 0) {
        (void)snprintf(dst, 64, "%ux%ux%u in %u classes", plan->h, plan->w, plan->c, plan->classes);
    } else {
        (void)snprintf(dst, 64, "%ux%ux%u", plan->h, plan->w, plan->c);
    }
    return dst;
}

static int list_models(void)
{
    int status = CLG_OK;
    char data[64];
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    clg_model_plan *plan = clg__alloc(1, sizeof *plan);
    if (desc == NULL || plan == NULL) {
        CLG_TRY(CLG_E_MEMORY);
    }
    printf("%-19s %10s %12s  %-13s %-22s %s\n", "model", "G", "D parameters", "data", "", "what");
    for (const clg_preset *p = clg__presets; p->name != NULL; p++) {
        CLG_TRY(clg__model_load(p->name, desc));
        CLG_TRY(expand_default(desc, plan));
        printf("%-19s %10llu %12llu  %-13s %-22s %s\n", p->name,
               (unsigned long long)plan->g.parameters, (unsigned long long)plan->d.parameters,
               desc->data.source, show_data(data, plan), desc->model.summary);
    }
out:
    clg__free(desc);
    clg__free(plan);
    return status;
}

static int show_model(const char *name)
{
    const clg_preset *p = clg__preset_find(name);
    if (p != NULL) {
        fputs(p->text, stdout);
        return CLG_OK;
    }
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    clg_str text = { 0 };
    int status = desc != NULL ? clg__model_load(name, desc) : CLG_E_MEMORY;
    if (status == CLG_OK) {
        status = clg__config_write(desc, &text);
    }
    if (status == CLG_OK) {
        fputs(text.text, stdout);
    }
    clg__str_free(&text);
    clg__free(desc);
    return status;
}

static int check_model(const char *name)
{
    enum { TEXT_MAX = 32768 };
    int status = CLG_OK;
    char data[64];
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    clg_model_plan *plan = clg__alloc(1, sizeof *plan);
    char *text = clg__alloc(TEXT_MAX, 1);
    if (desc == NULL || plan == NULL || text == NULL) {
        CLG_TRY(CLG_E_MEMORY);
    }
    CLG_TRY(clg__model_load(name, desc));
    CLG_TRY(expand_default(desc, plan));
    CLG_TRY(clg__model_describe(plan, text, TEXT_MAX));
    fputs(text, stdout);
    printf("ok: %s, %s of %s, G %llu and D %llu parameters\n", desc->model.name,
           plan->size == 0 ? "vectors" : "images", show_data(data, plan),
           (unsigned long long)plan->g.parameters, (unsigned long long)plan->d.parameters);
out:
    clg__free(text);
    clg__free(plan);
    clg__free(desc);
    return status;
}

int clg__cmd_models(const clg_cli *cli)
{
    static const char *const verbs[] = { "list", "show", "check" };
    const char *verb = cli->words > 0 ? cli->word[0] : "list";
    if (strcmp(verb, "list") == 0 && cli->words <= 1) {
        return list_models();
    }
    if (strcmp(verb, "show") == 0 && cli->words == 2) {
        return show_model(cli->word[1]);
    }
    if (strcmp(verb, "check") == 0 && cli->words == 2) {
        return check_model(cli->word[1]);
    }
    const char *near = clg__nearest(verb, verbs, 3);
    if (near != NULL && strcmp(near, verb) == 0) {
        near = NULL;
    }
    return clg__hint(clg__fail(CLG_E_USAGE, "models: \"%s\" with %u arguments is not understood",
                               verb, cli->words > 0 ? cli->words - 1 : 0),
                     "%s%s%swrite clgan models list, show NAME, or check FILE.yaml",
                     near != NULL ? "did you mean " : "", near != NULL ? near : "",
                     near != NULL ? "? Otherwise " : "");
}
