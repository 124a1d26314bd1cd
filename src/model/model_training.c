/* The state of a training: attributes of hpac/training, and the states of each layer. */
#include "hdf5_io.h"
#include "model_files.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef enum field_type { F32, F64, U32, U64, BOOL } field_type;

typedef struct field {
    const char *name;
    size_t offset;
    field_type type;
    size_t count;  /* of the classes' counts: one in each hpac_confusion */
    bool optional; /* missing in older files; 0 then */
} field;

#define AT(member) offsetof(hpac_training_state, member)

static const field fields[] = {
    {"learning_rate", AT(optimizer.learning_rate), F32, 1, false},
    {"rho", AT(optimizer.rho), F32, 1, false},
    {"epsilon", AT(optimizer.epsilon), F32, 1, false},
    {"optimizer", AT(optimizer.kind), U32, 1, true},
    {"momentum", AT(optimizer.momentum), F32, 1, true},
    {"nesterov", AT(optimizer.nesterov), BOOL, 1, true},
    {"beta_1", AT(optimizer.beta_1), F32, 1, true},
    {"beta_2", AT(optimizer.beta_2), F32, 1, true},
    {"weight_decay", AT(optimizer.weight_decay), F32, 1, true},
    {"accumulate", AT(accumulate), U64, 1, true},
    {"ema", AT(ema), F32, 1, true},
    {"seed", AT(seed), U64, 1, false},
    {"epoch", AT(epoch), U32, 1, false},
    {"batch", AT(batch), U32, 1, false},
    {"step", AT(step), U32, 1, false},
    {"labels_digest", AT(labels_digest), U64, 1, false},
    {"best_loss", AT(best_loss), F64, 1, false},
    {"patience_loss", AT(patience_loss), F64, 1, false},
    {"best_epoch", AT(best_epoch), U32, 1, false},
    {"epochs_without_best", AT(epochs_without_best), U32, 1, false},
    {"epoch_loss_sum", AT(counts.loss_sum), F64, 1, false},
    {"epoch_image_count", AT(counts.images), U64, 1, false},
    {"true_positives", AT(counts.confusion[0].tp), U64, HPAC_COUNTS_MAX_CLASSES, false},
    {"false_positives", AT(counts.confusion[0].fp), U64, HPAC_COUNTS_MAX_CLASSES, false},
    {"false_negatives", AT(counts.confusion[0].fn), U64, HPAC_COUNTS_MAX_CLASSES, false},
    {"epoch_train_s", AT(epoch_train_s), F64, 1, true},
    {"epoch_waited_s", AT(epoch_waited_s), F64, 1, true},
    {"epoch_timed_image_count", AT(epoch_timed_image_count), U64, 1, true},
    {"elapsed_s", AT(elapsed_s), F64, 1, false},
};

#define FIELD_COUNT (sizeof fields / sizeof *fields)

/* Files are little-endian, like all machines hpac runs on; so is memory. */
static hid_t hdf5_type(field_type type)
{
    const hid_t types[] = {
        [F32] = H5T_IEEE_F32LE, [F64] = H5T_IEEE_F64LE, [U32] = H5T_STD_U32LE,
        [U64] = H5T_STD_U64LE,  [BOOL] = H5T_STD_U8LE,
    };
    return types[type];
}

/* The names of a layer's datasets: "3/square_average/kernel"; layers are numbered from 1. */
static hpac_tensor_names name_datasets(size_t layer, const char *state)
{
    hpac_tensor_names names;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%zu/%s", layer + 1, state);
    hpac_tensor_names_make(prefix, "", &names);
    return names;
}

static const char *state_name(const hpac_training_state *training, hpac_state state)
{
    const hpac_network_options options = {
        .optimizer = training->optimizer, .accumulate = training->accumulate, .ema = training->ema};
    return hpac_state_name(&options, state);
}

/* Averages of squares. */
static bool is_not_negative(const hpac_training_state *training, hpac_state state)
{
    return state == HPAC_STATE_OPTIMIZER_2 ||
           (state == HPAC_STATE_OPTIMIZER && training->optimizer.kind == HPAC_OPTIMIZER_ADADELTA);
}

