/* The one table of options, its parser and the help text. */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER, OPTION_LIST };

typedef struct option {
    const char *name, *value, *help;
    enum option_kind kind;
    size_t offset, has_offset; /* in clg_cli; has_offset 0: none */
    uint64_t min, max;         /* of numbers */
} option;

#define FIELD(f) offsetof(clg_cli, f)

static const option options[] = {
    { "--model", "NAME|FILE.yaml", "a preset or a model file (clgan models list)", OPTION_TEXT, FIELD(model), 0, 0, 0 },
    { "--data", "NAME|PATH", "fashion-mnist, mnist, cifar10, or a folder", OPTION_TEXT, FIELD(data), 0, 0, 0 },
    { "--platform", "P", "OpenCL platform: index, part of its name, cpu or gpu", OPTION_TEXT,
      FIELD(platform), 0, 0, 0 },
    { "--device", "D", "device: index, part of its name, cpu or gpu", OPTION_TEXT, FIELD(device), 0, 0, 0 },
    { "--out", "PATH", "where to write", OPTION_TEXT, FIELD(out), 0, 0, 0 },
    { "--epochs", "E", "passes over the data", OPTION_NUMBER, FIELD(epochs), FIELD(has_epochs), 1, 1000000 },
    { "--steps", "S", "training steps in total", OPTION_NUMBER, FIELD(steps), FIELD(has_steps), 1, UINT64_C(1) << 40 },
    { "--batch", "N", "images per step", OPTION_NUMBER, FIELD(batch), FIELD(has_batch), 1, 65536 },
    { "--size", "PX", "image side in pixels", OPTION_NUMBER, FIELD(size), FIELD(has_size), 1, 4096 },
    { "--seed", "S", "seed of every random number", OPTION_NUMBER, FIELD(seed), FIELD(has_seed), 0, UINT64_MAX },
    { "--set", "section.key=value", "any key of the model file; may be repeated", OPTION_LIST, FIELD(set), 0, 0, 0 },
    { "--resume", "RUN", "continue this run until --steps in total", OPTION_TEXT, FIELD(resume), 0, 0, 0 },
    { "--init-from", "CHECKPOINT", "start from these weights", OPTION_TEXT, FIELD(init_from), 0, 0, 0 },
    { "--trace", "N", "write all tensors of the first N steps", OPTION_NUMBER, FIELD(trace), 0, 1, 100000 },
    { "--profile", NULL, "print kernel times and device memory at the end", OPTION_FLAG, FIELD(profile), 0, 0, 0 },
    { "--json", NULL, "answer as JSON", OPTION_FLAG, FIELD(json), 0, 0, 0 },
    { "--count", "N", "how many images", OPTION_NUMBER, FIELD(count), FIELD(has_count), 1, 10000000 },
    { "--grid", "RxC", "one picture of R rows and C columns", OPTION_TEXT, FIELD(grid), 0, 0, 0 },
    { "--latents", "Z.npy", "float32 [N,Z] to draw from", OPTION_TEXT, FIELD(latents), 0, 0, 0 },
    { "--interpolate", "N", "N steps between pairs of latents", OPTION_NUMBER,
      FIELD(interpolate), FIELD(has_interpolate), 2, 4096 },
    { "--class", "K|A..B", "class by index or name; A..B walks from A to B (with --interpolate)",
      OPTION_TEXT, FIELD(class), 0, 0, 0 },
    { "--on-collapse", "warn|stop|rollback", "what to do when the training has collapsed",
      OPTION_TEXT, FIELD(on_collapse), 0, 0, 0 },
    { "--precision", "fp32|fp16|bf16", "type of stored activations and working weights",
      OPTION_TEXT, FIELD(precision), 0, 0, 0 },
    { "--math", "exact|fast|tf32", "convolutions as written, (the default) with fewer multiplies where "
      "that is faster, or with 10 bits on NVIDIA's tensor cores", OPTION_TEXT, FIELD(math), 0, 0, 0 },
    { "--metrics", "A,B,...", "which metrics; all that fit unless given", OPTION_TEXT, FIELD(metrics), 0, 0, 0 },
    { "--against", "RUN|CHECKPOINT", "a second one, side by side", OPTION_TEXT, FIELD(against), 0, 0, 0 },
    { "--png", "FOLDER", "write the samples as PNG files, for tools that compute FID", OPTION_TEXT,
      FIELD(png), 0, 0, 0 },
    { "--samples-from", "train", "training images take the place of samples: checks a metric",
      OPTION_TEXT, FIELD(samples_from), 0, 0, 0 },
    { "--clear", NULL, "remove the caches", OPTION_FLAG, FIELD(clear), 0, 0, 0 },
    { "--quick", NULL, "the reduced list of cases (for simulators)", OPTION_FLAG, FIELD(quick), 0, 0, 0 },
    { "--thorough", NULL, "measure longer, all tile shapes and CLBlast's parameters too", OPTION_FLAG,
      FIELD(thorough), 0, 0, 0 },
    { "--rounds", "N", "timed rounds", OPTION_NUMBER, FIELD(rounds), FIELD(has_rounds), 1, 1000 },
    { "--help", NULL, "this text", OPTION_FLAG, FIELD(help), 0, 0, 0 },
};
enum { OPTION_COUNT = sizeof options / sizeof options[0] };

