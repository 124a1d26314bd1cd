/* Model files: round trips, and the files and predictions of the real Keras. */
#include <hpac/model.h>

#include "base/file.h"

#include "formula.h"
#include "model_file.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Every kind of layer, sides that differ, a rate with no short binary form. */
static const hpac_layer stack[] = {
    {.kind = HPAC_LAYER_CONV2D,
     .filters = 3,
     .kernel_rows = 3,
     .kernel_cols = 2,
     .activation = HPAC_ACTIVATION_RELU},
    {.kind = HPAC_LAYER_CONV2D,
     .filters = 4,
     .kernel_rows = 1,
     .kernel_cols = 3,
     .initializer = HPAC_INIT_GLOROT_UNIFORM},
    {.kind = HPAC_LAYER_ACTIVATION, .activation = HPAC_ACTIVATION_SIGMOID},
    {.kind = HPAC_LAYER_MAXPOOL, .kernel_rows = 2, .kernel_cols = 3},
    {.kind = HPAC_LAYER_DROPOUT, .rate = 0.1f},
    {.kind = HPAC_LAYER_FLATTEN},
    {.kind = HPAC_LAYER_DENSE, .units = 5},
    {.kind = HPAC_LAYER_ACTIVATION, .activation = HPAC_ACTIVATION_RELU},
    {.kind = HPAC_LAYER_DROPOUT, .rate = 0.333333f},
    {.kind = HPAC_LAYER_DENSE,
     .units = 3,
     .activation = HPAC_ACTIVATION_SIGMOID,
     .initializer = HPAC_INIT_GLOROT_UNIFORM},
};
#define LAYER_COUNT ((int)(sizeof stack / sizeof *stack))

static const hpac_shape input = {.rank = 3, .rows = 12, .cols = 11, .channels = 2};

static hpac_layer *copy_stack(void)
{
    hpac_layer *layers = malloc(sizeof stack);
    cr_assert_not_null(layers);
    memcpy(layers, stack, sizeof stack);
    return layers;
}

static hpac_model make_model(void)
{
    hpac_model model = {.input = input, .layer_count = LAYER_COUNT, .layers = copy_stack()};
    model.weights = hpac_weights_create(stack, LAYER_COUNT, input);
    cr_assert_not_null(model.weights);
    formula_fill_weights(model.weights, stack, LAYER_COUNT);
    return model;
}

/* Accumulators are not negative. */
static hpac_weights *make_accumulator(uint32_t seed)
{
    hpac_weights *values = hpac_weights_create(stack, LAYER_COUNT, input);
    cr_assert_not_null(values);
    for (int i = 0; i < LAYER_COUNT; i++) {
        for (size_t k = 0; k < values[i].tensors[HPAC_KERNEL].count; k++)
            values[i].tensors[HPAC_KERNEL].values[k] = fabsf(formula_symmetric(seed, k, 1e-9));
        for (size_t k = 0; k < values[i].tensors[HPAC_BIAS].count; k++)
            values[i].tensors[HPAC_BIAS].values[k] = fabsf(formula_symmetric(seed + 1, k, 1e-3));
    }
    return values;
}

/* Values that a narrower or rounded field would not bring back. */
static void add_training(hpac_model *model)
{
    hpac_training_state *training = calloc(1, sizeof *training);
    cr_assert_not_null(training);
    *training = (hpac_training_state){
        .optimizer = {.kind = HPAC_OPTIMIZER_ADAMW,
                      .learning_rate = 1.0f,
                      .rho = 0.95f,
                      .epsilon = 1e-7f,
                      .momentum = 0.7f,
                      .nesterov = true,
                      .beta_1 = 0.8f,
                      .beta_2 = 0.99f,
                      .weight_decay = 0.004f},
        .states = {make_accumulator(100), make_accumulator(200), make_accumulator(300),
                   make_accumulator(400)},
        .accumulate = 3,
        .ema = 0.999f,
        .seed = UINT64_C(0xFEDCBA9876543210),
        .epoch = 7,
        .batch = 4000000001u,
        .step = UINT32_MAX,
        .labels_digest = 0xfedcba9876543210,
        .best_loss = 0.1 + 1e-17,
        .patience_loss = 0.2 + 1e-17,
        .best_epoch = 6,
        .epochs_without_best = 2,
        .counts.loss_sum = 1.0 / 3.0,
        .counts.images = UINT64_C(1) << 53 | 1,
        .epoch_train_s = 3.25,
        .epoch_waited_s = 0.1,
        .epoch_timed_image_count = 77,
        .elapsed_s = 12345.678901234567,
    };
    for (int i = 0; i < HPAC_DEVICE_MAX_CLASSES; i++) {
        training->counts.confusion[i].tp = (UINT64_C(1) << 60) + (uint64_t)i;
        training->counts.confusion[i].fp = (uint64_t)i * 3;
        training->counts.confusion[i].fn = UINT64_MAX - (uint64_t)i;
    }
    model->training = training;
}

