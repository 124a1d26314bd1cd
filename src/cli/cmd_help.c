/* hpac help: the help texts, the man pages, the completion. */
#include "options.h"

#include <string.h>

static hpac_status print_command(const cli_arguments *arguments, const char *name)
{
    const cli_command *command;
    HPAC_TRY(cli_find_command(name, &command));
    (cli_flag(arguments, "man") ? help_print_command_man_page : help_print_command)(command,
                                                                                    stdout);
    return HPAC_OK;
}

static hpac_status run(const cli_arguments *arguments)
{
    const char *name = cli_operand(arguments, 0), *key = cli_operand(arguments, 1);
    bool man = cli_flag(arguments, "man"), config = name && strcmp(name, "config") == 0;
    if (cli_flag(arguments, "bash-completion") && (man || name))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "help: --bash-completion excludes COMMAND, config and --man");
    if (key && !config)
        return hpac_fail(HPAC_ERR_CONFIG, "help: unexpected argument \"%s\"; see hpac help --help",
                         key);
    if (key && man)
        return hpac_fail(HPAC_ERR_CONFIG, "help: KEY and --man exclude each other");
    if (config && !man)
        return help_print_config(key, stdout);
    if (config)
        help_print_config_man_page(stdout);
    else if (name)
        return print_command(arguments, name);
    else if (man)
        help_print_man_page(stdout);
    else if (cli_flag(arguments, "bash-completion"))
        help_print_completion(stdout);
    else
        help_print_overview(stdout);
    return HPAC_OK;
}

const cli_command cmd_help = {
    .name = "help",
    .operands = "[COMMAND|config] [KEY]",
    .summary = "describe the commands, their options, and the configuration",
    .description = "Without COMMAND, lists the commands. config lists the keys of a "
                   "configuration; with KEY, only that one, or those of a section. Help texts, "
                   "man pages and completion are generated from the tables that command line and "
                   "configuration are parsed by.",
    .options = {OPTION_FLAG("man", "print the man page of hpac, COMMAND or config in roff format"),
                OPTION_FLAG("bash-completion", "print the completion for bash, to be sourced")},
    .examples =
        {{"hpac help train", "Describe train and its options."},
         {"hpac help config train.batch_size", "Describe a key of the configuration."},
         {"source <(hpac help --bash-completion)",
          "Complete commands, options, files, classes and configuration keys in this shell."},
         {"hpac help train --man | man -l -", "Read a man page without installing it."}},
    .run = run,
};
