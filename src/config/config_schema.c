/* The table of all keys. The defaults are the parameters of the reference notebooks. */
#include "config_schema.h"

/* A value in hpac_config. */
#define AT(member)                                                                                 \
    .offset = offsetof(hpac_config, member), .nbytes = sizeof((hpac_config *)0)->member
#define COUNT_AT(member) .count_offset = offsetof(hpac_config, member)

/* Rows of the common types: path, member, ..., help. */
#define PATH(path, member, text) path, &hpac_key_path, AT(member), .help = text
#define INTEGER(path, member, low, high, standard, text)                                           \
    path, &hpac_key_integer, AT(member), .min = (low), .max = (high), .fallback = (standard),      \
                                         .help = text
#define AUTO(path, member, low, high, value, text)                                                 \
    INTEGER(path, member, low, high, "auto", text), .word = "auto", .word_value = (value)
#define NUMBER(path, member, allowed, standard, text)                                              \
    path, &hpac_key_number, AT(member), .range = (allowed), .fallback = (standard), .help = text
#define CHOICE(path, member, words, standard, text)                                                \
    path, &hpac_key_choice, AT(member), .choices = (words), .fallback = (standard), .help = text

static const char *const pixels[] = {"uint8", "float32", NULL};
static const char *const on_bad_image[] = {"fail", "skip", NULL};
static const char *const methods[] = {"kfold", "stratified", NULL};
static const char *const optimizers[] = {"adadelta", NULL};
static const char *const precisions[] = {"fp32", "tf32", "bf16", NULL};
static const char *const switches[] = {"auto", "on", "off", NULL};
static const char *const image_layouts[] = {"auto", "nhwc", "nchw", NULL};

/* Images of up to 16384 x 16384 pixels and four channels have less than 2^31 values. */
#define MAX_IMAGE 16384

