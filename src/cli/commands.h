/* The commands, in the order of the help. A new one is declared here and listed in commands.c. */
#ifndef HPAC_COMMANDS_H
#define HPAC_COMMANDS_H

#include "cli.h"
#include "option_rows.h"

extern const cli_command cmd_explore;
extern const cli_command cmd_split;
extern const cli_command cmd_preprocess;
extern const cli_command cmd_synth;
extern const cli_command cmd_train;
extern const cli_command cmd_sweep;
extern const cli_command cmd_evaluate;
extern const cli_command cmd_predict;
extern const cli_command cmd_report;
extern const cli_command cmd_info;
extern const cli_command cmd_doctor;
extern const cli_command cmd_help;

extern const cli_command *const cli_commands[]; /* all of them, ends with NULL */

/* Errors: CONFIG, with the nearest. */
hpac_status cli_find_command(const char *name, const cli_command **found);

#endif
