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
static const char *const optimizers[] = {"adadelta", "sgd", "adam", "adamw", NULL};
static const char *const learning_rates[] = {"1.0", "0.01", "0.001", "0.001"};
static const char *const schedules[] = {"constant",  "step",        "cosine",
                                        "one_cycle", "exponential", NULL};
static const char *const factors[] = {
    [HPAC_SCHEDULE_STEP] = "0.1", [HPAC_SCHEDULE_EXPONENTIAL] = "0.9"};
static const char *const final_factors[] = {
    [HPAC_SCHEDULE_COSINE] = "0", [HPAC_SCHEDULE_ONE_CYCLE] = "4.0e-6"};
static const char *const losses[] = {"bce", "focal", "asymmetric", NULL};
static const char *const precisions[] = {"fp32", "tf32", "bf16", NULL};
static const char *const switches[] = {"auto", "on", "off", NULL};
static const char *const image_layouts[] = {"auto", "nhwc", "nchw", NULL};

/* Of some optimizers, schedules or losses only. */
#define OF_OPTIMIZER(set) .of = "train.optimizer.type", .only = (set)
#define OF_SCHEDULE(set) .of = "train.schedule.type", .only = (set)
#define OF_LOSS(kind) .of = "train.loss.type", .only = 1U << (kind)
#define ADADELTA (1U << HPAC_OPTIMIZER_ADADELTA)
#define SGD (1U << HPAC_OPTIMIZER_SGD)
#define ADAMW (1U << HPAC_OPTIMIZER_ADAMW)
#define ADAMS (1U << HPAC_OPTIMIZER_ADAM | ADAMW)
#define REPEATED (1U << HPAC_SCHEDULE_STEP | 1U << HPAC_SCHEDULE_EXPONENTIAL)
#define ONE_CYCLE (1U << HPAC_SCHEDULE_ONE_CYCLE)
#define TO_THE_END (1U << HPAC_SCHEDULE_COSINE | ONE_CYCLE)
#define ANY 31U

/* Images of up to 16384 x 16384 pixels and four channels have less than 2^31 values. */
#define MAX_IMAGE 16384

