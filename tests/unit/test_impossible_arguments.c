/* Values that no configuration, file or earlier call yields, but a program may pass: each is an
 * error with a message. NULL is test_null_arguments.c's. */
#include <hpac/inference.h>
#include <hpac/log.h>
#include <hpac/network.h>
#include <hpac/trainer.h>

#include "layers.h"
#include "linear_model.h"
#include "scratch.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* `call` fails with this status, and these words in the message. */
#define FAILS(call, expected_status, words)                                                        \
    do {                                                                                           \
        hpac_fail(HPAC_ERR_DATA, "nothing failed");                                                \
        cr_expect_eq((call), (expected_status), "%s", words);                                      \
        expect_message(words);                                                                     \
    } while (0)

enum { COUNT = 3, SIDE = 8 };

/* ---- configurations, which trainings read again ---- */

static const char *const sets[] = {"data.labels=none.csv", "data.images=none", "data.channels=2",
                                   "data.targets=[0, 25]"};

static hpac_config load_config(void)
{
    hpac_config config;
    assert_ok(hpac_config_load("configs/improved.yaml", sets, 4, &config));
    return config;
}

static void expect_refused(const hpac_config *config, const char *words)
{
    hpac_train_plan plan;
    hpac_device *device = open_tested_device((hpac_device_options){0});
    const hpac_train_options options = {
        .config = config, .device = device, .directory = scratch_path("run")};
    hpac_status status = config->name ? HPAC_ERR_CONFIG : HPAC_ERR_INTERNAL;
    FAILS(hpac_train(&options), status, words);
    FAILS(hpac_train_check(&options, &plan), status, words);
    if (!strstr(words, "data.split.fold:")) /* there it is not used */
        FAILS(hpac_train_folds(&options), status, words);
    cr_expect_eq(count_entries(scratch_directory()), 0);
    hpac_device_close(device);
}

#define REFUSED(words, change)                                                                     \
    do {                                                                                           \
        hpac_config config = load_config(), loaded = config;                                       \
        change;                                                                                    \
        expect_refused(&config, words);                                                            \
        hpac_config_fini(&loaded);                                                                 \
    } while (0)

Test(impossible_arguments, of_configurations)
{
    REFUSED("is not loaded", config = (hpac_config){0});
    REFUSED("data.labels is missing", config.data.labels = NULL);
    REFUSED("data.images is missing", config.data.images = NULL);
    REFUSED("data.targets: expected", config.data.target_count = 0);
    REFUSED("data.targets: expected", config.data.target_count = 99);
    REFUSED("data.targets: unknown class \"-3\"", config.data.targets[0] = -3);
    REFUSED("data.targets: unknown class \"28\"", config.data.targets[0] = 28);
    REFUSED("data.channels: expected", config.data.channels = 9);
    REFUSED("data.channels: unknown channel \"4\"", config.data.channel_order[0] = 4);
    REFUSED("data.scale.rows: expected", config.data.scale_rows = 0);
    REFUSED("data.pixels: expected uint8 or float32, not \"2\"", config.data.pixels = 2);
    REFUSED("data.workers: expected auto or an integer in [1, 256], not \"-1\"",
            config.data.workers = -1);
    REFUSED("data.test.images: needs", config.data.test_images = loaded.data.images);
    REFUSED("data.split.fold: expected", config.data.fold = 3);
    REFUSED("data.split.fold: expected", config.data.fold = -1);
    REFUSED("data.split.folds: expected", config.data.split.folds = 0);
    REFUSED("data.split.repeats: expected", config.data.split.repeats = 1 << 30);
    REFUSED("data.split.method: expected", config.data.split.method = 2);
    REFUSED("model: expected", config.layer_count = 0);
    REFUSED("model.1: expected", config.layers = NULL);
    REFUSED("model.1.type: expected", config.layers[0].kind = 99);
    REFUSED("model.1.activation: expected", config.layers[0].activation = 99);
    REFUSED("train.epochs: expected an integer in [1, 1000000], not \"-1\"",
            config.train.epochs = -1);
    REFUSED("train.batch_size: expected", config.train.batch_size = SIZE_MAX);
    REFUSED("train.positive_weights: expected", config.train.weighting = 3);
    REFUSED("train.positive_weights: expected", config.train.weighting = HPAC_WEIGHTING_LIST);
    REFUSED("train.optimizer.rho: expected", config.train.optimizer.rho = NAN);
    REFUSED("device.precision: expected", config.device.precision = 3);
    REFUSED("device.graph: expected", config.device.graph = 3);
}

