/* hpac info: the content of a model file. */
#include "options.h"

#include "base/memory.h"
#include "base/printable.h"
#include "model/model_print.h"

#include <string.h>

/* The order of the channels is in the configuration; one that cannot be read is no error here. */
static void read_channels(const hpac_model *model, int channel_order[HPAC_MAX_CHANNELS])
{
    HPAC_AUTO(hpac_config_fini) hpac_config config = {0};
    for (int i = 0; i < HPAC_MAX_CHANNELS; i++)
        channel_order[i] = i;
    if (model->config_yaml &&
        hpac_config_parse("hpac/config", model->config_yaml, &config) == HPAC_OK &&
        config.data.channels == model->input.channels)
        memcpy(channel_order, config.data.channel_order, sizeof config.data.channel_order);
}

static hpac_status run(const cli_arguments *arguments)
{
    const char *path = cli_operand(arguments, 0);
    bool config = cli_flag(arguments, "config");
    HPAC_AUTO(hpac_model_fini) hpac_model model = {0};
    int channel_order[HPAC_MAX_CHANNELS];
    HPAC_TRY(hpac_model_load(path, &model));
    read_channels(&model, channel_order);
    if (cli_flag(arguments, "json"))
        return hpac_model_print_json(path, &model, channel_order, config, stdout);
    hpac_printable_stream text; /* names of layers and programs come from the file */
    HPAC_TRY(hpac_printable_open(&text));
    hpac_model_print(path, &model, channel_order, config, text.stream);
    return hpac_printable_close(&text, stdout);
}

const cli_command cmd_info = {
    .name = "info",
    .operands = "MODEL.h5",
    .summary = "show the content of a model file",
    .description =
        "Shows the layers with their shapes and parameters, the classes, the program that wrote "
        "the file and, for a resume.h5, the step and epoch of its training. Reads files of hpac, "
        "Keras 2 and Keras 3; all weights are read and checked.",
    .options = {OPTION_FLAG("config", "also print the configuration the model was trained with"),
                CLI_JSON},
    .examples = {{"hpac info runs/improved/best.h5",
                  "Show layers, classes, thresholds and the configuration of a model."}},
    .run = run,
};
