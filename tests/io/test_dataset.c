/* IDX and CIFAR-10 sets: what is read, at which size, and which message each broken file gets. */
#include "io/data_samples.h"

#include "io/dataset_internal.h"

static const clg_dataset_options plain = { 0 };

/* ---- IDX ---- */

static void idx_is_read_plain_and_gzipped_alike(void **state)
{
    (void)state;
    uint8_t file[256], gz[320], labels[16];
    size_t n = make_idx(file, 3, (const uint32_t[]){ 3, 4, 5 }, 60);
    size_t m = make_idx(labels, 1, (const uint32_t[]){ 3 }, 3); /* 0 7 14 */
    write_bytes("plain/train-images-idx3-ubyte", file, n);
    write_bytes("plain/train-labels.idx1-ubyte", labels, m);
    write_bytes("gz/train-images.idx3-ubyte.gz", gz, make_gzip(gz, file, n));
    write_bytes("gz/train-labels-idx1-ubyte.gz", gz, make_gzip(gz, labels, m));
    uint64_t fingerprint[2];
    const char *const dir[2] = { "plain", "gz" };
    for (unsigned i = 0; i < 2u; i++) {
        clg_dataset *ds = open_data(at(dir[i]), &plain);
        const clg_dataset_info *info = clg__dataset_info(ds);
        assert_string_equal(info->kind, "idx");
        assert_string_equal(info->name, dir[i]);
        assert_int_equal(info->count, 3);
        assert_int_equal(info->size, 4);
        assert_int_equal(info->channels, 1);
        assert_int_equal(info->classes, 3); /* empty ones go, the names stay */
        assert_int_equal(info->empty_classes, 12);
        assert_int_equal(clg__dataset_label(ds, 1), 1);
        assert_string_equal(clg__dataset_class(ds, 0), "0");
        assert_string_equal(clg__dataset_class(ds, 1), "7");
        assert_string_equal(clg__dataset_class(ds, 2), "14");
        assert_string_equal(clg__dataset_class(ds, 3), "");
        uint8_t image[16];
        assert_int_equal(clg__dataset_read(ds, (const uint32_t[]){ 2 }, NULL, 1, image), CLG_OK);
        assert_int_equal(image[0], 40 * 7 % 256); /* centre crop of 5 columns starts at column 0 */
        assert_int_equal(image[5], 46 * 7 % 256);
        fingerprint[i] = info->fingerprint;
        clg__dataset_close(&ds);
        assert_null(ds);
    }
    assert_true(fingerprint[0] == fingerprint[1]);
}

static void idx_labels_are_optional(void **state)
{
    (void)state;
    uint8_t file[256];
    write_bytes("d/train-images-idx3-ubyte", file,
                make_idx(file, 3, (const uint32_t[]){ 2, 4, 4 }, 32));
    clg_dataset *ds = open_data(at("d"), &plain);
    assert_int_equal(clg__dataset_info(ds)->classes, 0);
    assert_int_equal(clg__dataset_label(ds, 0), -1);
    assert_string_equal(clg__dataset_class(ds, 0), "");
    clg__dataset_close(&ds);
}

static void idx_splits_are_files(void **state)
{
    (void)state;
    uint8_t file[256];
    write_bytes("d/train-images-idx3-ubyte", file,
                make_idx(file, 3, (const uint32_t[]){ 2, 4, 4 }, 32));
    const clg_dataset_options test = { .split = CLG_SPLIT_TEST };
    expect_open_fault(at("d"), &test, CLG_E_DATA, "no t10k-images-idx3-ubyte[.gz]", "put the file");
    write_bytes("d/t10k-images-idx3-ubyte", file,
                make_idx(file, 3, (const uint32_t[]){ 5, 4, 4 }, 80));
    clg_dataset *ds = open_data(at("d"), &test);
    assert_int_equal(clg__dataset_info(ds)->count, 5);
    clg__dataset_close(&ds);
}

