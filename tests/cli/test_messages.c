/* What the program says to wrong commands, options, keys, values, sizes, folders and devices: the
 * exact message, hint and exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/cli_run.h"

#define PACKAGES                                                                            \
    "install a driver: apt install pocl-opencl-icd (any CPU), mesa-opencl-icd (Mesa GPUs, " \
    "RUSTICL_ENABLE=<driver>), or your GPU vendor's OpenCL package"

static void unknown_commands_and_options_get_the_nearest_name(void **state)
{
    (void)state;
    cli_fails("trian", 2, "unknown command \"trian\"",
              "did you mean clgan train? All commands: clgan --help");
    cli_fails("xyzzyxyzzy", 2, "unknown command \"xyzzyxyzzy\"", "all commands: clgan --help");
    cli_fails("--versio", 2, "--versio: not an option before a command",
              "did you mean clgan --version? All commands: clgan --help");
    cli_fails("--version --json", 2, "--version takes no arguments", "write clgan --version");
    cli_fails("help sampel", 2, "unknown command \"sampel\"",
              "did you mean clgan sample? All commands: clgan --help");
    cli_fails("train --mdel dcgan", 2, "train: unknown option --mdel",
              "did you mean --model? All options: clgan train --help");
    cli_fails("train --mdel=dcgan", 2, "train: unknown option --mdel",
              "did you mean --model? All options: clgan train --help");
    cli_fails("sample run --clas 3", 2, "sample: unknown option --clas",
              "did you mean --class? All options: clgan sample --help");
    cli_fails("sample run --quantity 3", 2, "sample: unknown option --quantity",
              "all options: clgan sample --help");
    cli_fails("train -m dcgan", 2, "train: unknown option -m", "*clgan train --help");
    cli_fails(
        "models shwo dcgan", 2, "models: \"shwo\" with 1 arguments is not understood",
        "did you mean show? Otherwise write clgan models list, show NAME, or check FILE.yaml");
    cli_fails("bench stepp", 2, "bench: \"stepp\" is not one of its parts",
              "write clgan bench, or one of step, steps, sample, products, layers, op NAME");
    cli_fails("bench op conv2d fwd n=1 algo=9", 2, "conv2d: algo is 9, it may be a whole number from 0 to 2",
              "clgan --help lists commands and exit codes");
    cli_fails("bench op conv2d fwd n=1 tile=99", 2, "conv2d: tile is 99, it may be a whole number from 0 to 10",
              "clgan --help lists commands and exit codes");
    cli_fails("bench op gemm mul m=4 n=-3 k=2", 2, "gemm: n is -3, it may be a whole number from 1 to 4294967295",
              "*");
    cli_fails("bench op gemm mul n=1000000.5", 2,
              "gemm: n is 1000000.5, it may be a whole number from 1 to 4294967295", "*");
    cli_fails("bench op gemm mul m=4 n=3 k=2 tb=-1", 2, "gemm: tb is -1, it may be a whole number from 0 to 1",
              "*");
    cli_fails("bench op conv2d fwd n=1 pad=-1", 2,
              "conv2d: pad is -1, it may be a whole number from 0 to 4294967295", "*");
    cli_fails("bench op deconv2d fwd n=1 act=9", 2, "deconv2d: act is 9, it may be a whole number from 0 to *", "*");
    cli_fails("bench op deconv2d fwd n=1 out_pad=-1", 2,
              "deconv2d: out_pad is -1, it may be a whole number from 0 to 4294967295", "*");
    cli_fails("bench op mlp g n=4 gact=99", 2, "mlp: gact is 99, it may be a whole number from 0 to *", "*");
    cli_fails("bench op mlp both n=4 steps=1.5", 2, "mlp: steps is 1.5, it may be a whole number from 1 to *",
              "*");
    cli_fails("bench op conv2", 2, "bench op: unknown operator \"conv2\"",
              "did you mean conv2d? There are gemm, linear, *");
}

static void wrong_arguments_are_named(void **state)
{
    (void)state;
    cli_fails("train", 2, "train: --model is missing",
              "clgan models list shows the presets; try --model dcgan");
    cli_fails("train dcgan", 2, "train: unexpected argument \"dcgan\"",
              "options start with --, see clgan train --help");
    cli_fails("train --model", 2, "--model wants a value", "write --model NAME|FILE.yaml");
    cli_fails("train --model ''", 2, "--model wants a value, got an empty one",
              "write --model NAME|FILE.yaml");
    cli_fails("train --help=3", 2, "--help takes no value", "write --help alone");
    cli_fails("train --model dcgan --steps 3 --epochs 3", 2,
              "--epochs and --steps exclude each other", "give one of them");
    cli_fails("train --resume x --out y", 2, "--resume excludes --out and --init-from",
              "a resumed run goes on in its own folder");
    cli_fails("devices x", 2, "devices: unexpected argument \"x\"",
              "write clgan devices, or clgan devices --json");
    cli_fails("selftest x", 2, "selftest: unexpected argument \"x\"", "see clgan selftest --help");
    cli_fails("cache x", 2, "cache: unexpected argument \"x\"",
              "write clgan cache, or clgan cache --clear");
    cli_fails("info", 2, "info: wants one run folder or checkpoint",
              "write for example clgan info runs/dcgan-1");
    cli_fails("compare a", 2, "compare: wants two runs or two checkpoints, got 1",
              "write for example clgan compare runs/dcgan-1 runs/dcgan-2");
    cli_fails("sample", 2, "sample: wants one run folder or checkpoint, got 0",
              "write for example clgan sample runs/dcgan-1 --out samples.png");
    cli_fails(
        "info 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 "
        "31 32 33",
        2, "info: more than 32 arguments", "see clgan info --help");
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "0",    "-1", "x", "4.5", "1e3", "99999999999999999999999",
                                       "0x10", "+4" };
    char words[128], message[128];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(words, sizeof words, "train --model dcgan --batch %s", bad[i]);
        (void)snprintf(message, sizeof message, "--batch %s: not a whole number in 1..65536",
                       bad[i]);
        cli_fails(words, 2, message, "write for example --batch 1");
    }
    cli_fails("train --model dcgan --size 0", 2, "--size 0: not a whole number in 1..4096",
              "write for example --size 1");
    cli_fails("train --model dcgan --seed -3", 2,
              "--seed -3: not a whole number in 0..18446744073709551615",
              "write for example --seed 1");
}

static void unknown_models_keys_and_values_get_the_nearest_name(void **state)
{
    (void)state;
    cli_fails("train --model dcgn", 2, "unknown model 'dcgn'",
              "did you mean 'dcgan'? `clgan models list` shows all");
    cli_fails("models show dcgn", 2, "unknown model 'dcgn'",
              "did you mean 'dcgan'? `clgan models list` shows all");
    cli_fails("train --model none.yaml", 6, "none.yaml: cannot open: No such file or directory",
              "check the name");
    cli_fails("train --model dcgan --set train.bath=4", 2,
              "--set train.bath=4: unknown key 'bath' in train", "did you mean 'batch'? *");
    cli_fails("train --model dcgan --set trian.batch=4", 2,
              "--set trian.batch=4: unknown section 'trian'*", "did you mean *train*");
    cli_fails("train --model dcgan --set batch=4", 2, "--set batch=4: the section is missing",
              "did you mean train.batch=...?");
    cli_fails("train --model dcgan --set runtime.gemm=clblas", 2,
              "--set runtime.gemm=clblas: runtime.gemm wants 'auto', 'clblast' or 'builtin', not "
              "'clblas'",
              "did you mean 'clblast'?");
    cli_fails("train --model dcgan --precision fp8", 2,
              "--precision wants 'fp32', 'fp16' or 'bf16', not 'fp8'", "did you mean 'fp*'?");
    cli_fails("train --model dcgan --on-collapse panic", 2,
              "--on-collapse wants 'warn', 'stop' or 'rollback', not 'panic'",
              "use 'warn', 'stop' or 'rollback'");
    cli_fails("train --model dcgan --set generator.layers=1", 2,
              "--set generator.layers=1: layers cannot be set",
              "copy the model with `clgan models show` and edit the file");
    cli_fails("train --model dcgan --set nothing", 2,
              "--set nothing: not of the form section.key=value",
              "for example --set train.batch=32");
    cli_fails("train --model dcgan --set ''", 2, "--set : not of the form section.key=value",
              "for example --set train.batch=32");
}

static void weird_values_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "nan", "inf", "-1", "1e400", "1e30", "0x1p3",
                                       "1,5", "''",  "1e", "--",    "-nan" };
    char words[128], message[192];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *v = bad[i][0] == '\'' ? "" : bad[i];
        (void)snprintf(words, sizeof words, "train --model dcgan --set optimizer_d.lr=%s", v);
        (void)snprintf(message, sizeof message,
                       "--set optimizer_d.lr=%s: optimizer_d.lr wants a "
                       "number from 0 to 1000000, not '%s'",
                       v, v);
        cli_fails(words, 2, message, "write a number from 0 to 1000000");
    }
    cli_fails("train --model dcgan --set latent.size=99999999999", 2, "*latent.size wants a whole*",
              "write a number from *");
    cli_fails("train --model dcgan --set optimizer_g.beta1=1", 2,
              "*optimizer_g.beta1 wants a number from 0 to below 1, not '1'",
              "write a number from 0 to below 1");
}

static void model_files_are_refused_with_their_line(void **state)
{
    (void)state;
    cli_write_text("key.yaml", "model: { name: a }\nlatent:\n  sise: 8\n");
    cli_fails("models check key.yaml", 9, "key.yaml:3: unknown key 'sise' in latent",
              "did you mean 'size'? *");
    cli_write_text("broken.yaml", "model: { name: a\n");
    cli_fails("models check broken.yaml", 9, "broken.yaml:*: not YAML: *", "check quotes, *");
    cli_write_text("empty.yaml", "");
    cli_fails("models check empty.yaml", 9, "empty.yaml:1: the file is empty",
              "`clgan models show dcgan` prints a model file that works");
    cli_write_text("huge.yaml",
                   "model: { name: a }\nlatent: { size: 65536 }\ngenerator:\n  layers:\n"
                   "    - { op: linear, out: 65536 }\n    - { op: linear, out: 65536 }\n"
                   "    - { op: linear, out: pixels }\n"
                   "discriminator:\n  layers:\n    - { op: linear, out: 1 }\n");
    cli_fails("models check huge.yaml", 9,
              "generator layer 1 (main.0, line 5): linear: 65536 inputs x 65536 outputs are 2^32 "
              "weights or more",
              "take a smaller size or width, or convolutions");
    cli_write_text("absurd.yaml", "model: { name: a }\nlatent: { size: 8 }\ngenerator:\n  layers:\n"
                                  "    - { op: conv2d, out: 4000000000, kernel: 9 }\n");
    cli_fails("models check absurd.yaml", 9, "absurd.yaml:5: generator layer 1: *", "*");
    cli_fails("train --model idx/train-images-idx3-ubyte", 9, "idx/train-images-idx3-ubyte:1: *",
              "*");
}

static void sizes_that_the_network_cannot_make_are_refused(void **state)
{
    (void)state;
    cli_fails(
        "train " CLI_SMALL "--size 33 --out s33", 9,
        "generator layer 1 (main.0, line *): an image size of 33 is not m * 2^s with m = 4..7 "
        "and s >= 1, which 'out: stage' needs",
        "the nearest sizes that work are 32 and 40");
    assert_false(cli_exists("s33"));
    cli_fails("train " CLI_SMALL "--size 4096 --steps 1 --out s4096", 2,
              "a grid of 8x8 images is 32786x32786 pixels",
              "ask for fewer rows or columns (sample --grid RxC; in a run --set train.grid_rows=R "
              "and train.grid_cols=C)");
    assert_false(cli_exists("s4096"));
}

static void a_batch_of_one_under_batch_norm_is_refused(void **state)
{
    (void)state;
    cli_fails("train --model ring --batch 1 --out b1", 2,
              "a batch of 1 under batch norm (generator, layer main.1) has no variance",
              "give --batch 2 or more, or a model without batch norm");
    assert_false(cli_exists("b1"));
}

static void a_batch_beyond_the_device_is_refused_with_the_one_that_fits(void **state)
{
    (void)state;
    const char *message = "batch 65536 needs * MiB on * (largest buffer * MiB), which has * MiB "
                          "(largest buffer * MiB)";
    cli_fails("train --model dcgan --data idx --batch 65536 --out big", 5, message,
              "batch * would fit: --batch *");
    assert_false(cli_exists("big"));
    cli_fails("bench step --model dcgan --batch 65536", 5, message, "batch * would fit: --batch *");
}

static void folders_that_cannot_be_the_run_are_refused_before_anything_is_made(void **state)
{
    (void)state;
    cli_fails("train " CLI_SMALL "--out idx", 2, "--out idx: the folder is not empty",
              "choose another name, or continue that run with --resume idx");
    cli_write_text("file", "x");
    cli_fails("train " CLI_SMALL "--out file", 2, "--out file: is a file, not a folder",
              "choose another name");
    cli_fails("train " CLI_SMALL "--out file/run", 6, "file: cannot create folder: File exists",
              "choose a folder that you may write to: --out DIR");
    cli_fails("train " CLI_SMALL "--out /proc/run", 6,
              "/proc/run: cannot create folder: No such file or directory",
              "choose a folder that you may write to: --out DIR");
}

static void without_a_driver_the_packages_are_named(void **state)
{
    (void)state;
    cli_write_text("vendors/none", "");
    cli_env("OCL_ICD_VENDORS", "vendors");
    cli_fails("train " CLI_SMALL, 3, "no OpenCL platform found", PACKAGES);
    cli_env("OCL_ICD_VENDORS", "vendors");
    cli_fails("devices --json", 3, "no OpenCL platform found", PACKAGES);
    assert_false(cli_exists("runs"));
}

/* Mesa's Clover is a platform of OpenCL 1.1 and, without a GPU, has no device. It leaves memory
 * behind when it is unloaded. */
