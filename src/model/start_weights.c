#include "start_weights.h"

#include "file_probe.h"
#include "model_files.h"
#include "weights_file.h"

#include "base/text.h"
#include "net/layer_table.h"

#include <string.h>

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

void hpac_start_set_channels(hpac_start *start, const int *channels, size_t count)
{
    memcpy(start->file_channels, channels, count * sizeof *channels);
    start->file_channel_count = count;
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

/* Whether a kernel is that of a first convolution, for whatever channels. */
static bool is_first_kernel(const hpac_start *start, size_t layer, const hpac_tensor *found)
{
    const hpac_layer *own = &start->model->layers[layer];
    const hpac_tensor *kernel = &start->weights[layer].tensors[HPAC_KERNEL];
    size_t channels = start->model->input.channels;
    return own->kind == HPAC_LAYER_CONV2D && own->groups <= 1 && found->rank == 4 &&
           channels <= HPAC_MAX_CHANNELS && kernel->dims[2] == channels &&
           found->dims[0] == kernel->dims[0] && found->dims[1] == kernel->dims[1] &&
           found->dims[3] == kernel->dims[3] && reads_image(start->model, layer);
}

static hpac_status check_channels(const hpac_start *start, size_t layer, size_t found)
{
    if (start->file_channel_count == 0 || start->file_channel_count == found)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_DATA,
                     "layer %zu, %s (%s): reads %zu channels in the file, expected %zu, as "
                     "train.initial_channels or the configuration in the file names",
                     layer + 1, start->names[layer], hpac_layer_name(&start->model->layers[layer]),
                     found, start->file_channel_count);
}

/* How the kernels of that many channels become those of the data set's; false: they stay. */
static bool find_mix(hpac_start *start, size_t count, hpac_channel_mix *mix)
{
    static const int rgb[] = {2, 0, 1}; /* indices into hpac_channel_names */
    size_t channels = start->model->input.channels;
    if (start->file_channel_count == 0 && count == 3 && channels != 3)
        hpac_start_set_channels(start, rgb, 3);
    if (start->file_channel_count == 0)
        return false;
    *mix = hpac_channel_mix_make(start->file_channels, count, start->channel_order, channels);
    return !hpac_channel_mix_is_identity(mix) && (count == 3 || hpac_channel_mix_is_order(mix));
}

static bool is_new_head(const hpac_start *start, size_t layer, const hpac_tensor *found)
{
    const hpac_tensor *kernel = &start->weights[layer].tensors[HPAC_KERNEL];
    return layer + 1 == start->model->layer_count &&
           start->model->layers[layer].kind == HPAC_LAYER_DENSE && found->rank == 2 &&
           found->dims[0] == kernel->dims[0] && found->dims[1] != kernel->dims[1];
}

/* ---- fitting ---- */

/* (rows, cols, from_count, filters) to (rows, cols, to_count, filters). */
static hpac_status convert_kernel(const hpac_channel_mix *mix, const hpac_tensor *from,
                                  hpac_tensor *to)
{
    size_t filters = to->dims[3], pixels = to->dims[0] * to->dims[1];
    HPAC_TRY_NEW(to->values, to->count);
    for (size_t i = 0; i < pixels * mix->to_count; i++)
        for (size_t k = 0; k < filters; k++) {
            const float *kernels = from->values + i / mix->to_count * mix->from_count * filters + k;
            const double *shares = mix->shares[i % mix->to_count];
            double sum = 0;
            for (size_t c = 0; c < mix->from_count; c++)
                sum += shares[c] * (double)kernels[c * filters];
            to->values[i * filters + k] = (float)sum;
        }
    return HPAC_OK;
}

/* Takes the tensors of a layer, whose values are moved or freed. */
static hpac_status take_layer(hpac_start *start, size_t layer, hpac_weights *found)
{
    hpac_tensor *own = start->weights[layer].tensors, *given = found->tensors;
    hpac_channel_mix mix;
    bool first = is_first_kernel(start, layer, &given[HPAC_KERNEL]);
    start->reads_image |= first;
    if (first)
        HPAC_TRY(check_channels(start, layer, given[HPAC_KERNEL].dims[2]));
    bool converts = first && find_mix(start, given[HPAC_KERNEL].dims[2], &mix);
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
            HPAC_TRY(convert_kernel(&mix, &given[role], &own[role]));
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
    for (size_t i = 0; i < start->model->layer_count && i < found->layer_count; i++)
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
