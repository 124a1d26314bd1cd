/* Layers: shapes, parameters, the check of a whole stack, and its table. */
#include "layer_table.h"

#include "base/memory.h"

#include <string.h>

hpac_shape_text hpac_shape_describe(hpac_shape shape)
{
    hpac_shape_text described;
    if (shape.rank == 3)
        snprintf(described.text, sizeof described.text, "(%zu, %zu, %zu)", shape.rows, shape.cols,
                 shape.channels);
    else
        snprintf(described.text, sizeof described.text, "(%zu)", shape.channels);
    return described;
}

const char *hpac_layer_name(const hpac_layer *layer)
{
    const hpac_layer_row *row = hpac_layer_row_of(layer);
    if (row)
        return row->name;
    return layer->kind == HPAC_LAYER_ACTIVATION && layer->activation == HPAC_ACTIVATION_LINEAR
               ? "linear"
               : "unknown";
}

static bool has_known_options(const hpac_layer *layer)
{
    return (unsigned)layer->activation <= HPAC_ACTIVATION_SIGMOID &&
           (unsigned)layer->initializer <= HPAC_INIT_GLOROT_UNIFORM;
}

/* Indices inside devices have 32 bits. In double, since a product of sizes may overflow. */
static bool has_too_many(const size_t *sizes, size_t count)
{
    double product = 1;
    for (size_t i = 0; i < count; i++)
        product *= (double)sizes[i];
    return product > INT32_MAX;
}

static bool is_too_large(hpac_shape shape)
{
    return has_too_many((const size_t[]){shape.rows, shape.cols, shape.channels}, 3);
}

static hpac_status check_input(hpac_shape in)
{
    bool is_vector = in.rank == 1 && in.rows == 1 && in.cols == 1;
    if (in.rank != 3 && !is_vector)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "input of rank %d with %zu rows and %zu cols, expected images (rank 3) or "
                         "a vector (rank 1, 1 row, 1 col)",
                         in.rank, in.rows, in.cols);
    if (in.rows < 1 || in.cols < 1 || in.channels < 1 || is_too_large(in))
        return hpac_fail(HPAC_ERR_CONFIG, "input %s, expected 1 to 2^31 values",
                         hpac_shape_describe(in).text);
    return HPAC_OK;
}

static hpac_status find_output_shape(const hpac_layer *layer, hpac_shape in, hpac_shape *out)
{
    const hpac_layer_row *row = hpac_layer_row_of(layer);
    *out = in;
    if (!row)
        return hpac_fail(HPAC_ERR_CONFIG, "not a layer of its own");
    if (!has_known_options(layer))
        return hpac_fail(HPAC_ERR_CONFIG, "unknown activation %d or initializer %d",
                         (int)layer->activation, (int)layer->initializer);
    HPAC_TRY(check_input(in));
    if (row->output_shape)
        HPAC_TRY(row->output_shape(layer, in, out));
    if (out->channels < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "0 outputs, expected at least 1");
    hpac_weights weights = hpac_layer_weights(layer, in);
    const hpac_tensor *kernel = &weights.tensors[HPAC_KERNEL];
    if (is_too_large(*out) || has_too_many(kernel->dims, kernel->rank))
        return hpac_fail(HPAC_ERR_CONFIG, "%s -> %s has more than 2^31 values or weights",
                         hpac_shape_describe(in).text, hpac_shape_describe(*out).text);
    return HPAC_OK;
}

hpac_status hpac_layer_output_shape(const hpac_layer *layer, size_t number, hpac_shape in,
                                    hpac_shape *out)
{
    HPAC_TRY_GIVEN(layer);
    HPAC_TRY_GIVEN(out);
    return hpac_fail_within(find_output_shape(layer, in, out), "layer %zu (%s)", number,
                            hpac_layer_name(layer));
}

hpac_status hpac_layers_check(const hpac_layer *layers, size_t layer_count, hpac_shape input,
                              size_t classes, hpac_shape *shapes)
{
    if (layer_count < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "the model has no layers");
    HPAC_TRY_GIVEN(layers);
    hpac_shape shape = input;
    for (size_t i = 0; i < layer_count; i++) {
        HPAC_TRY(hpac_layer_output_shape(&layers[i], i + 1, shape, &shape));
        if (shapes)
            shapes[i] = shape;
    }
    const hpac_layer *last = &layers[layer_count - 1];
    if (last->kind != HPAC_LAYER_DENSE || last->activation != HPAC_ACTIVATION_SIGMOID ||
        last->units != classes)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "layer %zu (%s): the last layer must be dense with %zu units (one per "
                         "target) and activation sigmoid",
                         layer_count, hpac_layer_name(last), classes);
    return HPAC_OK;
}

const char *hpac_role_name(hpac_role role)
{
    static const char *const names[HPAC_ROLE_COUNT] = {"kernel", "bias",        "gamma",
                                                       "beta",   "moving_mean", "moving_variance"};
    return names[role];
}

hpac_weights hpac_layer_weights(const hpac_layer *layer, hpac_shape in)
{
    const hpac_layer_row *row = hpac_layer_row_of(layer);
    hpac_weights weights = {0};
    if (row && row->tensors)
        row->tensors(layer, in, weights.tensors);
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
        hpac_tensor *tensor = &weights.tensors[role];
        tensor->count = tensor->rank > 0;
        for (size_t i = 0; i < tensor->rank; i++)
            tensor->count *= tensor->dims[i];
    }
    return weights;
}

