#include "gan/metrics_modes.h"

#include <math.h>

void clg__modes_of(enum clg_system system, clg_modes *out)
{
    *out = (clg_modes){ 0 };
    if (system == CLG_SYSTEM_RING) {
        out->count = 8;
        out->std = 0.01;
        for (uint32_t k = 0; k < out->count; k++) {
            double angle = 6.28318530717958648 * k / 8.0;
            out->x[k] = (float)cos(angle);
            out->y[k] = (float)sin(angle);
        }
    } else if (system == CLG_SYSTEM_GRID) {
        out->count = 25;
        out->std = 0.05;
        for (uint32_t k = 0; k < out->count; k++) {
            out->x[k] = 2.0f * (float)(k % 5u) - 4.0f;
            out->y[k] = 2.0f * (float)(k / 5u) - 4.0f;
        }
    }
}

void clg__modes_count(enum clg_system system, const float *points, size_t n, clg_modes *out)
{
    size_t good = 0;
    clg__modes_of(system, out);
    for (size_t i = 0; i < n && out->count > 0; i++) {
        double nearest = (double)INFINITY;
        uint32_t mode = 0;
        for (uint32_t k = 0; k < out->count; k++) {
            double dx = (double)points[2 * i] - (double)out->x[k];
            double dy = (double)points[2 * i + 1] - (double)out->y[k];
            double d = dx * dx + dy * dy;
            if (d < nearest) { /* false for NaN */
                nearest = d;
                mode = k;
            }
        }
        if (nearest <= 9.0 * out->std * out->std) {
            out->covered += out->samples[mode]++ == 0;
            good++;
        }
    }
    out->high_quality = n > 0 ? (double)good / (double)n : 0.0;
}
