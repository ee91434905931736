/* Whether the GPU family's tiles multiply with sub-groups (cl/gpu_tile_lanes.clh): what the device
 * offers, a trial of each, and which way is the fastest, which the tuning record keeps. Until that is
 * measured they multiply plainly. The bits are the same, so nothing but time depends on it.
 *
 * The environment's CLGAN_SUBGROUPS=off|8|16 decides without measuring, on any device: where there are
 * no sub-groups of that size lanes tell each other by local memory. */
#include <string.h>

#include "base/log.h"
#include "base/os.h"
#include "blas/blas_internal.h"

static const char *const names[CLG_MULTIPLY_COUNT] = {
    [CLG_MULTIPLY_PLAIN] = "plain",
    [CLG_MULTIPLY_LANES8] = "subgroups8",
    [CLG_MULTIPLY_LANES16] = "subgroups16",
    [CLG_MULTIPLY_LANES8_PORTABLE] = "portable8",
    [CLG_MULTIPLY_LANES16_PORTABLE] = "portable16",
};

const char *clg__lanes_name(enum clg_multiply how)
{
    return names[how];
}

enum clg_multiply clg__lanes_find(const char *name)
{
    int i = 0;
    while (i < CLG_MULTIPLY_COUNT && (names[i] == NULL || strcmp(name, names[i]) != 0)) { /* MMA */
        i++;
    }
    return (enum clg_multiply)i;
}

bool clg__lanes_offered(const clg_device_info *d, enum clg_multiply how)
{
    return how == CLG_MULTIPLY_PLAIN || (how == CLG_MULTIPLY_LANES8 && d->lanes8) ||
           (how == CLG_MULTIPLY_LANES16 && d->lanes16);
}

/* One tile in several groups that end outside, through all ways in which operands can lie. */
static int try_out(clg_blas *blas, enum clg_multiply how, clg_blas_corrupt corrupt, void *user)
{
    const clg_tile_job job = { .rows = 67, .cols = 71, .depth = 75, .count = 1, .multiply = how,
                               .forced = clg__tile_find(64, 64) };
    clg_tile order[CLG_TILE_COUNT];
    (void)clg__tile_order(clg__rt_device(blas->rt), &job, order);
    if (order[0].multiply != how) {
        return clg__fail(CLG_E_DEVICE, "no room for tiles of 64x64 with %s", names[how]);
    }
    blas->builtin.multiply = how;
    for (uint32_t i = 0; i < 3; i++) {
        const clg_gemm g = { .m = 67, .n = 71, .k = 75, .ta = i == 1, .tb = i == 2, .alpha = 1,
                             .tile = clg__tile_find(64, 64) };
        const int status = clg__blas_check_one(blas, CLG_GEMM_BUILTIN, &g, corrupt, user);
        if (status != CLG_OK) {
            return status;
        }
    }
    return CLG_OK;
}

static int follow_wish(clg_blas *blas, const char *wish, clg_blas_corrupt corrupt, void *user)
{
    const clg_device_info *d = clg__rt_device(blas->rt);
    enum clg_multiply how = CLG_MULTIPLY_PLAIN;
    if (strcmp(wish, "8") == 0) {
        how = d->lanes8 ? CLG_MULTIPLY_LANES8 : CLG_MULTIPLY_LANES8_PORTABLE;
    } else if (strcmp(wish, "16") == 0) {
        how = d->lanes16 ? CLG_MULTIPLY_LANES16 : CLG_MULTIPLY_LANES16_PORTABLE;
    } else if (strcmp(wish, "off") != 0) {
        return clg__hint(clg__fail(CLG_E_USAGE, "environment CLGAN_SUBGROUPS is '%.40s'", wish),
                         "it may be off, 8 or 16");
    }
    if (how != CLG_MULTIPLY_PLAIN && try_out(blas, how, corrupt, user) != CLG_OK) {
        return clg__hint(clg__context(CLG_E_DEVICE, "no sub-groups on %s", d->name),
                         "leave CLGAN_SUBGROUPS unset, or take off");
    }
    return CLG_OK;
}

/* GFLOP/s of products that fill the device, that way; 0 if it does not build or computes wrong. */
static double measure(clg_blas *blas, enum clg_multiply how, clg_blas_corrupt corrupt, void *user)
{
    double gflop_per_s = 0.0;
    if (!clg__lanes_offered(clg__rt_device(blas->rt), how) ||
        try_out(blas, how, corrupt, user) != CLG_OK ||
        clg__tuning_measure(blas, CLG_GEMM_BUILTIN, 1024, 1024, 512, 0.1, &gflop_per_s) != CLG_OK) {
        return 0.0;
    }
    return gflop_per_s;
}

static bool is_offered_any(const clg_blas *blas)
{
    const clg_device_info *d = clg__rt_device(blas->rt);
    return clg__rt_family(blas->rt) == CLG_KERNELS_GPU && (d->lanes8 || d->lanes16);
}

void clg__lanes_choose(clg_blas *blas, clg_tuning *t, clg_blas_corrupt corrupt, void *user)
{
    static const enum clg_multiply ways[] = { CLG_MULTIPLY_PLAIN, CLG_MULTIPLY_LANES8,
                                              CLG_MULTIPLY_LANES16 };
    double best = 0.0, speed[3] = { 0 };
    if (!is_offered_any(blas) || clg__os_env("CLGAN_SUBGROUPS") != NULL) {
        return;
    }
    t->tiles = CLG_MULTIPLY_PLAIN;
    for (int i = 0; i < 3; i++) {
        speed[i] = measure(blas, ways[i], corrupt, user);
        if (speed[i] > best) {
            best = speed[i];
            t->tiles = ways[i];
        }
    }
    blas->builtin.multiply = t->tiles;
    t->tiles_known = best > 0.0;
    t->builtin_gflop_per_s = 0.0; /* of other tiles: to be measured again */
    clg__log(CLG_LOG_INFO, "gemm: tiles %s (plain %.0f, sub-groups of 8 %.0f, of 16 %.0f GFLOP/s)",
             names[t->tiles], speed[0], speed[1], speed[2]);
}

int clg__lanes_open(clg_blas *blas, bool tune, clg_blas_corrupt corrupt, void *user)
{
    const clg_device_info *d = clg__rt_device(blas->rt);
    const char *wish = clg__os_env("CLGAN_SUBGROUPS");
    if (wish != NULL && clg__rt_family(blas->rt) == CLG_KERNELS_GPU) {
        return follow_wish(blas, wish, corrupt, user);
    }
    if (wish != NULL || !tune || !is_offered_any(blas)) {
        return CLG_OK;
    }
    clg_tuning t = clg__tuning_fixed(d);
    (void)clg__tuning_read(d, &t);
    if (!t.tiles_known) {
        clg__lanes_choose(blas, &t, corrupt, user);
        if (t.tiles_known && clg__tuning_write(d, &t) != CLG_OK) {
            clg__log(CLG_LOG_WARN, "gemm: the tuning record is not kept: %s", clg_message());
        }
    } else if (t.tiles != CLG_MULTIPLY_PLAIN && try_out(blas, t.tiles, corrupt, user) != CLG_OK) {
        clg__log(CLG_LOG_WARN, "gemm: plain tiles instead of %s: %s", names[t.tiles],
                 clg_message());
        t.tiles = CLG_MULTIPLY_PLAIN;
    }
    blas->builtin.multiply = t.tiles;
    return CLG_OK;
}
