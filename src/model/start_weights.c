#include "start_weights.h"

#include "file_probe.h"
#include "model_files.h"
#include "weights_file.h"

#include "base/text.h"
#include "net/layer_table.h"

#include <string.h>

/* Indices into hpac_channel_names. */
enum { GREEN, BLUE, RED, YELLOW };

hpac_status hpac_start_init(hpac_start *start, const hpac_model *model, const int *channel_order)
{
    size_t count = model->layer_count;
    *start = (hpac_start){.model = model, .channel_order = channel_order};
    HPAC_TRY(hpac_keras_name_layers(model, &start->names));
    HPAC_TRY_NEW(start->fits, count);
    HPAC_TRY_NEW(start->unused, 1);
    HPAC_TRY_MEMORY(start->weights = hpac_weights_create_empty(model->layers, count, model->input),
                    count * sizeof *start->weights);
    for (size_t i = 0; i < count; i++)
        if (hpac_weights_tensor_count(&start->weights[i]) > 0)
            start->fits[i] = HPAC_START_DRAWN;
    return HPAC_OK;
}

void hpac_start_fini(hpac_start *start)
{
    if (start->model)
        hpac_weights_destroy(start->weights, start->model->layer_count);
    hpac_names_free(&start->names);
    hpac_names_free(&start->unused);
    free(start->fits);
    *start = (hpac_start){0};
}

size_t hpac_start_count(const hpac_start *start, hpac_start_fit fit)
{
    size_t count = 0;
    for (size_t i = 0; i < start->model->layer_count; i++)
        count += start->fits[i] == fit;
    return count;
}

/* ---- shapes ---- */

static bool has_same_shape(const hpac_tensor *a, const hpac_tensor *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0;
}

/* "(3, 3, 3, 64)" */
static void describe_dims(const hpac_tensor *tensor, char text[96])
{
    *text = '\0';
    for (size_t i = 0; i < tensor->rank; i++)
        hpac_text_append(text, 96, "%s%zu", i == 0 ? "(" : ", ", tensor->dims[i]);
    hpac_text_append(text, 96, ")");
}

/* Whether a layer reads the channels of the image. */
static bool reads_image(const hpac_model *model, size_t layer)
{
    size_t from = hpac_layer_input(&model->layers[layer], layer, 0);
    while (from > 0) {
        const hpac_layer *before = &model->layers[from - 1];
        if (before->kind != HPAC_LAYER_RESCALE && before->kind != HPAC_LAYER_ZERO_PAD)
            return false;
        from = hpac_layer_input(before, from - 1, 0);
    }
    return true;
}

static hpac_status refuse_shape(const hpac_start *start, size_t layer, hpac_role role,
                                const hpac_tensor *found)
{
    const hpac_tensor *expected = &start->weights[layer].tensors[role];
    char is[96], wanted[96], channels[96] = "";
    describe_dims(found, is);
    describe_dims(expected, wanted);
    if (role == HPAC_KERNEL && found->rank == 4 && found->dims[2] != expected->dims[2] &&
        reads_image(start->model, layer))
        hpac_text_append(channels, sizeof channels, "; the file is for %zu channels, not %zu",
                         found->dims[2], expected->dims[2]);
    return hpac_fail(HPAC_ERR_DATA, "layer %zu, %s (%s): %s %s, expected %s%s", layer + 1,
                     start->names[layer], hpac_layer_name(&start->model->layers[layer]),
                     hpac_role_name(role), is, wanted, channels);
}

/* Whether a kernel is that of a first convolution, for 3 channels in place of 1, 2 or 4. */
static bool has_other_channels(const hpac_start *start, size_t layer, const hpac_tensor *found)
{
    const hpac_layer *own = &start->model->layers[layer];
    const hpac_tensor *kernel = &start->weights[layer].tensors[HPAC_KERNEL];
    size_t channels = start->model->input.channels;
    return own->kind == HPAC_LAYER_CONV2D && own->groups <= 1 && found->rank == 4 &&
           found->dims[2] == 3 && channels != 3 && channels <= 4 && kernel->dims[2] == channels &&
           found->dims[0] == kernel->dims[0] && found->dims[1] == kernel->dims[1] &&
           found->dims[3] == kernel->dims[3] && reads_image(start->model, layer);
}

static bool is_new_head(const hpac_start *start, size_t layer, const hpac_tensor *found)
{
    const hpac_tensor *kernel = &start->weights[layer].tensors[HPAC_KERNEL];
    return layer + 1 == start->model->layer_count &&
           start->model->layers[layer].kind == HPAC_LAYER_DENSE && found->rank == 2 &&
           found->dims[0] == kernel->dims[0] && found->dims[1] != kernel->dims[1];
}

/* ---- fitting ---- */

/* One number of the kernels of red, green and blue as those of the channels; see the header. */
static void convert_channels(const float rgb[3], const int *order, size_t count, double *values)
{
    double red = (double)rgb[0], green = (double)rgb[1], blue = (double)rgb[2];
    const double colors[] = {
        [GREEN] = green, [BLUE] = blue, [RED] = red, [YELLOW] = (red + green) / 2};
    double rest = red + green + blue;
    for (size_t i = 0; i < count; i++) {
        values[i] = colors[order[i]];
        rest -= values[i];
    }
    for (size_t i = 0; i < count; i++)
        values[i] += rest / (double)count;
}

