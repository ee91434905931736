/* The rule for the GPU family's tile shapes and parts: what a job gets on devices of any size.
 * drivers: none */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "blas/tile.h"

/* About an H200, a small integrated GPU, and the least that OpenCL allows. */
static const clg_device_info large = { .vendor = "NVIDIA Corporation",
                                       .type = CLG_DEVICE_GPU,
                                       .compute_units = 132,
                                       .local_mem_bytes = 48 << 10,
                                       .max_work_group = 1024,
                                       .max_work_item = { 1024, 1024, 64 } };
static const clg_device_info small = { .vendor = "Advanced Micro Devices",
                                       .type = CLG_DEVICE_GPU,
                                       .compute_units = 8,
                                       .local_mem_bytes = 64 << 10,
                                       .max_work_group = 256,
                                       .max_work_item = { 256, 256, 256 } };
static const clg_device_info least = { .vendor = "none",
                                       .type = CLG_DEVICE_GPU,
                                       .compute_units = 1,
                                       .local_mem_bytes = 2 << 10,
                                       .max_work_group = 1,
                                       .max_work_item = { 1, 1, 1 } };

static clg_tile best(const clg_device_info *d, uint32_t rows, uint32_t cols, uint32_t count)
{
    const clg_tile_job j = { .rows = rows, .cols = cols, .depth = 512, .count = count };
    clg_tile order[CLG_TILE_COUNT];
    assert_in_range(clg__tile_order(d, &j, order), 1, CLG_TILE_COUNT);
    return order[0];
}

static uint32_t tile_rows(clg_tile t) { return t.ty * t.rm; }
static uint32_t tile_cols(clg_tile t) { return t.tx * t.rn; }

static void large_products_get_the_largest_tile(void **state)
{
    (void)state;
    const clg_device_info *all[] = { &large, &small };
    for (int i = 0; i < 2; i++) {
        const clg_tile t = best(all[i], 8192, 8192, 1);
        assert_int_equal(tile_rows(t), 128);
        assert_int_equal(tile_cols(t), 128);
    }
}

static void a_tile_is_not_far_wider_than_what_it_computes(void **state)
{
    (void)state;
    const uint32_t cols[] = { 1, 3, 4, 8, 32, 64, 128 }, most[] = { 4, 4, 4, 8, 32, 64, 128 };
    for (int i = 0; i < 7; i++) {
        assert_in_range(tile_cols(best(&large, 65536, cols[i], 1)), cols[i], most[i]);
        assert_in_range(tile_cols(best(&small, 65536, cols[i], 1)), cols[i], most[i]);
    }
    assert_in_range(tile_rows(best(&large, 64, 65536, 1)), 1, 64);
}

static void a_small_layer_is_spread_over_the_units(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 4; count *= 4) { /* 4: phases */
        const clg_tile t = best(&large, 1024, 512, count);
        const uint32_t groups = (1024 / tile_rows(t)) * (512 / tile_cols(t)) * count;
        assert_true(groups * 10 >= large.compute_units * 9);
    }
    assert_int_equal(tile_rows(best(&small, 1024, 512, 4)), 128);
}

static void no_shape_is_beyond_the_device(void **state)
{
    (void)state;
    clg_device_info d = large;
    const clg_tile_job j = { .rows = 4096, .cols = 512, .depth = 512, .count = 1 };
    clg_tile order[CLG_TILE_COUNT];
    for (d.max_work_group = 1; d.max_work_group <= 1024; d.max_work_group *= 2) {
        for (d.local_mem_bytes = 2 << 10; d.local_mem_bytes <= 32 << 10; d.local_mem_bytes *= 2) {
            const uint32_t n = clg__tile_order(&d, &j, order);
            for (uint32_t i = 0; i < n; i++) {
                const clg_tile t = order[i];
                const uint64_t local = 8ull * t.ks * (tile_rows(t) + tile_cols(t) + 8);
                assert_true((size_t)t.tx * t.ty <= d.max_work_group);
                assert_true(local <= d.local_mem_bytes);
            }
            assert_int_equal(order[n - 1].tx * order[n - 1].ty, 1);
        }
    }
    assert_int_equal(clg__tile_order(&least, &j, order), 1);
}

