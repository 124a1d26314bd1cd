/*
 * Model files: HDF5 in Keras's layout (docs/model-files.md), so that Keras opens a model trained
 * here and a model saved by Keras starts a training here.
 *
 *     hpac_model model;
 *     hpac_status status = hpac_model_load("model.h5", &model);
 *     ...
 *     hpac_model_fini(&model);
 *
 * Not thread-safe, since HDF5 has global state. Loading reads a file in a child process first,
 * since HDF5 crashes on some damaged files.
 */
#ifndef HPAC_MODEL_H
#define HPAC_MODEL_H

#include <hpac/device.h>
#include <hpac/labels.h>
#include <hpac/layer.h>
#include <hpac/metrics.h>
#include <hpac/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The state of a training, for resuming. */
typedef struct hpac_training_state {
    hpac_optimizer optimizer;
    size_t accumulate;                      /* as the network's options (network.h) */
    float ema;                              /* likewise */
    hpac_weights *states[HPAC_STATE_COUNT]; /* (layer_count) those that there are then */
    uint64_t seed;
    uint32_t epoch;         /* epochs finished */
    uint32_t batch;         /* batches finished of the current epoch */
    uint32_t step;          /* update steps in all */
    uint64_t labels_digest; /* of the label file's rows, which must not change during a run */
    double best_loss;       /* lowest validation loss; INFINITY before the first */
    double patience_loss;   /* the reference of early stopping; changes by min_delta or more */
    uint32_t best_epoch, epochs_without_best;
    hpac_counts counts; /* of the training batches of the current epoch; `classes` is not saved */
    /* Of the training batches of the current epoch: their time, the part of it in which the device
     * waited for data, and their images. 0 in old files, which do not have them. */
    double epoch_train_s, epoch_waited_s;
    uint64_t epoch_timed_image_count;
    double elapsed_s; /* training time so far */
} hpac_training_state;

/* What a Keras model has for training only. Keys of a configuration instead: */
typedef struct hpac_keras_traits {
    bool frozen;      /* layers with trainable=False: train.layers */
    bool regularized; /* regularizers: l2 of layers and train.l2; or constraints: nothing */
    bool inference;   /* layers called with training=False: train.batch_norm_frozen */
} hpac_keras_traits;

typedef struct hpac_model {
    hpac_shape input;
    size_t layer_count;
    hpac_layer *layers;    /* owned */
    hpac_weights *weights; /* (layer_count) owned */
    /* The rest is hpac's own and missing in files of Keras. */
    int targets[HPAC_CLASS_COUNT];      /* class numbers in the order of the outputs */
    size_t target_count;                /* 0: not known */
    char *config_yaml;                  /* the run's resolved configuration; NULL: not known */
    hpac_training_state *training;      /* NULL: not a resume file */
    char *written_by;                   /* "hpac 0.1.0", "Keras 3.15.1": read, never written */
    bool is_own;                        /* a file of hpac, which can hold thresholds: likewise */
    hpac_keras_traits keras;            /* read, never written */
    bool has_thresholds;                /* tuned for it; hpac_thresholds_save writes them */
    float thresholds[HPAC_CLASS_COUNT]; /* one per output */
    int positives[HPAC_CLASS_COUNT];    /* labels 1 that each was tuned on; -1: not known */
} hpac_model;

static inline size_t hpac_model_output_count(const hpac_model *model)
{
    return model->layers[model->layer_count - 1].units;
}

/* Writes `path` atomically; the same model gives the same bytes. Errors: CONFIG (layers that do not
 * fit together, targets out of range or repeated, a file that cannot be created), INTERNAL
 * (weights that are not those of the layers), DATA (values that are not finite; a write fails, as
 * on a full disk). */
hpac_status hpac_model_save(const hpac_model *model, const char *path);

/* Reads a file of hpac, Keras 2 or Keras 3 (.h5 or .keras): a Sequential or Functional model with
 * one input, whose last layer is Dense with a sigmoid (or followed by a sigmoid Activation layer).
 * Initializers that hpac lacks are read as Glorot's; weights in float64 or float16 are converted.
 * On error `model` is zeroed. Errors: DATA, naming the file and the object: not HDF5, no
 * model_config, a layer or option that hpac does not support (by its Keras name), a weight of
 * another shape or not finite.
 */
hpac_status hpac_model_load(const char *path, hpac_model *model);

/* Adds thresholds (count, one per output) and the numbers of labels 1 that they were tuned on to a
 * file of hpac, as the attributes hpac/thresholds and hpac/threshold_positives, or replaces those
 * that it has. The file is replaced atomically; its other content is unchanged.
 * Errors: DATA; CONFIG for a file without the group hpac, another count, a threshold outside [0,
 * 1], and numbers below -1, which is for an unknown one. */
hpac_status hpac_thresholds_save(const char *path, const float *thresholds, const int *positives,
                                 size_t count);

/* Frees all that the model owns and zeroes the struct. NULL is fine. */
void hpac_model_fini(hpac_model *model);

#ifdef __cplusplus
}
#endif

#endif
