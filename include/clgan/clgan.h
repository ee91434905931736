/* libclgan: training GANs on any OpenCL 1.2 device, from C.
 *
 *     clg_context -> device, its queue and kernels
 *     clg_model   -> what to train: a preset or a model file, and its settings
 *     clg_data    -> images
 *     clg_trainer -> both nets, their optimisers, the training so far
 *     clg_sampler -> a trained generator
 *
 * Every function that can fail returns CLG_OK (0) or a negative status of clgan/status.h, where
 * clg_message() and clg_hint() say what happened. Objects come through an `out` pointer, which is
 * NULL after a failure; functions that free take the address of the caller's pointer, set it to
 * NULL, and do nothing when it is NULL already. A context and all that was made from it are used
 * from one thread at a time, and the context is closed last. Strings are UTF-8 and copied. */
#ifndef CLGAN_CLGAN_H
#define CLGAN_CLGAN_H

#include <stdint.h>

#include "clgan/log.h"
#include "clgan/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0"; a static string. */
CLG_API const char *clg_version(void);

/* ---- device ---- */

typedef struct clg_context clg_context;

typedef struct clg_context_options {
    /* Index as clinfo counts, part of a name, or "cpu" / "gpu". NULL: the environment's
     * CLGAN_PLATFORM and CLGAN_DEVICE, then the best device, GPUs before CPUs. */
    const char *platform, *device;
    const char *gemm;    /* "auto" (NULL), "clblast", "builtin": who multiplies matrices */
    const char *kernels; /* "auto" (NULL), "cpu", "gpu": which family of kernels runs */
    int tune;            /* not 0: look for faster parameters on a new device (seconds, kept on
                            disk); 0: the shipped table */
    int no_cache;        /* not 0: neither read nor write compiled programs on disk */
} clg_context_options;

/* Opens a device. opt NULL: all defaults. CLG_E_DEVICE lists what there is when nothing matches or
 * names the packages to install when there is no OpenCL at all. */
CLG_API int clg_context_open(clg_context **out, const clg_context_options *opt);
CLG_API void clg_context_close(clg_context **context);
/* Name of the device; valid while the context is open. */
CLG_API const char *clg_context_device(const clg_context *context);

/* ---- model ---- */

typedef struct clg_model clg_model;

/* A preset ("dcgan", "mnist-mlp") or the path of a .yaml model file. CLG_E_USAGE with the nearest
 * name for an unknown one, CLG_E_MODEL with the line for a faulty file. */
CLG_API int clg_model_load(clg_model **out, const char *name_or_path);
CLG_API void clg_model_free(clg_model **model);
/* One setting: "section.key=value", as in a model file: "train.batch=32", "data.size=32",
 * "train.seed=7", "generator.width=16". CLG_E_USAGE with the nearest key. */
CLG_API int clg_model_set(clg_model *model, const char *assignment);

/* ---- images ---- */

/* The set of internal struct clg_dataset. */
typedef struct clg_dataset clg_data;

/* The training images of a known set ("fashion-mnist", "mnist", "cifar10") or of a folder (IDX
 * files, CIFAR-10 batches, PNG and JPEG). size: pixels per side, 0 = the data's own; channels: 1,
 * 3, or 0 = the data's own. Other shapes are resized (short side, antialiased) and centre cropped.
 * CLG_E_DATA says what is wrong or where the set could come from. */
CLG_API int clg_data_open(clg_data **out, const char *source, uint32_t size, uint32_t channels);
/* Images in memory: bytes [count, height, width, channels] with channels 1 or 3, copied; brought
 * to `size` pixels per side (0: as they are, which needs height = width). */
CLG_API int clg_data_from_memory(clg_data **out, const uint8_t *images, uint32_t count,
                                 uint32_t height, uint32_t width, uint32_t channels, uint32_t size);
/* Only after every trainer on it was destroyed. */
CLG_API void clg_data_close(clg_data **data);
CLG_API uint32_t clg_data_count(const clg_data *data);

/* ---- training ---- */

typedef struct clg_trainer clg_trainer;

/* Values of one step. Losses are means over the batch in nats, d_* means of D's probability:
 * for real images, for fakes before D's update, for the same fakes after it; nan for an autoencoder,
 * whose two losses are the squared error. loss_g and d_fake_after are nan before G's first update,
 * where an order starts it later. */
