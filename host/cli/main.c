/* Entry point: the table of commands, the message of a failure and the exit code. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/os.h"
#include "cli/cli.h"

static const char *const train_options[] = { "--model", "--data", "--platform", "--device", "--out",
    "--epochs", "--steps", "--batch", "--size", "--seed", "--set", "--resume", "--init-from",
    "--trace", "--on-collapse", "--precision", "--math", "--profile", NULL };
static const char *const sample_options[] = { "--model", "--platform", "--device", "--count",
    "--grid", "--seed", "--latents", "--interpolate", "--class", "--out", "--set", "--size", "--math",
    NULL };
static const char *const eval_options[] = { "--metrics", "--against", "--data", "--size", "--count",
    "--seed", "--samples-from", "--out", "--png", "--json", "--model", "--set", "--math",
    "--platform", "--device", NULL };
static const char *const tune_options[] = { "--model", "--batch", "--size", "--set", "--platform",
    "--device", "--thorough", "--json", NULL };
static const char *const json_options[] = { "--json", NULL };
static const char *const selftest_options[] = { "--platform", "--device", "--json", "--quick",
    "--precision", "--math", "--set", NULL };
static const char *const no_options[] = { NULL };
static const char *const cache_options[] = { "--clear", "--json", NULL };
static const char *const bench_options[] = { "--model", "--batch", "--size", "--set", "--platform",
    "--device", "--json", "--out", "--count", "--rounds", "--precision", "--math",
    "--profile", NULL };

const clg_command clg__commands[] = {
    { .name = "train", .arguments = "--model NAME|FILE.yaml [options]",
      .summary = "Trains a model on images and writes a run folder.", .options = train_options,
      .notes = "Without --platform and --device the best usable device is taken, GPU before CPU.\n"
               "Ctrl-C finishes the step, saves a checkpoint and exits with 130.\n"
               "--on-collapse: samples that no longer differ, or a D that is always right, are told\n"
               "(warn, the default), end the run with exit code 8 (stop), or take it back to the\n"
               "last good checkpoint with other noise and half the learning rates, at most three\n"
               "times, which also helps when a loss is not finite (rollback).\n"
               "Keys for --set, with what they mean: clgan models show NAME\n",
      .run = clg__cmd_train },
    { .name = "sample", .arguments = "RUN|CHECKPOINT [options]",
      .summary = "Draws images from a trained generator.", .options = sample_options,
      .notes = "--out x.png: one grid; x.npy: float32 [N,H,W,C] in [-1,1]; otherwise a folder of\n"
               "PNG files. A checkpoint of another program needs --model (and --size).\n"
               "A model that learnt classes draws one class per row of a grid, else the classes by\n"
               "turns. --class 3 or --class Sneaker draws that one alone; --class Sneaker..Bag\n"
               "--interpolate 8 walks in each row from one class to the other with the same z.\n",
      .run = clg__cmd_sample },
    { .name = "eval", .arguments = "RUN|CHECKPOINT [options]",
      .summary = "Measures samples: likelihood, modes, sharpness, copies.", .options = eval_options,
      .notes =
          "Metrics of images: parzen, sharpness, nearest, reconstruction (of its own accord for\n"
          "autoencoders and with --against only: a GAN takes 200 steps on each latent).\n"
          "Metrics of drawn systems: modes (ring, grid), curves, gauss1d.\n"
          "--out FOLDER takes the pictures; --png FOLDER alone writes samples and measures\n"
          "nothing. Data named by --data must have the model's shape, or --size that resizes.\n"
          "clgan eval --model goodfellow-mnist --samples-from train --metrics parzen measures\n"
          "real images by the same protocol.\n",
      .run = clg__cmd_eval },
    { .name = "devices", .arguments = "[--json]",
      .summary = "Lists OpenCL devices and whether clgan can use them.", .options = json_options,
      .run = clg__cmd_devices },
    { .name = "selftest", .arguments = "[--platform P] [--device D] [--json]",
      .summary = "Checks every kernel and a short training of a device against double precision.",
      .options = selftest_options, .run = clg__cmd_selftest },
    { .name = "tune", .arguments = "[--model NAME|FILE.yaml] [options]",
      .summary = "Measures which algorithms are fastest on a device and keeps a record.",
      .options = tune_options,
      .notes = "Without --model the layers of all convolutional presets. New runs with runtime.tune=on\n"
               "(the default) use the record; a resumed run stays with what its checkpoint says.\n"
               "GFLOP/s count the direct algorithm's operations, so that times can be compared.\n",
      .run = clg__cmd_tune },
    { .name = "models", .arguments = "[list | show NAME | check NAME|FILE.yaml]",
      .summary = "Lists, prints or checks models.", .options = no_options,
      .run = clg__cmd_models },
    { .name = "info", .arguments = "RUN|CHECKPOINT [--json]",
      .summary = "Tells what a run or checkpoint holds.", .options = json_options,
      .run = clg__cmd_info },
    { .name = "compare", .arguments = "A B [--json]",
      .summary = "Finds the first difference of two runs' traces or of two checkpoints.",
      .options = json_options, .notes = "Exit code 10 when they differ.\n",
      .run = clg__cmd_compare },
    { .name = "cache", .arguments = "[--clear]",
      .summary = "Tells where caches lie and how large they are.", .options = cache_options,
      .run = clg__cmd_cache },
    { .name = "bench", .arguments = "[products | layers | steps | step | sample | op NAME ...]",
      .summary = "Measures a device: peaks, products, layers, a step of every model.",
      .options = bench_options,
      .notes = "clgan bench                                   the whole table, one or two minutes\n"
               "clgan bench --out mine.json                   and the same as a file, for bench/results\n"
               "clgan bench --model dcgan --batch 16          of one model, with its own layers\n"
               "clgan bench products                          a part of it: products, layers or steps\n"
               "clgan bench step --model dcgan                a training step alone\n"
               "clgan bench sample --model dcgan --count 1000 drawing images\n"
               "clgan bench op conv2d                         all its cases\n"
               "clgan bench op conv2d fwd n=64 h=32 w=32 c=64 k=128 r=4 s=4 stride=2 pad=1\n",
      .run = clg__cmd_bench },
    { .name = NULL },
};

int clg__cli_exit_code(int status)
{
    switch (status) {
    case CLG_OK:
        return 0;
    case CLG_E_USAGE:
        return 2;
    case CLG_E_DEVICE:
        return 3;
    case CLG_E_DATA:
        return 4;
    case CLG_E_DEVICE_MEMORY:
    case CLG_E_MEMORY:
        return 5;
    case CLG_E_IO:
        return 6;
    case CLG_E_CHECKPOINT:
        return 7;
    case CLG_E_NUMERIC:
        return 8;
    case CLG_E_MODEL:
        return 9;
    case CLG_E_MISMATCH:
        return 10;
    case CLG_E_INTERRUPTED:
        return 128 + clg__os_signal_seen();
    default:
        return 1;
    }
}

static void print_log(void *user, enum clg_log_level level, const char *line)
{
    (void)user;
    if (level != CLG_LOG_DEBUG || clg__os_env("CLGAN_DEBUG") != NULL) {
        fprintf(stderr, "clgan: %s%s\n", level == CLG_LOG_WARN ? "warning: " : "", line);
    }
}

int main(int argc, char **argv)
{
    clg_cli cli;
    const clg_command *command = NULL;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("clgan %s\n", CLGAN_VERSION);
        return 0;
    }
    clg__os_file_limit_fails();
    clg__log_set(print_log, NULL);
    int status = clg__cli_parse(argc, argv, &cli, &command);
    if (status == CLG_OK && cli.help) {
        clg__cli_help(command, argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (status == CLG_OK) {
        status = command->run(&cli);
    }
    if (status == CLG_OK && (fflush(stdout) != 0 || ferror(stdout) != 0)) {
        status = clg__hint(clg__fail(CLG_E_IO, "standard output cannot be written"),
                           "the answer is lost; is the disk that it goes to full?");
    }
    if (status != CLG_OK && status != CLG_E_INTERRUPTED) {
        fprintf(stderr, "clgan: error: %s\n",
                clg_message()[0] != '\0' ? clg_message() : clg_status_text(status));
        fprintf(stderr, "hint: %s\n",
                clg_hint()[0] != '\0' ? clg_hint() : "clgan --help lists commands and exit codes");
    }
    return clg__cli_exit_code(status);
}