static void every_shape_can_be_forced(void **state)
{
    (void)state;
    clg_tile order[CLG_TILE_COUNT], seen[CLG_TILE_COUNT];
    for (uint32_t i = 0; i < CLG_TILE_COUNT; i++) {
        const clg_tile_job j = {
            .rows = 100, .cols = 100, .depth = 100, .count = 1, .forced = i + 1
        };
        const uint32_t n = clg__tile_order(&large, &j, order);
        assert_int_equal(n, i + 1 < CLG_TILE_COUNT ? 2 : 1);
        seen[i] = order[0];
        for (uint32_t k = 0; k < i; k++) {
            assert_memory_not_equal(&seen[i], &seen[k], sizeof seen[i]);
        }
    }
}

/* Sub-groups change which sums an item has, not those of the tile; so do the registers of Intel's
 * GPUs. */
static void sub_groups_fit_into_their_tiles(void **state)
{
    (void)state;
    static const enum clg_multiply ways[] = { CLG_MULTIPLY_LANES8, CLG_MULTIPLY_LANES16,
                                              CLG_MULTIPLY_LANES8_PORTABLE,
                                              CLG_MULTIPLY_LANES16_PORTABLE };
    clg_tile order[CLG_TILE_COUNT];
    for (uint32_t i = 0; i < 4 * CLG_TILE_COUNT; i++) {
        const uint32_t lanes = i % 2 == 0 ? 8 : 16, forced = i / 4 + 1;
        clg_tile_job j = { .rows = 100, .cols = 100, .depth = 100, .count = 1, .forced = forced };
        (void)clg__tile_order(&large, &j, order);
        const clg_tile plain = order[0];
        j.multiply = ways[i % 4];
        (void)clg__tile_order(&large, &j, order);
        const clg_tile t = order[0];
        const bool wide = tile_cols(plain) >= 4 * lanes;
        assert_int_equal(t.multiply, wide ? j.multiply : CLG_MULTIPLY_PLAIN);
        assert_int_equal(tile_rows(t), tile_rows(plain));
        assert_int_equal(tile_cols(t), tile_cols(plain));
        assert_true(t.rm * t.rn <= 32 || t.tx == 1);
        assert_true(!wide || (t.tx % lanes == 0 && lanes % t.rm == 0 && t.rn % 4 == 0));
    }
}

static void every_shape_has_a_name_of_its_own(void **state)
{
    (void)state;
    clg_tile order[CLG_TILE_COUNT];
    for (uint32_t i = 1; i <= CLG_TILE_COUNT; i++) {
        const clg_tile_job j = {
            .rows = 100, .cols = 100, .depth = 100, .count = 1, .forced = i
        };
        char name[CLG_TILE_NAME_LEN];
        uint32_t rows = 0, cols = 0, number[CLG_TILE_COUNT];
        (void)clg__tile_order(&large, &j, order);
        assert_int_equal(sscanf(clg__tile_name(i, name), "tile%ux%u", &rows, &cols), 2);
        assert_int_equal(rows, tile_rows(order[0]));
        assert_int_equal(cols, tile_cols(order[0]));
        assert_int_equal(clg__tile_find(rows, cols), i);
        assert_int_equal(clg__tile_numbers(&large, &j, number), i < CLG_TILE_COUNT ? 2 : 1);
        assert_int_equal(number[0], i);
        assert_true(clg__tile_allowed(&large, i));
        assert_int_equal(clg__tile_allowed(&least, i), i == CLG_TILE_COUNT);
    }
    assert_int_equal(clg__tile_find(64, 65), 0);
    assert_false(clg__tile_allowed(&large, 0));
    assert_false(clg__tile_allowed(&large, CLG_TILE_COUNT + 1));
}

