/* hpac help: the help texts, the man page, the completion. */
#include "options.h"

static hpac_status run(const cli_arguments *arguments)
{
    const char *name = cli_operand(arguments, 0);
    bool man = cli_flag(arguments, "man"), completion = cli_flag(arguments, "bash-completion");
    const cli_command *command = NULL;
    if (man + completion + (name != NULL) > 1)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "help: COMMAND, --man and --bash-completion exclude each other");
    if (name)
        HPAC_TRY(cli_find_command(name, &command));
    if (man)
        help_print_man_page(stdout);
    else if (completion)
        help_print_completion(stdout);
    else if (command)
        help_print_command(command, stdout);
    else
        help_print_overview(stdout);
    return HPAC_OK;
}

const cli_command cmd_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .summary = "describe the commands and their options",
    .description = "Without COMMAND, lists the commands. Help texts, man page and completion are "
                   "generated from the table that the command line is parsed by.",
    .options = {OPTION_FLAG("man", "print the man page in roff format"),
                OPTION_FLAG("bash-completion", "print the completion for bash, to be sourced")},
    .examples =
        {{"hpac help train", "Describe train and its options."},
         {"source <(hpac help --bash-completion)",
          "Complete commands, options, files, classes and configuration keys in this shell."},
         {"hpac help --man | man -l -", "Read the manual without installing it."}},
    .run = run,
};