static const option *find_option(const char *name, size_t len)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strlen(options[i].name) == len && strncmp(options[i].name, name, len) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

static bool takes_option(const clg_command *c, const char *name)
{
    if (strcmp(name, "--help") == 0) {
        return true;
    }
    for (size_t i = 0; c->options[i] != NULL; i++) {
        if (strcmp(c->options[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static int fail_unknown(const clg_command *c, const char *arg)
{
    const char *near[OPTION_COUNT];
    size_t n = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (takes_option(c, options[i].name)) {
            near[n++] = options[i].name;
        }
    }
    char name[64];
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(arg, "="), arg);
    const char *best = clg__nearest(name, near, n);
    int status = clg__fail(CLG_E_USAGE, "%s: unknown option %s", c->name, name);
    return best != NULL ? clg__hint(status, "did you mean %s? All options: clgan %s --help", best, c->name)
                        : clg__hint(status, "all options: clgan %s --help", c->name);
}

static int store_value(clg_cli *out, const option *o, const char *value)
{
    char *base = (char *)out;
    if (o->kind == OPTION_TEXT) {
        if (value[0] == '\0') {
            return clg__hint(clg__fail(CLG_E_USAGE, "%s wants a value, got an empty one", o->name),
                         "write %s %s", o->name, o->value);
        }
        memcpy(base + o->offset, &value, sizeof value);
        return CLG_OK;
    }
    if (o->kind == OPTION_LIST) {
        if (out->sets == CLG_CLI_SETS) {
            return clg__fail(CLG_E_USAGE, "more than %d times --set", CLG_CLI_SETS);
        }
        out->set[out->sets++] = value;
        return CLG_OK;
    }
    uint64_t number = 0;
    if (!clg__parse_u64(value, &number) || number < o->min || number > o->max) {
        return clg__hint(clg__fail(CLG_E_USAGE, "%s %s: not a whole number in %" PRIu64 "..%" PRIu64,
                                   o->name, value, o->min, o->max),
                         "write for example %s %" PRIu64, o->name, o->min == 0 ? 1 : o->min);
    }
    memcpy(base + o->offset, &number, sizeof number);
    if (o->has_offset != 0) {
        bool yes = true;
        memcpy(base + o->has_offset, &yes, sizeof yes);
    }
    return CLG_OK;
}

static int parse_option(clg_cli *out, const clg_command *c, int argc, char **argv, int *i)
{
    const char *arg = argv[*i];
    size_t len = strcspn(arg, "=");
    const option *o = find_option(arg, len);
    if (o == NULL || !takes_option(c, o->name)) {
        return fail_unknown(c, arg);
    }
    if (o->kind == OPTION_FLAG) {
        if (arg[len] != '\0') {
            return clg__hint(clg__fail(CLG_E_USAGE, "%s takes no value", o->name), "write %s alone",
                             o->name);
        }
        bool yes = true;
        memcpy((char *)out + o->offset, &yes, sizeof yes);
        return CLG_OK;
    }
    if (arg[len] == '=') {
        return store_value(out, o, arg + len + 1);
    }
    if (*i + 1 >= argc) {
        return clg__hint(clg__fail(CLG_E_USAGE, "%s wants a value", o->name), "write %s %s",
                         o->name, o->value);
    }
    return store_value(out, o, argv[++*i]);
}

static const clg_command *find_command(const char *name)
{
    for (const clg_command *c = clg__commands; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

static int fail_command(const char *name)
{
    const char *names[32];
    size_t n = 0;
    for (const clg_command *c = clg__commands; c->name != NULL && n < 30; c++) {
        names[n++] = c->name;
    }
    names[n++] = "--version";
    names[n++] = "--help";
    const char *best = clg__nearest(name, names, n);
    int status = name[0] == '-' ? clg__fail(CLG_E_USAGE, "%s: not an option before a command", name)
                                : clg__fail(CLG_E_USAGE, "unknown command \"%s\"", name);
    return best != NULL ? clg__hint(status, "did you mean clgan %s? All commands: clgan --help", best)
                        : clg__hint(status, "all commands: clgan --help");
}

int clg__cli_parse(int argc, char **argv, clg_cli *out, const clg_command **command)
{
    *out = (clg_cli){ 0 };
    *command = NULL;
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        out->help = true;
        *command = argc > 2 ? find_command(argv[2]) : NULL;
        return argc > 2 && *command == NULL ? fail_command(argv[2]) : CLG_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        return clg__hint(clg__fail(CLG_E_USAGE, "--version takes no arguments"),
                         "write clgan --version");
    }
    *command = find_command(argv[1]);
    if (*command == NULL) {
        return fail_command(argv[1]);
    }
    out->command = argv[1];
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "-h") == 0) {
            out->help = true;
        } else if (argv[i][0] == '-' && argv[i][1] == '-') {
            int status = parse_option(out, *command, argc, argv, &i);
            if (status != CLG_OK) {
                return status;
            }
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            return fail_unknown(*command, argv[i]);
        } else if (out->words == CLG_CLI_WORDS) {
            return clg__hint(clg__fail(CLG_E_USAGE, "%s: more than %d arguments", out->command,
                                       CLG_CLI_WORDS),
                             "see clgan %s --help", out->command);
        } else {
            out->word[out->words++] = argv[i];
        }
    }
    return CLG_OK;
}

static void print_all_help(FILE *to)
{
    fprintf(to, "clgan %s: trains GANs on any OpenCL 1.2 device\n\n", CLGAN_VERSION);
    for (const clg_command *c = clg__commands; c->name != NULL; c++) {
        fprintf(to, "  clgan %-9s %s\n", c->name, c->summary);
    }
    fprintf(to, "\n  clgan COMMAND --help     options of a command\n"
                "  clgan --version\n\n"
                "First steps:\n"
                "  clgan devices\n"
                "  clgan train --model dcgan --size 32 --epochs 1\n"
                "  clgan sample runs/dcgan-1 --grid 8x8 --out samples.png\n\n"
                "Environment: CLGAN_PLATFORM, CLGAN_DEVICE as the options; CLGAN_DATA a folder of\n"
                "data sets; CLGAN_KERNELS=cpu|gpu forces a kernel family, CLGAN_VECTOR=4|8|16 the\n"
                "width of its vectors, CLGAN_CONV=direct|winograd2|winograd4 an algorithm of\n"
                "convolutions; CLGAN_CL_DIR reads kernels from a folder; XDG_CACHE_HOME moves the\n"
                "caches.\n\n"
                "Exit codes: 0 done, 1 internal or OpenCL error, 2 wrong option, key or value,\n"
                "3 no usable device, 4 data set, 5 out of memory, 6 file cannot be read or\n"
                "written, 7 checkpoint, 8 not finite, 9 model file, 10 results differ,\n"
                "130 and 143 stopped by a signal after saving.\n");
}

void clg__cli_help(const clg_command *c, FILE *to)
{
    if (c == NULL) {
        print_all_help(to);
        return;
    }
    fprintf(to, "clgan %s %s\n%s\n\n", c->name, c->arguments, c->summary);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (takes_option(c, options[i].name)) {
            char left[64];
            (void)snprintf(left, sizeof left, "%s %s", options[i].name,
                           options[i].value != NULL ? options[i].value : "");
            fprintf(to, "  %-26s %s\n", left, options[i].help);
        }
    }
    if (c->notes != NULL) {
        fprintf(to, "\n%s", c->notes);
    }
}