static void assert_same_layers(const hpac_layer *a, const hpac_layer *b, int count)
{
    for (int i = 0; i < count; i++) {
        cr_assert_eq(a[i].kind, b[i].kind, "layer %d", i + 1);
        cr_assert_eq(a[i].filters, b[i].filters);
        cr_assert_eq(a[i].kernel_rows, b[i].kernel_rows);
        cr_assert_eq(a[i].kernel_cols, b[i].kernel_cols);
        cr_assert_eq(a[i].units, b[i].units);
        cr_assert(a[i].rate == b[i].rate, "layer %d: %.9g, %.9g", i + 1, (double)a[i].rate,
                  (double)b[i].rate);
        cr_assert_eq(a[i].activation, b[i].activation, "layer %d", i + 1);
        cr_assert_eq(a[i].initializer, b[i].initializer, "layer %d", i + 1);
    }
}

static void save(const hpac_model *model, const char *path)
{
    cr_assert_eq(hpac_model_save(model, path), HPAC_OK, "%s", hpac_error_message());
}

Test(model, round_trip_is_bit_for_bit)
{
    hpac_model model = make_model();
    const char *path = scratch_path("model.h5");
    save(&model, path);
    hpac_model back = load_model(path);
    cr_assert_eq(back.layer_count, LAYER_COUNT);
    cr_assert(back.input.rank == input.rank && back.input.rows == input.rows &&
              back.input.cols == input.cols && back.input.channels == input.channels);
    assert_same_layers(back.layers, stack, LAYER_COUNT);
    assert_same_weights(back.weights, model.weights, LAYER_COUNT);
    char written_by[64];
    snprintf(written_by, sizeof written_by, "hpac %s", hpac_version());
    cr_assert_str_eq(back.written_by, written_by);
    cr_assert_eq(back.target_count, 0);
    cr_assert_null(back.config_yaml);
    cr_assert_null(back.training);
    hpac_model_fini(&back);
    cr_assert_null(back.layers);
    hpac_model_fini(&model);
    cr_assert_eq(count_entries(scratch_directory()), 1, "something temporary was left");
}

Test(model, resume_file_keeps_everything)
{
    hpac_model model = make_model();
    add_training(&model);
    const int targets[] = {27, 0, 13};
    memcpy(model.targets, targets, sizeof targets);
    model.target_count = 3;
    model.config_yaml = strdup("train: {epochs: 3} # Größe\n");
    const char *path = scratch_path("resume.h5");
    save(&model, path);
    hpac_model back = load_model(path);

    cr_assert_eq(back.target_count, 3);
    cr_assert_arr_eq(back.targets, targets, sizeof targets);
    cr_assert_str_eq(back.config_yaml, model.config_yaml);
    cr_assert_not_null(back.training);
    for (hpac_state state = 0; state < HPAC_STATE_COUNT; state++)
        assert_same_weights(back.training->states[state], model.training->states[state],
                            LAYER_COUNT);
    /* The rest of the state, byte by byte: pointers made equal, padding is zero in both. */
    hpac_training_state a = *model.training, b = *back.training;
    memset(a.states, 0, sizeof a.states);
    memset(b.states, 0, sizeof b.states);
    cr_assert_eq(memcmp(&a, &b, sizeof a), 0);
    hpac_model_fini(&back);
    hpac_model_fini(&model);
}

Test(model, no_best_yet_is_infinity)
{
    hpac_model model = make_model();
    add_training(&model);
    model.training->best_loss = INFINITY;
    save(&model, scratch_path("a.h5"));
    hpac_model back = load_model(scratch_path("a.h5"));
    cr_assert(isinf(back.training->best_loss) && back.training->best_loss > 0);
    hpac_model_fini(&back);
    hpac_model_fini(&model);
}

