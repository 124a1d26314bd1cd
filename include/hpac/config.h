/*
 * Configuration: one schema table, YAML read by libfyaml, `--set key=value` overrides.
 *
 *     const char *sets[] = {"train.batch_size=128", "data.targets=[Nucleoplasm, Cytosol]"};
 *     hpac_config config;
 *     status = hpac_config_load("configs/improved.yaml", sets, 2, &config);
 *     hpac_config_fini(&config);
 *
 * Types, ranges, defaults and help texts of the keys are in the schema
 * (src/config/config_schema.c), from which docs/configuration.md is generated. Unknown keys, wrong
 * types and values out of range are reported together, with file and line or their --set. Relative
 * paths are relative to the current directory; ~ and ${VARIABLE} are expanded. The layers of
 * `model: {file: NAME}` are read when the configuration is, by the rules of model.h.
 */
#ifndef HPAC_CONFIG_H
#define HPAC_CONFIG_H

#include <hpac/device.h>
#include <hpac/labels.h>
#include <hpac/layer.h>
#include <hpac/split.h>

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Each member is the key of its name, in the section of its struct, where no other is named. */
typedef struct hpac_config_data {
    char *labels, *images;         /* required */
    int targets[HPAC_CLASS_COUNT]; /* class numbers, in the order given; all 28 when absent */
    size_t target_count;
    size_t channels;                      /* 1 to 4 */
    int channel_order[HPAC_MAX_CHANNELS]; /* (channels) indices into hpac_channel_names */
    size_t image_rows, image_cols;        /* data.image */
    size_t scale_rows, scale_cols;        /* data.scale; prepared size: image / scale, at least 1 */
    hpac_pixels pixels;
    char *test_images, *test_ids; /* data.test.images, ids; NULL: no test set (both or neither) */
    int workers;                  /* auto = 0, or 1..256 */
    bool skip_bad_images;         /* data.on_bad_image: fail | skip */
    int cache_mib; /* memory for prepared images; auto = -1 (a quarter of RAM), 0: none */
    hpac_split_options split; /* data.split.{folds, repeats, seed, method} */
    int fold;                 /* data.split.fold: 0 .. folds x repeats - 1 */
} hpac_config_data;

typedef enum hpac_weighting {
    HPAC_WEIGHTING_NONE,
    HPAC_WEIGHTING_BALANCED, /* zeros / ones of the class in the training rows */
    HPAC_WEIGHTING_LIST,
} hpac_weighting;

typedef enum hpac_loss_kind {
    HPAC_LOSS_BCE,
    HPAC_LOSS_FOCAL,
    HPAC_LOSS_ASYMMETRIC,
} hpac_loss_kind;

/* train.loss; what another kind has is 0. */
typedef struct hpac_config_loss {
    hpac_loss_kind kind;
    float gamma, alpha;               /* focal */
    float gamma_pos, gamma_neg, clip; /* asymmetric */
    float label_smoothing;
} hpac_config_loss;

/* What the device computes: without the kind, the gamma of focal in both places. */
hpac_loss_formula hpac_config_loss_formula(const hpac_config_loss *loss);

/* The learning rate of a step, as a factor of the optimizer's. Durations are in epochs. */
typedef enum hpac_schedule_kind {
    HPAC_SCHEDULE_CONSTANT,
    HPAC_SCHEDULE_STEP,        /* times `factor` after every `every` epochs */
    HPAC_SCHEDULE_COSINE,      /* a half cosine down to `final_factor` at the end of the training */
    HPAC_SCHEDULE_ONE_CYCLE,   /* from `start_factor` up to 1 in the share `rise` of the training,
                                  then down to `final_factor`, by half cosines */
    HPAC_SCHEDULE_EXPONENTIAL, /* times factor^(epochs / every) */
} hpac_schedule_kind;

typedef struct hpac_schedule {
    hpac_schedule_kind kind;
    float warm_up; /* epochs in which the factor grows from 0 to 1, before; not of ONE_CYCLE */
    float every, factor, rise, start_factor, final_factor;
} hpac_schedule;

/* Whether a learning rate depends on the number of epochs to come. */
static inline bool hpac_schedule_needs_end(const hpac_schedule *schedule)
{
    return schedule->kind == HPAC_SCHEDULE_COSINE || schedule->kind == HPAC_SCHEDULE_ONE_CYCLE;
}

#define HPAC_MAX_LAYER_RULES 32

/* An element of train.layers. */
typedef struct hpac_layer_rule {
    char match[64]; /* a pattern of layer names, as of fnmatch(3) */
    bool trainable;
    float learning_rate_factor;
} hpac_layer_rule;

