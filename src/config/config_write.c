/* A configuration as YAML, and as a table for the terminal; the schema as documentation. */
#include "config_schema.h"

#include "base/memory.h"

#include <string.h>
#include <sys/param.h>

char *hpac_config_value_text(const hpac_config *config, const char *path)
{
    /* The layers of a file are the model's; what is left of it is where their weights are from. */
    bool is_file = strcmp(path, "model.file") == 0;
    int index = hpac_keys_find(&hpac_config_keys, is_file ? "train.initial_model" : path);
    const hpac_key *key = index >= 0 ? &hpac_config_keys.keys[index] : NULL;
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (!stream)
        return NULL;
    if (key) {
        if (hpac_key_applies(&hpac_config_keys, key, config))
            key->type->write(key, config, stream);
    } else if (strncmp(path, "model.", 6) == 0) { /* "3" or "3.rate" behind it */
        char *rest;
        size_t layer = strtoul(path + 6, &rest, 10) - 1;
        if (layer < config->layer_count && (*rest == '\0' || *rest == '.'))
            hpac_layer_write(config, layer, *rest ? rest + 1 : NULL, stream);
    }
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

/* Adds "train.epochs (3, now 5)" if the values of a key differ. */
static hpac_status add_difference(const hpac_config *old, const hpac_config *new, const char *path,
                                  size_t *count, FILE *stream)
{
    enum { MOST = 8 };
    HPAC_AUTO_FREE char *before = hpac_config_value_text(old, path);
    HPAC_AUTO_FREE char *now = hpac_config_value_text(new, path);
    HPAC_TRY_MEMORY(before && now, strlen(path));
    if (strcmp(before, now) == 0)
        return HPAC_OK;
    if (*count < MOST)
        fprintf(stream, "%s%s (%s, now %s)", *count > 0 ? ", " : "", path,
                *before ? before : "none", *now ? now : "none");
    else if (*count == MOST)
        fputs(", ...", stream);
    ++*count;
    return HPAC_OK;
}

static hpac_status write_differences(const hpac_config *old, const hpac_config *new, FILE *stream)
{
    size_t count = 0;
    for (int i = 0; i < hpac_config_keys.count; i++) {
        const hpac_key *key = &hpac_config_keys.keys[i];
        if (key->type != &hpac_key_model)
            HPAC_TRY(add_difference(old, new, key->path, &count, stream));
    }
    for (size_t layer = 0; layer < MAX(old->layer_count, new->layer_count); layer++) {
        char path[32];
        snprintf(path, sizeof path, "model.%zu", layer + 1);
        HPAC_TRY(add_difference(old, new, path, &count, stream));
    }
    return HPAC_OK;
}

hpac_status hpac_config_differences(const hpac_config *old, const hpac_config *current, char **text)
{
    size_t length;
    HPAC_TRY_GIVEN(text);
    *text = NULL;
    HPAC_TRY_GIVEN(old);
    HPAC_TRY_GIVEN(current);
    FILE *stream = open_memstream(text, &length);
    HPAC_TRY_MEMORY(stream, 1);
    hpac_status status = write_differences(old, current, stream);
    return fclose(stream) != 0 && status == HPAC_OK ? hpac_fail_memory(length) : status;
}

/* Opens the sections of `path` that `previous` is not in, and writes the key's own name. */
static void write_name(const char *path, const char *previous, FILE *stream)
{
    int depth = 0;
    bool same = true;
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1, depth++) {
        size_t length = (size_t)(dot - path) + 1;
        same = same && strncmp(path, previous, length) == 0;
        if (!same)
            fprintf(stream, "%*s%.*s:\n", 2 * depth, "", (int)length - 1, path);
        else
            previous += length;
    }
    fprintf(stream, "%*s%s:", 2 * depth, "", path);
}

static hpac_status write_yaml(const hpac_config *config, FILE *stream)
{
    const char *previous = "";
    fprintf(stream, "# Written by hpac %s: every value, the defaults included.\n", hpac_version());
    for (int i = 0; i < hpac_config_keys.count; i++) {
        const char *path = hpac_config_keys.keys[i].path;
        bool is_model = hpac_config_keys.keys[i].type == &hpac_key_model;
        HPAC_AUTO_FREE char *text = hpac_config_value_text(config, path);
        HPAC_TRY_MEMORY(text, strlen(path));
        if (!*text)
            continue;
        write_name(path, previous, stream);
        previous = path;
        fprintf(stream, "%s%s\n", is_model ? "" : " ", is_model ? "" : text);
        for (size_t layer = 0; is_model && layer < config->layer_count; layer++) {
            fputs("  - ", stream);
            hpac_layer_write(config, layer, NULL, stream);
            fputc('\n', stream);
        }
    }
    return HPAC_OK;
}

hpac_status hpac_config_text(const hpac_config *config, char **text)
{
    size_t length;
    HPAC_TRY_GIVEN(text);
    *text = NULL;
    HPAC_TRY_GIVEN(config);
    FILE *stream = open_memstream(text, &length);
    HPAC_TRY_MEMORY(stream, 1);
    hpac_status status = write_yaml(config, stream);
    return fclose(stream) != 0 && status == HPAC_OK ? hpac_fail_memory(length) : status;
}

