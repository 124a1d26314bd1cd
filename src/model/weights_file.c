#include "weights_file.h"

#include "model_files.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define MAX_NESTED 16
/* More than any network has; groups may be links to each other. */
#define MAX_STORED 8192

/* ---- names ---- */

/* "a_b" of "a", "b"; "b" without a prefix; as configurations have it, with _ for /. */
static hpac_status join_names(const char *prefix, const char *name, char **joined)
{
    HPAC_AUTO_FREE char *whole = NULL;
    bool alone = !prefix || !*prefix;
    HPAC_TRY_MEMORY(asprintf(&whole, "%s%s%s", alone ? "" : prefix, alone ? "" : "_", name) >= 0,
                    0);
    HPAC_TRY_NEW(*joined, HPAC_LAYER_NAME_NBYTES);
    hpac_keras_clean_name(whole, *joined);
    for (char *c = *joined; *c; c++)
        if (*c == '/')
            *c = '_';
    return HPAC_OK;
}

/* A new layer: `own` name in models of this prefix; `top`: its name at the top of the file, or
 * NULL. */
static hpac_status append_layer(hpac_weights_file *file, const char *top, const char *prefix,
                                const char *own, const char *group)
{
    if (file->count == MAX_STORED)
        return hpac_fail(HPAC_ERR_DATA, "more than %d layers", MAX_STORED);
    HPAC_TRY_GROW(file->layers, file->count, file->capacity);
    hpac_stored_layer *layer = &file->layers[file->count++];
    *layer = (hpac_stored_layer){0};
    HPAC_TRY(join_names(prefix, own, &layer->names[1]));
    HPAC_TRY(join_names(NULL, own, &layer->names[2]));
    HPAC_TRY(join_names(NULL, top ? top : layer->names[1], &layer->names[0]));
    HPAC_TRY_MEMORY(layer->group = strdup(group), strlen(group));
    return HPAC_OK;
}

static hpac_status append_tensor(hpac_stored_layer *layer, const char *name)
{
    HPAC_TRY_GROW(layer->tensors, layer->tensor_count + 1, layer->tensor_capacity);
    layer->tensors[layer->tensor_count + 1] = NULL;
    layer->tensors[layer->tensor_count] = strdup(name);
    HPAC_TRY_MEMORY(layer->tensors[layer->tensor_count], strlen(name));
    layer->tensor_count++;
    return HPAC_OK;
}

/* ---- Keras 2: groups by layer_names, datasets by weight_names ---- */

/* How much of "encoder/conv/kernel:0" is in front of the name of the tensor: 12. */
static size_t scope_length(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? (size_t)(slash - name) : 0;
}

static bool has_same_scope(const char *a, const char *b)
{
    size_t length = scope_length(a);
    return length == scope_length(b) && memcmp(a, b, length) == 0;
}

/* Adds the layer of names[first] with its tensors: those of the same scope. `alone`: the group has
 * no other. */
static hpac_status add_scope(hpac_weights_file *file, const char *group, const char *path,
                             char *const *names, size_t first, bool alone)
{
    HPAC_AUTO_FREE char *scope = strndup(names[first], scope_length(names[first]));
    HPAC_TRY_MEMORY(scope, 0);
    const char *slash = strrchr(scope, '/');
    const char *own = slash ? slash + 1 : *scope ? scope : group;
    HPAC_TRY(append_layer(file, alone ? group : NULL, group, own, path));
    for (size_t i = first; names[i]; i++)
        if (has_same_scope(names[i], names[first]))
            HPAC_TRY(append_tensor(&file->layers[file->count - 1], names[i]));
    return HPAC_OK;
}

/* The weights of all layers of a model inside are in one group, those that are not trained last. */
static hpac_status list_group(hpac_weights_file *file, hid_t at, const char *prefix,
                              const char *name)
{
    HPAC_AUTO_HDF5 hid_t group = 0;
    HPAC_AUTO(hpac_names_free) char **names = NULL;
    HPAC_AUTO_FREE char *path = NULL;
    bool alone = true;
    HPAC_TRY(hpac_hdf5_open_group(at, name, &group));
    HPAC_TRY(hpac_hdf5_read_names(group, "weight_names", &names));
    HPAC_TRY_MEMORY(asprintf(&path, "%s%s", prefix, name) >= 0, strlen(name));
    for (size_t i = 0; names[i]; i++)
        alone &= has_same_scope(names[i], names[0]);
    for (size_t i = 0; names[i]; i++) {
        size_t first = 0;
        while (first < i && !has_same_scope(names[first], names[i]))
            first++;
        if (first == i)
            HPAC_TRY(add_scope(file, name, path, names, i, alone));
    }
    return HPAC_OK;
}

