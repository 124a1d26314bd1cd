/* The program: finds the command and hands over. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

static const cli_command *const commands[] = {
    &cmd_explore, &cmd_split,  &cmd_preprocess, &cmd_synth,  &cmd_train, &cmd_evaluate,
    &cmd_predict, &cmd_report, &cmd_info,       &cmd_doctor, NULL,
};

static void print_usage(FILE *stream)
{
    fprintf(stream,
            "hpac %s - train, measure and apply classifiers for the Human Protein Atlas\n\n"
            "usage: hpac COMMAND [options]\n\ncommands:\n",
            HPAC_VERSION);
    for (int i = 0; commands[i]; i++)
        fprintf(stream, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(stream,
            "\nhpac COMMAND --help tells a command's options; hpac --version the version.\n");
}

static const cli_command *find_command(const char *name)
{
    for (int i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    cli_limit_spinning(argv);
    if (argc < 2) {
        print_usage(stderr);
        return HPAC_ERR_CONFIG;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("hpac %s\n", HPAC_VERSION);
        return HPAC_OK;
    }
    bool help = strcmp(argv[1], "help") == 0;
    if (strcmp(argv[1], "--help") == 0 || (help && argc == 2)) {
        print_usage(stdout);
        return HPAC_OK;
    }
    const char *name = help ? argv[2] : argv[1];
    const cli_command *command = find_command(name);
    if (!command) {
        fprintf(stderr, "hpac: unknown command \"%s\"; hpac --help lists them\n", name);
        return HPAC_ERR_CONFIG;
    }
    if (help) {
        cli_print_help(command);
        return HPAC_OK;
    }
    hpac_status status = cli_run(command, argc - 1, argv + 1);
    if (status == HPAC_OK && (ferror(stdout) || fflush(stdout) != 0))
        status = hpac_fail(HPAC_ERR_DATA, "standard output cannot be written; is the disk full?");
    if (status != HPAC_OK)
        fprintf(stderr, "hpac: %s\n", hpac_error_message());
    return (int)status;
}