Test(impossible_arguments, of_loading_configurations)
{
    hpac_config config;
    FAILS(hpac_config_load("configs/improved.yaml", sets, -1, &config), HPAC_ERR_INTERNAL,
          "hpac_config_load: set_count is -1");
}

/* ---- layers, networks, models ---- */

static const hpac_shape image = {3, SIDE, SIDE, 2};

Test(impossible_arguments, of_layers)
{
    hpac_shape out;
    size_t bad;
    const hpac_layer flatten = FLATTEN;
    const size_t many = (size_t)1 << 32;
    const hpac_shape inputs[] = {{3, 0, SIDE, 1},       {3, SIDE, SIDE, 0}, {3, many, many, 1},
                                 {3, many, many, many}, {1, 1, 1, 0},       {1, 1, 1, many}};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        FAILS(hpac_layers_shapes(&flatten, 1, inputs[i], &out, &bad), HPAC_ERR_CONFIG,
              "expected 1 to 2^31 values");
    FAILS(hpac_layers_shapes(&flatten, 1, (hpac_shape){7, 1, 1, 1}, &out, &bad), HPAC_ERR_CONFIG,
          "input of rank 7");
    FAILS(hpac_layers_shapes(&flatten, 1, (hpac_shape){1, 2, 1, 1}, &out, &bad), HPAC_ERR_CONFIG,
          "input of rank 1 with 2 rows");
    /* The numbers of values and of weights are both multiples of 2^64. */
    const hpac_layer wide = {.kernel_rows = 1, .kernel_cols = 1, .filters = (size_t)1 << 63};
    FAILS(hpac_layers_shapes(&wide, 1, image, &out, &bad), HPAC_ERR_CONFIG, "more than 2^31");
    const hpac_layer unknown = {.kind = 99};
    FAILS(hpac_layers_shapes(&unknown, 1, image, &out, &bad), HPAC_ERR_CONFIG, "layer 1 (unknown)");
    char text[HPAC_LAYER_TEXT_NBYTES];
    hpac_layer_describe(&unknown, text);
    cr_expect_str_empty(text);
    cr_expect_eq(hpac_layer_weights(&unknown, image).tensors[HPAC_KERNEL].rank, 0);
    const hpac_layer odd[] = {{.kind = HPAC_LAYER_FLATTEN, .activation = 99},
                              {.kind = HPAC_LAYER_FLATTEN, .initializer = 99}};
    for (int i = 0; i < 2; i++)
        FAILS(hpac_layers_shapes(&odd[i], 1, image, &out, &bad), HPAC_ERR_CONFIG,
              "layer 1 (flatten): unknown activation");
}

static const hpac_layer layers[] = {CONV2D(4), FLATTEN, OUTPUT(COUNT)};
enum { LAYERS = sizeof layers / sizeof *layers };

static hpac_network_options network_options(hpac_device *device)
{
    return (hpac_network_options){
        .device = device,
        .layers = layers,
        .layer_count = LAYERS,
        .format =
            {.batch_size = 4, .target_count = COUNT, .rows = SIDE, .cols = SIDE, .channels = 2},
    };
}

Test(impossible_arguments, of_updates)
{
    hpac_network *network;
    hpac_device *device = open_tested_device((hpac_device_options){0});
    hpac_network_options options = network_options(device);
    options.optimizer.kind = HPAC_OPTIMIZER_COUNT;
    FAILS(hpac_network_create(&options, &network), HPAC_ERR_CONFIG, "unknown optimizer 4");
    options = network_options(device);
    options.ema = 1;
    FAILS(hpac_network_create(&options, &network), HPAC_ERR_CONFIG, "ema 1, expected");
    options = network_options(device);
    options.clip_norm = -1;
    FAILS(hpac_network_create(&options, &network), HPAC_ERR_CONFIG, "clip_norm -1, expected");
    options = network_options(device);
    options.accumulate = SIZE_MAX;
    FAILS(hpac_network_create(&options, &network), HPAC_ERR_CONFIG, "expected at most 16777216");
    options = network_options(device);
    options.loss.clip = 1;
    FAILS(hpac_network_create(&options, &network), HPAC_ERR_CONFIG, "clip 1, alpha 0, ");
    options = network_options(device);
    options.loss.gamma_neg = NAN;
    FAILS(hpac_network_create(&options, &network), HPAC_ERR_CONFIG, "gamma_neg nan, clip 0");
    hpac_device_close(device);
}