static hpac_status list_groups(hpac_weights_file *file, hid_t at, const char *prefix)
{
    HPAC_AUTO(hpac_names_free) char **names = NULL;
    HPAC_TRY(hpac_hdf5_read_names(at, "layer_names", &names));
    for (size_t i = 0; names[i]; i++)
        HPAC_TRY(list_group(file, at, prefix, names[i]));
    return HPAC_OK;
}

/* ---- Keras 3: layers/conv2d/vars/0, with the layer's name as an attribute of vars ---- */

/* The models around a group. */
typedef struct scope {
    hpac_weights_file *file;
    const char *prefix; /* of names: "encoder", "" */
    const char *path;   /* of the group: "layers/encoder/", "" */
    int depth;
    hpac_status status;
} scope;

static hpac_status list_vars(scope *at, hid_t group);

/* Files of Keras 3's first versions do not have the name: there it is that of the class,
 * "conv2d_1". */
static hpac_status read_layer_name(hid_t vars, const char *link, char **name)
{
    if (H5Aexists(vars, "name") > 0)
        return hpac_hdf5_read_text(vars, "name", name);
    HPAC_TRY_MEMORY(*name = strdup(link), strlen(link));
    return HPAC_OK;
}

static hpac_status list_layer(scope *at, hid_t layers, const char *list, const char *link)
{
    HPAC_AUTO_HDF5 hid_t own = 0, vars = 0;
    HPAC_AUTO_FREE char *name = NULL, *path = NULL, *inner = NULL, *prefix = NULL;
    H5G_info_t info = {0};
    HPAC_TRY(hpac_hdf5_open_group(layers, link, &own));
    if (H5Lexists(own, "vars", H5P_DEFAULT) <= 0)
        return HPAC_OK;
    HPAC_TRY(hpac_hdf5_open_group(own, "vars", &vars));
    HPAC_TRY(read_layer_name(vars, link, &name));
    HPAC_TRY_MEMORY(asprintf(&path, "%s%s/%s/vars", at->path, list, link) >= 0, 0);
    if (H5Gget_info(vars, &info) >= 0 && info.nlinks > 0)
        HPAC_TRY(append_layer(at->file, NULL, at->prefix, name, path));
    for (hsize_t i = 0; i < info.nlinks; i++) {
        char number[24];
        snprintf(number, sizeof number, "%llu", (unsigned long long)i);
        HPAC_TRY(append_tensor(&at->file->layers[at->file->count - 1], number));
    }
    HPAC_TRY_MEMORY(asprintf(&inner, "%s%s/%s/", at->path, list, link) >= 0, 0);
    HPAC_TRY(join_names(at->prefix, name, &prefix));
    scope inside = {at->file, prefix, inner, at->depth + 1, HPAC_OK};
    return list_vars(&inside, own);
}

/* Names of groups that list layers. */
static const char *const lists[] = {"layers", "_layer_checkpoint_dependencies"};

typedef struct listing {
    scope *at;
    const char *list;
} listing;

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
    const listing *visit = data;
    (void)info;
    visit->at->status = list_layer(visit->at, group, visit->list, name);
    return visit->at->status == HPAC_OK ? 0 : -1;
}

static hpac_status list_vars(scope *at, hid_t group)
{
    if (at->depth > MAX_NESTED)
        return hpac_fail(HPAC_ERR_DATA, "models in models, expected at most %d levels", MAX_NESTED);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        listing visit = {at, lists[i]};
        if (H5Lexists(group, lists[i], H5P_DEFAULT) <= 0)
            continue;
        HPAC_AUTO_HDF5 hid_t layers = 0;
        HPAC_TRY(hpac_hdf5_open_group(group, lists[i], &layers));
        herr_t walked = H5Literate(layers, H5_INDEX_NAME, H5_ITER_INC, NULL, visit_link, &visit);
        HPAC_TRY(at->status);
        if (walked < 0)
            return hpac_hdf5_fail(group, lists[i], "cannot be read");
    }
    return HPAC_OK;
}

/* ---- files ---- */

static hid_t root_of(const hpac_weights_file *file)
{
    return file->file > 0 ? file->file : file->archive.weights;
}

