#include "gan/metrics_gauss1d.h"

#include <math.h>

enum { N = CLG_GAUSS1D_POINTS };
static const double data_mean = 4.0, data_std = 0.5;
static const double lowest = -20.0, highest = 28.0;

static double step_of(const clg_gauss1d *g)
{
    return ((double)g->x[N - 1] - (double)g->x[0]) / (N - 1);
}

static double normal(double x, double mean, double std)
{
    double t = (x - mean) / std;
    return exp(-0.5 * t * t) / (std * 2.50662827463100050);
}

/* Mean, spread and the places. Returns how many samples are finite. */
static size_t survey(const float *samples, size_t n, clg_gauss1d *out)
{
    double lo = -1.0, hi = 9.0, sum = 0.0, sum2 = 0.0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        double s = (double)samples[i];
        if (isfinite(s)) {
            lo = fmin(lo, s - data_std);
            hi = fmax(hi, s + data_std);
            sum += s;
            sum2 += s * s;
            count++;
        }
    }
    lo = fmax(lo, lowest);
    hi = fmin(hi, highest);
    for (int i = 0; i < N; i++) {
        out->x[i] = (float)(lo + (hi - lo) * i / (N - 1));
    }
    out->mean = count > 0 ? sum / (double)count : (double)NAN;
    out->std = count > 1u ? sqrt(fmax(sum2 / (double)count - out->mean * out->mean, 0.0)) : 0.0;
    return count;
}

/* Each sample is shared between its two nearest places, then each place becomes a small Gaussian:
 * the estimate costs places times its width, not places times samples. The width is Silverman's
 * ("Density estimation", 1986, equation 3.30), but never under the distance of two places. */
static void estimate(const float *samples, size_t n, size_t count, clg_gauss1d *out)
{
    double share[N] = { 0 }, dx = step_of(out), lo = (double)out->x[0];
    double width = fmax(0.9 * out->std * pow((double)count, -0.2), dx);
    int reach = (int)ceil(5.0 * width / dx);
    for (size_t i = 0; i < n; i++) {
        double at = ((double)samples[i] - lo) / dx;
        if (!isfinite(samples[i]) || at < 0.0 || at > N - 1) {
            continue;
        }
        int k = (int)at < N - 2 ? (int)at : N - 2;
        share[k] += 1.0 - (at - k);
        share[k + 1] += at - k;
    }
    for (int i = 0; i < N; i++) {
        double p = 0.0;
        for (int k = i - reach < 0 ? 0 : i - reach; k <= i + reach && k < N; k++) {
            if (share[k] > 0.0) {
                p += share[k] * normal(dx * (i - k), 0.0, width);
            }
        }
        out->p_g[i] = count > 0 ? (float)(p / (double)count) : 0.0f;
    }
}

/* p log(2 p / (p + q)), 0 at p = 0. */
static double share_of_jsd(double p, double q)
{
    return p > 0.0 ? p * log(2.0 * p / (p + q)) : 0.0;
}

void clg__gauss1d_measure(const float *samples, size_t n, clg_gauss1d *out)
{
    size_t count = survey(samples, n, out);
    estimate(samples, n, count, out);
    double jsd = 0.0, dx = step_of(out);
    for (int i = 0; i < N; i++) {
        double p = normal((double)out->x[i], data_mean, data_std), q = (double)out->p_g[i];
        double weight = i == 0 || i == N - 1 ? 0.5 * dx : dx;
        out->p_data[i] = (float)p;
        out->best[i] = p + q > 1e-5 ? (float)(p / (p + q)) : NAN;
        out->d[i] = NAN;
        jsd += 0.5 * weight * (share_of_jsd(p, q) + share_of_jsd(q, p));
    }
    out->jsd = jsd;
    out->bound = -1.38629436111989062 + 2.0 * jsd;
    out->value = (double)NAN;
}

static double softplus(double x)
{
    return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

void clg__gauss1d_judge(const float *logits, clg_gauss1d *out)
{
    double value = 0.0, dx = step_of(out);
    for (int i = 0; i < N; i++) {
        double l = (double)logits[i], weight = i == 0 || i == N - 1 ? 0.5 * dx : dx;
        out->d[i] = (float)(1.0 / (1.0 + exp(-l)));
        value -=
            weight * ((double)out->p_data[i] * softplus(-l) + (double)out->p_g[i] * softplus(l));
    }
    out->value = value;
}