Test(impossible_arguments, of_networks)
{
    hpac_network *network;
    hpac_device *device = open_tested_device((hpac_device_options){0});
    hpac_network_options options = network_options(device);
    options.format.batch_size = (size_t)1 << 62; /* times any size 0 bytes, in 64 bits */
    FAILS(hpac_network_create(&options, &network), HPAC_ERR_CONFIG,
          "batch size 4611686018427387904");
    options.format.batch_size = 4;
    options.format.pixels = 2;
    FAILS(hpac_network_create(&options, &network), HPAC_ERR_CONFIG, "unknown pixels 2");
    options = network_options(device);
    assert_ok(hpac_network_create(&options, &network));
    assert_ok(hpac_network_allocate(network));
    FAILS(hpac_network_evaluate(network, &(hpac_network_batch){.count = 1}), HPAC_ERR_INTERNAL,
          "neither a slot nor resident rows");
    hpac_weights *weights = hpac_weights_create(layers, LAYERS, image);
    assert_ok(hpac_network_import(network, weights, NULL));
    weights[2].tensors[HPAC_KERNEL].dims[0]++;
    FAILS(hpac_network_import(network, weights, NULL), HPAC_ERR_INTERNAL,
          "the weights of layer 3 (dense)");
    FAILS(hpac_network_export(network, weights, NULL), HPAC_ERR_INTERNAL,
          "the weights of layer 3 (dense)");
    weights[2].tensors[HPAC_KERNEL].dims[0]--;
    float *kernel = weights[0].tensors[HPAC_KERNEL].values;
    weights[0].tensors[HPAC_KERNEL].values = NULL;
    FAILS(hpac_network_import(network, weights, NULL), HPAC_ERR_INTERNAL,
          "the weights of layer 1 (conv2d)");
    weights[0].tensors[HPAC_KERNEL].values = kernel;
    hpac_weights_destroy(weights, LAYERS);
    hpac_network_destroy(network);
    hpac_device_close(device);
}

Test(impossible_arguments, of_models)
{
    hpac_weights *weights = hpac_weights_create(layers, LAYERS, image);
    hpac_training_state training = {.states = {weights, weights}};
    hpac_layer own[LAYERS];
    memcpy(own, layers, sizeof own);
    hpac_model model = {.input = image,
                        .layer_count = LAYERS,
                        .layers = own,
                        .weights = weights,
                        .targets = {5, 6, 5},
                        .target_count = COUNT,
                        .training = &training};
    const char *path = scratch_path("a.h5");
    FAILS(hpac_model_save(&model, path), HPAC_ERR_CONFIG, "a.h5: target 5, expected different");
    model.targets[2] = 7;
    assert_ok(hpac_model_save(&model, path));
    weights[2].tensors[HPAC_BIAS].count = 1000;
    FAILS(hpac_model_save(&model, path), HPAC_ERR_INTERNAL, "a.h5: the weights of layer 3 (dense)");
    weights[2].tensors[HPAC_BIAS].count = COUNT;
    hpac_weights *negative = hpac_weights_create(layers, LAYERS, image);
    negative[0].tensors[HPAC_BIAS].values[1] = -1;
    training.states[1] = NULL;
    FAILS(hpac_model_save(&model, path), HPAC_ERR_INTERNAL,
          "a.h5: the training state lacks delta_average");
    training.states[1] = negative;
    FAILS(hpac_model_save(&model, path), HPAC_ERR_DATA, "layer 1: bias value 1 is -1");
    hpac_weights_destroy(negative, LAYERS);
    hpac_weights_destroy(weights, LAYERS);
}

