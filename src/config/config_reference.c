/* The schema as docs/configuration.md. */
#include "config_schema.h"

#include <string.h>

void hpac_keys_print_reference(const hpac_key_table *table, const char *section, FILE *stream)
{
    const char *heading = "\n| key | expected | default | |\n|---|---|---|---|\n";
    for (int i = 0; i < table->count; i++) {
        const hpac_key *key = &table->keys[i];
        if (!key->help || strncmp(key->path, section, strlen(section)) != 0)
            continue;
        fprintf(stream, "%s| `%s` | ", heading, key->path);
        heading = "";
        key->type->describe(key, stream);
        if (key->fallback)
            fprintf(stream, " | `%s`", key->fallback);
        else
            fprintf(stream, " | %s", key->required ? "required" : "none");
        fprintf(stream, " | %s |\n", key->help);
    }
}

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "<!-- Generated from the schema in src/config/config_schema.c by `make docs`; do not edit. "
    "-->\n"
    "\n"
    "`hpac train` reads a YAML file. Only two keys are required:\n"
    "\n"
    "```yaml\n"
    "data:\n"
    "  labels: data/train.csv\n"
    "  images: data/train\n"
    "```\n"
    "\n"
    "Everything else has a default: the value of the reference notebooks. `configs/` has "
    "commented\n"
    "examples. Every run writes the configuration it used, defaults included, to `config.yaml` in\n"
    "its directory.\n"
    "\n"
    "- All keys and values are checked before anything else is done. Unknown and duplicate keys,\n"
    "  values of the wrong type or out of range and impossible networks are reported together, "
    "each\n"
    "  with file and line.\n"
    "- Paths are relative to the current directory. A leading `~/` is the home directory, "
    "`${NAME}`\n"
    "  and `$NAME` are environment variables, `$$` is a dollar sign; a variable that is not set "
    "is\n"
    "  an error.\n"
    "- `--set KEY=VALUE` replaces a value of the file and may be repeated. The value is YAML:\n"
    "  `--set train.batch_size=64`, `--set 'data.targets=[Nucleoplasm, Cytosol]'`. Elements of "
    "lists\n"
    "  are counted from 1: `--set model.4.rate=0.5` sets the rate of the fourth layer. A section "
    "or\n"
    "  list is replaced as a whole: `--set 'data.split={folds: 5}'` leaves the rest of the "
    "section\n"
    "  to the defaults.\n"
    "- Numbers are decimal and without quotes: `200`, `0.25`, `1e-7`; no hexadecimal, infinity or\n"
    "  NaN. Booleans are `true` and `false`. A key without a value is an error: leave it out to "
    "get\n"
    "  the default. Anchors and aliases work; tags and merge keys (`<<`) are errors.\n";

void hpac_config_print_reference(FILE *stream)
{
    static const char *const sections[][2] = {{"data: images and labels", "data."},
                                              {"train: schedule and optimizer", "train."},
                                              {"device: compute device and precision", "device."}};
    fputs(introduction, stream);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        fprintf(stream, "\n## %s\n", sections[i][0]);
        hpac_keys_print_reference(&hpac_config_keys, sections[i][1], stream);
    }
    fprintf(stream,
            "\n## model: the network\n\n"
            "A list of layers, from the image to the probabilities. The default is the improved\n"
            "model of the reference notebooks, with dropout:\n\n"
            "```yaml\nmodel:\n%s```\n\n"
            "The last layer must be dense with one unit per target and a sigmoid. An impossible\n"
            "stack, such as a window larger than its image or dense before flatten, is an error\n"
            "that names the layer and the shapes.\n",
            hpac_config_keys.keys[hpac_keys_find(&hpac_config_keys, "model")].fallback);
    hpac_layers_print_reference(stream);
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
}
