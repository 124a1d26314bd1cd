/* hpac info: what a model file holds. */
#include "commands.h"

#include <hpac/inference.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* thresholds: (classes), or NULL. */
static void print_classes(const hpac_model *model, const float *thresholds)
{
    int count = model->layers[model->layer_count - 1].units;
    if (model->target_count == 0) {
        printf("classes: %d, not named in the file\n", count);
        return;
    }
    printf("classes: %d\n", count);
    for (int i = 0; i < count; i++) {
        printf("  %2d  %s", model->targets[i], hpac_class_names[model->targets[i]]);
        if (thresholds)
            printf(", when p > %.6g", (double)thresholds[i]);
        putchar('\n');
    }
}

static void print_training(const hpac_training_state *training)
{
    printf("training: %" PRIu32 " epochs", training->epoch);
    if (training->batch > 0)
        printf(" and %" PRIu32 " batches of the next", training->batch);
    printf(", %" PRIu32 " steps, %.1f s, seed %" PRIu64 "\n", training->step, training->elapsed_s,
           training->seed);
    if (isfinite(training->best_loss))
        printf("  best validation loss %.6g after epoch %" PRIu32 ", %" PRIu32 " epochs ago\n",
               training->best_loss, training->best_epoch, training->epochs_without_best);
    else
        printf("  no validation yet\n");
    printf("  optimizer adadelta: learning rate %g, rho %g, epsilon %g\n",
           (double)training->optimizer.learning_rate, (double)training->optimizer.rho,
           (double)training->optimizer.epsilon);
}

static hpac_status run(const cli_arguments *arguments)
{
    const char *path = cli_operand(arguments, 0);
    hpac_model model;
    hpac_status status = hpac_model_load(path, &model);
    if (status != HPAC_OK)
        return status;
    float thresholds[HPAC_CLASS_COUNT];
    bool tuned = false;
    if (model.target_count > 0)
        status = hpac_thresholds_load(path, model.target_count, thresholds, &tuned);
    if (status != HPAC_OK) {
        hpac_model_fini(&model);
        return status;
    }
    printf("%s: written by %s\n", path, model.written_by);
    hpac_layers_print(model.layers, model.layer_count, model.input, stdout);
    print_classes(&model, tuned ? thresholds : NULL);
    if (model.training)
        print_training(model.training);
    if (model.config_yaml && cli_flag(arguments, "config"))
        printf("configuration:\n%s", model.config_yaml);
    else
        printf("configuration: %s\n",
               model.config_yaml ? "in the file; --config prints it" : "not in the file");
    hpac_model_fini(&model);
    return HPAC_OK;
}

static const cli_option options[] = {
    {.name = "config",
     .kind = CLI_FLAG,
     .help = "print the configuration the model was trained with, too"},
    {0},
};

static const cli_note examples[] = {
    {"hpac info runs/improved/best.h5",
     "Show layers, classes, thresholds and the configuration of a model."},
    {0},
};

const cli_command cmd_info = {
    .name = "info",
    .operands = "MODEL.h5",
    .summary = "show what a model file holds",
    .description =
        "Shows the layers with their shapes and parameters, the classes, who wrote the file and, "
        "for a resume.h5, where its training stands. Reads files of hpac, Keras 2 and Keras 3; "
        "all weights are read and checked.",
    .options = options,
    .examples = examples,
    .run = run,
};
