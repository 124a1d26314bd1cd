/* Layers: shapes, parameters, the check of a whole stack, and its table. */
#include "layer_table.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

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

/* What the types alone do not guarantee. */
static hpac_status check_options(const hpac_layer *layer)
{
    if ((unsigned)layer->activation > HPAC_ACTIVATION_SOFTMAX ||
        (unsigned)layer->initializer > HPAC_INIT_ZEROS ||
        (unsigned)layer->padding > HPAC_PADDING_SAME)
        return hpac_fail(HPAC_ERR_CONFIG, "unknown activation %d, initializer %d or padding %d",
                         (int)layer->activation, (int)layer->initializer, (int)layer->padding);
    const size_t sizes[] = {layer->kernel_rows, layer->kernel_cols,      layer->stride_rows,
                            layer->stride_cols, layer->dilation_rows,    layer->dilation_cols,
                            layer->groups,      layer->depth_multiplier, layer->zeros[0],
                            layer->zeros[1],    layer->zeros[2],         layer->zeros[3]};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] > INT32_MAX)
            return hpac_fail(HPAC_ERR_CONFIG, "a size of %zu, expected less than 2^31", sizes[i]);
    if (layer->input_count > HPAC_LAYER_MAX_INPUTS || layer->rescaled > HPAC_OP_MAX_RESCALED)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%zu inputs and %zu rescaled channels, expected at most "
                         "%d and %d",
                         layer->input_count, layer->rescaled, HPAC_LAYER_MAX_INPUTS,
                         HPAC_OP_MAX_RESCALED);
    return HPAC_OK;
}

/* The operation of a layer, of which a device can index all values. */
static hpac_status check_op(const hpac_layer *layer, const hpac_shape *inputs, hpac_op *op)
{
    for (size_t i = 0; i < hpac_layer_input_count(layer); i++)
        HPAC_TRY(check_input(inputs[i]));
    HPAC_TRY(hpac_layer_op(layer, inputs, op));
    if (op->out.channels < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "0 outputs, expected at least 1");
    hpac_weights weights = hpac_layer_weights(layer, op->in);
    const hpac_tensor *kernel = &weights.tensors[HPAC_KERNEL];
    if (is_too_large(op->out) || has_too_many(kernel->dims, kernel->rank))
        return hpac_fail(HPAC_ERR_CONFIG, "%s -> %s has more than 2^31 values or weights",
                         hpac_shape_describe(op->in).text, hpac_shape_describe(op->out).text);
    return HPAC_OK;
}

void hpac_layer_normalize(hpac_layer *layer)
{
    bool pools = layer->kind == HPAC_LAYER_MAXPOOL || layer->kind == HPAC_LAYER_AVGPOOL;
    if (layer->stride_rows == (pools ? layer->kernel_rows : 1) &&
        layer->stride_cols == (pools ? layer->kernel_cols : 1))
        layer->stride_rows = layer->stride_cols = 0;
    if (layer->dilation_rows == 1 && layer->dilation_cols == 1)
        layer->dilation_rows = layer->dilation_cols = 0;
    layer->groups = layer->groups == 1 ? 0 : layer->groups;
    layer->depth_multiplier = layer->depth_multiplier == 1 ? 0 : layer->depth_multiplier;
    layer->momentum = layer->momentum == 0.99f ? 0 : layer->momentum;
    layer->epsilon = layer->epsilon == 1e-3f ? 0 : layer->epsilon;
}

size_t hpac_layer_input_count(const hpac_layer *layer)
{
    return layer->input_count > 0 ? layer->input_count : 1;
}

size_t hpac_layer_input(const hpac_layer *layer, size_t index, size_t input)
{
    return layer->input_count > 0 ? layer->inputs[input] : index;
}

/* "layer 3 "stem" (conv2d)" */
static hpac_status fail_within_layer(hpac_status status, const hpac_layer *layer, size_t index)
{
    return hpac_fail_within(status, "layer %zu%s%s%s (%s)", index + 1, *layer->name ? " \"" : "",
                            layer->name, *layer->name ? "\"" : "", hpac_layer_name(layer));
}

