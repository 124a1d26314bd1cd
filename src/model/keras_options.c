/* Options of Keras that are not one key of a layer: their meaning depends on the input, or makes
 * another layer of it. */
#include "keras_json.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

static json_t *option(const hpac_keras_layer *at, const char *key)
{
    return json_object_get(at->config, key);
}

static hpac_status refuse(const hpac_keras_layer *at, const char *key, const char *expected)
{
    return hpac_keras_refuse_value(option(at, key), key, expected);
}

/* The channels: -1 or, of images, 3; alone or in a list. */
static hpac_status check_axis(const hpac_keras_layer *at, hpac_shape in)
{
    json_t *axis = option(at, "axis");
    json_int_t last = in.rank == 3 ? 3 : 1;
    if (json_is_array(axis) && json_array_size(axis) == 1)
        axis = json_array_get(axis, 0);
    if (!axis || (json_is_integer(axis) &&
                  (json_integer_value(axis) == -1 || json_integer_value(axis) == last)))
        return HPAC_OK;
    return refuse(at, "axis", "-1, the channels");
}

static hpac_status read_axis(const hpac_keras_layer *at, hpac_shape in, hpac_layer *layer,
                             hpac_keras_note *note)
{
    (void)layer;
    (void)note;
    return check_axis(at, in);
}

static hpac_status read_relu(const hpac_keras_layer *at, hpac_shape in, hpac_layer *layer,
                             hpac_keras_note *note)
{
    json_t *max = option(at, "max_value");
    (void)in;
    (void)note;
    if (!max || json_is_null(max))
        return HPAC_OK;
    if (!json_is_number(max) || json_number_value(max) != 6)
        return refuse(at, "max_value", "null or 6");
    layer->activation = HPAC_ACTIVATION_RELU6;
    return HPAC_OK;
}

/* A noise of one number for an image drops whole branches (stochastic depth), of one for a channel
 * is spatial dropout. */
static hpac_status read_dropout(const hpac_keras_layer *at, hpac_shape in, hpac_layer *layer,
                                hpac_keras_note *note)
{
    json_t *noise = option(at, "noise_shape");
    size_t count = json_array_size(noise), ones = 0;
    (void)note;
    if (!noise || json_is_null(noise))
        return HPAC_OK;
    bool good = count == (in.rank == 3 ? 4 : 2) && json_is_null(json_array_get(noise, 0));
    for (size_t i = 1; i < count; i++)
        ones += json_integer_value(json_array_get(noise, i)) == 1;
    if (good && ones == count - 1)
        layer->kind = HPAC_LAYER_IMAGE_DROPOUT;
    else if (good && count == 4 && ones >= 2 &&
             json_integer_value(json_array_get(noise, 3)) == (json_int_t)in.channels)
        layer->kind = HPAC_LAYER_SPATIAL_DROPOUT;
    else
        return refuse(at, "noise_shape", "null, or one number for an image or channel");
    return HPAC_OK;
}

/* One of the sizes may be -1, for what is left. A vector is flattened. */
static hpac_status read_reshape(const hpac_keras_layer *at, hpac_shape in, hpac_layer *layer,
                                hpac_keras_note *note)
{
    json_t *target = option(at, "target_shape");
    size_t rank = json_array_size(target), sizes[3] = {1, 1, 1}, known = 1, *open = NULL;
    bool good = rank == 3 || rank == 1;
    (void)note;
    for (size_t i = 0; good && i < rank; i++) {
        json_t *size = json_array_get(target, i);
        if (json_is_integer(size) && json_integer_value(size) == -1 && !open)
            open = &sizes[i];
        else
            good = hpac_keras_read_size(size, &sizes[i]);
        known *= sizes[i];
    }
    if (!good)
        return refuse(at, "target_shape", "[rows, cols, channels] or [values]");
    if (open)
        *open = hpac_shape_count(in) / known;
    if (sizes[0] * sizes[1] * sizes[2] != hpac_shape_count(in))
        return hpac_fail(HPAC_ERR_DATA,
                         "target_shape of another number of values than the %s of "
                         "its input",
                         hpac_shape_describe(in).text);
    if (rank == 1)
        layer->kind = HPAC_LAYER_FLATTEN;
    else
        memcpy(layer->shape, sizes, sizeof sizes);
    return HPAC_OK;
}

hpac_status hpac_keras_refuse_channels(const char *what, size_t found, size_t channels)
{
    return hpac_fail(HPAC_ERR_DATA,
                     "%s of %zu channels, the input has %zu; give data.channels of as many, or a "
                     "list of layers with a rescale for %zu as the model and the file as "
                     "train.initial_weights",
                     what, found, channels, channels);
}

