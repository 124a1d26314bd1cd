/* NULL where a public function needs a pointer is an error that names it; fini functions take it.
 */
#include <hpac/inference.h>
#include <hpac/log.h>
#include <hpac/network.h>
#include <hpac/trainer.h>

#include <criterion/criterion.h>
#include <string.h>

/* `call` is refused with "<function>: <argument> is NULL". */
#define REFUSES(call, what)                                                                        \
    do {                                                                                           \
        hpac_fail(HPAC_ERR_DATA, "nothing was refused");                                           \
        cr_expect_eq((call), HPAC_ERR_INTERNAL, what);                                             \
        cr_expect_str_eq(hpac_error_message(), what " is NULL");                                   \
    } while (0)

static hpac_config config;
static hpac_labels labels;
static hpac_split split;
static hpac_model model;
static hpac_classifier classifier;
static hpac_classifiers classifiers;
static hpac_network *network;
static hpac_inference *inference;
/* Never opened: all is refused before. */
static hpac_device device;
static const hpac_image_pixels pixels;
static const hpac_image_files files;
static float numbers[1];
static const int counts[1];

static hpac_status on_batch(void *user, const size_t *rows, size_t count,
                            const float *probabilities)
{
    (void)user, (void)rows, (void)count, (void)probabilities;
    return HPAC_OK;
}

Test(null_arguments, configurations)
{
    char *text;
    REFUSES(hpac_config_load(NULL, NULL, 0, &config), "hpac_config_load: path");
    REFUSES(hpac_config_load("a.yaml", NULL, 1, &config), "hpac_config_load: sets");
    REFUSES(hpac_config_load("a.yaml", (const char *[]){"train.epochs=1", NULL}, 2, &config),
            "hpac_config_load: sets[i]");
    REFUSES(hpac_config_load("a.yaml", NULL, 0, NULL), "hpac_config_load: config");
    REFUSES(hpac_config_parse(NULL, "", &config), "hpac_config_parse: document");
    REFUSES(hpac_config_parse("a", NULL, &config), "hpac_config_parse: text");
    REFUSES(hpac_config_parse("a", "", NULL), "hpac_config_parse: config");
    REFUSES(hpac_config_text(NULL, &text), "hpac_config_text: config");
    cr_expect_null(text);
    REFUSES(hpac_config_text(&config, NULL), "hpac_config_text: text");
    REFUSES(hpac_config_differences(NULL, &config, &text), "hpac_config_differences: old");
    REFUSES(hpac_config_differences(&config, NULL, &text), "hpac_config_differences: current");
    REFUSES(hpac_config_differences(&config, &config, NULL), "hpac_config_differences: text");
    hpac_config_fini(NULL);
}

Test(null_arguments, data)
{
    const hpac_split_options stratified = {.method = HPAC_SPLIT_STRATIFIED, .folds = 2};
    REFUSES(hpac_labels_read_csv(NULL, &labels), "hpac_labels_read_csv: path");
    REFUSES(hpac_labels_read_csv("a.csv", NULL), "hpac_labels_read_csv: labels");
    REFUSES(hpac_ids_read_csv(NULL, &labels), "hpac_ids_read_csv: path");
    REFUSES(hpac_ids_read_csv("a.csv", NULL), "hpac_ids_read_csv: labels");
    REFUSES(hpac_split_create(NULL, 9, NULL, &split), "hpac_split_create: options");
    REFUSES(hpac_split_create(&stratified, 9, NULL, &split), "hpac_split_create: masks");
    REFUSES(hpac_split_create(&stratified, 9, NULL, NULL), "hpac_split_create: split");
    REFUSES(hpac_split_write(NULL, &labels, "a", false), "hpac_split_write: split");
    REFUSES(hpac_split_write(&split, NULL, "a", false), "hpac_split_write: labels");
    REFUSES(hpac_split_write(&split, &labels, NULL, false), "hpac_split_write: directory");
    const hpac_split without_folds = {.count = 2};
    REFUSES(hpac_split_write(&without_folds, &labels, "a", false),
            "hpac_split_write: split->folds");
    hpac_fold fold = {0};
    const hpac_split one = {1, &fold};
    REFUSES(hpac_split_write(&one, &labels, "a", false), "hpac_split_write: labels->ids");
    cr_expect_eq(hpac_class_find(NULL), -1);
    cr_expect_null(hpac_class_nearest(NULL));
    hpac_labels_fini(NULL);
    hpac_split_fini(NULL);
}

