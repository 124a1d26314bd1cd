/* The state of a training: attributes of hpac/training, and the accumulators of each layer. */
#include "hdf5_io.h"
#include "model_weights.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum field_type { FIELD_F32, FIELD_F64, FIELD_U32, FIELD_U64 } field_type;

typedef struct field {
    const char *name;
    size_t offset;
    field_type type;
    hsize_t count;
    bool optional; /* not in older files; 0 then */
} field;

#define FIELD(member, type, count)                                                                 \
    {                                                                                              \
#member, offsetof(hpac_training_state, member), FIELD_##type, count, false                 \
    }
#define LATER_FIELD(member, type, count)                                                           \
    {                                                                                              \
#member, offsetof(hpac_training_state, member), FIELD_##type, count, true                  \
    }
/* One member of the counts of all classes, which in memory lie between the other two. */
#define COUNT_FIELD(name, member)                                                                  \
    {                                                                                              \
        name, offsetof(hpac_training_state, confusion[0].member), FIELD_U64,                       \
            HPAC_COUNTS_MAX_CLASSES, false                                                         \
    }

static const field fields[] = {
    {"learning_rate", offsetof(hpac_training_state, optimizer.learning_rate), FIELD_F32, 1, false},
    {"rho", offsetof(hpac_training_state, optimizer.rho), FIELD_F32, 1, false},
    {"epsilon", offsetof(hpac_training_state, optimizer.epsilon), FIELD_F32, 1, false},
    FIELD(seed, U64, 1),
    FIELD(epoch, U32, 1),
    FIELD(batch, U32, 1),
    FIELD(step, U32, 1),
    FIELD(labels_digest, U64, 1),
    FIELD(best_loss, F64, 1),
    FIELD(patience_loss, F64, 1),
    FIELD(best_epoch, U32, 1),
    FIELD(epochs_without_best, U32, 1),
    FIELD(epoch_loss_sum, F64, 1),
    FIELD(epoch_image_count, U64, 1),
    COUNT_FIELD("true_positives", tp),
    COUNT_FIELD("false_positives", fp),
    COUNT_FIELD("false_negatives", fn),
    LATER_FIELD(epoch_train_s, F64, 1),
    LATER_FIELD(epoch_waited_s, F64, 1),
    LATER_FIELD(epoch_timed_image_count, U64, 1),
    FIELD(elapsed_s, F64, 1),
};

#define FIELD_COUNT (sizeof fields / sizeof *fields)

/* Files are little-endian, like all machines hpac runs on; so is memory. */
static hid_t hdf5_type(field_type type)
{
    switch (type) {
    case FIELD_F32:
        return H5T_IEEE_F32LE;
    case FIELD_F64:
        return H5T_IEEE_F64LE;
    case FIELD_U32:
        return H5T_STD_U32LE;
    case FIELD_U64:
        break;
    }
    return H5T_STD_U64LE;
}

/* "3/square_average/kernel": layers are numbered from 1. */
typedef struct dataset_name {
    char text[64];
} dataset_name;

static dataset_name accumulator_name(size_t layer, const char *accumulator, const char *parameter)
{
    dataset_name name;
    snprintf(name.text, sizeof name.text, "%zu/%s/%s", layer + 1, accumulator, parameter);
    return name;
}

/* Writes or reads the floats of one dataset. */
typedef hpac_status (*move_floats)(hid_t at, const char *name, int rank, const hsize_t *dims,
                                   float *values);

static hpac_status write_floats(hid_t at, const char *name, int rank, const hsize_t *dims,
                                float *values)
{
    return hpac_hdf5_write_floats(at, name, rank, dims, values);
}

/* values may be NULL for a reading that only checks. */
static hpac_status move_accumulator(hid_t group, const hpac_model *model, const char *accumulator,
                                    const hpac_weights *values, move_floats move)
{
    hpac_shape in = model->input;
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < model->layer_count && status == HPAC_OK; i++) {
        const hpac_layer *layer = &model->layers[i];
        hsize_t dims[4];
        int rank = hpac_model_kernel_dims(layer, in, dims);
        if (rank > 0)
            status = move(group, accumulator_name(i, accumulator, "kernel").text, rank, dims,
                          values ? values[i].kernel : NULL);
        rank = hpac_model_bias_dims(layer, dims);
        if (rank > 0 && status == HPAC_OK)
            status = move(group, accumulator_name(i, accumulator, "bias").text, rank, dims,
                          values ? values[i].bias : NULL);
        if (status == HPAC_OK)
            status = hpac_layer_output_shape(layer, i + 1, in, &in);
    }
    return status;
}