Test(model, same_model_makes_same_bytes)
{
    hpac_model model = make_model();
    add_training(&model);
    unsigned char *bytes[2];
    size_t nbytes[2];
    for (int i = 0; i < 2; i++) {
        save(&model, scratch_path("a.h5"));
        cr_assert_eq(hpac_file_read(scratch_path("a.h5"), 1 << 24, &bytes[i], &nbytes[i]), HPAC_OK);
    }
    cr_assert_eq(nbytes[0], nbytes[1]);
    cr_assert_arr_eq(bytes[0], bytes[1], nbytes[0]);
    free(bytes[0]);
    free(bytes[1]);
    hpac_model_fini(&model);
}

Test(model, long_configuration_is_kept)
{
    hpac_model model = make_model();
    model.config_yaml = malloc(200001);
    cr_assert_not_null(model.config_yaml);
    memset(model.config_yaml, '#', 200000);
    model.config_yaml[200000] = '\0';
    save(&model, scratch_path("a.h5"));
    hpac_model back = load_model(scratch_path("a.h5"));
    cr_assert_str_eq(back.config_yaml, model.config_yaml);
    hpac_model_fini(&back);
    hpac_model_fini(&model);
}

Test(model, what_cannot_be_read_is_not_written)
{
    hpac_model model = make_model();
    const char *path = scratch_path("a.h5");
    model.weights[1].tensors[HPAC_KERNEL].values[3] = NAN;
    cr_assert_eq(hpac_model_save(&model, path), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), "a.h5: layer 2: kernel value 3 is nan"), "%s",
                       hpac_error_message());
    model.weights[1].tensors[HPAC_KERNEL].values[3] = 0;
    model.target_count = 2;
    cr_assert_eq(hpac_model_save(&model, path), HPAC_ERR_CONFIG);
    model.target_count = 0;
    model.layer_count--;
    cr_assert_eq(hpac_model_save(&model, path), HPAC_ERR_CONFIG);
    model.layer_count++;
    cr_assert_eq(count_entries(scratch_directory()), 0);
    cr_assert_eq(hpac_model_save(&model, scratch_path("no/such/directory/a.h5")), HPAC_ERR_CONFIG);
    cr_assert_not_null(strstr(hpac_error_message(), "No such file or directory"));
    hpac_model_fini(&model);
}

/* A limit on the size of files fails a write as a full disk does. */
Test(model, full_disk_keeps_the_old_file)
{
    hpac_model model = make_model();
    const char *path = scratch_path("a.h5");
    save(&model, path);
    unsigned char *before, *after;
    size_t before_nbytes, after_nbytes;
    cr_assert_eq(hpac_file_read(path, 1 << 24, &before, &before_nbytes), HPAC_OK);

    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit, old;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    const rlim_t limits[] = {0, 100, 3000, before_nbytes - 1};
    for (int i = 0; i < 4; i++) {
        limit.rlim_cur = limits[i];
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        model.weights[0].tensors[HPAC_BIAS].values[0] = (float)i;
        hpac_status status = hpac_model_save(&model, path);
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &old), 0); /* Criterion writes files, too */
        cr_assert_eq(status, HPAC_ERR_DATA);
        cr_assert_not_null(strstr(hpac_error_message(), "a.h5: write failed: File too large"), "%s",
                           hpac_error_message());
    }
    cr_assert_eq(hpac_file_read(path, 1 << 24, &after, &after_nbytes), HPAC_OK);
    cr_assert_eq(after_nbytes, before_nbytes);
    cr_assert_arr_eq(after, before, before_nbytes);
    cr_assert_eq(count_entries(scratch_directory()), 1);
    save(&model, path); /* and HDF5 is none the worse */
    free(before);
    free(after);
    hpac_model_fini(&model);
}

/* ---- the real Keras ---- */

static double activate(double x, hpac_activation activation)
{
    if (activation == HPAC_ACTIVATION_RELU)
        return x > 0 ? x : 0;
    return activation == HPAC_ACTIVATION_SIGMOID ? 1 / (1 + exp(-x)) : x;
}

static void run_conv2d(const hpac_layer *layer, const hpac_weights *weights, hpac_shape in,
                       const double *x, hpac_shape out, double *y)
{
    for (size_t r = 0; r < out.rows; r++)
        for (size_t c = 0; c < out.cols; c++)
            for (size_t k = 0; k < out.channels; k++) {
                double sum = (double)weights->tensors[HPAC_BIAS].values[k];
                for (size_t i = 0; i < layer->kernel_rows; i++)
                    for (size_t j = 0; j < layer->kernel_cols; j++)
                        for (size_t m = 0; m < in.channels; m++)
                            sum += x[((r + i) * in.cols + c + j) * in.channels + m] *
                                   (double)weights->tensors[HPAC_KERNEL]
                                       .values[((i * layer->kernel_cols + j) * in.channels + m) *
                                                   out.channels +
                                               k];
                y[(r * out.cols + c) * out.channels + k] = activate(sum, layer->activation);
            }
}