typedef struct hpac_config_train {
    int epochs;
    size_t batch_size;
    bool shuffle, drop_last;
    uint64_t seed;
    hpac_optimizer optimizer;
    hpac_schedule schedule;
    float clip_norm;   /* of all gradients together; 0: none */
    size_t accumulate; /* batches per update */
    float ema;         /* momentum of the average of the weights; 0: none */
    float l2;          /* of all kernels; 0: none */
    hpac_layer_rule layers[HPAC_MAX_LAYER_RULES]; /* (layer_rule_count) later ones override */
    size_t layer_rule_count;
    hpac_config_loss loss;
    hpac_weighting weighting; /* train.positive_weights: none | balanced | numbers */
    float positive_weights[HPAC_CLASS_COUNT]; /* for LIST: one per target */
    int patience;          /* early_stopping.patience: epochs without a better loss; 0: off */
    float min_delta;       /* early_stopping.min_delta: by how much a loss must improve */
    char *initial_model;   /* a model file with the same layers, or the first of them; NULL */
    char *initial_weights; /* a file with weights by layer names; NULL */
    int initial_channels[HPAC_MAX_CHANNELS]; /* (initial_channel_count) of that file, as
                                                data.channel_order; none: not given */
    size_t initial_channel_count;
    bool batch_norm_frozen; /* batch_norm computes with its moving averages, which stay as they are
                             */
} hpac_config_train;

/* A feature that not every device has. */
typedef enum hpac_switch {
    HPAC_SWITCH_AUTO, /* on if the device supports it and the data fits */
    HPAC_SWITCH_ON,   /* an error if not */
    HPAC_SWITCH_OFF,
} hpac_switch;

typedef struct hpac_config {
    char *name; /* of the configuration: the file's name without .yaml */
    hpac_config_data data;
    hpac_layer *layers; /* model: (layer_count); the last layer's units resolved to the targets */
    size_t layer_count;
    hpac_config_train train;
    struct {
        hpac_precision precision;
        bool deterministic;
        hpac_image_layout image_layout;
        hpac_switch resident, graph;
        int threads; /* auto = 0 */
    } device;
} hpac_config;

/* Reads and checks a configuration; the model is checked against the prepared image size. `sets`
 * may be NULL when set_count is 0. On error the config is left zeroed. Members may be changed
 * afterwards: trainings check them as if they had been read. Errors: CONFIG. */
hpac_status hpac_config_load(const char *path, const char *const *sets, int set_count,
                             hpac_config *config);
/* The same from a text that hpac wrote, such as the configuration in a model file; `document` names
 * it in messages, and is the configuration's name. Paths are not expanded. */
hpac_status hpac_config_parse(const char *document, const char *text, hpac_config *config);
/* Frees what hpac_config_load allocated and zeroes the struct. NULL is fine. */
void hpac_config_fini(hpac_config *config);

/* The resolved configuration as YAML that hpac_config_load reads back to the same values;
 * malloc'ed, to be freed whatever the status. */
hpac_status hpac_config_text(const hpac_config *config, char **text);
/* As a table for the terminal: one line per key, "data.channels  1", defaults marked. */
void hpac_config_print(const hpac_config *config, FILE *stream);
/* The schema as the tables of docs/configuration.md. */
void hpac_config_print_reference(FILE *stream);
/* A key for help texts, valid during the visit. */
typedef struct hpac_config_key_note {
    const char *path; /* "train.epochs"; of layers "model.TYPE", "model.TYPE.rate"; of the elements
                         of train.layers "train.layers.N.match"; of blocks "blocks.NAME.layers" */
    const char *expected; /* "an integer in [1, 65536]"; of "model.TYPE" and "blocks" NULL */
    const char *fallback; /* the default as YAML; NULL: none */
    bool required;
    const char *help;
    const char *example; /* a value as YAML; of "model.TYPE" a layer, of "blocks" the lines of a
                            file; NULL: the default is one */
} hpac_config_key_note;
/* Visits all keys of the schema in its order, then those of blocks and the types of layers, each
 * before its keys. */
void hpac_config_visit_keys(void (*visit)(void *user, const hpac_config_key_note *note),
                            void *user);
/* One line per key, "train.shuffle false true": the key and its allowed words; for shell
 * completion. Without the keys of layers, whose paths contain numbers. */
void hpac_config_print_keys(FILE *stream);

/* The keys whose values differ, malloc'ed: "train.epochs (3, now 5), model.3 (none, now {type:
 * flatten})"; the first 8; "" for none. Errors: INTERNAL. */
hpac_status hpac_config_differences(const hpac_config *old, const hpac_config *current,
                                    char **text);

/* The options for opening the device of this name (hpac_device_options.name, borrowed). */
hpac_device_options hpac_config_device_options(const hpac_config *config, const char *name);

/* The prepared image size of a loaded configuration that follows from data.image and data.scale. */
hpac_shape hpac_config_input_shape(const hpac_config *config);

#ifdef __cplusplus
}
#endif

#endif