static hpac_status write_field(hid_t group, const field *one, const hpac_training_state *training)
{
    const char *from = (const char *)training + one->offset;
    uint64_t counts[HPAC_COUNTS_MAX_CLASSES];
    for (size_t c = 0; one->count > 1 && c < one->count; c++)
        memcpy(&counts[c], from + c * sizeof(hpac_confusion), sizeof counts[c]);
    return hpac_hdf5_write_numbers(group, one->name, hdf5_type(one->type), one->count,
                                   one->count > 1 ? (const void *)counts : from);
}

hpac_status hpac_model_write_training(hid_t file, const hpac_model *model)
{
    const hpac_training_state *training = model->training;
    hid_t group;
    hpac_status status = hpac_hdf5_create_group(file, "hpac/training", &group);
    if (status != HPAC_OK)
        return status;
    for (size_t i = 0; i < FIELD_COUNT && status == HPAC_OK; i++)
        status = write_field(group, &fields[i], training);
    if (status == HPAC_OK)
        status = move_accumulator(group, model, "square_average", training->square_average,
                                  write_floats);
    if (status == HPAC_OK)
        status =
            move_accumulator(group, model, "delta_average", training->delta_average, write_floats);
    H5Gclose(group);
    return status;
}

/* With values NULL: checks only. */
static hpac_status read_accumulator(hid_t group, const hpac_model *model, const char *accumulator,
                                    hpac_weights *values)
{
    hpac_status status = move_accumulator(group, model, accumulator, values, hpac_hdf5_read_floats);
    if (status == HPAC_OK && values)
        status = hpac_fail_within(hpac_model_check_finite(values, model->layer_count, true),
                                  "hpac/training: %s", accumulator);
    return status;
}

static hpac_status read_field(hid_t group, const field *wanted, hpac_training_state *training)
{
    if (wanted->optional && !hpac_hdf5_has_attribute(group, wanted->name))
        return HPAC_OK;
    char *to = (char *)training + wanted->offset;
    uint64_t counts[HPAC_COUNTS_MAX_CLASSES] = {0};
    HPAC_TRY(hpac_hdf5_read_numbers(group, wanted->name, hdf5_type(wanted->type), wanted->count,
                                    wanted->count > 1 ? (void *)counts : to));
    for (size_t c = 0; wanted->count > 1 && c < wanted->count; c++)
        memcpy(to + c * sizeof(hpac_confusion), &counts[c], sizeof counts[c]);
    return HPAC_OK;
}

static hpac_status read_accumulators(hid_t group, hpac_model *model)
{
    hpac_status status = read_accumulator(group, model, "square_average", NULL);
    if (status == HPAC_OK)
        status = read_accumulator(group, model, "delta_average", NULL);
    if (status != HPAC_OK)
        return status;
    hpac_training_state *training = model->training;
    training->square_average = hpac_weights_create(model->layers, model->layer_count, model->input);
    training->delta_average = hpac_weights_create(model->layers, model->layer_count, model->input);
    if (!training->square_average || !training->delta_average)
        return hpac_fail_memory(0);
    status = read_accumulator(group, model, "square_average", training->square_average);
    if (status == HPAC_OK)
        status = read_accumulator(group, model, "delta_average", training->delta_average);
    return status;
}

hpac_status hpac_model_read_training(hid_t file, hpac_model *model)
{
    if (!hpac_hdf5_has_group(file, "hpac/training"))
        return HPAC_OK;
    model->training = calloc(1, sizeof *model->training);
    if (!model->training)
        return hpac_fail_memory(sizeof *model->training);
    hid_t group;
    hpac_status status = hpac_hdf5_open_group(file, "hpac/training", &group);
    if (status != HPAC_OK)
        return status;
    for (size_t i = 0; i < FIELD_COUNT && status == HPAC_OK; i++)
        status = read_field(group, &fields[i], model->training);
    if (status == HPAC_OK)
        status = read_accumulators(group, model);
    H5Gclose(group);
    return status;
}