hpac_status hpac_config_check(const hpac_config *config)
{
    HPAC_AUTO_FREE char *text = NULL;
    HPAC_AUTO(hpac_config_fini) hpac_config read = {0};
    if (!config->name)
        return hpac_fail(HPAC_ERR_INTERNAL, "the configuration is not loaded: it has no name");
    HPAC_TRY(hpac_config_text(config, &text));
    return hpac_config_parse(config->name, text, &read);
}

void hpac_config_print(const hpac_config *config, FILE *stream)
{
    HPAC_AUTO(hpac_config_fini) hpac_config defaults = {0}; /* without memory nothing is marked */
    hpac_reader reader = {0};
    hpac_keys_read(&(hpac_keys){&reader, &hpac_config_keys, "", .record = &defaults}, NULL);
    hpac_yaml_fini(&reader.yaml);
    for (int i = 0; i < hpac_config_keys.count; i++) {
        const hpac_key *key = &hpac_config_keys.keys[i];
        HPAC_AUTO_FREE char *text = hpac_config_value_text(config, key->path);
        HPAC_AUTO_FREE char *fallback = hpac_config_value_text(&defaults, key->path);
        bool is_default = text && fallback && strcmp(text, fallback) == 0;
        const char *mark = is_default ? "  (default)\n" : "\n";
        if (key->type != &hpac_key_model && text && *text)
            fprintf(stream, "%-34s%s%s", key->path, text, mark);
        for (size_t l = 0; key->type == &hpac_key_model && l < config->layer_count; l++) {
            fprintf(stream, "model.%-28zu", l + 1);
            hpac_layer_write(config, l, NULL, stream);
            fputs(mark, stream);
        }
    }
}

void hpac_config_print_reference(FILE *stream)
{
    static const char *const sections[][2] = {{"data: images and labels", "data."},
                                              {"train: schedule and optimizer", "train."},
                                              {"device: compute device and precision", "device."}};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        fprintf(stream, "\n## %s\n", sections[i][0]);
        hpac_keys_print_reference(&hpac_config_keys, sections[i][1], "", stream);
        if (strcmp(sections[i][1], "train.") == 0) {
            fputs("\nThe rules of `train.layers` have these keys:\n", stream);
            hpac_rules_print_reference(stream);
        }
    }
    hpac_blocks_print_reference(stream);
    fprintf(
        stream,
        "\n## model: the network\n\n"
        "A list of layers, from the image to the probabilities. The default is the improved\n"
        "model of the reference notebooks, with dropout:\n\n"
        "```yaml\nmodel:\n%s```\n\n"
        "The last layer must be dense with one unit per target and a sigmoid, or a softmax if\n"
        "an image has one target. An impossible stack, such as a window larger than its image\n"
        "or dense before flatten, is an error that names the layer and the shapes.\n\n"
        "In place of the list, `model: {file: NAME}` takes the layers and weights of a model\n"
        "file of Keras (.h5, .keras) or hpac ([what is read](model-files.md#what-is-read)). The\n"
        "images may have another size than the file's, where its layers fit, and other targets:\n"
        "the last layer has one unit per target. `--set model.3.rate=0.5` changes a layer of the\n"
        "file. Its weights are those of `train.initial_model`, which is the same file if it is\n"
        "not given; `none` draws them. The configuration of the run has the layers themselves, so\n"
        "that `hpac train RUN/config.yaml --out RUN --resume` and predictions do not need the "
        "file.\n\n"
        "`layers` follow those of the file, such as a head for a network that Keras has saved\n"
        "without one (`include_top=False`). Their weights are drawn:\n\n"
        "```yaml\nmodel:\n  file: densenet121.keras\n  layers:\n  - {type: global_avgpool}\n"
        "  - {type: dense, units: classes, activation: sigmoid}\n```\n",
        hpac_config_keys.keys[hpac_keys_find(&hpac_config_keys, "model")].fallback);
    hpac_layers_print_reference(stream);
}

void hpac_config_visit_keys(void (*visit)(void *user, const hpac_config_key_note *note), void *user)
{
    hpac_keys_visit(&hpac_config_keys, "", visit, user);
    hpac_rules_visit(visit, user);
    hpac_blocks_visit(visit, user);
    visit(user, &(hpac_config_key_note){.path = "model.file",
                                        .expected = "a path",
                                        .example = "model.h5",
                                        .help = "A model file of Keras (.h5, .keras) or hpac whose "
                                                "layers and weights are taken, in place of a list "
                                                "of layers."});
    visit(user, &(hpac_config_key_note){.path = "model.layers",
                                        .expected = "a list of layers",
                                        .example = "[{type: dense, units: classes, activation: "
                                                   "sigmoid}]",
                                        .help = "Layers behind those of model.file, whose weights "
                                                "are drawn."});
    hpac_layers_visit(visit, user);
}

void hpac_config_print_keys(FILE *stream)
{
    for (int i = 0; i < hpac_config_keys.count; i++) {
        const hpac_key *key = &hpac_config_keys.keys[i];
        fputs(key->path, stream);
        for (int word = 0; key->type == &hpac_key_choice && key->choices[word]; word++)
            fprintf(stream, " %s", key->choices[word]);
        if (key->type == &hpac_key_integer && key->word)
            fprintf(stream, " %s", key->word);
        fputc('\n', stream);
    }
    fputs("model.file\nmodel.layers\n", stream);
}