static hpac_status list_layers(hpac_weights_file *file)
{
    hid_t root = root_of(file);
    HPAC_AUTO_HDF5 hid_t model = 0;
    if (H5Aexists(root, "layer_names") > 0 || H5Aexists(root, "layer_names0") > 0)
        return list_groups(file, root, "");
    if (H5Lexists(root, "model_weights", H5P_DEFAULT) > 0) {
        HPAC_TRY(hpac_hdf5_open_group(root, "model_weights", &model));
        return list_groups(file, model, "model_weights/");
    }
    scope top = {file, "", "", 0, HPAC_OK};
    return list_vars(&top, root);
}

hpac_status hpac_weights_file_open(const char *path, hpac_weights_file *file)
{
    *file = (hpac_weights_file){0};
    if (hpac_is_zip(path))
        HPAC_TRY(hpac_keras_zip_open(path, &file->archive));
    else
        HPAC_TRY(hpac_hdf5_open_file(path, &file->file));
    HPAC_TRY(list_layers(file));
    return file->count > 0
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_DATA, "no weights of layers, expected a model or weights that "
                                          "Keras has saved");
}

void hpac_weights_file_close(hpac_weights_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        for (size_t k = 0; k < HPAC_STORED_NAMES; k++)
            free(file->layers[i].names[k]);
        free(file->layers[i].group);
        hpac_names_free(&file->layers[i].tensors);
    }
    free(file->layers);
    hpac_keras_zip_close(&file->archive);
    hpac_hdf5_close(&file->file);
    *file = (hpac_weights_file){0};
}

/* ---- matching ---- */

/* "encoder_conv, decoder_conv": the layers whose names[level] is `name`. */
static hpac_status refuse_several(const hpac_weights_file *file, const char *name, size_t level)
{
    char list[320] = "";
    size_t count = 0;
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->layers[i].names[level], name) == 0)
            hpac_text_append(list, sizeof list, "%s%s", count++ > 0 ? ", " : "",
                             file->layers[i].names[0]);
    return hpac_fail(HPAC_ERR_DATA,
                     "may be %zu layers of the file (%s); rename it to one of them, or to none to "
                     "draw its weights",
                     count, list);
}

/* Of the names of one level. */
static hpac_status match_level(hpac_weights_file *file, const char *name, size_t level,
                               hpac_stored_layer **match)
{
    size_t count = 0;
    hpac_stored_layer *unused = NULL;
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->layers[i].names[level], name) != 0)
            continue;
        count++;
        if (!file->layers[i].used)
            unused = &file->layers[i];
    }
    if (!unused)
        return HPAC_OK;
    if (count > 1)
        return refuse_several(file, name, level);
    unused->used = true;
    *match = unused;
    return HPAC_OK;
}

hpac_status hpac_weights_file_match(hpac_weights_file *file, char *const *names, size_t count,
                                    hpac_stored_layer **matches)
{
    for (size_t i = 0; i < count; i++)
        matches[i] = NULL;
    for (size_t level = 0; level < HPAC_STORED_NAMES; level++)
        for (size_t i = 0; i < count; i++)
            if (names[i] && !matches[i])
                HPAC_TRY(hpac_fail_within(match_level(file, names[i], level, &matches[i]),
                                          "layer %zu, %s", i + 1, names[i]));
    return HPAC_OK;
}

/* ---- reading ---- */

hpac_status hpac_weights_file_read(const hpac_weights_file *file, const hpac_stored_layer *layer,
                                   const hpac_weights *expected, hpac_weights *found)
{
    HPAC_AUTO_HDF5 hid_t group = 0;
    size_t count = hpac_weights_tensor_count(expected), number = 0;
    char tensors[96] = "";
    HPAC_TRY(hpac_hdf5_open_group(root_of(file), layer->group, &group));
    hpac_weights_list(expected, tensors);
    if (layer->tensor_count != count)
        return hpac_fail(HPAC_ERR_DATA, "%s: %zu tensors, expected %zu (%s)", layer->group,
                         layer->tensor_count, count, tensors);
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
        if (expected->tensors[role].rank == 0)
            continue;
        hpac_tensor *tensor = &found->tensors[role];
        const char *name = layer->tensors[number++];
        HPAC_TRY(hpac_hdf5_read_shape(group, name, &tensor->rank, tensor->dims));
        HPAC_TRY(hpac_hdf5_read_floats(group, name, tensor->rank, tensor->dims, &tensor->values));
        tensor->count = 1;
        for (size_t i = 0; i < tensor->rank; i++)
            tensor->count *= tensor->dims[i];
        HPAC_TRY(
            hpac_fail_within(hpac_tensor_check(tensor, role, false), "%s/%s", layer->group, name));
    }
    return HPAC_OK;
}