static void an_old_driver_without_devices_is_named(void **state)
{
    (void)state;
    const char *message =
        "platform 0 (Clover) is not usable: the platform (OpenCL 1.1 Mesa *) has no "
        "device";
    cli_env("OCL_ICD_VENDORS", "/etc/OpenCL/vendors/mesa.icd");
    cli_env("ASAN_OPTIONS", "detect_leaks=0");
    cli_fails("train " CLI_SMALL, 3, message, PACKAGES);
    cli_env("OCL_ICD_VENDORS", "/etc/OpenCL/vendors/mesa.icd");
    cli_env("ASAN_OPTIONS", "detect_leaks=0");
    cli_fails("selftest --platform 0 --device 0", 3,
              "no OpenCL device for platform '0', device '0'", PACKAGES);
    cli_env("OCL_ICD_VENDORS", "/etc/OpenCL/vendors/mesa.icd");
    cli_env("ASAN_OPTIONS", "detect_leaks=0");
    assert_int_equal(cli_run("devices")->code, 3);
}

static void devices_out_of_range_get_a_list_of_what_there_is(void **state)
{
    (void)state;
    const char *list = "there is: platform 0 device 0: Portable Computing Language / * (cpu)";
    cli_fails("train " CLI_SMALL "--platform 7", 3,
              "no OpenCL device for platform '7', device 'any'", list);
    cli_fails("train " CLI_SMALL "--device 7", 3, "no OpenCL device for platform 'any', device '7'",
              list);
    cli_fails("selftest --platform nosuch --device gpu", 3,
              "no OpenCL device for platform 'nosuch', device 'gpu'", list);
    cli_env("CLGAN_DEVICE", "9");
    cli_fails("train " CLI_SMALL, 3, "no OpenCL device for platform 'any', device '9'", list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_commands_and_options_get_the_nearest_name),
        cmocka_unit_test(wrong_arguments_are_named),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(unknown_models_keys_and_values_get_the_nearest_name),
        cmocka_unit_test(weird_values_are_refused),
        cmocka_unit_test(model_files_are_refused_with_their_line),
        cmocka_unit_test(sizes_that_the_network_cannot_make_are_refused),
        cmocka_unit_test(a_batch_of_one_under_batch_norm_is_refused),
        cmocka_unit_test(a_batch_beyond_the_device_is_refused_with_the_one_that_fits),
        cmocka_unit_test(folders_that_cannot_be_the_run_are_refused_before_anything_is_made),
        cmocka_unit_test(without_a_driver_the_packages_are_named),
        cmocka_unit_test(an_old_driver_without_devices_is_named),
        cmocka_unit_test(devices_out_of_range_get_a_list_of_what_there_is),
    };
    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
