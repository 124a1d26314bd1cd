/* What a model file holds: on the terminal and as JSON. */
#include "model_card.h"

#include "render/table.h"

#include <inttypes.h>
#include <math.h>

hpac_status hpac_model_card_load(const char *path, hpac_model_card *card)
{
    *card = (hpac_model_card){.path = path};
    for (int i = 0; i < HPAC_MAX_CHANNELS; i++)
        card->channel_order[i] = i;
    hpac_status status = hpac_model_load(path, &card->model);
    if (status == HPAC_OK && card->model.target_count > 0)
        status =
            hpac_thresholds_load(path, card->model.target_count, card->thresholds, &card->tuned);
    if (status != HPAC_OK)
        hpac_model_card_fini(card);
    return status;
}

void hpac_model_card_fini(hpac_model_card *card)
{
    hpac_model_fini(&card->model);
    *card = (hpac_model_card){0};
}

static size_t output_count(const hpac_model *model)
{
    return model->layers[model->layer_count - 1].units;
}

/* ---- the terminal ---- */

/* "red, green, blue"; "" where the network does not take our images. */
static const char *channel_names(const hpac_model_card *card, char names[48])
{
    size_t length = 0;
    *names = '\0';
    for (size_t i = 0;
         card->model.input.channels <= HPAC_MAX_CHANNELS && i < card->model.input.channels; i++)
        length += (size_t)snprintf(names + length, 48 - length, "%s%s", i > 0 ? ", " : "",
                                   hpac_channel_names[card->channel_order[i]]);
    return names;
}

static void print_classes(const hpac_model_card *card, FILE *stream)
{
    const hpac_model *model = &card->model;
    if (model->target_count == 0) {
        fprintf(stream, "classes: %zu, not named in the file\n", output_count(model));
        return;
    }
    fprintf(stream, "classes: %zu\n", model->target_count);
    for (size_t i = 0; i < model->target_count; i++) {
        fprintf(stream, "  %2d  %s", model->targets[i], hpac_class_names[model->targets[i]]);
        if (card->tuned)
            fprintf(stream, ", when p > %.6g", (double)card->thresholds[i]);
        fputc('\n', stream);
    }
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
    fprintf(stream, "  optimizer adadelta: learning rate %g, rho %g, epsilon %g\n",
            (double)training->optimizer.learning_rate, (double)training->optimizer.rho,
            (double)training->optimizer.epsilon);
}

void hpac_model_card_print(const hpac_model_card *card, bool config, FILE *stream)
{
    const hpac_model *model = &card->model;
    char channels[48];
    fprintf(stream, "%s: written by %s\n", card->path, model->written_by);
    hpac_layers_print(model->layers, model->layer_count, model->input, stream);
    if (*channel_names(card, channels))
        fprintf(stream, "channels: %s\n", channels);
    print_classes(card, stream);
    if (model->keras.frozen || model->keras.regularized)
        fprintf(stream, "in training only, and not in hpac: %s%s%s\n",
                model->keras.frozen ? "frozen layers" : "",
                model->keras.frozen && model->keras.regularized ? ", " : "",
                model->keras.regularized ? "regularizers or constraints" : "");
    if (model->training)
        print_training(model->training, stream);
    if (model->config_yaml && config)
        fprintf(stream, "configuration:\n%s", model->config_yaml);
    else
        fprintf(stream, "configuration: %s\n",
                model->config_yaml ? "in the file; --config prints it" : "not in the file");
}

/* ---- tables ---- */

#define COUNT(columns) (sizeof(columns) / sizeof *(columns))

static const hpac_column model_columns[] = {
    HPAC_COLUMN_TEXT("file", NULL),          HPAC_COLUMN_TEXT("written_by", NULL),
    HPAC_COLUMN_INTEGER("input_rows", NULL), HPAC_COLUMN_INTEGER("input_cols", NULL),
    HPAC_COLUMN_INTEGER("channels", NULL),   HPAC_COLUMN_INTEGER("outputs", NULL),
    HPAC_COLUMN_INTEGER("parameters", NULL), HPAC_COLUMN_TEXT("channel_names", NULL),
};

static const hpac_column layer_columns[] = {
    HPAC_COLUMN_TEXT("layer", NULL),          HPAC_COLUMN_TEXT("options", NULL),
    HPAC_COLUMN_INTEGER("output_rows", NULL), HPAC_COLUMN_INTEGER("output_cols", NULL),
    HPAC_COLUMN_INTEGER("channels", NULL),    HPAC_COLUMN_INTEGER("parameters", NULL),
};

static const hpac_column class_columns[] = {
    HPAC_COLUMN_INTEGER("class", NULL), HPAC_COLUMN_TEXT("name", NULL),
    HPAC_COLUMN_REAL("threshold", NULL, 3), /* null: not tuned */
};