/* A layer on the shapes of those before it. */
static hpac_status find_shape(const hpac_layer *layer, size_t index, hpac_shape input,
                              hpac_shape *shapes)
{
    hpac_shape inputs[HPAC_LAYER_MAX_INPUTS];
    hpac_op op;
    HPAC_TRY(check_options(layer));
    for (size_t i = 0; i < hpac_layer_input_count(layer); i++) {
        size_t number = hpac_layer_input(layer, index, i);
        if (number > index)
            return hpac_fail(HPAC_ERR_CONFIG, "reads layer %zu, expected one before it", number);
        inputs[i] = number > 0 ? shapes[number - 1] : input;
    }
    HPAC_TRY(check_op(layer, inputs, &op));
    shapes[index] = op.out;
    return HPAC_OK;
}

hpac_status hpac_layers_shapes(const hpac_layer *layers, size_t layer_count, hpac_shape input,
                               hpac_shape *shapes, size_t *bad)
{
    HPAC_TRY_GIVEN(layers);
    HPAC_TRY_GIVEN(shapes);
    HPAC_TRY_GIVEN(bad);
    for (size_t i = 0; i < layer_count; i++) {
        hpac_status status = find_shape(&layers[i], i, input, shapes);
        *bad = i;
        if (status != HPAC_OK)
            return fail_within_layer(status, &layers[i], i);
    }
    return HPAC_OK;
}

/* Only the last layer is read by none. */
static hpac_status check_reads(const hpac_layer *layers, size_t layer_count, size_t *bad)
{
    for (size_t i = 0; i + 1 < layer_count; i++) {
        bool read = false;
        for (size_t j = i + 1; j < layer_count && !read; j++)
            for (size_t k = 0; k < hpac_layer_input_count(&layers[j]); k++)
                read |= hpac_layer_input(&layers[j], j, k) == i + 1;
        *bad = i;
        if (!read)
            return fail_within_layer(
                hpac_fail(HPAC_ERR_CONFIG, "no layer reads its output; name it in the `inputs` of "
                                           "a later layer, or remove it"),
                &layers[i], i);
    }
    return HPAC_OK;
}

/* Softmax is part of the loss. */
static hpac_status check_inner(const hpac_layer *layers, size_t layer_count, size_t *bad)
{
    for (*bad = 0; *bad + 1 < layer_count; (*bad)++)
        if (layers[*bad].activation == HPAC_ACTIVATION_SOFTMAX)
            return fail_within_layer(hpac_fail(HPAC_ERR_CONFIG,
                                               "activation softmax, expected in the last layer "
                                               "only"),
                                     &layers[*bad], *bad);
    return HPAC_OK;
}

static hpac_status check_last(const hpac_layer *layers, size_t layer_count, size_t classes)
{
    const hpac_layer *last = &layers[layer_count - 1];
    if (last->kind == HPAC_LAYER_DENSE && last->units == classes &&
        (last->activation == HPAC_ACTIVATION_SIGMOID ||
         (last->activation == HPAC_ACTIVATION_SOFTMAX && classes > 1)))
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "layer %zu (%s): the last layer must be dense with %zu units (one per "
                     "target) and activation sigmoid%s: {type: dense, units: classes, activation: "
                     "sigmoid}",
                     layer_count, hpac_layer_name(last), classes, classes > 1 ? " or softmax" : "");
}

hpac_status hpac_layers_find_bad(const hpac_layer *layers, size_t layer_count, hpac_shape input,
                                 size_t classes, hpac_shape *shapes, size_t *bad)
{
    HPAC_TRY(hpac_layers_shapes(layers, layer_count, input, shapes, bad));
    HPAC_TRY(check_reads(layers, layer_count, bad));
    HPAC_TRY(check_inner(layers, layer_count, bad));
    *bad = layer_count - 1;
    return check_last(layers, layer_count, classes);
}