size_t hpac_weights_tensor_count(const hpac_weights *weights)
{
    size_t count = 0;
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        count += weights->tensors[role].rank > 0;
    return count;
}

size_t hpac_weights_parameter_count(const hpac_weights *weights)
{
    size_t count = 0;
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        count += weights->tensors[role].count;
    return count;
}

hpac_status hpac_weights_fit(const hpac_weights *weights, const hpac_layer *layers,
                             size_t layer_count, hpac_shape input)
{
    hpac_shape shape = input;
    for (size_t i = 0; i < layer_count; i++) {
        const hpac_weights expected = hpac_layer_weights(&layers[i], shape);
        for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
            const hpac_tensor *own = &weights[i].tensors[role], *other = &expected.tensors[role];
            if (own->rank != other->rank || own->count != other->count ||
                memcmp(own->dims, other->dims, other->rank * sizeof *own->dims) != 0 ||
                (own->count > 0 && !own->values))
                return hpac_fail(HPAC_ERR_INTERNAL,
                                 "the weights of layer %zu (%s) are missing, or not those of its "
                                 "options and its input %s: %s",
                                 i + 1, hpac_layer_name(&layers[i]),
                                 hpac_shape_describe(shape).text, hpac_role_name(role));
        }
        HPAC_TRY(hpac_layer_output_shape(&layers[i], i + 1, shape, &shape));
    }
    return HPAC_OK;
}

hpac_weights *hpac_weights_create_empty(const hpac_layer *layers, size_t layer_count,
                                        hpac_shape input)
{
    hpac_weights *weights = calloc(layer_count, sizeof *weights);
    hpac_shape shape = input;
    for (size_t i = 0; weights && i < layer_count; i++) {
        weights[i] = hpac_layer_weights(&layers[i], shape);
        (void)hpac_layer_output_shape(&layers[i], i + 1, shape, &shape); /* the stack was checked */
    }
    return weights;
}

static bool allocate(hpac_weights *weights)
{
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
        hpac_tensor *tensor = &weights->tensors[role];
        if (tensor->count > 0 && !(tensor->values = calloc(tensor->count, sizeof(float))))
            return false;
    }
    return true;
}

hpac_weights *hpac_weights_create(const hpac_layer *layers, size_t layer_count, hpac_shape input)
{
    hpac_weights *weights = hpac_weights_create_empty(layers, layer_count, input);
    for (size_t i = 0; weights && i < layer_count; i++) {
        if (allocate(&weights[i]))
            continue;
        hpac_weights_destroy(weights, layer_count);
        return NULL;
    }
    return weights;
}

void hpac_weights_destroy(hpac_weights *weights, size_t layer_count)
{
    for (size_t i = 0; weights && i < layer_count; i++)
        for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
            free(weights[i].tensors[role].values);
    free(weights);
}

void hpac_layer_describe(const hpac_layer *layer, char text[48])
{
    *text = '\0';
    if (!hpac_layer_row_of(layer) || !has_known_options(layer))
        return;
    const hpac_layer_key *key = hpac_layer_row_of(layer)->keys;
    for (size_t used = 0; key->name; used = strlen(text), key++) {
        const size_t *sizes = (const void *)((const char *)layer + key->offset);
        const char *comma = used > 0 ? ", " : "";
        char *end = text + used;
        if (key->type == HPAC_LAYER_KEY_SIZE)
            snprintf(end, 48 - used, "%s%zu", comma, sizes[0]);
        else if (key->type == HPAC_LAYER_KEY_PAIR)
            snprintf(end, 48 - used, "%s%zux%zu", comma, sizes[0], sizes[1]);
        else if (key->type == HPAC_LAYER_KEY_RATE)
            snprintf(end, 48 - used, "%s%g", comma, (double)layer->rate);
        else if (key->type == HPAC_LAYER_KEY_ACTIVATION &&
                 layer->activation != HPAC_ACTIVATION_LINEAR)
            snprintf(end, 48 - used, "%s%s", comma, hpac_activation_names[layer->activation]);
    }
}

void hpac_layers_print(const hpac_layer *layers, size_t layer_count, hpac_shape input, FILE *stream)
{
    fprintf(stream, "model: input %s\n", hpac_shape_describe(input).text);
    fprintf(stream, "      layer     options            output             parameters\n");
    hpac_shape shape = input;
    size_t total = 0;
    for (size_t i = 0; i < layer_count; i++) {
        char options[48];
        hpac_weights weights = hpac_layer_weights(&layers[i], shape);
        size_t parameters = hpac_weights_parameter_count(&weights);
        hpac_layer_describe(&layers[i], options);
        (void)hpac_layer_output_shape(&layers[i], i + 1, shape, &shape);
        fprintf(stream, "  %2zu  %-9s %-18s %-18s %10zu\n", i + 1, hpac_layer_name(&layers[i]),
                options, hpac_shape_describe(shape).text, parameters);
        total += parameters;
    }
    fprintf(stream, "  %62zu total\n", total);
}
