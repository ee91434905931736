/* Folders of images: splits and classes, what is ignored, broken files, and the cache of decoded
 * images. */
#include "base/cache.h"
#include "io/data_samples.h"

static const clg_dataset_options plain = { 0 };
static const clg_dataset_options test_split = { .split = CLG_SPLIT_TEST };

/* First byte of image `index`. */
static uint8_t first_byte(const clg_dataset *ds, uint32_t index)
{
    static uint8_t image[64 * 64 * 3];
    assert_int_equal(clg__dataset_read(ds, &index, NULL, 1, image), CLG_OK);
    return image[0];
}

/* ---- what is taken ---- */

static void images_of_any_size_come_out_at_64_pixels(void **state)
{
    (void)state;
    uint8_t pixels[30 * 20 * 3];
    memset(pixels, 77, sizeof pixels);
    write_png("f/a.png", 10, 3);
    sample_jpeg j = { .w = 30, .h = 20, .c = 3, .pixels = pixels };
    sample_file f = sample_make_jpeg(&j);
    write_bytes("f/b.JPEG", f.bytes, f.n);
    free(f.bytes);
    clg_dataset *ds = open_data(at("f/"), &plain);
    const clg_dataset_info *info = clg__dataset_info(ds);
    assert_string_equal(info->kind, "folder");
    assert_string_equal(info->name, "f");
    assert_int_equal(info->count, 2);
    assert_int_equal(info->size, 64);
    assert_int_equal(info->channels, 3);
    assert_int_equal(info->classes, 0);
    assert_int_equal(clg__dataset_label(ds, 0), -1);
    assert_int_equal(first_byte(ds, 0), 10);
    assert_in_range(first_byte(ds, 1), 75, 79);
    clg__dataset_close(&ds);
}

static void a_folder_is_grey_only_if_all_images_are(void **state)
{
    (void)state;
    write_png("f/a.png", 10, 1);
    write_png("f/b.png", 20, 1);
    clg_dataset *ds = open_data(at("f"), &plain);
    assert_int_equal(clg__dataset_info(ds)->channels, 1);
    assert_int_equal(first_byte(ds, 1), 20);
    clg__dataset_close(&ds);
    write_png("f/c.png", 30, 3);
    ds = open_data(at("f"), &plain);
    assert_int_equal(clg__dataset_info(ds)->channels, 3);
    assert_int_equal(clg__dataset_info(ds)->count, 3);
    assert_int_equal(first_byte(ds, 0), 10);
    assert_int_equal(first_byte(ds, 2), 30);
    clg__dataset_close(&ds);
    const clg_dataset_options grey = { .channels = 1, .size = 5 };
    ds = open_data(at("f"), &grey);
    assert_int_equal(clg__dataset_info(ds)->channels, 1);
    assert_int_equal(clg__dataset_info(ds)->size, 5);
    clg__dataset_close(&ds);
}

static void sub_folders_are_classes_in_byte_order(void **state)
{
    (void)state;
    write_png("f/zebra/1.png", 1, 1);
    write_png("f/Ape/deep/er/2.png", 2, 1);
    write_png("f/cat/3.png", 3, 1);
    write_bytes("f/empty/readme.txt", "x", 1);
    clg_dataset *ds = open_data(at("f"), &plain);
    assert_int_equal(clg__dataset_info(ds)->classes, 3);
    assert_string_equal(clg__dataset_class(ds, 0), "Ape");
    assert_string_equal(clg__dataset_class(ds, 1), "cat");
    assert_string_equal(clg__dataset_class(ds, 2), "zebra");
    for (uint32_t i = 0; i < 3u; i++) {
        assert_int_equal(clg__dataset_label(ds, i), i);
    }
    assert_int_equal(first_byte(ds, 0), 2);
    clg__dataset_close(&ds);
}

static void train_and_test_are_splits_with_classes_of_one_name(void **state)
{
    (void)state;
    write_png("f/train/cat/1.png", 1, 1);
    write_png("f/train/dog/2.png", 2, 1);
    write_png("f/train/test/3.png", 3, 1); /* below train/ the name means nothing */
    write_png("f/test/ant/4.png", 4, 1);
    write_png("f/test/dog/5.png", 5, 1);
    clg_dataset *ds = open_data(at("f"), &plain);
    assert_int_equal(clg__dataset_info(ds)->count, 3);
    assert_int_equal(clg__dataset_info(ds)->classes, 3); /* cat dog test: no ant to learn from */
    assert_int_equal(clg__dataset_info(ds)->empty_classes, 1);
    assert_int_equal(clg__dataset_label(ds, 0), 0);
    assert_int_equal(clg__dataset_label(ds, 2), 2);
    assert_string_equal(clg__dataset_class(ds, 1), "dog");
    clg__dataset_close(&ds);
    ds = open_data(at("f"), &test_split);
    assert_int_equal(clg__dataset_info(ds)->count, 2);
    assert_string_equal(clg__dataset_class(ds, 0), "ant");
    assert_int_equal(clg__dataset_label(ds, 1), 1);
    assert_string_equal(clg__dataset_class(ds, 1), "dog");
    assert_int_equal(first_byte(ds, 1), 5);
    clg__dataset_close(&ds);
}