hpac_status hpac_layers_check(const hpac_layer *layers, size_t layer_count, hpac_shape input,
                              size_t classes, hpac_shape *shapes)
{
    HPAC_AUTO_FREE hpac_shape *own = NULL;
    size_t bad;
    if (layer_count < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "the model has no layers");
    HPAC_TRY_GIVEN(layers);
    HPAC_TRY_NEW(own, layer_count);
    HPAC_TRY(hpac_layers_find_bad(layers, layer_count, input, classes, own, &bad));
    if (shapes)
        memcpy(shapes, own, layer_count * sizeof *shapes);
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

static hpac_status fit_layer(const hpac_weights *weights, const hpac_layer *layer, size_t index,
                             hpac_shape in, bool trained)
{
    const hpac_weights expected = hpac_layer_weights(layer, in);
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
        const hpac_tensor *own = &weights->tensors[role], *other = &expected.tensors[role];
        if (own->rank != other->rank || own->count != other->count ||
            memcmp(own->dims, other->dims, other->rank * sizeof *own->dims) != 0 ||
            (own->count > 0 && !own->values && (hpac_role_is_trained(role) || !trained)))
            return hpac_fail(HPAC_ERR_INTERNAL,
                             "the weights of layer %zu (%s) are missing, or not those of its "
                             "options and its input %s: %s",
                             index + 1, hpac_layer_name(layer), hpac_shape_describe(in).text,
                             hpac_role_name(role));
    }
    return HPAC_OK;
}

hpac_status hpac_weights_fit(const hpac_weights *weights, const hpac_layer *layers,
                             size_t layer_count, hpac_shape input, bool trained)
{
    HPAC_AUTO_FREE hpac_shape *shapes = NULL;
    size_t bad;
    HPAC_TRY_NEW(shapes, layer_count);
    HPAC_TRY(hpac_layers_shapes(layers, layer_count, input, shapes, &bad));
    for (size_t i = 0; i < layer_count; i++) {
        size_t number = hpac_layer_input(&layers[i], i, 0);
        HPAC_TRY(fit_layer(&weights[i], &layers[i], i, number > 0 ? shapes[number - 1] : input,
                           trained));
    }
    return HPAC_OK;
}

