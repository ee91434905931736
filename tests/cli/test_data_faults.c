/* Data that is cut, empty, missing or lies about its size, as the program reports it; and the good
 * kinds beside them: CIFAR-10 batches, folders with classes, a few broken images among many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/image_samples.h"
#include "support/cli_run.h"

#define TRAIN                                                                  \
    "train --model dcgan --size 16 --batch 4 --steps 2 --set data.channels=1 " \
    "--set generator.width=4 --set discriminator.width=4 "

static const char again[] = "get the file again";

static void idx_files_that_are_cut_empty_or_lie_are_refused(void **state)
{
    (void)state;
    cli_write_idx("cut/train-images-idx3-ubyte", 22, 16, 16, 22 * 256 - 7);
    cli_fails(TRAIN "--data cut", 4,
              "cut/train-images-idx3-ubyte: the header declares 5632 bytes of "
              "data, the file holds 5625",
              "the file is cut or damaged: get it again");
    cli_write_idx("lie/train-images-idx3-ubyte", 4000000000u, 4096, 4096, 5632);
    cli_fails(TRAIN "--data lie", 4,
              "lie/train-images-idx3-ubyte: the header declares "
              "67108864000000000 bytes of data, the file holds 5632",
              "the file is cut or damaged: get it again");
    cli_write_text("empty/train-images-idx3-ubyte", "");
    cli_fails(TRAIN "--data empty", 4, "empty/train-images-idx3-ubyte: the file is empty", again);
    cli_write_idx("none/train-images-idx3-ubyte", 0, 16, 16, 0);
    cli_fails(TRAIN "--data none", 4, "none/train-images-idx3-ubyte: the header declares no data",
              again);
    cli_write_text("text/train-images-idx3-ubyte", "no idx file, but long enough for a header");
    cli_fails(TRAIN "--data text", 4,
              "text/train-images-idx3-ubyte: not an IDX file: it starts with "
              "6e 6f",
              "get the file again; it should come from an MNIST-like set");
    cli_write_text("gz/train-images-idx3-ubyte.gz", "\x1f\x8b\x08 cut");
    cli_fails(TRAIN "--data gz", 4, "gz/train-images-idx3-ubyte.gz: *", "get the file again*");
    assert_false(cli_exists("runs"));
}

static void write_cifar(const char *name, uint32_t records, size_t cut, uint8_t label)
{
    size_t n = records * 3073u;
    uint8_t *bytes = clg__alloc(n, 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = i % 3073u == 0 ? label : (uint8_t)(i * 31u);
    }
    cli_write(name, bytes, n - cut);
    clg__free(bytes);
}

static void cifar_batches_train_or_are_refused(void **state)
{
    (void)state;
    write_cifar("cifar/data_batch_1.bin", 6, 0, 3);
    cli_works(TRAIN "--data cifar --out cifar-run");
    assert_true(cli_exists("cifar-run/checkpoints/step-00000002.safetensors"));
    write_cifar("cifar-cut/data_batch_1.bin", 6, 5, 3);
    cli_fails(
        TRAIN "--data cifar-cut", 4,
        "cifar-cut/data_batch_1.bin: 18433 bytes are not whole records of 3073: the file is cut "
        "or no CIFAR-10 batch",
        "get the file again (the binary version of CIFAR-10)");
    cli_write_text("cifar-empty/data_batch_1.bin", "");
    cli_fails(TRAIN "--data cifar-empty", 4, "cifar-empty/data_batch_1.bin: the file is empty",
              again);
    write_cifar("cifar-label/data_batch_1.bin", 6, 0, 200);
    cli_fails(TRAIN "--data cifar-label", 4,
              "cifar-label/data_batch_1.bin: record 0 has label 200, wanted 0..9",
              "the file is damaged or no CIFAR-10 batch: get it again");
}

/* Grey noise of 20x18 under `name` (its ending says the kind), the last `cut` bytes missing. */
static void write_image(const char *name, size_t cut)
{
    uint8_t pixels[20 * 18];
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * i * 7u + i);
    }
    bool png = strstr(name, ".png") != NULL;
    sample_file f =
        png ? sample_png8(pixels, 20, 18, 1)
            : sample_make_jpeg(&(sample_jpeg){ .w = 20, .h = 18, .c = 1, .pixels = pixels });
    cli_write(name, f.bytes, f.n - cut);
    free(f.bytes);
}

static void write_images(const char *dir, const char *ending, int good, int broken)
{
    char name[64];
    for (int i = 0; i < good + broken; i++) {
        (void)snprintf(name, sizeof name, "%s/%03d.%s", dir, i, ending);
        write_image(name, i < good ? 0 : 60);
    }
}

