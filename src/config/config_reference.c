/* The schema as docs/configuration.md. */
#include "config_schema.h"

#include <string.h>

void hpac_keys_print_reference(const hpac_key_table *table, const char *section, FILE *stream)
{
    bool any = false;
    for (int i = 0; i < table->count; i++) {
        const hpac_key *key = &table->keys[i];
        if (!key->help || strncmp(key->path, section, strlen(section)) != 0)
            continue;
        if (!any)
            fputs("\n| key | expected | default | |\n|---|---|---|---|\n", stream);
        any = true;
        fprintf(stream, "| `%s` | ", key->path);
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
    "<!-- Made from the schema in src/config/config_schema.c by `make docs`; do not edit. -->\n"
    "\n"
    "`hpac train` reads a YAML file. Only two keys must be there:\n"
    "\n"
    "```yaml\n"
    "data:\n"
    "  labels: data/train.csv\n"
    "  images: data/train\n"
    "```\n"
    "\n"
    "Everything else has a default, which is the value of the write-ups. `configs/` holds "
    "commented\n"
    "examples; every run writes the configuration it used, defaults included, as `config.yaml` "
    "into\n"
    "its folder.\n"
    "\n"
    "- Keys and types are checked before anything else is done. Unknown and repeated keys, values "
    "of\n"
    "  the wrong type or out of range and impossible networks are all listed together, each with\n"
    "  file and line.\n"
    "- Paths are relative to the current directory.\n"
    "- `--set KEY=VALUE` puts a value in place of the file's, as often as wanted. The value is "
    "YAML:\n"
    "  `--set train.batch_size=64`, `--set 'data.targets=[Nucleoplasm, Cytosol]'`. Elements of "
    "lists\n"
    "  are counted from 1: `--set model.4.rate=0.5` sets the rate of the fourth layer. A section "
    "or\n"
    "  list is replaced as a whole: `--set 'data.split={folds: 5}'` leaves the rest of the "
    "section\n"
    "  to the defaults.\n"
    "- Numbers are decimal: `200`, `0.25`, `1e-7`; no hexadecimal, infinity or not-a-number. "
    "Truth\n"
    "  values are `true` and `false`. A key without a value is an error: leave it out to get the\n"
    "  default. Anchors and aliases work; tags and merge keys (`<<`) are refused.\n";

static void print_section(const char *title, const char *section, FILE *stream)
{
    fprintf(stream, "\n## %s\n", title);
    hpac_keys_print_reference(&hpac_config_keys, section, stream);
}

void hpac_config_print_reference(FILE *stream)
{
    fputs(introduction, stream);
    print_section("data: what is learned from", "data.", stream);
    print_section("train: how it is learned", "train.", stream);
    print_section("device: what it is computed with", "device.", stream);
    const hpac_key *model = &hpac_config_keys.keys[hpac_keys_find(&hpac_config_keys, "model")];
    fprintf(stream,
            "\n## model: the network\n\n"
            "A list of layers, from the image to the probabilities. Left out, it is the improved\n"
            "model of the write-ups with dropout:\n\n"
            "```yaml\nmodel:\n%s```\n\n"
            "The last layer must be dense with a unit a target and a sigmoid. A stack that cannot\n"
            "be, such as a window larger than its image or dense before flatten, is refused with\n"
            "the layer and the shapes.\n",
            model->fallback);
    hpac_layers_print_reference(stream);
}

void hpac_config_print_keys(FILE *stream)
{
    for (int i = 0; i < hpac_config_keys.count; i++) {
        const hpac_key *key = &hpac_config_keys.keys[i];
        if (!key->help)
            continue;
        fputs(key->path, stream);
        for (const char *const *choice = key->choices; choice && *choice; choice++)
            fprintf(stream, " %s", *choice);
        if (key->word)
            fprintf(stream, " %s", key->word);
        fputc('\n', stream);
    }
}
