/* A model from a file of Keras or hpac: {file: NAME, layers: [...]} becomes the list of the file's
 * layers and, behind them, of those that are given, and train.initial_model the file, if no other
 * weights are given. What reads a configuration after that, and the configuration of a run, have
 * layers alone. */
#include "config_schema.h"

#include "base/memory.h"
#include "model/model_files.h"

#include <stdlib.h>
#include <string.h>

static const char key_path[] = "model.file", layers_path[] = "model.layers";

bool hpac_model_is_file(const hpac_yaml_node *root)
{
    const hpac_yaml_node *model = hpac_yaml_get(root, "model");
    return model && model->kind == HPAC_YAML_MAP;
}

hpac_status hpac_model_file_put(hpac_reader *reader, const char *path, hpac_yaml_node *value,
                                hpac_yaml_node **root)
{
    hpac_yaml_node *model = NULL;
    if (!hpac_model_is_file(*root)) {
        HPAC_TRY(hpac_yaml_add(&reader->yaml, HPAC_YAML_MAP, value, "", 0, &model));
        HPAC_TRY(hpac_yaml_put(&reader->yaml, root, "model", strlen("model"), model));
    }
    return hpac_yaml_put(&reader->yaml, root, path, strlen(path), value);
}

/* Refuses other keys than file and layers. */
static void check_keys(hpac_reader *reader, const hpac_yaml_node *model)
{
    for (size_t i = 0; i < model->count; i++) {
        const hpac_yaml_node *key = model->items[i].key;
        char path[96];
        snprintf(path, sizeof path, "model.%.80s", key->text);
        if (!hpac_reader_refuse_duplicate(reader, path, model, i) && strcmp(path, key_path) != 0 &&
            strcmp(path, layers_path) != 0)
            hpac_reader_refuse(reader, path, key,
                               "unknown key; expected %s and %s, or a list of layers as the model",
                               key_path, layers_path);
    }
}

/* The file's node and the layers behind it, or NULL; false: a problem. */
static bool find_parts(hpac_reader *reader, const hpac_yaml_node *model, hpac_yaml_node **file,
                       const hpac_yaml_node **layers)
{
    size_t problems = reader->problems.count;
    *file = hpac_yaml_get(model, "file");
    *layers = hpac_yaml_get(model, "layers");
    check_keys(reader, model);
    if (!*file && model->count == 0)
        hpac_reader_expected(reader, "model", model, "a list of layers or {file: NAME}");
    if (!*file && *layers)
        hpac_reader_refuse(reader, layers_path, *layers,
                           "needs %s, which they follow; or give them as the model", key_path);
    if (*file && ((*file)->kind != HPAC_YAML_SCALAR || !*(*file)->text || hpac_yaml_is_null(*file)))
        hpac_reader_expected(reader, key_path, *file, "a path");
    if (*layers && ((*layers)->kind != HPAC_YAML_LIST || (*layers)->count == 0))
        hpac_reader_expected(reader, layers_path, *layers, "a list of layers");
    return *file && reader->problems.count == problems;
}

/* The shape of the prepared images; false: what it depends on is wrong, which is reported when all
 * keys are read. */
static bool find_input(const hpac_reader *reader, const hpac_yaml_node *root, hpac_shape *input)
{
    static const char *const needed[] = {"data.channels", "data.image.rows", "data.image.cols",
                                         "data.scale.rows", "data.scale.cols"};
    HPAC_AUTO(hpac_config_fini) hpac_config config = {0};
    hpac_reader scratch = {.source = reader->source, .expand = reader->expand};
    hpac_keys keys = {&scratch, &hpac_config_keys, "", .record = &config};
    hpac_keys_read(&keys, root);
    bool good = scratch.status == HPAC_OK;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        good &= !keys.bad[hpac_keys_find(&hpac_config_keys, needed[i])];
    *input = good ? hpac_config_input_shape(&config) : (hpac_shape){0};
    free(scratch.problems.text);
    hpac_yaml_fini(&scratch.yaml);
    return good && input->rows > 0 && input->cols > 0;
}

/* Problems of the layers are those of the line that names the file. */
static void set_line(hpac_yaml_node *node, int line)
{
    node->line = line;
    for (size_t i = 0; i < node->count; i++)
        set_line(node->items[i].value, line);
}