static void items_of_intel_have_few_sums(void **state)
{
    (void)state;
    clg_device_info intel = large;
    clg_tile order[CLG_TILE_COUNT];
    strcpy(intel.vendor, "Intel(R) Corporation");
    for (uint32_t i = 1; i <= CLG_TILE_COUNT; i++) {
        const clg_tile_job j = {
            .rows = 100, .cols = 100, .depth = 100, .count = 1, .forced = i
        };
        (void)clg__tile_order(&large, &j, order);
        const clg_tile other = order[0];
        (void)clg__tile_order(&intel, &j, order);
        assert_int_equal(tile_rows(order[0]), tile_rows(other));
        assert_int_equal(tile_cols(order[0]), tile_cols(other));
        assert_true(order[0].rm * order[0].rn <= 32 || order[0].tx == 1);
    }
}

/* Intel counts execution units: 96 of them are 12 of what others call a compute unit. */
static void execution_units_are_not_taken_for_compute_units(void **state)
{
    (void)state;
    clg_device_info intel = small, other = small;
    strcpy(intel.vendor, "Intel(R) Corporation");
    intel.compute_units = other.compute_units = 96;
    for (uint32_t rows = 1024; rows <= 4096; rows *= 2) {
        const clg_tile a = best(&intel, rows, 128, 1), b = best(&other, rows, 128, 1);
        assert_true(tile_rows(a) * tile_cols(a) > tile_rows(b) * tile_cols(b));
    }
}

static void tiles_cover_the_job(void **state)
{
    (void)state;
    const clg_tile_job j = { .rows = 129, .cols = 65, .depth = 64, .count = 3 };
    const clg_tile t = { .tx = 8, .ty = 16, .rm = 8, .rn = 8, .ks = 8 };
    assert_int_equal(clg__tile_rows(&t, &j), 2);
    assert_int_equal(clg__tile_cols(&t, &j), 2);
    const clg_grid g = clg__tile_grid(&t, &j);
    assert_int_equal(g.dims, 1);
    assert_int_equal(g.local[0], 128);
    assert_int_equal(g.global[0], 128 * 2 * 2 * 3);
}

static void parts_are_made_of_long_sums_of_few_tiles_only(void **state)
{
    (void)state;
    assert_int_equal(clg__tile_parts(64, 64, 511), 1); /* not worth it */
    assert_int_equal(clg__tile_parts(64, 64, 4096), 16);
    assert_int_equal(clg__tile_parts(64, 1200, 1200), 4);
    assert_int_equal(clg__tile_parts(4096, 4096, 65536), 1); /* groups enough */
    assert_int_equal(clg__tile_parts(64, 64, 1 << 20), 64);
}

static void parts_cover_the_sum_and_fit_their_workspace(void **state)
{
    (void)state;
    for (uint32_t depth = 1; depth < 70000; depth = depth * 3 + 7) {
        uint64_t before = 0;
        for (uint32_t rows = 1; rows < 5000; rows = rows * 5 / 4 + 1) {
            const uint32_t cols = 100, parts = clg__tile_parts(rows, cols, depth);
            const uint32_t per = clg__tile_part_depth(depth, parts);
            const uint64_t most = clg__tile_parts_most(rows, cols, depth);
            assert_int_equal(per % 16, 0);
            assert_true((uint64_t)parts * per >= depth && (parts - 1) * per < depth);
            assert_true(parts == 1 || (uint64_t)parts * (rows + 1) * cols <= most);
            assert_true(most >= before);
            before = most;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_products_get_the_largest_tile),
        cmocka_unit_test(a_tile_is_not_far_wider_than_what_it_computes),
        cmocka_unit_test(a_small_layer_is_spread_over_the_units),
        cmocka_unit_test(no_shape_is_beyond_the_device),
        cmocka_unit_test(every_shape_can_be_forced),
        cmocka_unit_test(sub_groups_fit_into_their_tiles),
        cmocka_unit_test(every_shape_has_a_name_of_its_own),
        cmocka_unit_test(items_of_intel_have_few_sums),
        cmocka_unit_test(execution_units_are_not_taken_for_compute_units),
        cmocka_unit_test(tiles_cover_the_job),
        cmocka_unit_test(parts_are_made_of_long_sums_of_few_tiles_only),
        cmocka_unit_test(parts_cover_the_sum_and_fit_their_workspace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