static void a_test_folder_beside_classes_is_held_out(void **state)
{
    (void)state;
    write_png("f/cat/1.png", 1, 1);
    expect_open_fault(at("f"), &test_split, CLG_E_DATA, "/f: no test images", "/f/test");
    write_png("f/test/2.png", 2, 1);
    clg_dataset *ds = open_data(at("f"), &plain);
    assert_int_equal(clg__dataset_info(ds)->count, 1);
    assert_int_equal(clg__dataset_info(ds)->classes, 1);
    clg__dataset_close(&ds);
    ds = open_data(at("f"), &test_split);
    assert_int_equal(clg__dataset_info(ds)->count, 1);
    assert_int_equal(clg__dataset_info(ds)->classes, 0);
    clg__dataset_close(&ds);
}

static void hidden_and_foreign_files_are_ignored(void **state)
{
    (void)state;
    write_png("f/a.png", 1, 1);
    write_png("f/.hidden.png", 2, 1);
    write_png("f/.git/b.png", 3, 1);
    write_bytes("f/._a.png", "junk", 4);
    write_bytes("f/Thumbs.db", "junk", 4);
    write_bytes("f/model.bin", "junk", 4);
    clg_dataset *ds = open_data(at("f"), &plain);
    assert_int_equal(clg__dataset_info(ds)->count, 1);
    assert_int_equal(clg__dataset_info(ds)->skipped, 0);
    clg__dataset_close(&ds);
}

static void images_beside_class_folders_take_the_labels_away(void **state)
{
    (void)state;
    log_seen seen = { 0 };
    clg__log_set(see_log, &seen);
    write_png("f/cat/1.png", 1, 1);
    write_png("f/2.png", 2, 1);
    clg_dataset *ds = open_data(at("f"), &plain);
    assert_int_equal(clg__dataset_info(ds)->count, 2);
    assert_int_equal(clg__dataset_info(ds)->classes, 0);
    assert_int_equal(seen.warnings, 1);
    assert_non_null(strstr(seen.last_warning, "1 of 2 images lie beside the class folders"));
    clg__dataset_close(&ds);
}

static void a_folder_without_images_says_what_it_should_hold(void **state)
{
    (void)state;
    write_bytes("f/readme.txt", "x", 1);
    expect_open_fault(at("f"), &plain, CLG_E_DATA,
                      "/f: no PNG or JPEG image, IDX file or CIFAR-10 batch",
                      "*.png or *.jpg files (or sub-folders of them, one per class)");
    write_bytes("g/train/readme.txt", "x", 1);
    expect_open_fault(at("g"), &plain, CLG_E_DATA, "/g/train: no PNG or JPEG image", "*.png");
}

/* ---- broken images ---- */

static void write_many(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "f/%03u.png", i);
        write_png(name, (uint8_t)i, 1);
    }
}

static void a_few_broken_images_are_skipped_counted_and_named(void **state)
{
    (void)state;
    log_seen seen = { 0 };
    clg__log_set(see_log, &seen);
    write_many(100);
    write_bytes("f/050.png", "", 0);
    clg_dataset *ds = open_data(at("f"), &plain);
    assert_int_equal(clg__dataset_info(ds)->count, 99);
    assert_int_equal(clg__dataset_info(ds)->skipped, 1);
    assert_int_equal(first_byte(ds, 50), 51);
    assert_int_equal(seen.warnings, 1);
    assert_non_null(strstr(seen.last_warning, "skipped a broken image: "));
    assert_non_null(strstr(seen.last_warning, "/f/050.png: the file is empty"));
    clg__dataset_close(&ds);
    ds = open_data(at("f"), &plain); /* from the cache */
    assert_int_equal(clg__dataset_info(ds)->skipped, 1);
    clg__dataset_close(&ds);
}

