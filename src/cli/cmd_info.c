/* hpac info: the content of a model file, and what a directory of runs holds. */
#include "info_runs.h"
#include "options.h"

#include <hpac/model.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/printable.h"
#include "base/text.h"
#include "render/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* "red, green, blue", in the order of the configuration; one that cannot be read is no error here.
 * "" where the network does not take images of these channels. */
static void name_channels(const hpac_model *model, char names[48])
{
    HPAC_AUTO(hpac_config_fini) hpac_config config = {0};
    size_t count = model->input.channels, length = 0;
    bool known = model->config_yaml &&
                 hpac_config_parse("hpac/config", model->config_yaml, &config) == HPAC_OK &&
                 config.data.channels == count;
    *names = '\0';
    for (size_t i = 0; count <= HPAC_MAX_CHANNELS && i < count; i++)
        length +=
            (size_t)snprintf(names + length, 48 - length, "%s%s", i > 0 ? ", " : "",
                             hpac_channel_names[known ? config.data.channel_order[i] : (int)i]);
}

static void print_classes(const hpac_model *model, FILE *stream)
{
    if (model->target_count == 0)
        fprintf(stream, "classes: %zu, not named in the file\n", hpac_model_output_count(model));
    else
        fprintf(stream, "classes: %zu\n", model->target_count);
    for (size_t i = 0; i < model->target_count; i++) {
        fprintf(stream, "  %2d  %s", model->targets[i], hpac_class_names[model->targets[i]]);
        if (model->has_thresholds)
            fprintf(stream, ", when p > %.6g", (double)model->thresholds[i]);
        if (model->has_thresholds && model->positives[i] >= 0)
            fprintf(stream, " (tuned on %d positive images)", model->positives[i]);
        fputc('\n', stream);
    }
}

static const char *const optimizer_names[HPAC_OPTIMIZER_COUNT] = {"adadelta", "sgd", "adam",
                                                                  "adamw"};

static void print_optimizer(const hpac_optimizer *optimizer, FILE *stream)
{
    fprintf(stream, "  optimizer %s: learning rate %g", optimizer_names[optimizer->kind],
            (double)optimizer->learning_rate);
    if (optimizer->kind == HPAC_OPTIMIZER_SGD)
        fprintf(stream, ", momentum %g%s\n", (double)optimizer->momentum,
                optimizer->nesterov ? ", Nesterov's" : "");
    else if (optimizer->kind == HPAC_OPTIMIZER_ADADELTA)
        fprintf(stream, ", rho %g, epsilon %g\n", (double)optimizer->rho,
                (double)optimizer->epsilon);
    else
        fprintf(stream, ", betas %g and %g, epsilon %g, weight decay %g\n",
                (double)optimizer->beta_1, (double)optimizer->beta_2, (double)optimizer->epsilon,
                (double)optimizer->weight_decay);
}

static void print_training(const hpac_training_state *training, FILE *stream)
{
    fprintf(stream, "training: %" PRIu32 " epochs", training->epoch);
    if (training->batch > 0)
        fprintf(stream, " and %" PRIu32 " batches of the next", training->batch);
    fprintf(stream, ", %" PRIu32 " steps, %.1f s, seed %" PRIu64 "\n", training->step,
            training->elapsed_s, training->seed);
    if (isfinite(training->best_loss))
        fprintf(stream,
                "  best validation loss %.6g after epoch %" PRIu32 ", %" PRIu32 " epochs ago\n",
                training->best_loss, training->best_epoch, training->epochs_without_best);
    else
        fprintf(stream, "  no validation yet\n");
    print_optimizer(&training->optimizer, stream);
}

static void print_traits(const hpac_keras_traits *traits, FILE *stream)
{
    const char *const names[] = {
        traits->frozen ? "frozen layers" : NULL,
        traits->regularized ? "regularizers or constraints" : NULL,
        traits->inference ? "layers called with training=False" : NULL,
    };
    bool first = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!names[i])
            continue;
        fprintf(stream, "%s%s",
                first ? "for training in Keras only, not taken from the file: " : ", ", names[i]);
        first = false;
    }
    if (!first)
        fputc('\n', stream);
}

static void print_text(const char *path, const hpac_model *model, bool config, FILE *stream)
{
    char channels[48];
    name_channels(model, channels);
    fprintf(stream, "%s: written by %s\n", path, model->written_by);
    hpac_layers_print(model->layers, model->layer_count, model->input, stream);
    if (*channels)
        fprintf(stream, "channels: %s\n", channels);
    print_classes(model, stream);
    print_traits(&model->keras, stream);
    if (model->training)
        print_training(model->training, stream);
    if (model->config_yaml && config)
        fprintf(stream, "configuration:\n%s", model->config_yaml);
    else
        fprintf(stream, "configuration: %s\n",
                model->config_yaml ? "in the file; --config prints it" : "not in the file");
}

static json_int_t parameter_count(const hpac_weights *weights)
{
    return (json_int_t)hpac_weights_parameter_count(weights);
}

/* null where there is no value. */
static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *pack_model(const char *path, const hpac_model *model, const char *channels)
{
    json_int_t parameters = 0;
    for (size_t i = 0; i < model->layer_count; i++)
        parameters += parameter_count(&model->weights[i]);
    return json_pack("[{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:s}]", "file", hpac_json_text(path),
                     "written_by", hpac_json_text(model->written_by), "input_rows",
                     (json_int_t)model->input.rows, "input_cols", (json_int_t)model->input.cols,
                     "channels", (json_int_t)model->input.channels, "outputs",
                     (json_int_t)hpac_model_output_count(model), "parameters", parameters,
                     "channel_names", channels);
}