static const hpac_key keys[] = {
    {"data.labels", &hpac_key_path, AT(data.labels), .required = true,
     .help =
         "The label file: CSV with the columns Id and Target, class numbers separated by spaces."},
    {"data.images", &hpac_key_path, AT(data.images), .required = true,
     .help = "The directory of the training images: ID_green.png, ID_blue.png, ID_red.png, "
             "ID_yellow.png."},
    {"data.targets", &hpac_key_list, AT(data.targets), COUNT_AT(data.target_count),
     .choices = hpac_class_names, .max = HPAC_CLASS_COUNT, .noun = "class", .word = "all",
     .fallback = "all", .help = "The classes to learn, in the order of the network's outputs."},
    {"data.channels", &hpac_key_list, AT(data.channel_order), COUNT_AT(data.channels),
     .choices = hpac_channel_names, .max = HPAC_MAX_CHANNELS, .noun = "channel", .fallback = "1",
     .help =
         "The channels of an image, in the order of the network's input, such as "
         "`[red, green, blue, yellow]`. An integer N means the first N of green (protein), blue "
         "(nucleus), red (microtubules), yellow (endoplasmic reticulum)."},
    {INTEGER(
        "data.image.rows", data.image_rows, 1, MAX_IMAGE, "512",
        "Height of the image files. A file of another size is resized to image / scale, too.")},
    {INTEGER("data.image.cols", data.image_cols, 1, MAX_IMAGE, "512",
             "Width, as data.image.rows.")},
    {INTEGER("data.scale.rows", data.scale_rows, 1, MAX_IMAGE, "4",
             "The factor by which images are reduced. The remainder of the division is dropped; at "
             "least one pixel must be left.")},
    {INTEGER("data.scale.cols", data.scale_cols, 1, MAX_IMAGE, "4", "See data.scale.rows.")},
    {CHOICE("data.pixels", data.pixels, pixels, "uint8",
            "How resized pixels are stored: rounded to bytes, or as the floats of the resize.")},
    {PATH("data.test.images", data.test_images,
          "The directory of the test images. With data.test, train also writes the submission.")},
    {PATH("data.test.ids", data.test_ids,
          "CSV with the column Id: the test images in the order of the submission "
          "(sample_submission.csv).")},
    {AUTO("data.workers", data.workers, 1, 256, 0,
          "Threads that read, decode and resize images; auto: one per core. Results do not depend "
          "on it.")},
    {CHOICE(
        "data.on_bad_image", data.skip_bad_images, on_bad_image, "fail",
        "What to do about an image that cannot be decoded: stop the run, or skip, count and list "
        "it.")},
    {AUTO("data.cache_mib", data.cache_mib, 0, 1 << 24, -1,
          "Memory for prepared images, in MiB, so that later epochs need not decode them again; "
          "auto: a quarter of the machine's memory; 0: none.")},
    {INTEGER("data.split.folds", data.split.folds, 2, 65536, "3",
             "Folds of the cross-validation; one of them is the validation set.")},
    {INTEGER("data.split.repeats", data.split.repeats, 1, 1024, "1",
             "Repeats of the split, each reshuffled.")},
    {INTEGER("data.split.seed", data.split.seed, 0, UINT32_MAX, "0",
             "Seed of the split, as scikit-learn's random_state.")},
    {CHOICE(
        "data.split.method", data.split.method, methods, "kfold",
        "kfold: equal to scikit-learn's RepeatedKFold. stratified: every fold gets its share of "
        "every class.")},
    {INTEGER("data.split.fold", data.fold, 0, 65536 * 1024 - 1, "0",
             "The fold that is the validation set: repeat x folds + fold, in [0, folds x repeats - "
             "1].")},
    {"model", &hpac_key_model,
     .fallback = "- {type: conv2d, filters: 16, kernel: 3, activation: relu}\n"
                 "- {type: conv2d, filters: 32, kernel: 3, activation: relu}\n"
                 "- {type: maxpool, size: 2}\n"
                 "- {type: dropout, rate: 0.25}\n"
                 "- {type: flatten}\n"
                 "- {type: dense, units: 64, activation: relu}\n"
                 "- {type: dropout, rate: 0.5}\n"
                 "- {type: dense, units: classes, activation: sigmoid}\n",
     .help = "The layers, from the image to the probabilities; see below."},
    {INTEGER("train.epochs", train.epochs, 1, 1000000, "1", "Passes over the training images.")},
    {INTEGER("train.batch_size", train.batch_size, 1, 65536, "200", "Images per step.")},
    {CHOICE("train.shuffle", train.shuffle, hpac_key_booleans, "false",
            "Shuffle the training images before every epoch.")},
    {CHOICE(
        "train.drop_last", train.drop_last, hpac_key_booleans, "true",
        "Drop the last training batch if it is not full. Validation and prediction never drop an "
        "image.")},
    {INTEGER("train.seed", train.seed, 0, UINT64_MAX, "0",
             "Seed of the initial weights, the shuffle and the dropout.")},
    {CHOICE("train.optimizer.type", train.optimizer.kind, optimizers, "adadelta",
            "Adadelta as in Keras.")},
    {NUMBER("train.optimizer.learning_rate", train.optimizer.learning_rate, HPAC_RANGE_POSITIVE,
            "1.0", "Learning rate: scales every update.")},
    {NUMBER("train.optimizer.rho", train.optimizer.rho, HPAC_RANGE_FRACTION, "0.95",
            "Decay of the running averages per step.")},
    {NUMBER("train.optimizer.epsilon", train.optimizer.epsilon, HPAC_RANGE_POSITIVE, "1.0e-7",
            "Added under the square roots, against division by zero.")},
    {"train.positive_weights", &hpac_key_weights, .fallback = "none",
     .help =
         "Weight of the label 1 in the loss, per class. balanced: zeros / ones of the class among "
         "the training images."},
    {INTEGER("train.early_stopping.patience", train.patience, 0, 1000000, "0",
             "Stop after this many epochs without a better validation loss; 0: never.")},
    {NUMBER("train.early_stopping.min_delta", train.min_delta, HPAC_RANGE_NOT_NEGATIVE, "0",
            "By how much a validation loss must be lower to count as better; needs patience.")},
    {PATH("train.initial_model", train.initial_model,
          "A .h5 file of hpac or Keras with the same layers, whose weights the training starts "
          "from.")},
    {CHOICE("device.precision", device.precision, precisions, "fp32",
            "Precision of the arithmetic inside convolutions and dense layers. An error where the "
            "device does not support it.")},
    {CHOICE("device.deterministic", device.deterministic, hpac_key_booleans, "true",
            "Use deterministic algorithms only.")},
    {CHOICE("device.image_layout", device.image_layout, image_layouts, "auto",
            "Memory layout of images on a GPU; auto: nhwc with bf16, else nchw. Another layout has "
            "other algorithms, and rounds sums differently.")},
    {CHOICE("device.resident", device.resident, switches, "auto",
            "Keep the images in GPU memory after their first pass, as the loader delivers them; "
            "auto: where they fit. The same bits either way.")},
    {CHOICE("device.graph", device.graph, switches, "auto",
            "Record the training step as a CUDA graph and replay it; auto: where the device has "
            "graphs. The same bits either way.")},
    {AUTO("device.threads", device.threads, 1, 1024, 0,
          "Compute threads of the CPU device; auto: one per core. Another number of threads rounds "
          "sums differently.")},
};

_Static_assert(sizeof keys / sizeof *keys <= HPAC_KEY_MAX, "raise HPAC_KEY_MAX");

const hpac_key_table hpac_config_keys = {keys, (int)(sizeof keys / sizeof *keys)};