static void a_gzip_file_of_two_members_is_read(void **state)
{
    (void)state;
    uint8_t file[256], gz[512];
    size_t n = make_idx(file, 3, (const uint32_t[]){ 3, 4, 5 }, 60);
    size_t m = make_gzip(gz, file, 20);
    m += make_gzip(gz + m, file + 20, n - 20u);
    clg_idx whole, parts;
    assert_int_equal(clg__idx_parse(file, n, "a", &whole), CLG_OK);
    assert_int_equal(clg__idx_parse(gz, m, "a", &parts), CLG_OK);
    assert_int_equal(parts.size, 60);
    assert_memory_equal(parts.data, whole.data, 60);
    assert_int_equal(parts.crc, whole.crc);
    clg__free(parts.owned);
}

/* One broken file of each kind, as training images; message and hint. */
static void expect_idx_fault(const void *bytes, size_t n, const char *message, const char *hint)
{
    write_bytes("bad/train-images-idx3-ubyte", bytes, n);
    expect_open_fault(at("bad"), &plain, CLG_E_DATA, message, hint);
}

static void a_broken_idx_file_is_named_with_its_fault(void **state)
{
    (void)state;
    uint8_t file[256];
    size_t n = make_idx(file, 3, (const uint32_t[]){ 3, 4, 5 }, 60);
    expect_idx_fault("", 0, "train-images-idx3-ubyte: the file is empty", "get the file again");
    expect_idx_fault(file, 3, "the file is cut: it ends inside the header", "get the file again");
    expect_idx_fault(file, 15, "the file is cut: it ends inside the header", "get the file again");
    expect_idx_fault(file, n - 1u, "the header declares 60 bytes of data, the file holds 59",
                     "cut or damaged");
    expect_idx_fault(file, n + 1u, "the header declares 60 bytes of data, the file holds 61",
                     "cut or damaged");
    expect_idx_fault("\1\2\3\4", 4, "not an IDX file: it starts with 01 02", "get the file again");
    expect_idx_fault("\0\0\15\3", 4, "IDX type 0x0d, wanted 0x08", "unsigned bytes");
    expect_idx_fault("\0\0\10\2", 4, "IDX of rank 2, wanted 1, 3 or 4", "images are [n,h,w]");
    n = make_idx(file, 3, (const uint32_t[]){ 3, 0, 5 }, 0);
    expect_idx_fault(file, n, "the header declares no data", "get the file again");
    n = make_idx(file, 4, (const uint32_t[]){ UINT32_MAX, UINT32_MAX, UINT32_MAX, 3 }, 0);
    expect_idx_fault(file, n, "declares more bytes than fit in memory", "get the file again");
    n = make_idx(file, 4, (const uint32_t[]){ 2, 4, 4, 2 }, 64);
    expect_idx_fault(file, n, "rank 4 with 2 channels is not a set of images", "c 1 or 3");
}

static void a_broken_gzip_file_is_named_with_its_fault(void **state)
{
    (void)state;
    uint8_t file[256], gz[320];
    size_t n = make_idx(file, 3, (const uint32_t[]){ 3, 4, 5 }, 60);
    size_t m = make_gzip(gz, file, n);
    for (size_t cut = 2; cut < m; cut++) {
        expect_idx_fault(gz, cut, "the file is cut", "get the file again");
    }
    gz[m - 5u] ^= 1u; /* the CRC */
    expect_idx_fault(gz, m, "damaged gzip data: incorrect data check", "get the file again");
    m = make_gzip(gz, file, n - 10u);
    expect_idx_fault(gz, m, "the header declares 60 bytes of data, the file holds 50",
                     "cut or damaged");
    m = make_gzip(gz, file, n + 10u);
    expect_idx_fault(gz, m, "the header declares 60 bytes of data, the file holds more than 60",
                     "cut or damaged");
}

