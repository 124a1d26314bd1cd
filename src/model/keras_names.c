/* The names of layers: in configurations by those of files, in files by those of configurations. */
#include "keras_json.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* ---- from a file ---- */

/* The names of a chain are those that Keras gave (conv2d_3), unless somebody chose them. */
static bool is_chosen(const hpac_layer *layer, const char *name)
{
    const char *base = hpac_layer_row_of(layer)->keras_name;
    size_t length = strlen(base);
    if (strncmp(name, base, length) != 0)
        return true;
    name += length;
    return *name && (*name != '_' || strspn(name + 1, "0123456789") != strlen(name + 1));
}

void hpac_keras_clean_name(const char *name, char clean[HPAC_LAYER_NAME_NBYTES])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    bool good = *name && strchr(letters, *name);
    memset(clean, 0, HPAC_LAYER_NAME_NBYTES);
    snprintf(clean, HPAC_LAYER_NAME_NBYTES, "%s%s", good ? "" : "layer_", name);
    for (char *c = clean; *c; c++)
        if (!strchr(letters, *c) && !strchr("0123456789_.-/", *c))
            *c = '_';
}

/* With another number at its end when a layer before has the name already. */
static void set_name(hpac_model *model, size_t index, const char *name)
{
    char base[HPAC_LAYER_NAME_NBYTES], *own = model->layers[index].name;
    bool taken = strcmp(name, "input") == 0;
    hpac_keras_clean_name(name, base);
    memcpy(own, base, sizeof base);
    for (int number = 1;; number++) {
        for (size_t i = 0; i < index && !taken; i++)
            taken = strcmp(model->layers[i].name, own) == 0;
        if (!taken)
            return;
        char suffix[16];
        int width = HPAC_LAYER_NAME_NBYTES - 1 - snprintf(suffix, sizeof suffix, "_%d", number);
        snprintf(own, HPAC_LAYER_NAME_NBYTES, "%.*s%s", width, base, suffix);
        taken = false;
    }
}

void hpac_keras_set_names(hpac_model *model, const hpac_keras_sources *sources)
{
    bool branches = false, chosen = false;
    for (size_t i = 0; i < model->layer_count; i++)
        branches |= model->layers[i].input_count > 0;
    for (size_t i = 0; i < model->layer_count; i++)
        chosen |= is_chosen(&model->layers[i], sources->items[i].name);
    for (size_t i = 0; i < model->layer_count && (branches || chosen); i++)
        set_name(model, i, sources->items[i].name);
}

/* ---- to a file ---- */

/* Keras 3 allows no / in names. */
static void clean_name(const hpac_layer *layer, char name[HPAC_LAYER_NAME_NBYTES])
{
    memcpy(name, layer->name, HPAC_LAYER_NAME_NBYTES);
    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = '_';
}

/* Whether a name is that of the input, of a layer before, or chosen for one behind. */
static bool is_taken(const hpac_model *model, char *const *names, size_t index, const char *name)
{
    bool taken = strcmp(name, HPAC_KERAS_INPUT_NAME) == 0;
    for (size_t i = 0; i < model->layer_count && !taken; i++) {
        char other[HPAC_LAYER_NAME_NBYTES];
        clean_name(&model->layers[i], other);
        taken = strcmp(name, i < index ? names[i] : i > index ? other : "") == 0;
    }
    return taken;
}

static int count_before(const hpac_model *model, size_t index)
{
    const char *base = hpac_layer_row_of(&model->layers[index])->keras_name;
    int before = 0;
    for (size_t i = 0; i < index; i++)
        before += strcmp(hpac_layer_row_of(&model->layers[i])->keras_name, base) == 0;
    return before;
}

hpac_status hpac_keras_name_layers(const hpac_model *model, char ***names)
{
    HPAC_TRY_NEW(*names, model->layer_count + 1);
    for (size_t i = 0; i < model->layer_count; i++) {
        char base[HPAC_LAYER_NAME_NBYTES], name[HPAC_LAYER_NAME_NBYTES + 16];
        bool own = *model->layers[i].name != '\0';
        int number = own ? 0 : count_before(model, i);
        clean_name(&model->layers[i], base);
        if (!own)
            snprintf(base, sizeof base, "%s", hpac_layer_row_of(&model->layers[i])->keras_name);
        do
            snprintf(name, sizeof name, number ? "%s_%d" : "%s", base, number);
        while (number++, is_taken(model, *names, i, name));
        HPAC_TRY_MEMORY((*names)[i] = strdup(name), sizeof name);
    }
    return HPAC_OK;
}