Test(null_arguments, models)
{
    REFUSES(hpac_model_load(NULL, &model), "hpac_model_load: path");
    REFUSES(hpac_model_load("a.h5", NULL), "hpac_model_load: model");
    REFUSES(hpac_model_save(NULL, "a.h5"), "hpac_model_save: model");
    REFUSES(hpac_model_save(&model, NULL), "hpac_model_save: path");
    hpac_layer layer = {0};
    hpac_weights weights = {0};
    hpac_model lacking = {.layer_count = 1};
    REFUSES(hpac_model_save(&lacking, "a.h5"), "hpac_model_save: model->layers");
    lacking.layers = &layer;
    REFUSES(hpac_model_save(&lacking, "a.h5"), "hpac_model_save: model->weights");
    lacking.weights = &weights;
    REFUSES(hpac_thresholds_save(NULL, numbers, counts, 1), "hpac_thresholds_save: path");
    REFUSES(hpac_thresholds_save("a.h5", NULL, counts, 1), "hpac_thresholds_save: thresholds");
    REFUSES(hpac_thresholds_save("a.h5", numbers, NULL, 1), "hpac_thresholds_save: positives");
    hpac_model_fini(NULL);
    hpac_weights_destroy(NULL, 3);
}

Test(null_arguments, classifiers)
{
    REFUSES(hpac_classifier_load(NULL, NULL, &classifier), "hpac_classifier_load: path");
    REFUSES(hpac_classifier_load("a.h5", NULL, NULL), "hpac_classifier_load: classifier");
    REFUSES(hpac_classifier_check_alike(NULL, &classifier), "hpac_classifier_check_alike: a");
    REFUSES(hpac_classifier_check_alike(&classifier, NULL), "hpac_classifier_check_alike: b");
    REFUSES(hpac_classifiers_load(NULL, NULL, &classifiers), "hpac_classifiers_load: name");
    REFUSES(hpac_classifiers_load("a", NULL, NULL), "hpac_classifiers_load: classifiers");
    REFUSES(hpac_classifier_predict(NULL, &pixels, 1, numbers),
            "hpac_classifier_predict: classifier");
    REFUSES(hpac_classifier_predict(&classifier, NULL, 1, numbers),
            "hpac_classifier_predict: images");
    REFUSES(hpac_classifier_predict(&classifier, &pixels, 1, NULL),
            "hpac_classifier_predict: probabilities");
    REFUSES(hpac_classifier_predict_files(NULL, &files, 1, numbers),
            "hpac_classifier_predict_files: classifier");
    REFUSES(hpac_classifier_predict_files(&classifier, NULL, 1, numbers),
            "hpac_classifier_predict_files: images");
    REFUSES(hpac_classifier_predict_files(&classifier, &files, 1, NULL),
            "hpac_classifier_predict_files: probabilities");
    REFUSES(hpac_classifier_use_device(NULL, &device), "hpac_classifier_use_device: classifier");
    hpac_classifier_fini(NULL);
    hpac_classifiers_fini(NULL);
}

/* Hints may be NULL: this crashed. */
Test(null_arguments, hints_are_optional)
{
    cr_expect_eq(hpac_classifier_load("tests/golden/keras3_sequential.h5", NULL, &classifier),
                 HPAC_ERR_CONFIG);
    cr_expect_not_null(strstr(hpac_error_message(), "does not name the classes"));
    cr_expect_eq(hpac_classifiers_load("tests/golden/keras3_sequential.h5", NULL, &classifiers),
                 HPAC_ERR_CONFIG);
    hpac_classifiers_fini(&classifiers);
}

Test(null_arguments, inferences)
{
    hpac_inference_options options = {.device = &device, .classifiers = &classifier};
    hpac_inference_set set = {.images = "images", .labels = &labels};
    REFUSES(hpac_inference_create(NULL, &set, &inference), "hpac_inference_create: options");
    REFUSES(hpac_inference_create(&options, NULL, &inference), "hpac_inference_create: set");
    REFUSES(hpac_inference_create(&options, &set, NULL), "hpac_inference_create: inference");
    options.device = NULL;
    REFUSES(hpac_inference_create(&options, &set, &inference),
            "hpac_inference_create: options->device");
    options = (hpac_inference_options){.device = &device};
    REFUSES(hpac_inference_create(&options, &set, &inference),
            "hpac_inference_create: options->classifiers");
    options.classifiers = &classifier;
    set.images = NULL;
    REFUSES(hpac_inference_create(&options, &set, &inference),
            "hpac_inference_create: set->images");
    set = (hpac_inference_set){.images = "images"};
    REFUSES(hpac_inference_create(&options, &set, &inference),
            "hpac_inference_create: set->labels");
    cr_expect_null(inference);
    hpac_inference_pass pass = {.on_batch = on_batch};
    REFUSES(hpac_inference_run(NULL, &pass), "hpac_inference_run: inference");
    REFUSES(hpac_inference_run((hpac_inference *)&device, NULL), "hpac_inference_run: pass");
    pass.on_batch = NULL;
    REFUSES(hpac_inference_run((hpac_inference *)&device, &pass),
            "hpac_inference_run: pass->on_batch");
    hpac_inference_destroy(NULL);
}