/* (rows, cols, 3, filters) to (rows, cols, channels, filters). */
static hpac_status convert_kernel(const hpac_start *start, const hpac_tensor *from, hpac_tensor *to)
{
    size_t channels = to->dims[2], filters = to->dims[3], pixels = to->dims[0] * to->dims[1];
    HPAC_TRY_NEW(to->values, to->count);
    for (size_t pixel = 0; pixel < pixels; pixel++)
        for (size_t k = 0; k < filters; k++) {
            const float *at = from->values + pixel * 3 * filters + k;
            const float rgb[] = {at[0], at[filters], at[2 * filters]};
            double values[HPAC_MAX_CHANNELS];
            convert_channels(rgb, start->channel_order, channels, values);
            for (size_t c = 0; c < channels; c++)
                to->values[(pixel * channels + c) * filters + k] = (float)values[c];
        }
    return HPAC_OK;
}

/* Takes the tensors of a layer, whose values are moved or freed. */
static hpac_status take_layer(hpac_start *start, size_t layer, hpac_weights *found)
{
    hpac_tensor *own = start->weights[layer].tensors, *given = found->tensors;
    bool converts = has_other_channels(start, layer, &given[HPAC_KERNEL]);
    if (is_new_head(start, layer, &given[HPAC_KERNEL])) {
        start->fits[layer] = HPAC_START_NEW_HEAD;
        start->head_units = given[HPAC_KERNEL].dims[1];
        return HPAC_OK;
    }
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        if (!has_same_shape(&own[role], &given[role]) && !(converts && role == HPAC_KERNEL))
            return refuse_shape(start, layer, role, &given[role]);
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
        if (converts && role == HPAC_KERNEL) {
            HPAC_TRY(convert_kernel(start, &given[role], &own[role]));
            continue;
        }
        own[role].values = given[role].values;
        given[role].values = NULL;
    }
    start->fits[layer] = converts ? HPAC_START_CONVERTED : HPAC_START_LOADED;
    return HPAC_OK;
}

hpac_status hpac_start_take_model(hpac_start *start, hpac_model *found)
{
    for (size_t i = 0; i < start->model->layer_count; i++)
        if (start->fits[i] != HPAC_START_NONE)
            HPAC_TRY(take_layer(start, i, &found->weights[i]));
    return HPAC_OK;
}

/* ---- by names ---- */

static void free_tensors(hpac_weights *weights)
{
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        free(weights->tensors[role].values);
}

static hpac_status take_stored(hpac_start *start, size_t layer, const hpac_weights_file *file,
                               const hpac_stored_layer *stored)
{
    HPAC_AUTO(free_tensors) hpac_weights found = {0};
    HPAC_TRY(hpac_fail_within(hpac_weights_file_read(file, stored, &start->weights[layer], &found),
                              "layer %zu, %s", layer + 1,
                              hpac_layer_name(&start->model->layers[layer])));
    return take_layer(start, layer, &found);
}

static hpac_status take_matches(hpac_start *start, hpac_weights_file *file)
{
    size_t count = start->model->layer_count;
    HPAC_AUTO_FREE char **names = NULL; /* of layers with weights; borrowed */
    HPAC_AUTO_FREE hpac_stored_layer **matches = NULL;
    HPAC_TRY_NEW(names, count);
    HPAC_TRY_NEW(matches, count);
    for (size_t i = 0; i < count; i++)
        names[i] = start->fits[i] != HPAC_START_NONE ? start->names[i] : NULL;
    HPAC_TRY(hpac_weights_file_match(file, names, count, matches));
    for (size_t i = 0; i < count; i++)
        if (matches[i])
            HPAC_TRY(take_stored(start, i, file, matches[i]));
    return HPAC_OK;
}

static hpac_status list_unused(hpac_start *start, const hpac_weights_file *file)
{
    size_t count = 0;
    hpac_names_free(&start->unused);
    HPAC_TRY_NEW(start->unused, file->count + 1);
    for (size_t i = 0; i < file->count; i++)
        if (!file->layers[i].used)
            HPAC_TRY_MEMORY(start->unused[count++] = strdup(file->layers[i].names[0]), 0);
    return HPAC_OK;
}

static hpac_status refuse_all(const hpac_start *start, const hpac_weights_file *file)
{
    enum { SHOWN = 4 };
    char has[512] = "", wanted[512] = "";
    size_t expected = 0;
    for (size_t i = 0; i < file->count && i < SHOWN; i++)
        hpac_text_append(has, sizeof has, "%s%s", i == 0 ? "" : ", ", file->layers[i].names[0]);
    for (size_t i = 0; i < start->model->layer_count; i++)
        if (start->fits[i] != HPAC_START_NONE && expected++ < SHOWN)
            hpac_text_append(wanted, sizeof wanted, "%s%s", *wanted ? ", " : "", start->names[i]);
    if (file->count > SHOWN)
        hpac_text_append(has, sizeof has, ", ... (%zu)", file->count);
    if (expected > SHOWN)
        hpac_text_append(wanted, sizeof wanted, ", ... (%zu)", expected);
    return hpac_fail(HPAC_ERR_DATA,
                     "no layer of the model has the name of one of the file (%s); "
                     "expected %s",
                     has, wanted);
}

static hpac_status read_names(const char *path, void *data)
{
    hpac_start *start = data;
    HPAC_AUTO(hpac_weights_file_close) hpac_weights_file file = {0};
    HPAC_TRY(hpac_weights_file_open(path, &file));
    HPAC_TRY(take_matches(start, &file));
    if (hpac_start_count(start, HPAC_START_LOADED) +
            hpac_start_count(start, HPAC_START_CONVERTED) ==
        0)
        return refuse_all(start, &file);
    return list_unused(start, &file);
}

/* The child process that reads first ends with its memory. */
static void keep(void *data)
{
    (void)data;
}

hpac_status hpac_start_read(hpac_start *start, const char *path)
{
    return hpac_file_probe(path, read_names, keep, start);
}
