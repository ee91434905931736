/* `clgan eval`: what a checkpoint's samples are worth, figure by figure. A subject is a checkpoint
 * with its data and samples; the table of metrics says which fit it. Printing is the cli's. */
#ifndef CLG_GAN_EVALUATE_H
#define CLG_GAN_EVALUATE_H

#include "gan/metrics_parzen.h"
#include "gan/trainer.h"

typedef struct clg_subject_options {
    const char *checkpoint; /* a file; NULL: there is none, samples come from training images */
    uint64_t step;               /* of the checkpoint, for titles */
    const clg_model_desc *model; /* of a checkpoint that does not say it, or without checkpoint */
    const char *data;            /* instead of the data set that it was trained on, or NULL */
    uint32_t size;               /* the data may be resized to this side; 0: they may not */
    bool from_train;             /* training images take the place of samples: checks metrics */
    uint64_t count;              /* samples; 0: what the metrics want */
    uint64_t seed;
    const char *pictures; /* an existing folder for pictures, or NULL */
} clg_subject_options;

typedef struct clg_subject {
    const clg_ops *ops;
    const char *checkpoint; /* NULL as above */
    clg_model_desc desc;
    clg_model_plan plan;
    clg_sampler *sampler;            /* NULL when samples come from training images */
    clg_dataset *train, *test;       /* NULL until needed, and for drawn systems */
    uint32_t trained;                /* first rows of the training set, which were trained on */
    uint32_t valid_first, valid_end; /* rows of `train` that choose sigma: of those held out */
    uint32_t test_first, test_end;   /* of `test` */
    bool valid_is_trained, test_is_trained; /* there were no others */
    uint32_t d;                             /* values of one sample */
    clg_rows samples; /* images: pixels in [0,1]; rows of a drawn system as they are */
    float *owned;
    uint64_t seed, asked, step;
    bool from_train;
    const char *data, *pictures;
    uint32_t size_asked;
} clg_subject;

/* Opens the checkpoint; the data are opened and samples drawn by the first metric that wants them.
 * CLG_E_USAGE, CLG_E_CHECKPOINT. */
int clg__subject_open(clg_subject **out, const clg_ops *ops, const clg_subject_options *opt);
void clg__subject_close(clg_subject **s);
/* Training and test images. CLG_E_DATA when they are of another shape than the samples. */
int clg__subject_data(clg_subject *s);
/* The samples, once. CLG_E_NUMERIC when one is not finite.
 * Classes come by turns. */
int clg__subject_samples(clg_subject *s);
/* Pixels in [0,1] of images `index` (NULL: first .. first + n), [n,d]. */
int clg__subject_read(const clg_subject *s, const clg_dataset *ds, const uint32_t *index,
                      uint32_t first, uint32_t n, float *dst);
/* The same of n images spread evenly over first .. end; their labels too unless NULL. clg__free. */
int clg__subject_spread(const clg_subject *s, const clg_dataset *ds, uint32_t first, uint32_t end,
                        uint32_t n, float **images, uint32_t *labels);

/* ---- figures ---- */
enum clg_figure_kind { CLG_FIGURE_NUMBER, CLG_FIGURE_COUNT, CLG_FIGURE_YES_NO };
enum clg_better { CLG_BETTER_NEITHER, CLG_BETTER_HIGHER, CLG_BETTER_LOWER };
typedef struct clg_figure {
    const char *metric; /* its name in the table of metrics */
    const char *key;    /* snake_case with the unit, for JSON */
    const char *label;  /* for the table; NULL: JSON only */
    const char *meaning;
    enum clg_figure_kind kind;
    enum clg_better better;
    int decimals;
    double value;          /* NaN: could not be had */
    const char *error_key; /* standard error, or NULL */
    double error;
} clg_figure;

enum { CLG_FIGURES_MAX = 48, CLG_REPORT_LINES = 16 };
typedef struct clg_report {
    clg_figure figure[CLG_FIGURES_MAX];
    uint32_t figures;
    char note[CLG_REPORT_LINES][200]; /* what a reader must know */
    uint32_t notes;
    char picture[CLG_REPORT_LINES][CLG_PATH_MAX_LEN]; /* files written */
    uint32_t pictures;
} clg_report;
void clg__report_add(clg_report *r, const clg_figure *f);
void clg__report_note(clg_report *r, const char *fmt, ...) CLG_PRINTF(2, 3);
/* The path of picture `name`, noted as written; false when none are wanted. */
bool clg__report_picture(clg_report *r, const clg_subject *s, const char *name, char *path);

/* ---- metrics ---- */
typedef struct clg_metric {
    const char *name, *summary;
    bool (*fits)(const clg_subject *s);
    bool (*by_default)(const clg_subject *s); /* NULL: whenever it fits */
    int (*run)(clg_subject *s, clg_report *r);
} clg_metric;
extern const clg_metric clg__metrics[];               /* name NULL at the end */
const clg_metric *clg__metric_find(const char *name); /* NULL */
/* Why a metric does not fit, for a message: "is for images" or so. */
const char *clg__metric_wants(const clg_metric *m);

bool clg__subject_is_image(const clg_subject *s);
bool clg__subject_is_autoencoder(const clg_subject *s);

/* Reconstructions of n test images [n,d] in [0,1]: an autoencoder's own; a GAN's by a search for
 * latents. recon [n,d]. */
enum { CLG_SEARCH_STEPS = 200, CLG_RECONSTRUCTED = 1000 };
int clg__subject_reconstruct(const clg_subject *s, const float *images, const uint32_t *labels,
                             uint32_t n, float *recon);
/* A picture of rows of images: list[k] is [n,d] in [0,1], one row of the picture each, as many
 * columns as n; more than 16 columns go on below. */
int clg__subject_rows_picture(const clg_subject *s, const char *path, const float *const *list,
                              uint32_t lists, uint32_t n);
#endif