static void run_maxpool(const hpac_layer *layer, hpac_shape in, const double *x, hpac_shape out,
                        double *y)
{
    for (size_t r = 0; r < out.rows; r++)
        for (size_t c = 0; c < out.cols; c++)
            for (size_t k = 0; k < out.channels; k++) {
                double most = -INFINITY;
                for (size_t i = 0; i < layer->kernel_rows; i++)
                    for (size_t j = 0; j < layer->kernel_cols; j++)
                        most = fmax(most, x[((r * layer->kernel_rows + i) * in.cols +
                                             c * layer->kernel_cols + j) *
                                                in.channels +
                                            k]);
                y[(r * out.cols + c) * out.channels + k] = most;
            }
}

static void run_dense(const hpac_layer *layer, const hpac_weights *weights, hpac_shape in,
                      const double *x, double *y)
{
    for (size_t k = 0; k < layer->units; k++) {
        double sum = (double)weights->tensors[HPAC_BIAS].values[k];
        for (size_t m = 0; m < in.channels; m++)
            sum += x[m] * (double)weights->tensors[HPAC_KERNEL].values[m * layer->units + k];
        y[k] = activate(sum, layer->activation);
    }
}

/* Naive prediction for one image, in double; `x` has room for every activation. */
static void predict(const hpac_model *model, double *x)
{
    double *y = calloc(4096, sizeof *y);
    cr_assert_not_null(y);
    hpac_shape in = model->input, out, shapes[16];
    size_t bad;
    cr_assert(model->layer_count <= 16);
    cr_assert_eq(hpac_layers_shapes(model->layers, model->layer_count, model->input, shapes, &bad),
                 HPAC_OK);
    for (size_t i = 0; i < model->layer_count; i++) {
        const hpac_layer *layer = &model->layers[i];
        out = shapes[i];
        size_t count = hpac_shape_count(out);
        cr_assert_leq(count, 4096);
        memcpy(y, x, count * sizeof *y); /* dropout and flatten */
        if (layer->kind == HPAC_LAYER_CONV2D)
            run_conv2d(layer, &model->weights[i], in, x, out, y);
        else if (layer->kind == HPAC_LAYER_MAXPOOL)
            run_maxpool(layer, in, x, out, y);
        else if (layer->kind == HPAC_LAYER_DENSE)
            run_dense(layer, &model->weights[i], in, x, y);
        else if (layer->kind == HPAC_LAYER_ACTIVATION)
            for (size_t k = 0; k < count; k++)
                y[k] = activate(x[k], layer->activation);
        memcpy(x, y, count * sizeof *y);
        in = out;
    }
    free(y);
}

static void check_prediction(const char *name, int image, const double expected[3])
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/%s.h5", name);
    hpac_model model = load_model(path);
    cr_assert_eq(model.layers[model.layer_count - 1].units, 3);
    cr_assert(strncmp(model.written_by, name[5] == '2' ? "Keras 2." : "Keras 3.", 8) == 0, "%s",
              model.written_by);

    /* The weights themselves come from the formula. */
    hpac_weights *weights = hpac_weights_create(model.layers, model.layer_count, model.input);
    formula_fill_weights(weights, model.layers, model.layer_count);
    assert_same_weights(weights, model.weights, model.layer_count);
    hpac_weights_destroy(weights, model.layer_count);

    double *x = calloc(4096, sizeof *x);
    cr_assert_not_null(x);
    size_t count = hpac_shape_count(model.input);
    for (size_t k = 0; k < count; k++)
        x[k] = formula_pixel((size_t)image * count + k) / 255.0;
    predict(&model, x);
    /* Keras's float16 has 11 bits: 2^-11 for the probability, as much for what goes in. */
    double allowed = strcmp(name, "keras3_mixed_float16") == 0 ? 0x1p-10 : 1e-6;
    for (int k = 0; k < 3; k++)
        cr_assert(!!(fabs(x[k] - expected[k]) <= allowed),
                  "%s, image %d, class %d: %.9g, Keras %.9g", path, image, k, x[k], expected[k]);
    free(x);
    hpac_model_fini(&model);
}