/* The layers of the file, and `rest` behind them. */
static hpac_status put_layers(hpac_reader *reader, const hpac_yaml_node *file,
                              const hpac_model *model, const hpac_yaml_node *rest,
                              hpac_yaml_node **root)
{
    /* The units of a last layer are written as `classes`. */
    const hpac_config layers = {.layers = model->layers,
                                .layer_count = model->layer_count + (rest ? 1 : 0)};
    HPAC_AUTO_FREE char *text = NULL;
    size_t nbytes;
    hpac_yaml_node *list;
    FILE *stream = open_memstream(&text, &nbytes);
    HPAC_TRY_MEMORY(stream, model->layer_count);
    for (size_t i = 0; i < model->layer_count; i++) {
        fputs("- ", stream);
        hpac_layer_write(&layers, i, NULL, stream);
        fputc('\n', stream);
    }
    HPAC_TRY_MEMORY(fclose(stream) == 0, nbytes);
    HPAC_TRY(hpac_yaml_parse(&reader->yaml, &file->source, text, nbytes, &list));
    set_line(list, file->line);
    for (size_t i = 0; rest && i < rest->count; i++)
        HPAC_TRY(hpac_yaml_append(list, NULL, rest->items[i].value));
    return hpac_yaml_put(&reader->yaml, root, "model", strlen("model"), list);
}

/* The lines that give a network without a head one: false if it has one, or may have. */
static bool suggest_head(const hpac_model *model, char text[256])
{
    HPAC_AUTO_FREE hpac_shape *shapes = calloc(model->layer_count, sizeof *shapes);
    const hpac_layer *last = &model->layers[model->layer_count - 1];
    size_t bad;
    if (last->kind == HPAC_LAYER_DENSE || !shapes ||
        hpac_layers_shapes(model->layers, model->layer_count, model->input, shapes, &bad) !=
            HPAC_OK)
        return false;
    snprintf(text, 256,
             "ends in %s, expected a dense layer; give it one under model, behind file:\n"
             "  layers:%s\n"
             "  - {type: dense, units: classes, activation: sigmoid}",
             hpac_layer_name(last),
             shapes[model->layer_count - 1].rank == 3 ? "\n  - {type: global_avgpool}" : "");
    return true;
}

static bool is_given(const hpac_yaml_node *node)
{
    return node && !hpac_yaml_is_null(node) && !hpac_yaml_is_word(node, "none");
}

/* Other weights, or none, may be given. */
static hpac_status put_weights(hpac_reader *reader, hpac_yaml_node *file, hpac_yaml_node **root)
{
    static const char initial_model[] = "train.initial_model";
    const hpac_yaml_node *train = hpac_yaml_get(*root, "train");
    if (hpac_yaml_get(train, "initial_model") ||
        is_given(hpac_yaml_get(train, "initial_weights")) ||
        (train && train->kind != HPAC_YAML_MAP))
        return HPAC_OK;
    return hpac_yaml_put(&reader->yaml, root, initial_model, strlen(initial_model), file);
}

/* Reads the layers of the file; false: a problem, if none other than memory. */
static hpac_status read_layers(hpac_reader *reader, const hpac_yaml_node *file, hpac_shape input,
                               bool headless, hpac_model *model, bool *good)
{
    char place[HPAC_YAML_PLACE_NBYTES], head[256];
    HPAC_AUTO_FREE char *path = hpac_reader_path(reader, key_path, file);
    *good = false;
    if (!path)
        return reader->status;
    hpac_status status = hpac_model_load_layers(path, input, model);
    if (status == HPAC_ERR_INTERNAL)
        return status;
    if (status != HPAC_OK)
        hpac_problems_add(&reader->problems, "%s: %s: %s", hpac_yaml_place(file, place), key_path,
                          hpac_error_message());
    else if (!headless && suggest_head(model, head))
        hpac_problems_add(&reader->problems, "%s: %s: %s: %s", hpac_yaml_place(file, place),
                          key_path, path, head);
    else
        *good = true;
    return HPAC_OK;
}

hpac_status hpac_model_file_expand(hpac_reader *reader, hpac_yaml_node **root, bool *expanded)
{
    HPAC_AUTO(hpac_model_fini) hpac_model model = {0};
    hpac_shape input;
    hpac_yaml_node *file;
    const hpac_yaml_node *rest;
    *expanded = false;
    if (!find_parts(reader, hpac_yaml_get(*root, "model"), &file, &rest) ||
        !find_input(reader, *root, &input))
        return HPAC_OK;
    HPAC_TRY(read_layers(reader, file, input, rest != NULL, &model, expanded));
    if (!*expanded)
        return HPAC_OK;
    HPAC_TRY(put_layers(reader, file, &model, rest, root));
    return put_weights(reader, file, root);
}
