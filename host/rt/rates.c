/* How fast each kernel was on this device, kept on disk between runs: launches are cut into slices
 * by it, and measuring needs a wait, so a warm start measures nothing. A wrong figure changes the
 * length of slices only, never a result; a broken file is as good as none.
 *
 * <cache dir>/tuning/rates-<device>.txt: a line "clgan rates 1", then per kernel
 * "<hash of file, options and name> <seconds per unit> <units of the launch measured>". */
#include "rt/rt_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cache.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"

enum { FILE_MAX = 1 << 20, RATES_MAX = 8192, LINE_BYTES = 64 };

static const char HEAD[] = "clgan rates 1\n";

static char *find_path(const clg_rt *rt)
{
    char dir[1024], name[64];
    if (rt->cache_dir == NULL || clg__cache_dir("tuning", dir) != CLG_OK) {
        return NULL;
    }
    uint64_t h = clg__hash64(rt->info.name, strlen(rt->info.name), 0);
    h = clg__hash64(rt->info.driver, strlen(rt->info.driver), h);
    h = clg__hash64(rt->info.platform, strlen(rt->info.platform), h);
    (void)snprintf(name, sizeof name, "rates-%016" PRIx64 ".txt", h);
    return clg__os_join(dir, name);
}

/* One line; false where the text ends or is not a line of ours. */
static bool parse_line(const char **text, clg_rt_rate *r)
{
    char *end = NULL;
    r->hash = strtoull(*text, &end, 16);
    r->seconds_per_unit = strtod(end, &end);
    r->units = strtod(end, &end);
    if (*end != '\n' || !isfinite(r->seconds_per_unit) || !(r->seconds_per_unit > 0.0) ||
        !isfinite(r->units) || !(r->units > 0.0)) {
        return false;
    }
    *text = end + 1;
    return true;
}

void clg__rt_rates_load(clg_rt *rt)
{
    uint8_t *data = NULL;
    size_t size = 0;
    char *path = find_path(rt);
    if (path == NULL || !clg__os_stat(path).is_file ||
        clg__os_read_file(path, FILE_MAX, &data, &size) != CLG_OK ||
        size < sizeof HEAD - 1 || memcmp(data, HEAD, sizeof HEAD - 1) != 0) {
        goto out;
    }
    rt->rates = clg__alloc(size / 8 + 1, sizeof *rt->rates);
    const char *text = (const char *)data + sizeof HEAD - 1;
    while (rt->rates != NULL && rt->rate_count < RATES_MAX && *text != '\0' &&
           parse_line(&text, &rt->rates[rt->rate_count])) {
        rt->rate_count++;
    }
out:
    clg__free(data);
    clg__free(path);
}

void clg__rt_rates_find(const clg_rt *rt, clg_kernel *k)
{
    for (size_t i = 0; i < rt->rate_count; i++) {
        if (rt->rates[i].hash == k->hash) {
            k->seconds_per_unit = rt->rates[i].seconds_per_unit;
            k->measured_units = rt->rates[i].units;
            k->measurements = CLG_RT_MEASUREMENTS;
            k->rate_from_disk = true;
        }
    }
}

static bool is_news(const clg_kernel *k)
{
    return k->measurements >= CLG_RT_MEASUREMENTS &&
           (!k->rate_from_disk || k->measurements > CLG_RT_MEASUREMENTS);
}

static const clg_kernel *find_kernel(const clg_rt *rt, uint64_t hash)
{
    for (size_t i = 0; i < CLG_RT_KERNEL_SLOTS; i++) {
        for (const clg_kernel *k = rt->kernels[i]; k != NULL; k = k->next) {
            if (k->hash == hash) {
                return k;
            }
        }
    }
    return NULL;
}

static void add_line(clg_str *text, uint64_t hash, double seconds_per_unit, double units)
{
    clg__str_add(text, "%016" PRIx64 " %.6g %.6g\n", hash, seconds_per_unit, units);
}

/* What was measured now, then what older runs knew of kernels that this one measured nothing of. */
void clg__rt_rates_save(const clg_rt *rt)
{
    clg_str text = { 0 };
    bool news = false;
    char dir[1024];
    clg__str_add(&text, "%s", HEAD);
    for (size_t i = 0; i < CLG_RT_KERNEL_SLOTS; i++) {
        for (const clg_kernel *k = rt->kernels[i]; k != NULL; k = k->next) {
            if (is_news(k)) {
                add_line(&text, k->hash, k->seconds_per_unit, k->measured_units);
                news = true;
            }
        }
    }
    for (size_t i = 0; i < rt->rate_count && i < RATES_MAX / 2; i++) {
        const clg_kernel *k = find_kernel(rt, rt->rates[i].hash);
        if (k == NULL || !is_news(k)) {
            add_line(&text, rt->rates[i].hash, rt->rates[i].seconds_per_unit, rt->rates[i].units);
        }
    }
    char *path = news ? find_path(rt) : NULL;
    if (path != NULL && !text.failed &&
        (clg__cache_dir("tuning", dir) != CLG_OK || clg__os_mkdirs(dir, 0700) != CLG_OK ||
         clg__os_write_atomic(path, text.text, text.len) != CLG_OK)) {
        clg__log(CLG_LOG_DEBUG, "kernel rates: not written: %s", clg_message());
    }
    clg__free(path);
    clg__str_free(&text);
}
