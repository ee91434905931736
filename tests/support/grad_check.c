/* Central differences. */
#include "support/grad_check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/philox.h"

double *grad_random(uint64_t n, uint64_t seed)
{
    clg_rng_key key = { .seed = seed, .stream = CLG_STREAM_TEST };
    float *f = calloc(n + 1, sizeof *f);
    double *d = calloc(n + 1, sizeof *d);
    assert_non_null(f);
    assert_non_null(d);
    clg__philox_normal(&key, 0.0f, 1.0f, f, n);
    for (uint64_t i = 0; i < n; i++) {
        d[i] = (double)f[i];
    }
    free(f);
    return d;
}

double grad_dot(const double *a, const double *b, uint64_t n)
{
    double sum = 0.0;
    for (uint64_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

void grad_check(const char *what, grad_loss_fn loss, void *ctx, double *p, const double *grad,
                uint64_t n, uint64_t most)
{
    uint64_t step = n > most ? n / most : 1;
    double largest = 0.0;
    for (uint64_t i = 0; i < n; i += step) {
        double kept = p[i];
        p[i] = kept + GRAD_EPS;
        double up = loss(ctx);
        p[i] = kept - GRAD_EPS;
        double down = loss(ctx);
        p[i] = kept;
        double numeric = (up - down) / (2.0 * GRAD_EPS);
        if (!(fabs(numeric - grad[i]) <= GRAD_ATOL + GRAD_RTOL * fabs(numeric))) {
            fail_msg("%s, element %llu of %llu: gradient %.10g, central difference %.10g", what,
                     (unsigned long long)i, (unsigned long long)n, grad[i], numeric);
        }
        largest = fmax(largest, fabs(grad[i]));
    }
    if (largest < 1e-3) {
        fail_msg("%s: no gradient above 1e-3 among %llu, so nothing was checked", what,
                 (unsigned long long)n);
    }
}
