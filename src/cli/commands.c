/* The commands, in the order of the help. */
#include "commands.h"

#include "base/nearest.h"

#include <string.h>

const cli_command *const cli_commands[] = {
    &cmd_explore, &cmd_split,  &cmd_preprocess, &cmd_synth,  &cmd_train, &cmd_sweep, &cmd_evaluate,
    &cmd_predict, &cmd_report, &cmd_info,       &cmd_doctor, &cmd_help,  NULL,
};

hpac_status cli_find_command(const char *name, const cli_command **found)
{
    hpac_nearest nearest = hpac_nearest_to(name);
    for (int i = 0; cli_commands[i]; i++) {
        if (strcmp(cli_commands[i]->name, name) == 0) {
            *found = cli_commands[i];
            return HPAC_OK;
        }
        cli_offer(&nearest, cli_commands[i]->name);
    }
    if (*nearest.best)
        return hpac_fail(HPAC_ERR_CONFIG, "unknown command \"%s\"; did you mean %s?", name,
                         nearest.best);
    return hpac_fail(HPAC_ERR_CONFIG, "unknown command \"%s\"; see hpac help", name);
}