Test(impossible_arguments, of_devices)
{
    hpac_device *device;
    FAILS(hpac_device_open(&(hpac_device_options){.threads = -1}, &device), HPAC_ERR_CONFIG,
          "-1 threads");
    FAILS(hpac_device_open(&(hpac_device_options){.threads = 1025}, &device), HPAC_ERR_CONFIG,
          "1025 threads");
    FAILS(hpac_device_open(&(hpac_device_options){.precision = 3}, &device), HPAC_ERR_CONFIG,
          "unknown precision 3");
    FAILS(hpac_device_open(&(hpac_device_options){.image_layout = 3}, &device), HPAC_ERR_CONFIG,
          "image layout 3");
    cr_expect_null(device);
}

/* ---- splits ---- */

Test(impossible_arguments, of_splits)
{
    hpac_split split;
    picture_directory pictures;
    hpac_split_options options = {.folds = 2, .repeats = 1, .method = 2};
    FAILS(hpac_split_create(&options, 9, NULL, &split), HPAC_ERR_CONFIG, "unknown method 2");
    options.method = HPAC_SPLIT_KFOLD;
    assert_ok(hpac_split_create(&options, COUNT + 1, NULL, &split));
    picture_directory_create(&pictures, COUNT);
    FAILS(hpac_split_write(&split, &pictures.labels, scratch_path("folds"), false),
          HPAC_ERR_INTERNAL, "split with row 3, but 3 labels");
    picture_directory_remove(&pictures);
    hpac_split_fini(&split);
    hpac_fold empty = {0};
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    hpac_split_print(&(hpac_split){1, &empty}, stream);
    fclose(stream);
    cr_expect_str_eq(text, "TRAIN: [] VALIDATION: []\nTRAIN: 0 TEST: 0\n");
    free(text);
}

/* ---- classifiers and inferences ---- */

typedef struct fixture {
    picture_directory pictures;
    hpac_device *device;
    hpac_classifier classifier;
    hpac_inference *inference;
} fixture;

static fixture open_fixture(void)
{
    fixture fix = {.device = open_tested_device((hpac_device_options){.deterministic = true})};
    picture_directory_create(&fix.pictures, COUNT);
    const char *path = linear_model_save("model.h5", 0, linear_model_targets);
    assert_ok(hpac_classifier_load(path, NULL, &fix.classifier));
    assert_ok(hpac_classifier_use_device(&fix.classifier, fix.device));
    return fix;
}

static void close_fixture(fixture *fix)
{
    hpac_classifier_fini(&fix->classifier);
    hpac_device_close(fix->device);
    picture_directory_remove(&fix->pictures);
}

static hpac_status create(fixture *fix, hpac_inference_options options, hpac_inference_set set)
{
    options.device = fix->device;
    options.classifiers = &fix->classifier;
    set.images = fix->pictures.path;
    set.labels = set.labels ? set.labels : &fix->pictures.labels;
    hpac_status status = hpac_inference_create(&options, &set, &fix->inference);
    hpac_inference_destroy(fix->inference);
    return status;
}

Test(impossible_arguments, of_inferences)
{
    fixture fix = open_fixture();
    static const size_t rows[] = {0, COUNT};
    const hpac_labels no_ids = {.count = COUNT};
    const hpac_inference_options one = {.classifier_count = 1};
    const hpac_inference_set all = {0};
    assert_ok(create(&fix, one, all));
    FAILS(create(&fix, (hpac_inference_options){0}, all), HPAC_ERR_INTERNAL, "of 0 classifiers");
    FAILS(create(&fix, (hpac_inference_options){.classifier_count = 1, .workers = -1}, all),
          HPAC_ERR_INTERNAL, "-1 workers");
    FAILS(create(&fix, (hpac_inference_options){.classifier_count = 1, .workers = 257}, all),
          HPAC_ERR_INTERNAL, "257 workers");
    FAILS(create(&fix, one, (hpac_inference_set){.rows = rows, .row_count = 2}), HPAC_ERR_INTERNAL,
          "row 3, but 3 labels");
    FAILS(create(&fix, one, (hpac_inference_set){.labels = &no_ids}), HPAC_ERR_INTERNAL,
          "the Id of row 0 is NULL");
    close_fixture(&fix);
}

static hpac_status run_again(void *user, const size_t *rows, size_t count,
                             const float *probabilities)
{
    (void)rows, (void)count, (void)probabilities;
    hpac_inference_pass again = {.on_batch = run_again, .user = user};
    return hpac_inference_run(user, &again);
}