static void more_than_one_percent_broken_is_an_error(void **state)
{
    (void)state;
    write_many(100);
    write_bytes("f/050.png", "", 0);
    write_bytes("f/070.png", "junk", 4);
    expect_open_fault(at("f"), &plain, CLG_E_DATA,
                      "2 broken among the first 71 of 100 images, more than 1 %: ",
                      "remove or replace the broken files");
    assert_non_null(strstr(clg_message(), "/f/070.png: neither a PNG nor a JPEG file"));
    char **names = NULL;
    size_t n = 0;
    assert_int_equal(clg__os_list(at("cache/clgan/data"), &names, &n), CLG_OK);
    assert_int_equal(n, 0); /* no half-written cache file */
    clg__os_list_free(&names, n);
}

/* ---- the cache ---- */

/* Path of the only cache file. */
static void find_cache(char path[512])
{
    clg_cache_info info;
    char **names = NULL;
    size_t n = 0;
    assert_int_equal(clg__cache_info("data", ".u8", &info), CLG_OK);
    assert_int_equal(info.files, 1);
    assert_true(info.bytes > 128u);
    assert_int_equal(clg__os_list(info.dir, &names, &n), CLG_OK);
    assert_int_equal(n, 1);
    (void)snprintf(path, 512, "%.250s/%.200s", info.dir, names[0]);
    clg__os_list_free(&names, n);
}

static void decoded_images_are_taken_from_the_cache(void **state)
{
    (void)state;
    char path[512];
    write_png("f/cat/a.png", 10, 3);
    write_png("f/dog/b.png", 20, 3);
    clg_dataset *ds = open_data(at("f"), &plain);
    const uint64_t fingerprint = clg__dataset_info(ds)->fingerprint;
    clg__dataset_close(&ds);
    find_cache(path);
    int64_t made = clg__os_stat(path).mtime_ns;
    ds = open_data(at("f"), &plain);
    assert_true(clg__dataset_info(ds)->fingerprint == fingerprint);
    assert_int_equal(clg__dataset_info(ds)->classes, 2);
    assert_string_equal(clg__dataset_class(ds, 1), "dog");
    assert_int_equal(clg__dataset_label(ds, 1), 1);
    assert_int_equal(first_byte(ds, 1), 20);
    clg__dataset_close(&ds);
    find_cache(path);
    assert_true(clg__os_stat(path).mtime_ns == made); /* not written again */
    const clg_dataset_options memory = { .no_cache = true };
    ds = open_data(at("f"), &memory);
    assert_true(clg__dataset_info(ds)->fingerprint == fingerprint);
    assert_int_equal(first_byte(ds, 0), 10);
    clg__dataset_close(&ds);
}

static void a_changed_folder_size_or_split_is_decoded_anew(void **state)
{
    (void)state;
    clg_cache_info info;
    write_png("f/a.png", 10, 3);
    write_png("f/test/a.png", 11, 3);
    const clg_dataset_options opt[4] = {
        { 0 }, { .size = 16 }, { .channels = 1 }, { .split = CLG_SPLIT_TEST }
    };
    for (unsigned i = 0; i < 4u; i++) {
        clg_dataset *ds = open_data(at("f"), &opt[i]);
        clg__dataset_close(&ds);
        assert_int_equal(clg__cache_info("data", ".u8", &info), CLG_OK);
        assert_int_equal(info.files, i + 1u);
    }
    write_png("f/a.png", 99, 3); /* same name and size, new time */
    clg_dataset *ds = open_data(at("f"), &plain);
    assert_int_equal(first_byte(ds, 0), 99);
    clg__dataset_close(&ds);
    assert_int_equal(clg__cache_clear("data", ".u8"), CLG_OK);
    assert_int_equal(clg__cache_info("data", ".u8", &info), CLG_OK);
    assert_int_equal(info.files, 0);
}

/* Opens with `n` bytes in place of the cache file; the set must come out right all the same, with a
 * warning. */
static void expect_rebuilt(const char *path, const uint8_t *bytes, size_t n)
{
    log_seen seen = { 0 };
    clg__log_set(see_log, &seen);
    assert_int_equal(clg__os_write_atomic(path, bytes, n), CLG_OK);
    const clg_dataset_options opt = { .size = 4 };
    clg_dataset *ds = open_data(at("f"), &opt);
    assert_int_equal(clg__dataset_info(ds)->count, 2);
    assert_int_equal(clg__dataset_label(ds, 1), 1);
    assert_string_equal(clg__dataset_class(ds, 1), "dog");
    assert_int_equal(first_byte(ds, 1), 20);
    clg__dataset_close(&ds);
    assert_int_equal(seen.warnings, 1);
    assert_non_null(strstr(seen.last_warning, "the cache file is damaged and is made again"));
    clg__log_set(NULL, NULL);
}