hpac_weights *hpac_weights_create_empty(const hpac_layer *layers, size_t layer_count,
                                        hpac_shape input)
{
    HPAC_AUTO_FREE hpac_shape *shapes = calloc(layer_count, sizeof *shapes);
    hpac_weights *weights = calloc(layer_count, sizeof *weights);
    size_t bad;
    if (!shapes || !weights ||
        hpac_layers_shapes(layers, layer_count, input, shapes, &bad) != HPAC_OK) {
        free(weights);
        return NULL;
    }
    for (size_t i = 0; i < layer_count; i++) {
        size_t number = hpac_layer_input(&layers[i], i, 0);
        weights[i] = hpac_layer_weights(&layers[i], number > 0 ? shapes[number - 1] : input);
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

/* What a key of a layer is, or nothing where it is the default. */
static void describe_key(const hpac_layer *layer, const hpac_layer_key *key, FILE *stream)
{
    const void *value = (const char *)layer + key->offset;
    const size_t *sizes = value;
    const float *numbers = value;
    switch (key->type) {
    case HPAC_LAYER_KEY_SIZE:
        if (!key->brief)
            fprintf(stream, ", %zu", sizes[0]);
        else if (sizes[0] > 1)
            fprintf(stream, ", %s %zu", key->name, sizes[0]);
        break;
    case HPAC_LAYER_KEY_PAIR:
        if (!key->brief)
            fprintf(stream, ", %zux%zu", sizes[0], sizes[1]);
        else if (sizes[0] > 1 || sizes[1] > 1)
            fprintf(stream, ", %s %zux%zu", key->name, sizes[0], sizes[1]);
        break;
    case HPAC_LAYER_KEY_RATE:
        if (!key->brief)
            fprintf(stream, ", %g", (double)numbers[0]);
        break;
    case HPAC_LAYER_KEY_ACTIVATION:
        if (layer->activation != HPAC_ACTIVATION_LINEAR)
            fprintf(stream, ", %s", hpac_activation_names[layer->activation]);
        break;
    case HPAC_LAYER_KEY_PADDING:
        if (layer->padding != HPAC_PADDING_VALID)
            fprintf(stream, ", %s", hpac_padding_names[layer->padding]);
        break;
    case HPAC_LAYER_KEY_FLAG:
    case HPAC_LAYER_KEY_UNLESS:
        if (*(const bool *)value)
            fprintf(stream, ", %s%s", key->type == HPAC_LAYER_KEY_UNLESS ? "no " : "", key->name);
        break;
    case HPAC_LAYER_KEY_DECAY:
        if (numbers[0] > 0)
            fprintf(stream, ", %s %g", key->name, (double)numbers[0]);
        break;
    case HPAC_LAYER_KEY_ZEROS:
        fprintf(stream, ", %zu %zu %zu %zu", sizes[0], sizes[1], sizes[2], sizes[3]);
        break;
    default: /* initializers, epsilons; a shape is the output's */
        break;
    }
}

void hpac_layer_describe(const hpac_layer *layer, char text[HPAC_LAYER_TEXT_NBYTES])
{
    char described[256] = "";
    FILE *stream = fmemopen(described, sizeof described, "w");
    *text = '\0';
    if (!stream)
        return;
    const hpac_layer_row *row = hpac_layer_row_of(layer);
    for (const hpac_layer_key *key = row ? row->keys : NULL; key && (key->name || key->keras);
         key++)
        if (key->name)
            describe_key(layer, key, stream);
    fclose(stream);
    if (*described)
        snprintf(text, HPAC_LAYER_TEXT_NBYTES, "%.95s", described + 2); /* behind ", " */
}

/* "stem + 12": what a layer reads, unless it is the layer before. */
static void print_inputs(const hpac_layer *layers, size_t index, FILE *stream)
{
    const hpac_layer *layer = &layers[index];
    for (size_t i = 0; i < layer->input_count; i++) {
        size_t number = layer->inputs[i];
        fputs(i == 0 ? "  of " : ", ", stream);
        if (number == 0)
            fputs("the image", stream);
        else if (*layers[number - 1].name)
            fputs(layers[number - 1].name, stream);
        else
            fprintf(stream, "%zu", number);
    }
}

/* Widths of the columns of names and options. */
static void widths_of(const hpac_layer *layers, size_t layer_count, int *name_width,
                      int *options_width)
{
    *name_width = (int)strlen("layer");
    *options_width = (int)strlen("options");
    for (size_t i = 0; i < layer_count; i++) {
        char options[HPAC_LAYER_TEXT_NBYTES];
        hpac_layer_describe(&layers[i], options);
        *name_width = MAX(*name_width, (int)strlen(hpac_layer_name(&layers[i])));
        *options_width = MAX(*options_width, (int)strlen(options));
    }
}

void hpac_layers_print(const hpac_layer *layers, size_t layer_count, hpac_shape input, FILE *stream)
{
    HPAC_AUTO_FREE hpac_shape *shapes = calloc(layer_count, sizeof *shapes);
    size_t total = 0, bad;
    int name_width, options_width;
    if (!shapes || hpac_layers_shapes(layers, layer_count, input, shapes, &bad) != HPAC_OK)
        return;
    fprintf(stream, "model: input %s\n", hpac_shape_describe(input).text);
    widths_of(layers, layer_count, &name_width, &options_width);
    fprintf(stream, "       %-*s %-*s %-18s parameters\n", name_width, "layer", options_width,
            "options", "output");
    for (size_t i = 0; i < layer_count; i++) {
        char options[HPAC_LAYER_TEXT_NBYTES];
        size_t number = hpac_layer_input(&layers[i], i, 0);
        hpac_weights weights =
            hpac_layer_weights(&layers[i], number > 0 ? shapes[number - 1] : input);
        size_t parameters = hpac_weights_parameter_count(&weights);
        hpac_layer_describe(&layers[i], options);
        fprintf(stream, "  %3zu  %-*s %-*s %-18s %10zu", i + 1, name_width,
                hpac_layer_name(&layers[i]), options_width, options,
                hpac_shape_describe(shapes[i]).text, parameters);
        print_inputs(layers, i, stream);
        fputc('\n', stream);
        total += parameters;
    }
    fprintf(stream, "%*zu total\n", name_width + options_width + 38, total);
}
