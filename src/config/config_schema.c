/* The table of all keys. The defaults are the write-up's parameters. */
#include "config_schema.h"

/* The place of a value in hpac_config. */
#define AT(member)                                                                                 \
    .offset = offsetof(hpac_config, member), .nbytes = sizeof((hpac_config *)0)->member

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
    {"data.labels", &hpac_key_text, AT(data.labels), .required = true,
     .help = "The label file: CSV with the columns Id and Target, class numbers separated by "
             "spaces."},
    {"data.images", &hpac_key_text, AT(data.images), .required = true,
     .help = "The folder of the training images: ID_green.png, ID_blue.png, ID_red.png, "
             "ID_yellow.png."},
    {"data.targets", &hpac_key_targets, .fallback = "all",
     .help = "The classes to learn, in the order of the network's outputs."},
    {"data.channels", &hpac_key_channels, .fallback = "1",
     .help =
         "The channels of an image, in the order of the network's input: "
         "`[red, green, blue, yellow]`. An integer N stands for the first N of green (protein), "
         "blue (nucleus), red (microtubules), yellow (endoplasmic reticulum)."},
    {"data.image.rows", &hpac_key_whole, AT(data.image_rows), .least = 1, .most = MAX_IMAGE,
     .fallback = "512",
     .help = "Size of the images as they come. A file of another size ends as image / scale pixels "
             "too."},
    {"data.image.cols", &hpac_key_whole, AT(data.image_cols), .least = 1, .most = MAX_IMAGE,
     .fallback = "512", .help = "See data.image.rows."},
    {"data.scale.rows", &hpac_key_whole, AT(data.scale_rows), .least = 1, .most = MAX_IMAGE,
     .fallback = "4",
     .help = "The factor by which images are made smaller; what the division leaves over drops, "
             "but at least one pixel must be left."},
    {"data.scale.cols", &hpac_key_whole, AT(data.scale_cols), .least = 1, .most = MAX_IMAGE,
     .fallback = "4", .help = "See data.scale.rows."},
    {"data.pixels", &hpac_key_choice, AT(data.pixels), .choices = pixels, .fallback = "uint8",
     .help = "How resized pixels are kept: rounded to bytes, or as the floats the resize gives."},
    {"data.test.images", &hpac_key_text, AT(data.test_images),
     .help = "The folder of the test images. With data.test, train also writes the submission."},
    {"data.test.ids", &hpac_key_text, AT(data.test_ids),
     .help = "CSV with the column Id: the test images in the order of the submission "
             "(sample_submission.csv)."},
    {"data.workers", &hpac_key_whole, AT(data.workers), .least = 1, .most = 256, .word = "auto",
     .word_value = 0, .fallback = "auto",
     .help = "Threads that read, decode and resize images; auto: one a core. The results do not "
             "depend on it."},
    {"data.on_bad_image", &hpac_key_choice, AT(data.skip_bad_images), .choices = on_bad_image,
     .fallback = "fail",
     .help = "What an image that cannot be decoded does: stop the run, or be skipped, counted and "
             "listed."},
    {"data.cache_mib", &hpac_key_whole, AT(data.cache_mib), .least = 0, .most = 1 << 24,
     .word = "auto", .word_value = -1, .fallback = "auto",
     .help =
         "Memory for prepared images, in MiB, so that later epochs need not decode again; auto: "
         "a quarter of the machine's memory; 0: none."},
    {"data.split.folds", &hpac_key_whole, AT(data.split.folds), .least = 2, .most = 65536,
     .fallback = "3", .help = "Parts of the k-fold; one of them is the validation set."},
    {"data.split.repeats", &hpac_key_whole, AT(data.split.repeats), .least = 1, .most = 1024,
     .fallback = "1", .help = "How often the rows are shuffled and cut anew."},
    {"data.split.seed", &hpac_key_whole, AT(data.split.seed), .least = 0, .most = UINT32_MAX,
     .fallback = "0", .help = "Seed of the split, as scikit-learn's random_state."},
    {"data.split.method", &hpac_key_choice, AT(data.split.method), .choices = methods,
     .fallback = "kfold",
     .help = "kfold: equal to scikit-learn's RepeatedKFold. stratified: every fold gets its share "
             "of every class."},
    {"data.split.fold", &hpac_key_whole, AT(data.fold), .least = 0, .most = 65536 * 1024 - 1,
     .fallback = "0",
     .help = "Which fold is the validation set: repeat x folds + fold, so 0..folds x repeats - 1."},
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
    {"train.epochs", &hpac_key_whole, AT(train.epochs), .least = 1, .most = 1000000,
     .fallback = "1", .help = "How often the training images are gone through."},
    {"train.batch_size", &hpac_key_whole, AT(train.batch_size), .least = 1, .most = 65536,
     .fallback = "200", .help = "Images a step."},
    {"train.shuffle", &hpac_key_choice, AT(train.shuffle), .choices = hpac_key_booleans,
     .fallback = "false",
     .help = "Whether the training images are put in a new order every epoch."},
    {"train.drop_last", &hpac_key_choice, AT(train.drop_last), .choices = hpac_key_booleans,
     .fallback = "true",
     .help = "Whether a last training batch that is not full is left out. Validation and "
             "prediction never leave out an image."},
    {"train.seed", &hpac_key_whole, AT(train.seed), .least = 0, .most = UINT64_MAX, .fallback = "0",
     .help = "Seed of the initial weights, the shuffle and the dropout."},
    {"train.optimizer.type", &hpac_key_choice, .choices = optimizers, .fallback = "adadelta",
     .help = "Adadelta as Keras writes it."},
    {"train.optimizer.learning_rate", &hpac_key_number, AT(train.optimizer.learning_rate),
     .range = HPAC_RANGE_POSITIVE, .fallback = "1.0", .help = "Factor of every update."},
    {"train.optimizer.rho", &hpac_key_number, AT(train.optimizer.rho), .range = HPAC_RANGE_SHARE,
     .fallback = "0.95", .help = "What the running averages keep at a step."},
    {"train.optimizer.epsilon", &hpac_key_number, AT(train.optimizer.epsilon),
     .range = HPAC_RANGE_POSITIVE, .fallback = "1.0e-7",
     .help = "Added under the roots, against division by zero."},
    {"train.positive_weights", &hpac_key_weights, .fallback = "none",
     .help = "Weight of the label 1 in the loss, a class. balanced: zeros / ones of the class "
             "among the training images."},
    {"train.early_stopping.patience", &hpac_key_whole, AT(train.patience), .least = 0,
     .most = 1000000, .fallback = "0",
     .help = "Stop after so many epochs without a better validation loss; 0: never."},
    {"train.early_stopping.min_delta", &hpac_key_number, AT(train.min_delta),
     .range = HPAC_RANGE_NOT_NEGATIVE, .fallback = "0",
     .help = "By how much a validation loss must be lower to count as better; needs patience."},
    {"train.initial_model", &hpac_key_text, AT(train.initial_model),
     .help = "A .h5 file with the same layers, of hpac or Keras, whose weights the training starts "
             "from."},
    {"device.precision", &hpac_key_choice, AT(device.precision), .choices = precisions,
     .fallback = "fp32",
     .help = "Of the arithmetic inside convolutions and dense layers. A device that does not have "
             "it refuses it."},
    {"device.deterministic", &hpac_key_choice, AT(device.deterministic),
     .choices = hpac_key_booleans, .fallback = "true",
     .help = "Only algorithms that give the same bits every time."},
    {"device.image_layout", &hpac_key_choice, AT(device.image_layout), .choices = image_layouts,
     .fallback = "auto",
     .help = "How images lie in the memory of a GPU; auto: nhwc with bf16, else nchw. Another "
             "layout has other algorithms, and rounds sums differently."},
    {"device.resident", &hpac_key_choice, AT(device.resident), .choices = switches,
     .fallback = "auto",
     .help = "Keep the images in the GPU's memory after their first pass, as the loader delivers "
             "them; auto: where they fit. The same bits either way."},
    {"device.graph", &hpac_key_choice, AT(device.graph), .choices = switches, .fallback = "auto",
     .help = "Record the training step as a CUDA graph and repeat that; auto: where the device has "
             "graphs. The same bits either way."},
    {"device.threads", &hpac_key_whole, AT(device.threads), .least = 1, .most = 1024,
     .word = "auto", .word_value = 0, .fallback = "auto",
     .help = "Compute threads of the CPU device; auto: one a core. Another number of threads "
             "rounds sums differently."},
};

_Static_assert(sizeof keys / sizeof *keys <= HPAC_KEY_MAX, "raise HPAC_KEY_MAX");

const hpac_key_table hpac_config_keys = {keys, (int)(sizeof keys / sizeof *keys)};
