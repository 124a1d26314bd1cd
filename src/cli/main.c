/* The program: finds the command and hands over. */
#include "help.h"

#include <stdio.h>
#include <string.h>

static hpac_status run(int argc, char **argv)
{
    const char *name = argv[1];
    const cli_command *command;
    if (strcmp(name, "--version") == 0) {
        printf("hpac %s\n", HPAC_VERSION);
        return HPAC_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        help_print_overview(stdout);
        return HPAC_OK;
    }
    hpac_status status = cli_find_command(name, &command);
    return status == HPAC_OK ? cli_run(command, argc - 1, argv + 1) : status;
}

int main(int argc, char **argv)
{
    cli_limit_spinning(argv);
    if (argc < 2) {
        help_print_overview(stderr);
        return HPAC_ERR_CONFIG;
    }
    hpac_status status = run(argc, argv);
    if (status == HPAC_OK && (ferror(stdout) || fflush(stdout) != 0))
        status = hpac_fail(HPAC_ERR_DATA, "standard output cannot be written; is the disk full?");
    if (status != HPAC_OK)
        fprintf(stderr, "hpac: %s\n", hpac_error_message());
    return (int)status;
}