static json_t *pack_layers(const hpac_model *model)
{
    HPAC_AUTO_FREE hpac_shape *shapes = calloc(model->layer_count, sizeof *shapes);
    json_t *rows = json_array();
    size_t bad;
    if (!shapes || hpac_layers_shapes(model->layers, model->layer_count, model->input, shapes,
                                      &bad) != HPAC_OK) /* the layers were checked */
        return rows;
    for (size_t i = 0; i < model->layer_count; i++) {
        const hpac_layer *layer = &model->layers[i];
        const hpac_shape shape = shapes[i];
        char options[HPAC_LAYER_TEXT_NBYTES];
        hpac_layer_describe(layer, options);
        json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "layer",
                                              hpac_layer_name(layer), "options", options,
                                              "output_rows", (json_int_t)shape.rows, "output_cols",
                                              (json_int_t)shape.cols, "channels",
                                              (json_int_t)shape.channels, "parameters",
                                              parameter_count(&model->weights[i])));
    }
    return rows;
}

static json_t *pack_classes(const hpac_model *model)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < model->target_count; i++)
        json_array_append_new(rows,
                              json_pack("{s:i, s:s, s:o, s:o}", "class", model->targets[i], "name",
                                        hpac_class_names[model->targets[i]], "threshold",
                                        model->has_thresholds
                                            ? json_real(hpac_float_decimal(model->thresholds[i]))
                                            : json_null(),
                                        "tuned_on_positives",
                                        model->has_thresholds && model->positives[i] >= 0
                                            ? json_integer(model->positives[i])
                                            : json_null()));
    return rows;
}

/* The seed as text: it has 64 bits, a number of JSON 53. */
static json_t *pack_training(const hpac_training_state *training)
{
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRIu64, training->seed);
    return json_pack("[{s:I, s:I, s:I, s:f, s:s, s:o, s:I, s:s, s:f, s:f, s:f}]", "epochs",
                     (json_int_t)training->epoch, "batches", (json_int_t)training->batch, "steps",
                     (json_int_t)training->step, "elapsed_s", training->elapsed_s, "seed", seed,
                     "best_val_loss", real(training->best_loss), "best_epoch",
                     (json_int_t)training->best_epoch, "optimizer",
                     optimizer_names[training->optimizer.kind], "learning_rate",
                     hpac_float_decimal(training->optimizer.learning_rate), "rho",
                     hpac_float_decimal(training->optimizer.rho), "epsilon",
                     hpac_float_decimal(training->optimizer.epsilon));
}

/* `runs` is NULL for a file, `path` for a directory without a model. */
static hpac_status print_json(const info_runs *runs, const char *path, const hpac_model *model,
                              bool config, FILE *stream)
{
    json_auto_t *root = json_object();
    char channels[48];
    int failed = root == NULL || (runs && !hpac_table_add_json(&runs->table, root));
    if (path) {
        name_channels(model, channels);
        failed |= json_object_set_new(root, "model", pack_model(path, model, channels)) |
                  json_object_set_new(root, "layers", pack_layers(model)) |
                  json_object_set_new(root, "classes", pack_classes(model));
    }
    if (model->training)
        failed |= json_object_set_new(root, "training", pack_training(model->training));
    if (config && model->config_yaml)
        failed |=
            json_object_set_new(root, "configuration",
                                json_pack("[{s:o}]", "yaml", hpac_json_text(model->config_yaml)));
    if (failed)
        return hpac_fail(HPAC_ERR_INTERNAL, "cannot make JSON: out of memory");
    return hpac_json_write(root, stream);
}

static hpac_status print(const info_runs *runs, const char *path, const hpac_model *model,
                         bool config, FILE *stream)
{
    hpac_printable_stream text; /* names of layers and programs come from the file */
    if (runs)
        HPAC_TRY(info_runs_print(runs, stream));
    if (!path)
        return HPAC_OK;
    HPAC_TRY(hpac_printable_open(&text));
    print_text(path, model, config, text.stream);
    return hpac_printable_close(&text, stream);
}

static hpac_status run(const cli_arguments *arguments)
{
    const char *path = cli_operand(arguments, 0);
    bool config = cli_flag(arguments, "config");
    HPAC_AUTO(hpac_model_fini) hpac_model model = {0};
    HPAC_AUTO(info_runs_fini) info_runs runs = {0};
    const info_runs *shown = NULL;
    if (hpac_path_is_directory(path)) {
        HPAC_TRY(info_runs_read(path, &runs));
        shown = &runs;
        path = runs.model;
    }
    if (path)
        HPAC_TRY(hpac_model_load(path, &model));
    return (cli_flag(arguments, "json") ? print_json : print)(shown, path, &model, config, stdout);
}

const cli_command cmd_info = {
    .name = "info",
    .operands = "MODEL",
    .summary = "show the content of a model file, or the state of a run",
    .description =
        "MODEL is a model file or a directory: of a run (its state, its best epoch, and its "
        "model.h5, or best.h5 when it is unfinished), of a cross-validation, a sweep, or several "
        "of all these (the state and the results of each run). Of a file it shows the layers with "
        "their shapes and parameters, the classes, the program that wrote the file and, for a "
        "resume.h5, the step and epoch of its training. Reads files of hpac, Keras 2 and Keras 3; "
        "all weights are read and checked.",
    .options = {OPTION_FLAG("config", "also print the configuration the model was trained with"),
                CLI_JSON},
    .examples = {{"hpac info runs/improved", "Show how far a run is, how good, and its model."},
                 {"hpac info runs/improved/best.h5",
                  "Show layers, classes, thresholds and the configuration of a model."}},
    .run = run,
};