static void one_broken_image_among_a_hundred_is_left_out_and_named(void **state)
{
    (void)state;
    const char *broken = "skipped a broken image: few/100.png: broken PNG: the file is cut";
    size_t n = 0;
    write_images("few", "png", 100, 1);
    for (int i = 0; i < 2; i++) { /* the second time from the data cache */
        const cli_result *r =
            cli_works(i == 0 ? TRAIN "--data few --out few-0" : TRAIN "--data few --out few-1");
        assert_non_null(strstr(r->err, "100 images of 16x16x1, 1 broken ones left out\n"));
        char *log = (char *)cli_read(i == 0 ? "few-0/clgan.log" : "few-1/clgan.log", &n);
        assert_non_null(strstr(log, "100 images, 1 skipped\n"));
        assert_non_null(strstr(log, "skipped a broken image: few/100.png: broken PNG"));
        clg__free(log);
        if (i == 0) {
            assert_non_null(strstr(r->err, broken));
        }
    }
}

static void more_broken_images_are_an_error(void **state)
{
    (void)state;
    write_images("many", "png", 100, 2);
    cli_fails(
        TRAIN "--data many", 4,
        "many: 2 broken among the first 102 of 102 images, more than 1 %: many/101.png: broken "
        "PNG: the file is cut",
        "remove or replace the broken files; each is named in the log");
    write_images("jpeg", "jpg", 0, 1);
    cli_fails(
        TRAIN "--data jpeg", 4,
        "jpeg: 1 broken among the first 1 of 1 images, more than 1 %: jpeg/000.jpg: broken JPEG: "
        "Premature end of JPEG file",
        "remove or replace the broken files; each is named in the log");
    cli_write_text("hollow/a.png", "");
    cli_fails(TRAIN "--data hollow", 4,
              "hollow: 1 broken among the first 1 of 1 images, more than 1 "
              "%: hollow/a.png: *empty*",
              "remove or replace the broken files; each is named in the log");
    /* A PNG that claims 65535x65535 pixels: refused before memory is taken. */
    uint8_t bomb[33] = { 0x89, 'P',  'N', 'G', 13,  10, 26, 10,   0,    0,    0,
                         13,   'I',  'H', 'D', 'R', 0,  0,  0xff, 0xff, 0,    0,
                         0xff, 0xff, 8,   2,   0,   0,  0,  0xe0, 0x47, 0x74, 0x55 };
    cli_write("bomb/a.png", bomb, sizeof bomb);
    cli_fails(TRAIN "--data bomb", 4,
              "bomb: 1 broken among the first 1 of 1 images, more than 1 %: "
              "bomb/a.png: *",
              "remove or replace the broken files; each is named in the log");
}

static void folders_without_images_are_refused(void **state)
{
    (void)state;
    const char *hint =
        "the folder should hold *.png or *.jpg files (or sub-folders of them, one per "
        "class), train-images-idx3-ubyte[.gz], or data_batch_*.bin";
    cli_write_text("words/readme.txt", "hi");
    cli_write_text("words/.hidden.png", "hi");
    cli_fails(TRAIN "--data words", 4, "words: no PNG or JPEG image, IDX file or CIFAR-10 batch",
              hint);
    cli_fails(TRAIN "--data nowhere", 4, "nowhere: neither a folder nor a known data set",
              "give a folder of IDX files, CIFAR-10 batches or images, or one of: fashion-mnist, "
              "mnist, cifar10");
    cli_fails(TRAIN "--data fashion-mnits", 4,
              "fashion-mnits: neither a folder nor a known data set",
              "did you mean fashion-mnist?");
    cli_fails(TRAIN "--data cifar10", 4,
              "data set cifar10 not found; looked in $CLGAN_DATA/cifar10 "
              "(not set), ./data/cifar10, *",
              "put CIFAR-10's binary batches (data_batch_1.bin ...) into ./data/cifar10, or give a "
              "folder: --data PATH");
}

static void folders_with_a_sub_folder_per_class_train(void **state)
{
    (void)state;
    write_images("pets/cat", "png", 4, 0);
    write_images("pets/dog", "jpg", 4, 0);
    const cli_result *r = cli_works(TRAIN "--data pets --out pets-run");
    assert_non_null(strstr(r->err, "data: pets (pets), 8 images of 16x16x1\n"));
    /* A set in one of the known homes is found by its name. */
    cli_write_idx("homes/fashion-mnist/train-images-idx3-ubyte", 9, 16, 16, 9 * 256);
    cli_env("CLGAN_DATA", "homes");
    r = cli_works(TRAIN "--data fashion-mnist --out home-run");
    assert_non_null(strstr(r->err, "(homes/fashion-mnist), 9 images of 16x16x1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_files_that_are_cut_empty_or_lie_are_refused),
        cmocka_unit_test(cifar_batches_train_or_are_refused),
        cmocka_unit_test(one_broken_image_among_a_hundred_is_left_out_and_named),
        cmocka_unit_test(more_broken_images_are_an_error),
        cmocka_unit_test(folders_without_images_are_refused),
        cmocka_unit_test(folders_with_a_sub_folder_per_class_train),
    };
    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