static void a_gzip_bomb_is_refused_at_its_header(void **state)
{
    (void)state;
    enum { BOMB = 64 << 20 };
    uint8_t *zeros = calloc(BOMB, 1), *gz = malloc(BOMB + 64);
    assert_true(zeros != NULL && gz != NULL);
    (void)make_idx(zeros, 3, (const uint32_t[]){ 1, 4, 4 }, 0);
    size_t m = make_gzip(gz, zeros, BOMB);
    expect_idx_fault(gz, m, "the header declares 16 bytes of data, the file holds more than 16",
                     "cut or damaged");
    /* And a header that declares far more than the compressed bytes could be. */
    size_t n = make_idx(zeros, 3, (const uint32_t[]){ 60000, 1000, 1000 }, 0);
    m = make_gzip(gz, zeros, n);
    expect_idx_fault(gz, m, "the header declares 60000000000 bytes of data, the file holds at most",
                     "cut or damaged");
    free(zeros);
    free(gz);
}

static void labels_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    uint8_t file[256];
    write_bytes("d/train-images-idx3-ubyte", file,
                make_idx(file, 3, (const uint32_t[]){ 3, 4, 5 }, 60));
    write_bytes("d/train-labels-idx1-ubyte", file, make_idx(file, 1, (const uint32_t[]){ 2 }, 2));
    expect_open_fault(at("d"), &plain, CLG_E_DATA, "2 labels of rank 1 for 3 images",
                      "do not belong together");
    write_bytes("d/train-labels-idx1-ubyte", file, 6);
    expect_open_fault(at("d"), &plain, CLG_E_DATA, "train-labels-idx1-ubyte: the file is cut",
                      "get the file again");
}

/* ---- CIFAR-10 ---- */

static void make_records(uint8_t *dst, size_t n, uint8_t first_label)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t *r = dst + i * CLG_CIFAR_RECORD;
        r[0] = (uint8_t)((first_label + i) % 10u);
        memset(r + 1, 10, 1024);
        memset(r + 1025, 20, 1024);
        memset(r + 2049, 30, 1024);
        r[1 + 32] = 99; /* red of row 1, column 0 */
    }
}

static void cifar_batches_are_read_and_tests_held_out(void **state)
{
    (void)state;
    static uint8_t file[3 * CLG_CIFAR_RECORD], image[3072];
    make_records(file, 3, 4);
    write_bytes("c/a_part.bin", file, 2 * CLG_CIFAR_RECORD);
    write_bytes("c/data_batch_1.bin", file + CLG_CIFAR_RECORD, 2 * CLG_CIFAR_RECORD);
    write_bytes("c/test_batch.bin", file, CLG_CIFAR_RECORD);
    clg_dataset *ds = open_data(at("c"), &plain);
    const clg_dataset_info *info = clg__dataset_info(ds);
    assert_string_equal(info->kind, "cifar10");
    assert_int_equal(info->count, 4);
    assert_int_equal(info->size, 32);
    assert_int_equal(info->channels, 3);
    assert_int_equal(info->classes, 3); /* labels 4, 5, 5, 6 */
    assert_int_equal(info->empty_classes, 7);
    assert_int_equal(clg__dataset_label(ds, 3), 2);
    assert_string_equal(clg__dataset_class(ds, 0), "deer");
    assert_string_equal(clg__dataset_class(ds, 2), "frog");
    assert_int_equal(clg__dataset_read(ds, (const uint32_t[]){ 3 }, (const uint8_t[]){ 1 }, 1,
                                       image), CLG_OK);
    assert_memory_equal(image, ((const uint8_t[]){ 10, 20, 30 }), 3);
    assert_memory_equal(image + 96 + 93, ((const uint8_t[]){ 99, 20, 30 }), 3); /* mirrored */
    clg__dataset_close(&ds);
    const clg_dataset_options test = { .split = CLG_SPLIT_TEST };
    ds = open_data(at("c"), &test);
    assert_int_equal(clg__dataset_info(ds)->count, 1);
    clg__dataset_close(&ds);
}

static void cifar_class_names_come_from_the_meta_file(void **state)
{
    (void)state;
    static uint8_t file[3 * CLG_CIFAR_RECORD];
    make_records(file, 3, 0);
    write_bytes("c/data.bin", file, sizeof file);
    write_bytes("c/batches.meta.txt", "plane\r\ncar\n\n", 12);
    clg_dataset *ds = open_data(at("c"), &plain);
    assert_string_equal(clg__dataset_class(ds, 0), "plane");
    assert_string_equal(clg__dataset_class(ds, 1), "car");
    assert_string_equal(clg__dataset_class(ds, 2), "bird");
    clg__dataset_close(&ds);
}