/* A number for all channels, or one for each. */
static hpac_status read_channels(const hpac_keras_layer *at, const char *name, size_t channels,
                                 double numbers[HPAC_OP_MAX_RESCALED])
{
    json_t *value = option(at, name);
    while (json_is_array(value) && json_array_size(value) == 1)
        value = json_array_get(value, 0);
    size_t count = json_array_size(value);
    if (count > 0 && count != channels)
        return hpac_keras_refuse_channels(name, count, channels);
    for (size_t i = 0; i < channels; i++) {
        json_t *one = count > 0 ? json_array_get(value, i) : value;
        numbers[i] = json_number_value(one);
        if (!json_is_number(one) || !isfinite(numbers[i]))
            return refuse(at, name, "a number, or one for each channel");
    }
    return HPAC_OK;
}

static hpac_status start_rescale(hpac_shape in, hpac_layer *layer)
{
    layer->rescaled = in.channels;
    if (in.channels <= HPAC_OP_MAX_RESCALED)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_DATA, "an input of %s, expected at most %d channels",
                     hpac_shape_describe(in).text, HPAC_OP_MAX_RESCALED);
}

/* The network computes in float32, which must hold both. */
static hpac_status set_moments(hpac_layer *layer, size_t channel, double mean, double deviation)
{
    layer->mean[channel] = (float)mean;
    layer->deviation[channel] = (float)deviation;
    if (fabs(mean) <= (double)FLT_MAX && deviation >= (double)FLT_MIN &&
        deviation <= (double)FLT_MAX)
        return HPAC_OK;
    return hpac_fail(
        HPAC_ERR_DATA,
        "mean %g and standard deviation %g of channel %zu, expected what float32 holds", mean,
        deviation, channel);
}

/* x scale + offset = (x - mean) / deviation */
static hpac_status read_rescaling(const hpac_keras_layer *at, hpac_shape in, hpac_layer *layer,
                                  hpac_keras_note *note)
{
    double scale[HPAC_OP_MAX_RESCALED], offset[HPAC_OP_MAX_RESCALED];
    (void)note;
    HPAC_TRY(start_rescale(in, layer));
    HPAC_TRY(read_channels(at, "scale", in.channels, scale));
    HPAC_TRY(read_channels(at, "offset", in.channels, offset));
    for (size_t i = 0; i < in.channels; i++) {
        if (!(scale[i] > 0))
            return refuse(at, "scale", "numbers > 0");
        HPAC_TRY(set_moments(layer, i, (0 - offset[i]) / scale[i], 1 / scale[i]));
    }
    return HPAC_OK;
}

static hpac_status read_normalization(const hpac_keras_layer *at, hpac_shape in, hpac_layer *layer,
                                      hpac_keras_note *note)
{
    double mean[HPAC_OP_MAX_RESCALED] = {0}, variance[HPAC_OP_MAX_RESCALED] = {1, 1, 1, 1};
    HPAC_TRY(start_rescale(in, layer));
    HPAC_TRY(check_axis(at, in));
    if (json_is_null(option(at, "mean")) || !option(at, "mean")) {
        *note = HPAC_KERAS_MOMENTS;
    } else {
        HPAC_TRY(read_channels(at, "mean", in.channels, mean));
        HPAC_TRY(read_channels(at, "variance", in.channels, variance));
    }
    for (size_t i = 0; i < in.channels; i++) {
        if (!(variance[i] > 0))
            return refuse(at, "variance", "numbers > 0");
        HPAC_TRY(set_moments(layer, i, mean[i], sqrt(variance[i])));
    }
    return HPAC_OK;
}

static const struct {
    const char *keras_class, *keys[3];
    hpac_status (*read)(const hpac_keras_layer *at, hpac_shape in, hpac_layer *layer,
                        hpac_keras_note *note);
} own_options[] = {
    {"BatchNormalization", {"axis"}, read_axis},
    {"Concatenate", {"axis"}, read_axis},
    {"Dropout", {"noise_shape"}, read_dropout},
    {"Normalization", {"axis", "mean", "variance"}, read_normalization},
    {"ReLU", {"max_value"}, read_relu},
    {"Rescaling", {"scale", "offset"}, read_rescaling},
    {"Reshape", {"target_shape"}, read_reshape},
};

#define OWN_COUNT (sizeof own_options / sizeof *own_options)

bool hpac_keras_own_key(const char *keras_class, const char *key)
{
    for (size_t i = 0; i < OWN_COUNT; i++)
        for (size_t k = 0; k < 3 && own_options[i].keys[k]; k++)
            if (strcmp(own_options[i].keras_class, keras_class) == 0 &&
                strcmp(own_options[i].keys[k], key) == 0)
                return true;
    return false;
}

hpac_status hpac_keras_read_own(const hpac_keras_layer *at, hpac_shape in, hpac_layer *layer,
                                hpac_keras_note *note)
{
    for (size_t i = 0; i < OWN_COUNT; i++)
        if (strcmp(own_options[i].keras_class, at->class_name) == 0)
            return own_options[i].read(at, in, layer, note);
    return HPAC_OK;
}
