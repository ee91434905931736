/* The pictures of a run: what is drawn from which numbers. The first group takes plain arrays and a
 * path; the second belongs to the training loop and takes the numbers from the trainer. */
#ifndef CLG_GAN_PICTURES_H
#define CLG_GAN_PICTURES_H

#include "base/model.h"
#include "gan/metrics_gauss1d.h"
#include "io/run_history.h"

/* What titles say; what is NaN is left out. */
typedef struct clg_picture_facts {
    const char *model;
    uint64_t step;
    double loss_d, loss_g, d_real, d_fake; /* of this step; d_*: mean D */
    bool probability; /* D(x) is one: losses of the cross-entropy kind; else D's plain output */
} clg_picture_facts;

/* Layers whose weights are followed: names as in the log ("netG.main.0.weight"), for the legend
 * ("main.0 deconv2d"), G's before D's. */
enum { CLG_PICTURE_LAYERS_MAX = 2 * CLG_LAYERS_MAX };
typedef struct clg_picture_layers {
    size_t g_count, count; /* of G; of both */
    char name[CLG_PICTURE_LAYERS_MAX][3 * CLG_NAME_MAX];
    char label[CLG_PICTURE_LAYERS_MAX][3 * CLG_NAME_MAX];
} clg_picture_layers;
void clg__picture_layers(const clg_model_plan *plan, clg_picture_layers *out);

/* Each writes one PNG and returns the status of clg__plot_write. */

/* loss_d and loss_g over the steps; logarithmic when they are positive and of very different
 * sizes. */
int clg__picture_losses(const char *path, const clg_picture_facts *f, const clg_history *h);
/* D(x), and D(G(z)) before and after D's step. Writes nothing when the log has no such numbers. */
int clg__picture_judgement(const char *path, const clg_picture_facts *f, const clg_history *h);
/* The monitors: Parzen log-likelihood, and how often D is wrong. Writes nothing when the log has
 * none. */
int clg__picture_monitors(const char *path, const clg_picture_facts *f, const clg_history *h);
/* |change| / |weights| of one step per layer, a panel for G and one for D. h: of layers->name. */
int clg__picture_weights(const char *path, const clg_picture_facts *f, const clg_history *h,
                         const clg_picture_layers *layers);
/* curves: rows f32 [n, 15]; the first few of each are drawn. */
int clg__picture_curves(const char *path, const clg_picture_facts *f, const float *real,
                        size_t real_n, const float *fake, size_t fake_n);
/* ring and grid: points f32 [n, 2], the modes and how many of them the fakes cover. */
int clg__picture_modes(const char *path, const clg_picture_facts *f, enum clg_system system,
                       const float *real, size_t real_n, const float *fake, size_t fake_n);
/* gauss1d as in figure 1 of Goodfellow et al. 2014: densities, D and D*, below them arrows from
 * latents z[n] to x[n] = G(z). z NULL: without arrows. z_lo, z_hi: the latents' range. */
int clg__picture_gauss1d(const char *path, const clg_picture_facts *f, const clg_gauss1d *g,
                         const float *z, const float *x, size_t n, double z_lo, double z_hi);

#endif
