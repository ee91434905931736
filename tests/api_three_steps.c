/* Three steps of a small dcgan on random images, through the public API alone. */
#include <clgan/clgan.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    enum { COUNT = 24, SIZE = 16 };
    static const char *const settings[] = { "train.batch=8", "train.seed=3", "generator.width=8",
                                            "discriminator.width=8" };
    static uint8_t images[COUNT * SIZE * SIZE * 3];
    clg_context *context = NULL;
    clg_model *model = NULL;
    clg_data *data = NULL;
    clg_trainer *trainer = NULL;
    clg_losses loss = { 0 };
    for (size_t i = 0; i < sizeof images; i++) {
        images[i] = (uint8_t)(rand() & 255);
    }
    int status = clg_context_open(&context, NULL);
    status = status ? status : clg_model_load(&model, "dcgan");
    for (size_t i = 0; status == CLG_OK && i < sizeof settings / sizeof settings[0]; i++) {
        status = clg_model_set(model, settings[i]);
    }
    status = status ? status : clg_data_from_memory(&data, images, COUNT, SIZE, SIZE, 3, 0);
    status = status ? status : clg_trainer_create(&trainer, context, model, data);
    for (int step = 0; status == CLG_OK && step < 3; step++) {
        status = clg_trainer_step(trainer);
        status = status ? status : clg_trainer_losses(trainer, &loss);
        printf("step %d: loss_d %.4f, loss_g %.4f\n", step + 1, loss.loss_d, loss.loss_g);
    }
    fprintf(stderr, "%s%s", status ? clg_message() : "", status ? "\n" : "");
    clg_trainer_destroy(&trainer);
    clg_data_close(&data);
    clg_model_free(&model);
    clg_context_close(&context);
    return status != CLG_OK;
}
