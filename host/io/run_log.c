/* The run folder's logs: rows of log.jsonl and log.csv, lines of clgan.log, and cutting them back
 * when a run goes on from an older step. */
#include "io/run_folder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "io/run_folder_internal.h"

const char clg__run_csv_head[] =
    "step,epoch,loss_d,loss_g,d_real,d_fake_before,d_fake_after,images_per_s,elapsed_s,"
    "parzen_ll,real_below_half,fake_above_half\n";

/* ---- writing rows ---- */

static void add_number(clg_str *s, double v, const char *not_finite)
{
    char text[32];
    if (!isfinite(v)) {
        clg__str_add(s, "%s", not_finite);
        return;
    }
    (void)snprintf(text, sizeof text, "%.7g", v);
    char *comma = strchr(text, ','); /* an application may have set a locale */
    if (comma != NULL) {
        *comma = '.';
    }
    clg__str_add(s, "%s", text);
}

static void add_member(clg_str *s, const char *key, double v)
{
    clg__str_add(s, ",\"%s\":", key);
    add_number(s, v, "null");
}

/* Only where it was measured. */
static void add_monitor(clg_str *s, const char *key, double v)
{
    if (!isnan(v)) {
        add_member(s, key, v);
    }
}

/* Names come from the program (tensor names), so they need no escapes. */
static void add_layer(clg_str *s, const clg_layer_stat *l, bool first)
{
    clg__str_add(s, "%s\"%s\":{\"weight_norm\":", first ? "" : ",", l->name);
    add_number(s, l->weight_norm, "null");
    add_member(s, "grad_norm", l->grad_norm);
    add_member(s, "relative_update", l->relative_update);
    clg__str_add(s, "}");
}

static void add_json(clg_str *s, const clg_log_row *row)
{
    clg__str_add(s, "{\"step\":%llu", (unsigned long long)row->step);
    add_member(s, "epoch", row->epoch);
    add_member(s, "loss_d", row->loss_d);
    add_member(s, "loss_g", row->loss_g);
    add_member(s, "d_real", row->d_real);
    add_member(s, "d_fake_before", row->d_fake_before);
    add_member(s, "d_fake_after", row->d_fake_after);
    add_member(s, "images_per_s", row->images_per_s);
    add_member(s, "elapsed_s", row->elapsed_s);
    add_monitor(s, "parzen_ll", row->parzen_ll);
    add_monitor(s, "real_below_half", row->real_below_half);
    add_monitor(s, "fake_above_half", row->fake_above_half);
    clg__str_add(s, ",\"layers\":{");
    for (size_t i = 0; i < row->layer_count; i++) {
        add_layer(s, &row->layers[i], i == 0);
    }
    clg__str_add(s, "}}\n");
}

static void add_csv(clg_str *s, const clg_log_row *row)
{
    const double column[] = { row->epoch,  row->loss_d,        row->loss_g,
                              row->d_real, row->d_fake_before, row->d_fake_after,
                              row->images_per_s, row->elapsed_s, row->parzen_ll,
                              row->real_below_half, row->fake_above_half };
    clg__str_add(s, "%llu", (unsigned long long)row->step);
    for (size_t i = 0; i < sizeof column / sizeof column[0]; i++) {
        clg__str_add(s, ",");
        add_number(s, column[i], "nan");
    }
    clg__str_add(s, "\n");
}

static int write_row(clg_log_file *file, clg_str *s)
{
    int status = s->failed ? clg__fail(CLG_E_MEMORY, "out of host memory while writing a log line")
                           : clg__os_log_write(file, s->text, s->len);
    clg__str_free(s);
    return status;
}

int clg__run_log(clg_run *run, const clg_log_row *row)
{
    clg_str s = { 0 };
    add_json(&s, row);
    int status = write_row(run->jsonl, &s);
    if (status == CLG_OK) {
        add_csv(&s, row);
        status = write_row(run->csv, &s);
    }
    return status;
}

/* Days since 1970-01-01 to a date of the Gregorian calendar: years are counted from March, so that
 * the leap day is a year's last. */
