/* hpac info: the content of a model file. */
#include "commands.h"
#include "option_rows.h"

#include "base/printable.h"

#include "model/model_card.h"

#include <hpac/config.h>

#include <string.h>

/* The order of the channels is in the configuration; one that cannot be read is no error here. */
static void read_channels(hpac_model_card *card)
{
    hpac_config config;
    if (!card->model.config_yaml ||
        hpac_config_parse("hpac/config", card->model.config_yaml, &config) != HPAC_OK)
        return;
    if (config.data.channels == card->model.input.channels)
        memcpy(card->channel_order, config.data.channel_order, sizeof card->channel_order);
    hpac_config_fini(&config);
}

static hpac_status run(const cli_arguments *arguments)
{
    bool config = cli_flag(arguments, "config");
    hpac_model_card card;
    HPAC_TRY(hpac_model_card_load(cli_operand(arguments, 0), &card));
    read_channels(&card);
    hpac_status status;
    hpac_printable_stream text; /* names of layers and programs come from the file */
    if (cli_flag(arguments, "json")) {
        status = hpac_model_card_print_json(&card, config, stdout);
    } else if ((status = hpac_printable_open(&text)) == HPAC_OK) {
        hpac_model_card_print(&card, config, text.stream);
        status = hpac_printable_close(&text, stdout);
    }
    hpac_model_card_fini(&card);
    return status;
}

static const cli_option options[] = {
    OPTION_FLAG("config", "also print the configuration the model was trained with"),
    CLI_JSON,
    {0},
};

static const cli_note examples[] = {
    {"hpac info runs/improved/best.h5",
     "Show layers, classes, thresholds and the configuration of a model."},
    {0},
};

const cli_command cmd_info = {
    .name = "info",
    .operands = "MODEL.h5",
    .summary = "show the content of a model file",
    .description =
        "Shows the layers with their shapes and parameters, the classes, the program that wrote "
        "the file and, for a resume.h5, the step and epoch of its training. Reads files of hpac, "
        "Keras 2 and Keras 3; all weights are read and checked.",
    .options = options,
    .examples = examples,
    .run = run,
};