typedef struct clg_losses {
    uint64_t step;
    double loss_d, loss_g, d_real, d_fake_before, d_fake_after;
} clg_losses;

/* Builds the model's nets for the images of `data`, with initial weights from train.seed. `data`
 * must outlive the trainer; NULL for a model that draws its data itself. Training is a pure function
 * of model, data, seed and device.
 * CLG_E_DEVICE_MEMORY says which batch would fit, CLG_E_MODEL which layer does not fit the images.
 * Nothing is written to disk. */
CLG_API int clg_trainer_create(clg_trainer **out, clg_context *context, const clg_model *model,
                               clg_data *data);
/* The same without a data set, for clg_trainer_step_on with images of size x size x channels. */
CLG_API int clg_trainer_create_for(clg_trainer **out, clg_context *context, const clg_model *model,
                                   uint32_t size, uint32_t channels);
/* The same with labels 0 .. classes-1, for clg_trainer_step_on_labels. */
CLG_API int clg_trainer_create_classes(clg_trainer **out, clg_context *context,
                                       const clg_model *model, uint32_t size, uint32_t channels,
                                       uint32_t classes);
CLG_API void clg_trainer_destroy(clg_trainer **trainer);

/* Enqueues one step on the next shuffled batch (train.batch images; the last one of an epoch may
 * be smaller): D's update, then G's. Does not wait for the device, except to keep it at most a few
 * steps behind. Steps of small perceptrons may be kept back, three at most, to be enqueued with the
 * next one; they are when anything that they give is asked for. */
CLG_API int clg_trainer_step(clg_trainer *trainer);
/* The same on given images: bytes [n, size, size, channels], n at most train.batch, copied. */
CLG_API int clg_trainer_step_on(clg_trainer *trainer, const uint8_t *images, uint32_t n);
/* The same for a model that learns by class: labels [n], counted from 0. NULL: without labels. */
CLG_API int clg_trainer_step_on_labels(clg_trainer *trainer, const uint8_t *images,
                                       const uint32_t *labels, uint32_t n);
/* Waits for the device; the values of the last step. CLG_E_NUMERIC if a loss is not finite (*out
 * is filled all the same). */
CLG_API int clg_trainer_losses(clg_trainer *trainer, clg_losses *out);

/* Writes the whole state to one safetensors file, atomically; CLG_E_NUMERIC and no file if a
 * tensor is not finite. The nets in it are PyTorch state dicts under netG. and netD. */
CLG_API int clg_trainer_save(clg_trainer *trainer, const char *path);
/* Goes on from such a file, bit for bit as if never stopped if device and driver are the same.
 * CLG_E_CHECKPOINT for a broken file or another model, seed or batch. */
CLG_API int clg_trainer_load(clg_trainer *trainer, const char *path);

/* ---- sampling ---- */

typedef struct clg_sampler clg_sampler;

/* The generator of a checkpoint. model NULL: as the checkpoint's metadata say; a state dict from
 * elsewhere (tensors under netG.) needs its model. */
CLG_API int clg_sampler_open(clg_sampler **out, clg_context *context, const char *checkpoint,
                             const clg_model *model);
CLG_API void clg_sampler_close(clg_sampler **sampler);
/* Shape of one image and number of latents; any pointer may be NULL. */
CLG_API void clg_sampler_shape(const clg_sampler *sampler, uint32_t *size, uint32_t *channels,
                               uint32_t *latents);
/* n random latents [n, latents] of the model's distribution, a pure function of seed and place. */
CLG_API int clg_sampler_latents(clg_sampler *sampler, uint64_t seed, uint32_t n, float *z);
/* Latents [n, latents] to images [n, size, size, channels] in [-1, 1]. Uses running batch
 * statistics, so an image does not depend on n. Blocking. */
CLG_API int clg_sampler_draw(clg_sampler *sampler, const float *z, uint32_t n, float *images);
/* Classes of a conditional generator (0: it takes no label), the name of one ("" beyond the last;
 * valid while the sampler is open), and drawing with one label per image. clg_sampler_draw draws the
 * classes by turns: image i is of class i % classes. */
CLG_API uint32_t clg_sampler_classes(const clg_sampler *sampler);
CLG_API const char *clg_sampler_class(const clg_sampler *sampler, uint32_t label);
CLG_API int clg_sampler_draw_labels(clg_sampler *sampler, const float *z, const uint32_t *labels,
                                    uint32_t n, float *images);

#ifdef __cplusplus
}
#endif
#endif