hpac_status hpac_training_check(const hpac_model *model)
{
    const hpac_training_state *training = model->training;
    for (hpac_state state = 0; state < HPAC_STATE_COUNT; state++) {
        const char *name = state_name(training, state);
        if (!name)
            continue;
        if (!training->states[state])
            return hpac_fail(HPAC_ERR_INTERNAL, "the training state lacks %s", name);
        HPAC_TRY(hpac_fail_within(hpac_model_check_weights(model, training->states[state], true,
                                                           is_not_negative(training, state)),
                                  "%s", name));
    }
    return HPAC_OK;
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

static hpac_status write_state(hid_t group, const char *name, const hpac_weights *values,
                               size_t layer_count)
{
    for (size_t i = 0; i < layer_count; i++) {
        const hpac_tensor_names names = name_datasets(i, name);
        HPAC_TRY(hpac_weights_write(group, &names, true, &values[i]));
    }
    return HPAC_OK;
}

hpac_status hpac_training_write(hid_t file, const hpac_model *model)
{
    const hpac_training_state *training = model->training;
    size_t layers = model->layer_count;
    HPAC_AUTO_HDF5 hid_t group = 0;
    HPAC_TRY(hpac_hdf5_create_group(file, "hpac/training", &group));
    for (size_t i = 0; i < FIELD_COUNT; i++)
        HPAC_TRY(write_field(group, &fields[i], training));
    for (hpac_state state = 0; state < HPAC_STATE_COUNT; state++) {
        const char *name = state_name(training, state);
        if (name)
            HPAC_TRY(write_state(group, name, training->states[state], layers));
    }
    return HPAC_OK;
}

static hpac_status read_field(hid_t group, const field *wanted, hpac_training_state *training)
{
    void *to = (char *)training + wanted->offset;
    uint64_t counts[HPAC_COUNTS_MAX_CLASSES] = {0};
    void *read = wanted->count > 1 ? (void *)counts : to;
    if (wanted->optional && H5Aexists(group, wanted->name) <= 0)
        return HPAC_OK;
    HPAC_TRY(
        hpac_hdf5_read_numbers(group, wanted->name, hdf5_type(wanted->type), wanted->count, read));
    for (size_t c = 0; wanted->count > 1 && c < wanted->count; c++)
        memcpy((char *)to + c * sizeof(hpac_confusion), &counts[c], sizeof counts[c]);
    return HPAC_OK;
}

/* What the optimizer does not change has no states. */
static hpac_status read_trained(hid_t group, const hpac_tensor_names *names, hpac_weights *weights)
{
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
        hpac_tensor *tensor = &weights->tensors[role];
        if (tensor->rank > 0 && hpac_role_is_trained(role))
            HPAC_TRY(hpac_hdf5_read_floats(group, names->text[role], tensor->rank, tensor->dims,
                                           &tensor->values));
    }
    return HPAC_OK;
}

static hpac_status read_state(hid_t group, const char *name, const hpac_model *model,
                              bool not_negative, hpac_weights **values)
{
    size_t count = model->layer_count;
    HPAC_TRY_MEMORY(*values = hpac_weights_create_empty(model->layers, count, model->input),
                    count * sizeof **values);
    for (size_t i = 0; i < count; i++) {
        const hpac_tensor_names names = name_datasets(i, name);
        HPAC_TRY(read_trained(group, &names, &(*values)[i]));
    }
    return hpac_fail_within(hpac_weights_check(*values, count, not_negative), "hpac/training: %s",
                            name);
}

hpac_status hpac_training_read(hid_t file, hpac_model *model)
{
    HPAC_AUTO_HDF5 hid_t group = 0;
    if (H5Lexists(file, "hpac/training", H5P_DEFAULT) <= 0)
        return HPAC_OK;
    HPAC_TRY_NEW(model->training, 1);
    HPAC_TRY(hpac_hdf5_open_group(file, "hpac/training", &group));
    for (size_t i = 0; i < FIELD_COUNT; i++)
        HPAC_TRY(read_field(group, &fields[i], model->training));
    hpac_training_state *training = model->training;
    if (training->optimizer.kind >= HPAC_OPTIMIZER_COUNT)
        return hpac_fail(HPAC_ERR_DATA, "hpac/training: optimizer %u, expected one below %u",
                         (unsigned)training->optimizer.kind, (unsigned)HPAC_OPTIMIZER_COUNT);
    for (hpac_state state = 0; state < HPAC_STATE_COUNT; state++) {
        const char *name = state_name(training, state);
        if (name)
            HPAC_TRY(read_state(group, name, model, is_not_negative(training, state),
                                &training->states[state]));
    }
    return HPAC_OK;
}