static void add_time(clg_str *s, double wall_s)
{
    int64_t seconds = (int64_t)wall_s;
    int64_t days = seconds / 86400 + 719468; /* since 0000-03-01 */
    int64_t era = days / 146097;             /* 400 years each */
    int64_t day = days % 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t in_year = day - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * in_year + 2) / 153;
    int64_t in_month = in_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    year += era * 400 + (month <= 2);
    int64_t of_day = seconds % 86400;
    clg__str_add(s, "%04d-%02d-%02dT%02d:%02d:%02dZ ", (int)year, (int)month, (int)in_month,
                 (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60));
}

int clg__run_message(clg_run *run, const char *line)
{
    clg_str s = { 0 };
    add_time(&s, clg__os_wall_s());
    clg__str_add(&s, "%s\n", line);
    return write_row(run->text, &s);
}

/* ---- cutting back ---- */

/* The step of a complete line (without its newline), which begins with `prefix` and a number and
 * ends with `last`; false for a damaged one. */
static bool read_step(const char *line, size_t n, const char *prefix, char last, uint64_t *step)
{
    char digits[24];
    size_t skip = strlen(prefix);
    size_t i = 0;
    if (n <= skip || memcmp(line, prefix, skip) != 0 || memchr(line, 0, n) != NULL ||
        (last != '\0' && line[n - 1] != last)) {
        return false;
    }
    for (const char *p = line + skip; i < sizeof digits - 1 && p < line + n && *p != ','; p++) {
        digits[i++] = *p;
    }
    digits[i] = '\0';
    return skip + i < n && line[skip + i] == ',' && clg__parse_u64(digits, step);
}

/* Copies the rows that stay into `f`, or only counts when f is NULL. *kept: bytes. The head of the
 * table is that of today: an older run's has fewer columns. */
static int copy_rows(clg_atomic_file *f, const clg_map *map, uint64_t limit, bool csv,
                     size_t *kept)
{
    const char *p = (const char *)map->data;
    size_t left = map->size;
    *kept = csv ? strlen(clg__run_csv_head) : 0;
    if (csv && f != NULL) {
        int status = clg__os_atomic_write(f, clg__run_csv_head, *kept);
        if (status != CLG_OK) {
            return status;
        }
    }
    while (left > 0) {
        const char *end = memchr(p, '\n', left);
        if (end == NULL) {
            break; /* a line that a crash cut */
        }
        size_t n = (size_t)(end - p);
        uint64_t step = 0;
        bool keep = read_step(p, n, csv ? "" : "{\"step\":", csv ? '\0' : '}', &step) &&
                    step <= limit;
        if (keep && f != NULL) {
            int status = clg__os_atomic_write(f, p, n + 1);
            if (status != CLG_OK) {
                return status;
            }
        }
        *kept += keep ? n + 1 : 0;
        p = end + 1;
        left -= n + 1;
    }
    return CLG_OK;
}

static int cut_log(const char *dir, const char *name, uint64_t limit, bool csv)
{
    int status = CLG_OK;
    char path[CLG_PATH_MAX_LEN];
    clg_map map = { 0 };
    clg_atomic_file *f = NULL;
    size_t kept = 0;
    CLG_TRY(clg__run_path(path, dir, name));
    if (!clg__os_stat(path).exists) {
        return CLG_OK;
    }
    CLG_TRY(clg__os_map_file(path, &map));
    CLG_TRY(copy_rows(NULL, &map, limit, csv, &kept));
    if (kept != map.size) {
        CLG_TRY(clg__os_atomic_open(&f, path));
        CLG_TRY(copy_rows(f, &map, limit, csv, &kept));
        CLG_TRY(clg__os_atomic_commit(&f));
    }
out:
    clg__os_atomic_abort(&f);
    clg__os_unmap(&map);
    return status;
}

int clg__run_cut_logs(const char *dir, uint64_t step)
{
    int status = cut_log(dir, "log.jsonl", step, false);
    return status != CLG_OK ? status : cut_log(dir, "log.csv", step, true);
}