static const hpac_key keys[] = {
    {"data.labels", &hpac_key_path, AT(data.labels), .required = true, .example = "data/train.csv",
     .help =
         "The label file: CSV with the columns Id and Target, class numbers separated by spaces."},
    {"data.images", &hpac_key_path, AT(data.images), .required = true, .example = "data/train",
     .help = "The directory of the training images: ID_green.png, ID_blue.png, ID_red.png, "
             "ID_yellow.png."},
    {"data.targets", &hpac_key_list, AT(data.targets), COUNT_AT(data.target_count),
     .choices = hpac_class_names, .max = HPAC_CLASS_COUNT, .noun = "class", .word = "all",
     .fallback = "all", .example = "[Nucleoplasm, Cytosol]",
     .help = "The classes to learn, in the order of the network's outputs."},
    {"data.channels", &hpac_key_list, AT(data.channel_order), COUNT_AT(data.channels),
     .choices = hpac_channel_names, .max = HPAC_MAX_CHANNELS, .noun = "channel", .fallback = "1",
     .example = "[red, green]",
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
          "The directory of the test images. With data.test, train also writes the submission."),
     .example = "data/test"},
    {PATH("data.test.ids", data.test_ids,
          "CSV with the column Id: the test images in the order of the submission "
          "(sample_submission.csv)."),
     .example = "data/sample_submission.csv"},
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
     .help = "The layers, from the image to the probabilities: {type: TYPE, ...}, or blocks of "
             "layers, {block: NAME, ...}."},
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
            "The optimizer, by Keras's formula. A key of another one is an error.")},
    {NUMBER("train.optimizer.learning_rate", train.optimizer.learning_rate, HPAC_RANGE_POSITIVE,
            "1.0 (adadelta), 0.01 (sgd), 0.001 (adam, adamw)",
            "Learning rate: scales every update."),
     .example = "0.01", OF_OPTIMIZER(ANY), .fallbacks = learning_rates},
    {NUMBER("train.optimizer.rho", train.optimizer.rho, HPAC_RANGE_FRACTION, "0.95",
            "adadelta: decay of the running averages per step."),
     OF_OPTIMIZER(ADADELTA)},
    {NUMBER("train.optimizer.epsilon", train.optimizer.epsilon, HPAC_RANGE_POSITIVE, "1.0e-7",
            "adadelta, adam, adamw: against division by zero. Added under the square roots, of "
            "adam and adamw behind it."),
     OF_OPTIMIZER(ADADELTA | ADAMS)},
    {NUMBER("train.optimizer.momentum", train.optimizer.momentum, HPAC_RANGE_FRACTION, "0",
            "sgd: the share of the last update in the next."),
     OF_OPTIMIZER(SGD)},
    {CHOICE("train.optimizer.nesterov", train.optimizer.nesterov, hpac_key_booleans, "false",
            "sgd: Nesterov's momentum."),
     OF_OPTIMIZER(SGD)},
    {NUMBER("train.optimizer.beta_1", train.optimizer.beta_1, HPAC_RANGE_FRACTION, "0.9",
            "adam, adamw: decay of the running mean of the gradients per update."),
     OF_OPTIMIZER(ADAMS)},
    {NUMBER("train.optimizer.beta_2", train.optimizer.beta_2, HPAC_RANGE_FRACTION, "0.999",
            "adam, adamw: the same of their squares."),
     OF_OPTIMIZER(ADAMS)},
    {NUMBER("train.optimizer.weight_decay", train.optimizer.weight_decay, HPAC_RANGE_NOT_NEGATIVE,
            "0.004",
            "adamw: the share of every weight that an update takes away, times the learning rate."),
     OF_OPTIMIZER(ADAMW)},
    {CHOICE("train.schedule.type", train.schedule.kind, schedules, "constant",
            "How the learning rate changes from update to update. step: times factor after every "
            "`every` epochs. cosine: down to final_factor at the end. one_cycle: from start_factor "
            "up to the learning rate in the share rise of the training, then down to "
            "final_factor, as PyTorch's OneCycleLR. exponential: times factor^(epochs / every). "
            "cosine and one_cycle end with the training: --resume cannot change its epochs.")},
    {NUMBER("train.schedule.warm_up", train.schedule.warm_up, HPAC_RANGE_NOT_NEGATIVE, "0",
            "All but one_cycle: epochs in which the learning rate grows from 0, before the "
            "schedule begins; 0.5 is half of one."),
     OF_SCHEDULE(ANY & ~ONE_CYCLE)},
    {NUMBER("train.schedule.every", train.schedule.every, HPAC_RANGE_POSITIVE, "1",
            "step, exponential: epochs to each factor."),
     OF_SCHEDULE(REPEATED)},
    {NUMBER("train.schedule.factor", train.schedule.factor, HPAC_RANGE_POSITIVE,
            "0.1 (step), 0.9 (exponential)",
            "step, exponential: what the learning rate is multiplied by."),
     .example = "0.5", OF_SCHEDULE(REPEATED), .fallbacks = factors},
    {NUMBER("train.schedule.rise", train.schedule.rise, HPAC_RANGE_FRACTION, "0.3",
            "one_cycle: the share of the training in which the learning rate grows."),
     OF_SCHEDULE(ONE_CYCLE)},
    {NUMBER("train.schedule.start_factor", train.schedule.start_factor, HPAC_RANGE_POSITIVE, "0.04",
            "one_cycle: the first learning rate, as a factor of the highest."),
     OF_SCHEDULE(ONE_CYCLE)},
    {NUMBER("train.schedule.final_factor", train.schedule.final_factor, HPAC_RANGE_NOT_NEGATIVE,
            "0 (cosine), 4.0e-6 (one_cycle)",
            "cosine, one_cycle: the last learning rate, likewise."),
     .example = "0.01", OF_SCHEDULE(TO_THE_END), .fallbacks = final_factors},
    {NUMBER("train.clip_norm", train.clip_norm, HPAC_RANGE_NOT_NEGATIVE, "0",
            "Scale the gradients of an update down to this norm, taken over all of them; 0: "
            "never."),
     .example = "1.0"},
    {INTEGER("train.accumulate", train.accumulate, 1, 65536, "1",
             "Batches per update, which gets the mean of their gradients: the effect of a larger "
             "batch with the memory of one."),
     .example = "4"},
    {NUMBER("train.ema", train.ema, HPAC_RANGE_FRACTION, "0",
            "Momentum of a moving average of the weights, such as 0.999: what is evaluated and "
            "saved is the average; 0: none. It moves once per update. Keras moves it once per "
            "batch, also with gradient_accumulation_steps, so that its momentum per update is this "
            "to the power of train.accumulate."),
     .example = "0.999"},
    {NUMBER("train.l2", train.l2, HPAC_RANGE_NOT_NEGATIVE, "0",
            "L2 penalty of all kernels: the gradients are those of the loss plus l2 times the sum "
            "of their squares. The loss is reported without it."),
     .example = "1.0e-4"},
    {"train.layers", &hpac_key_rules, .fallback = "none",
     .example = "[{match: \"conv2d*\", trainable: false}]",
     .help =
         "How layers are trained whose names match a pattern, such as `{match: \"conv2d*\", "
         "trainable: false}` or `{match: dense, learning_rate_factor: 10}`; later ones override "
         "earlier ones. A layer without a name has Keras's: conv2d, conv2d_1, dense, ..."},
    {CHOICE("train.loss.type", train.loss.kind, losses, "bce",
            "The loss, from the logits of a sigmoid. bce: binary cross-entropy. focal: times "
            "(1 - p)^gamma, p: the probability of the right answer, so that what is easy counts "
            "less (Lin et al. 2017). asymmetric: with another gamma for labels 0, and no loss of "
            "those whose probability is below clip (Ridnik et al. 2021).")},
    {NUMBER("train.loss.gamma", train.loss.gamma, HPAC_RANGE_NOT_NEGATIVE, "2",
            "focal: the exponent."),
     OF_LOSS(HPAC_LOSS_FOCAL)},
    {NUMBER("train.loss.alpha", train.loss.alpha, HPAC_RANGE_FRACTION, "0",
            "focal: weight of the labels 1, while 1 - alpha is that of the labels 0, such as 0.25; "
            "0: no weights."),
     OF_LOSS(HPAC_LOSS_FOCAL)},
    {NUMBER("train.loss.gamma_pos", train.loss.gamma_pos, HPAC_RANGE_NOT_NEGATIVE, "1",
            "asymmetric: the exponent for labels 1."),
     OF_LOSS(HPAC_LOSS_ASYMMETRIC)},
    {NUMBER("train.loss.gamma_neg", train.loss.gamma_neg, HPAC_RANGE_NOT_NEGATIVE, "4",
            "asymmetric: the exponent for labels 0."),
     OF_LOSS(HPAC_LOSS_ASYMMETRIC)},
    {NUMBER("train.loss.clip", train.loss.clip, HPAC_RANGE_FRACTION, "0.05",
            "asymmetric: what is taken from the probability of a label 0, down to 0."),
     OF_LOSS(HPAC_LOSS_ASYMMETRIC)},
    {NUMBER("train.loss.label_smoothing", train.loss.label_smoothing, HPAC_RANGE_FRACTION, "0",
            "Labels 1 count as 1 - label_smoothing / 2 and labels 0 as label_smoothing / 2, as in "
            "Keras.")},
    {"train.positive_weights", &hpac_key_weights, .fallback = "none", .example = "balanced",
     .help =
         "Weight of the label 1 in the loss, per class. balanced: zeros / ones of the class among "
         "the training images."},
    {INTEGER("train.early_stopping.patience", train.patience, 0, 1000000, "0",
             "Stop after this many epochs without a better validation loss; 0: never."),
     .example = "5"},
    {NUMBER("train.early_stopping.min_delta", train.min_delta, HPAC_RANGE_NOT_NEGATIVE, "0",
            "By how much a validation loss must be lower to count as better; needs patience.")},
    {PATH(
         "train.initial_model", train.initial_model,
         "A model file of hpac or Keras (.h5, .keras) with the same layers, or the first of them, "
         "whose weights the training starts from; the others are drawn, and the last one if it has "
         "other outputs."),
     .example = "model.h5"},
    {PATH(
         "train.initial_weights", train.initial_weights,
         "A file of Keras or hpac whose weights the training starts from by the names of layers: a "
         "model, or weights alone, as keras.applications has them. What the file does not have is "
         "drawn; docs/model-files.md says how."),
     .example = "weights.h5"},
    {"train.initial_channels", &hpac_key_list, AT(train.initial_channels),
     COUNT_AT(train.initial_channel_count), .choices = hpac_channel_names, .max = HPAC_MAX_CHANNELS,
     .noun = "channel", .example = "[blue, green, red]",
     .help = "The channels that the network of train.initial_model or train.initial_weights was "
             "trained on, in its order, such as `[blue, green, red]` for ResNet50 of "
             "keras.applications. The kernels of its first convolution go to data.channels by "
             "their colors. Without it: data.channels of a file that hpac wrote; of others red, "
             "green, blue if data.channels are 1, 2 or 4, and data.channels if they are 3."},
    {CHOICE(
        "train.batch_norm_frozen", train.batch_norm_frozen, hpac_key_booleans, "false",
        "Batch normalization computes in training, too, with the moving averages, which stay as "
        "they are, as Keras's layers called with training=False: for fine-tuning with small "
        "batches. Its scale and offset are trained, unless train.layers freezes them.")},
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
