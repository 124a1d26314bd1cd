/* Help texts, man page and completion, from the option table. */
#ifndef HPAC_CLI_HELP_H
#define HPAC_CLI_HELP_H

#include "cli.h"
#include "commands.h"

#include <stdio.h>

/* Of the program as a whole. The lists end with a zeroed entry. */
extern const char help_title[];
extern const cli_note help_exit_codes[];
extern const cli_note help_environment[];

void help_print_overview(FILE *stream);
void help_print_command(const cli_command *command, FILE *stream);
void help_print_man_page(FILE *stream);
void help_print_completion(FILE *stream);

#endif