/* Bytes all over the file but in the pixels are changed, and the file is cut at many lengths. */
static void a_damaged_cache_file_is_made_again(void **state)
{
    (void)state;
    char path[512];
    uint8_t *bytes = NULL;
    size_t n = 0;
    write_png("f/cat/a.png", 10, 3);
    write_png("f/dog/b.png", 20, 3);
    const clg_dataset_options opt = { .size = 4 };
    clg_dataset *ds = open_data(at("f"), &opt);
    clg__dataset_close(&ds);
    find_cache(path);
    assert_int_equal(clg__os_read_file(path, 1u << 20, &bytes, &n), CLG_OK);
    const size_t pixels_end = 64u + 2u * 48u;
    for (size_t i = 0; i < n; i += i == 56u ? pixels_end - 56u : 7u) {
        bytes[i] ^= 0x41u;
        expect_rebuilt(path, bytes, n);
        bytes[i] ^= 0x41u;
    }
    for (size_t cut = 0; cut < n; cut += 17u) {
        expect_rebuilt(path, bytes, cut);
    }
    clg__free(bytes);
}

static void a_damaged_image_in_the_cache_is_noticed_when_read(void **state)
{
    (void)state;
    char path[512];
    uint8_t *bytes = NULL, image[64 * 64 * 3];
    size_t n = 0;
    write_png("f/a.png", 10, 3);
    clg_dataset *ds = open_data(at("f"), &plain);
    clg__dataset_close(&ds);
    find_cache(path);
    assert_int_equal(clg__os_read_file(path, 1u << 20, &bytes, &n), CLG_OK);
    bytes[1000] ^= 4u;
    assert_int_equal(clg__os_write_atomic(path, bytes, n), CLG_OK);
    clg__free(bytes);
    ds = open_data(at("f"), &plain);
    assert_int_equal(clg__dataset_read(ds, (const uint32_t[]){ 0 }, NULL, 1, image), CLG_E_DATA);
    assert_non_null(strstr(clg_message(), "image 0 of the decoded data cache is damaged"));
    assert_non_null(strstr(clg_hint(), "clgan cache --clear"));
    clg__dataset_close(&ds);
}

static void without_a_cache_folder_images_are_kept_in_memory(void **state)
{
    (void)state;
    log_seen seen = { 0 };
    clg__log_set(see_log, &seen);
    write_png("f/a.png", 10, 3);
    write_bytes("file", "x", 1);
    assert_int_equal(setenv("XDG_CACHE_HOME", at("file"), 1), 0);
    clg_dataset *ds = open_data(at("f"), &plain);
    assert_int_equal(first_byte(ds, 0), 10);
    assert_int_equal(seen.warnings, 1);
    assert_non_null(strstr(seen.last_warning, "no data cache ("));
    clg__dataset_close(&ds);
}

/* Every allocation fails once: a clean error each time, or a set that is right. */
static void a_failed_allocation_leaves_nothing_behind(void **state)
{
    (void)state;
    write_png("f/cat/a.png", 10, 3);
    write_png("f/dog/b.png", 20, 1);
    bool done = false;
    for (long n = 1; n < 400 && !done; n++) {
        clg_dataset *ds = NULL;
        assert_int_equal(clg__cache_clear("data", ".u8"), CLG_OK);
        clg__alloc_fail(n, false);
        int status = clg__dataset_open(&ds, at("f"), &plain);
        clg__alloc_fail(0, false);
        if (status == CLG_OK) {
            clg__dataset_close(&ds);
        } else {
            assert_null(ds);
        }
        done = status == CLG_OK && n > 150;
    }
    assert_true(done);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_scratch, drop_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(images_of_any_size_come_out_at_64_pixels),
        T(a_folder_is_grey_only_if_all_images_are),
        T(sub_folders_are_classes_in_byte_order),
        T(train_and_test_are_splits_with_classes_of_one_name),
        T(a_test_folder_beside_classes_is_held_out),
        T(hidden_and_foreign_files_are_ignored),
        T(images_beside_class_folders_take_the_labels_away),
        T(a_folder_without_images_says_what_it_should_hold),
        T(a_few_broken_images_are_skipped_counted_and_named),
        T(more_than_one_percent_broken_is_an_error),
        T(decoded_images_are_taken_from_the_cache),
        T(a_changed_folder_size_or_split_is_decoded_anew),
        T(a_damaged_cache_file_is_made_again),
        T(a_damaged_image_in_the_cache_is_noticed_when_read),
        T(without_a_cache_folder_images_are_kept_in_memory),
        T(a_failed_allocation_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