static void a_broken_cifar_batch_is_named_with_its_fault(void **state)
{
    (void)state;
    static uint8_t file[2 * CLG_CIFAR_RECORD];
    make_records(file, 2, 0);
    write_bytes("c/data_batch_1.bin", file, sizeof file - 1u);
    expect_open_fault(at("c"), &plain, CLG_E_DATA,
                      "data_batch_1.bin: 6145 bytes are not whole records of 3073",
                      "get the file again");
    write_bytes("c/data_batch_1.bin", file, 0);
    expect_open_fault(at("c"), &plain, CLG_E_DATA, "data_batch_1.bin: the file is empty",
                      "get the file again");
    file[CLG_CIFAR_RECORD] = 77;
    write_bytes("c/data_batch_1.bin", file, sizeof file);
    expect_open_fault(at("c"), &plain, CLG_E_DATA, "record 1 has label 77, wanted 0..9",
                      "get it again");
    const clg_dataset_options test = { .split = CLG_SPLIT_TEST };
    expect_open_fault(at("c"), &test, CLG_E_DATA, "no CIFAR-10 batch for testing (test*.bin)",
                      "put data_batch_1.bin");
}

/* ---- finding ---- */

static void a_missing_known_set_says_where_it_was_looked_for(void **state)
{
    (void)state;
    expect_open_fault("cifar10", &plain, CLG_E_DATA,
                      "data set cifar10 not found; looked in $CLGAN_DATA/cifar10 (not set), "
                      "./data/cifar10, ", "--data PATH");
    assert_non_null(strstr(clg_message(), "/clgan/datasets/cifar10, /usr/share/datasets/cifar10"));
}

static void a_known_set_is_found_in_its_homes(void **state)
{
    (void)state;
    uint8_t file[512];
    size_t n = make_idx(file, 3, (const uint32_t[]){ 10, 4, 4 }, 160);
    write_bytes("cache/clgan/datasets/fashion-mnist/train-images-idx3-ubyte", file, n);
    n = make_idx(file, 1, (const uint32_t[]){ 10 }, 10);
    for (uint8_t i = 0; i < 10u; i++) {
        file[8u + i] = i;
    }
    write_bytes("cache/clgan/datasets/fashion-mnist/train-labels-idx1-ubyte", file, n);
    clg_dataset *ds = open_data("fashion-mnist", &plain);
    assert_string_equal(clg__dataset_info(ds)->name, "fashion-mnist");
    assert_int_equal(clg__dataset_info(ds)->count, 10);
    assert_string_equal(clg__dataset_class(ds, 9), "Ankle boot");
    clg__dataset_close(&ds);
    /* $CLGAN_DATA comes first. */
    n = make_idx(file, 3, (const uint32_t[]){ 4, 4, 4 }, 64);
    write_bytes("mine/fashion-mnist/train-images-idx3-ubyte", file, n);
    assert_int_equal(setenv("CLGAN_DATA", at("mine"), 1), 0);
    ds = open_data("fashion-mnist", &plain);
    assert_int_equal(clg__dataset_info(ds)->count, 4);
    clg__dataset_close(&ds);
    assert_int_equal(unsetenv("CLGAN_DATA"), 0);
}

static void a_wrong_source_gets_advice(void **state)
{
    (void)state;
    expect_open_fault("fashon-mnist", &plain, CLG_E_DATA,
                      "fashon-mnist: neither a folder nor a known data set",
                      "did you mean fashion-mnist?");
    expect_open_fault("/no/such/place", &plain, CLG_E_DATA,
                      "/no/such/place: neither a folder nor a known data set", "give a folder");
    write_bytes("a.bin", "x", 1);
    expect_open_fault(at("a.bin"), &plain, CLG_E_DATA, "is a file, not a folder",
                      "give the folder");
    expect_open_fault("", &plain, CLG_E_DATA, "no data set given", "--data");
    const clg_dataset_options large = { .size = 5000 }, two = { .channels = 2 };
    expect_open_fault("mnist", &large, CLG_E_USAGE, "image size 5000 is more than 4096", "--size");
    expect_open_fault("mnist", &two, CLG_E_USAGE, "2 image channels", "1, 3, or 0");
}