Test(null_arguments, devices_networks_and_the_log)
{
    const hpac_layer layer = {.kind = HPAC_LAYER_FLATTEN};
    hpac_network_options options = {.device = &device, .layers = &layer, .layer_count = 1};
    REFUSES(hpac_device_open(&(hpac_device_options){.name = "cpu"}, NULL),
            "hpac_device_open: device");
    REFUSES(hpac_network_create(NULL, &network), "hpac_network_create: options");
    REFUSES(hpac_network_create(&options, NULL), "hpac_network_create: network");
    options.layers = NULL;
    REFUSES(hpac_network_create(&options, &network), "hpac_network_create: options->layers");
    options = (hpac_network_options){.layers = &layer, .layer_count = 1};
    REFUSES(hpac_network_create(&options, &network), "hpac_network_create: options->device");
    cr_expect_null(network);
    REFUSES(hpac_log_open_file(NULL), "hpac_log_open_file: path");
    hpac_device_close(NULL);
    hpac_network_destroy(NULL);
}

Test(null_arguments, layers_and_steps_of_networks)
{
    hpac_network *none = NULL, *some = (hpac_network *)&device;
    const hpac_layer layer = {0};
    hpac_shape shape = {0};
    hpac_outcome outcome;
    size_t bad;
    REFUSES(hpac_layers_shapes(NULL, 1, shape, &shape, &bad), "hpac_layers_shapes: layers");
    REFUSES(hpac_layers_shapes(&layer, 1, shape, NULL, &bad), "hpac_layers_shapes: shapes");
    REFUSES(hpac_layers_shapes(&layer, 1, shape, &shape, NULL), "hpac_layers_shapes: bad");
    REFUSES(hpac_layers_check(NULL, 1, shape, 3, NULL), "hpac_layers_check: layers");
    REFUSES(hpac_network_check_memory(none, NULL), "hpac_network_check_memory: network");
    REFUSES(hpac_network_allocate(none), "hpac_network_allocate: network");
    REFUSES(hpac_network_initialize(none, 1), "hpac_network_initialize: network");
    REFUSES(hpac_network_import(none, NULL, NULL), "hpac_network_import: network");
    REFUSES(hpac_network_export(none, NULL, NULL), "hpac_network_export: network");
    REFUSES(hpac_network_export_gradients(none, NULL), "hpac_network_export_gradients: network");
    REFUSES(hpac_network_export_gradients(some, NULL), "hpac_network_export_gradients: gradients");
    REFUSES(hpac_network_retain_images(none, 1), "hpac_network_retain_images: network");
    REFUSES(hpac_network_train(none, NULL, 1), "hpac_network_train: network");
    REFUSES(hpac_network_train(some, NULL, 1), "hpac_network_train: batch");
    REFUSES(hpac_network_evaluate(none, NULL), "hpac_network_evaluate: network");
    REFUSES(hpac_network_evaluate(some, NULL), "hpac_network_evaluate: batch");
    REFUSES(hpac_network_collect(none, &outcome), "hpac_network_collect: network");
    REFUSES(hpac_network_collect(some, NULL), "hpac_network_collect: outcome");
}

static void expect_refused(hpac_train_options options, const char *member)
{
    hpac_train_plan plan;
    char expected[100];
    bool of_directory = strcmp(member, "directory") == 0;
    snprintf(expected, sizeof expected, "hpac_train: options->%s is NULL", member);
    cr_expect_eq(hpac_train(&options), HPAC_ERR_INTERNAL);
    cr_expect_str_eq(hpac_error_message(), expected);
    snprintf(expected, sizeof expected, "hpac_train_folds: options->%s is NULL", member);
    cr_expect_eq(hpac_train_folds(&options), HPAC_ERR_INTERNAL);
    cr_expect_str_eq(hpac_error_message(), expected);
    if (of_directory) /* not needed for the check */
        return;
    snprintf(expected, sizeof expected, "hpac_train_check: options->%s is NULL", member);
    cr_expect_eq(hpac_train_check(&options, &plan), HPAC_ERR_INTERNAL);
    cr_expect_str_eq(hpac_error_message(), expected);
}

Test(null_arguments, trainings)
{
    hpac_train_plan plan;
    const hpac_train_options options = {.config = &config, .device = &device, .directory = "run"};
    hpac_train_options lacking[] = {options, options, options};
    REFUSES(hpac_train(NULL), "hpac_train: options");
    REFUSES(hpac_train_folds(NULL), "hpac_train_folds: options");
    REFUSES(hpac_train_check(NULL, &plan), "hpac_train_check: options");
    REFUSES(hpac_train_check(&options, NULL), "hpac_train_check: plan");
    lacking[0].config = NULL;
    lacking[1].device = NULL;
    lacking[2].directory = NULL;
    expect_refused(lacking[0], "config");
    expect_refused(lacking[1], "device");
    expect_refused(lacking[2], "directory");
}