static int check_predictions(const char *path)
{
    FILE *stream = fopen(path, "r");
    cr_assert_not_null(stream, "%s: run the tests from the root of the repository", path);
    char line[256], name[64];
    int image, checked = 0;
    double p[3];
    while (fgets(line, sizeof line, stream))
        if (sscanf(line, "%63[^,],%d,%lf,%lf,%lf", name, &image, &p[0], &p[1], &p[2]) == 5) {
            check_prediction(name, image, p);
            checked++;
        }
    fclose(stream);
    return checked;
}

/* Keras assigns weights in the order of these lists. */
Test(model, layers_and_weights_are_listed_in_order)
{
    hpac_model model = make_model();
    const char *path = scratch_path("order.h5");
    cr_assert_eq(hpac_model_save(&model, path), HPAC_OK, "%s", hpac_error_message());
    hpac_model_fini(&model);
    char names[512];
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    read_texts(file, "model_weights", "layer_names", names);
    cr_expect_str_eq(names, "conv2d conv2d_1 activation max_pooling2d dropout flatten dense "
                            "activation_1 dropout_1 dense_1");
    read_texts(file, "model_weights/conv2d_1", "weight_names", names);
    cr_expect_str_eq(names, "conv2d_1/kernel:0 conv2d_1/bias:0");
    read_texts(file, "model_weights/dense", "weight_names", names);
    cr_expect_str_eq(names, "dense/kernel:0 dense/bias:0");
    H5Fclose(file);
}

Test(model, files_of_keras_2_predict_as_there)
{
    cr_assert_eq(check_predictions("tests/golden/keras2_predictions.csv"), 9);
}

Test(model, files_of_keras_3_predict_as_there)
{
    cr_assert_eq(check_predictions("tests/golden/keras3_predictions.csv"), 18);
}

Test(model, what_bears_on_training_only_is_read_and_known)
{
    hpac_model model = load_model("tests/golden/keras3_frozen_regularized.h5");
    cr_assert(model.keras.frozen && model.keras.regularized);
    hpac_model_fini(&model);
    model = load_model("tests/golden/keras3_float64.h5");
    cr_assert(!model.keras.frozen && !model.keras.regularized && !model.keras.inference);
    hpac_model_fini(&model);
    model = load_model(with_config(FUNCTIONAL2, "[\"flatten\", 0, 0, {}]",
                                   "[\"flatten\", 0, 0, {\"training\": false}]"));
    cr_assert(model.keras.inference);
    hpac_model_fini(&model);
    model = load_model(with_config(GRAPH3, "\"kwargs\": {}", "\"kwargs\": {\"training\": false}"));
    cr_assert(model.keras.inference);
    hpac_model_fini(&model);
}

Test(model, functional_model_reads_as_its_chain)
{
    const char *paths[] = {"tests/golden/keras2_functional.h5",
                           "tests/golden/keras3_functional.h5"};
    /* Activation("linear") leaves nothing; the last sigmoid belongs to its dense layer. */
    const hpac_layer_kind kinds[] = {
        HPAC_LAYER_CONV2D, HPAC_LAYER_ACTIVATION, HPAC_LAYER_MAXPOOL, HPAC_LAYER_FLATTEN,
        HPAC_LAYER_DENSE,  HPAC_LAYER_ACTIVATION, HPAC_LAYER_DROPOUT, HPAC_LAYER_DENSE,
    };
    for (int f = 0; f < 2; f++) {
        hpac_model model = load_model(paths[f]);
        cr_assert_eq(model.layer_count, 8);
        for (int i = 0; i < 8; i++)
            cr_assert_eq(model.layers[i].kind, kinds[i], "%s, layer %d", paths[f], i + 1);
        cr_assert_eq(model.layers[0].activation, HPAC_ACTIVATION_LINEAR);
        cr_assert_eq(model.layers[7].activation, HPAC_ACTIVATION_SIGMOID);
        hpac_model_fini(&model);
    }
}

Test(model, initializers_of_keras_are_read)
{
    hpac_model model = load_model("tests/golden/keras3_input_shape.h5");
    cr_assert_eq(model.layers[0].initializer, HPAC_INIT_VARIANCE_SCALING);
    cr_assert_eq(model.layers[1].initializer, HPAC_INIT_GLOROT_UNIFORM);
    hpac_model_fini(&model);
}