/* ---- reading ---- */

static void images_are_resized_converted_and_mirrored_as_asked(void **state)
{
    (void)state;
    uint8_t rgb[2 * 6 * 4 * 3], want[5 * 5], got[2 * 5 * 5], wide[2 * 5 * 5 * 3];
    for (size_t i = 0; i < sizeof rgb; i++) {
        rgb[i] = (uint8_t)(i * 29u);
    }
    const clg_dataset_options opt = { .size = 5, .channels = 1 };
    clg_dataset *ds = NULL;
    assert_int_equal(clg__dataset_from_memory(&ds, rgb, 2, 6, 4, 3, &opt), CLG_OK);
    assert_string_equal(clg__dataset_info(ds)->kind, "memory");
    assert_int_equal(clg__dataset_read(ds, (const uint32_t[]){ 1, 0 }, (const uint8_t[]){ 0, 1 }, 2,
                                       got), CLG_OK);
    for (uint32_t i = 0; i < 2u; i++) {
        clg_image image = { .w = 4, .h = 6, .c = 3, .pixels = rgb + 72u * i };
        assert_int_equal(clg__image_fit(&image, 5, 1, want), CLG_OK);
        for (size_t k = 0; k < 25u; k++) {
            size_t from = i == 0u ? k / 5u * 5u + 4u - k % 5u : k;
            assert_int_equal(got[(1u - i) * 25u + k], want[from]);
        }
    }
    clg__dataset_close(&ds);
    const clg_dataset_options three = { .size = 5, .channels = 3 };
    assert_int_equal(clg__dataset_from_memory(&ds, got, 2, 5, 5, 1, &three), CLG_OK);
    assert_int_equal(clg__dataset_read(ds, (const uint32_t[]){ 0, 1 }, NULL, 2, wide), CLG_OK);
    for (size_t i = 0; i < sizeof wide; i++) {
        assert_int_equal(wide[i], got[i / 3u]);
    }
    assert_int_equal(clg__dataset_read(ds, (const uint32_t[]){ 2 }, NULL, 1, wide), CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "dataset memory: image 2 of 2 asked for");
    clg__dataset_close(&ds);
}

static void the_fingerprint_follows_the_content(void **state)
{
    (void)state;
    uint8_t image[32] = { 1, 2, 3 };
    uint64_t seen[3];
    for (unsigned i = 0; i < 3u; i++) {
        clg_dataset *ds = NULL;
        image[31] = i == 2u;
        assert_int_equal(clg__dataset_from_memory(&ds, image, 2, 4, 4, 1, NULL), CLG_OK);
        seen[i] = clg__dataset_info(ds)->fingerprint;
        clg__dataset_close(&ds);
    }
    assert_true(seen[0] == seen[1]);
    assert_true(seen[0] != seen[2]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_scratch, drop_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(idx_is_read_plain_and_gzipped_alike),
        T(idx_labels_are_optional),
        T(idx_splits_are_files),
        T(a_gzip_file_of_two_members_is_read),
        T(a_broken_idx_file_is_named_with_its_fault),
        T(a_broken_gzip_file_is_named_with_its_fault),
        T(a_gzip_bomb_is_refused_at_its_header),
        T(labels_that_do_not_fit_are_refused),
        T(cifar_batches_are_read_and_tests_held_out),
        T(cifar_class_names_come_from_the_meta_file),
        T(a_broken_cifar_batch_is_named_with_its_fault),
        T(a_missing_known_set_says_where_it_was_looked_for),
        T(a_known_set_is_found_in_its_homes),
        T(a_wrong_source_gets_advice),
        T(images_are_resized_converted_and_mirrored_as_asked),
        T(the_fingerprint_follows_the_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