Test(impossible_arguments, an_inference_does_not_run_within_itself)
{
    fixture fix = open_fixture();
    const hpac_inference_options options = {
        .device = fix.device, .classifiers = &fix.classifier, .classifier_count = 1};
    const hpac_inference_set set = {.images = fix.pictures.path, .labels = &fix.pictures.labels};
    hpac_inference *inference;
    assert_ok(hpac_inference_create(&options, &set, &inference));
    hpac_inference_pass pass = {.on_batch = run_again, .user = inference};
    FAILS(hpac_inference_run(inference, &pass), HPAC_ERR_INTERNAL, "the inference is running");
    hpac_inference_destroy(inference);
    close_fixture(&fix);
}

/* In every function that takes the classifier. */
static void expect_impossible(fixture *fix, const char *words)
{
    float numbers[HPAC_CLASS_COUNT];
    const hpac_image_files files = {{"none"}};
    const hpac_image_pixels pixels = {.rows = 1, .cols = 1};
    hpac_classifier *own = &fix->classifier;
    FAILS(create(fix, (hpac_inference_options){.classifier_count = 1}, (hpac_inference_set){0}),
          HPAC_ERR_INTERNAL, words);
    FAILS(hpac_classifier_predict(own, &pixels, 1, numbers), HPAC_ERR_INTERNAL, words);
    FAILS(hpac_classifier_predict_files(own, &files, 1, numbers), HPAC_ERR_INTERNAL, words);
    FAILS(hpac_classifier_use_device(own, fix->device), HPAC_ERR_INTERNAL, words);
}

#define IMPOSSIBLE(change)                                                                         \
    do {                                                                                           \
        hpac_classifier loaded = fix.classifier;                                                   \
        change;                                                                                    \
        expect_impossible(&fix, "model.h5: impossible");                                           \
        FAILS(hpac_classifier_check_alike(&loaded, &fix.classifier), HPAC_ERR_INTERNAL,            \
              "model.h5: impossible");                                                             \
        fix.classifier = loaded;                                                                   \
    } while (0)

Test(impossible_arguments, of_classifiers)
{
    fixture fix = open_fixture();
    IMPOSSIBLE(fix.classifier.model.target_count = 0);
    IMPOSSIBLE(fix.classifier.model.target_count = HPAC_CLASS_COUNT + 1);
    IMPOSSIBLE(fix.classifier.model.targets[1] = HPAC_CLASS_COUNT);
    IMPOSSIBLE(fix.classifier.model.targets[1] = -1);
    IMPOSSIBLE(fix.classifier.model.input.channels = HPAC_MAX_CHANNELS + 1);
    IMPOSSIBLE(fix.classifier.channel_order[1] = HPAC_MAX_CHANNELS);
    IMPOSSIBLE(fix.classifier.channel_order[1] = -1);
    IMPOSSIBLE(fix.classifier.pixels = 2);
    hpac_classifier loaded = fix.classifier;
    fix.classifier.model.weights = NULL;
    expect_impossible(&fix, "not loaded");
    fix.classifier = loaded;
    close_fixture(&fix);
    expect_impossible(&fix, "not loaded");
}

Test(impossible_arguments, of_hints)
{
    static const char *const path = "tests/golden/keras3_sequential.h5"; /* of 3 outputs */
    hpac_classifier classifier;
    const hpac_classifier_hints wrong[] = {
        {.targets = {0, 1, HPAC_CLASS_COUNT}, .target_count = 3},
        {.targets = {0, 1, -1}, .target_count = 3},
        {.targets = {0, 1, 1}, .target_count = 3},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        FAILS(hpac_classifier_load(path, &wrong[i], &classifier), HPAC_ERR_CONFIG,
              "expected different ones in 0..27");
    const hpac_classifier_hints pixels = {
        .targets = {0, 1, 2}, .target_count = 3, .pixels_given = true, .pixels = 2};
    FAILS(hpac_classifier_load(path, &pixels, &classifier), HPAC_ERR_CONFIG, "pixels 2 are given");
    const hpac_classifier_hints many = {.target_count = SIZE_MAX, .targets = {0, 1, 2}};
    cr_expect_eq(hpac_classifier_load(path, &many, &classifier), HPAC_ERR_CONFIG);
}