static const hpac_column training_columns[] = {
    HPAC_COLUMN_INTEGER("epochs", NULL),     HPAC_COLUMN_INTEGER("batches", NULL),
    HPAC_COLUMN_INTEGER("steps", NULL),      HPAC_COLUMN_REAL("elapsed_s", NULL, 1),
    HPAC_COLUMN_TEXT("seed", NULL),          HPAC_COLUMN_REAL("best_val_loss", NULL, 4),
    HPAC_COLUMN_INTEGER("best_epoch", NULL), HPAC_COLUMN_REAL("learning_rate", NULL, 3),
    HPAC_COLUMN_REAL("rho", NULL, 3),        HPAC_COLUMN_REAL("epsilon", NULL, 9),
};

static const hpac_column configuration_columns[] = {HPAC_COLUMN_TEXT("yaml", NULL)};

static size_t parameter_count(const hpac_weights *weights)
{
    return weights->kernel_count + weights->bias_count;
}

static void fill_model(const hpac_model_card *card, hpac_table *table)
{
    const hpac_model *model = &card->model;
    size_t parameters = 0;
    for (size_t i = 0; i < model->layer_count; i++)
        parameters += parameter_count(&model->weights[i]);
    hpac_table_init(table, "model", "Model", model_columns, COUNT(model_columns));
    hpac_table_add_text(table, card->path);
    hpac_table_add_text(table, model->written_by);
    hpac_table_add_integer(table, (long long)model->input.rows);
    hpac_table_add_integer(table, (long long)model->input.cols);
    hpac_table_add_integer(table, (long long)model->input.channels);
    hpac_table_add_integer(table, (long long)output_count(model));
    hpac_table_add_integer(table, (long long)parameters);
    char channels[48];
    hpac_table_add_text(table, channel_names(card, channels));
}

static hpac_status fill_layers(const hpac_model *model, hpac_table *table)
{
    hpac_table_init(table, "layers", "Layers", layer_columns, COUNT(layer_columns));
    hpac_shape shape = model->input;
    for (size_t i = 0; i < model->layer_count; i++) {
        char options[48];
        hpac_shape in = shape;
        hpac_status status = hpac_layer_output_shape(&model->layers[i], i + 1, in, &shape);
        if (status != HPAC_OK)
            return status;
        hpac_layer_describe(&model->layers[i], options);
        hpac_table_add_text(table, hpac_layer_name(&model->layers[i]));
        hpac_table_add_text(table, options);
        hpac_table_add_integer(table, (long long)shape.rows);
        hpac_table_add_integer(table, (long long)shape.cols);
        hpac_table_add_integer(table, (long long)shape.channels);
        hpac_table_add_integer(table, (long long)parameter_count(&model->weights[i]));
    }
    return HPAC_OK;
}

static void fill_classes(const hpac_model_card *card, hpac_table *table)
{
    hpac_table_init(table, "classes", "Classes", class_columns, COUNT(class_columns));
    for (size_t i = 0; i < card->model.target_count; i++) {
        int class = card->model.targets[i];
        hpac_table_add_integer(table, class);
        hpac_table_add_text(table, hpac_class_names[class]);
        hpac_table_add_real(table, card->tuned ? (double)card->thresholds[i] : (double)NAN);
    }
}

/* The seed as text: it has 64 bits, a number of JSON 53. */
static void fill_training(const hpac_training_state *training, hpac_table *table)
{
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRIu64, training->seed);
    hpac_table_init(table, "training", "Training", training_columns, COUNT(training_columns));
    hpac_table_add_integer(table, training->epoch);
    hpac_table_add_integer(table, training->batch);
    hpac_table_add_integer(table, training->step);
    hpac_table_add_real(table, training->elapsed_s);
    hpac_table_add_text(table, seed);
    hpac_table_add_real(table, training->best_loss);
    hpac_table_add_integer(table, training->best_epoch);
    hpac_table_add_real(table, (double)training->optimizer.learning_rate);
    hpac_table_add_real(table, (double)training->optimizer.rho);
    hpac_table_add_real(table, (double)training->optimizer.epsilon);
}

hpac_status hpac_model_card_print_json(const hpac_model_card *card, bool config, FILE *stream)
{
    hpac_table tables[5];
    size_t count = 3;
    fill_model(card, &tables[0]);
    hpac_status status = fill_layers(&card->model, &tables[1]);
    fill_classes(card, &tables[2]);
    if (card->model.training)
        fill_training(card->model.training, &tables[count++]);
    if (config && card->model.config_yaml) {
        hpac_table_init(&tables[count], "configuration", "Configuration", configuration_columns,
                        COUNT(configuration_columns));
        hpac_table_add_text(&tables[count++], card->model.config_yaml);
    }
    if (status == HPAC_OK)
        status = hpac_tables_write_json(tables, count, stream);
    for (size_t i = 0; i < count; i++)
        hpac_table_fini(&tables[i]);
    return status;
}
