/*
 * Commands and their options. Each cmd_*.c holds one `const cli_command`; main.c lists them. The
 * option table makes both the parser and the help text.
 */
#ifndef HPAC_CLI_H
#define HPAC_CLI_H

#include <hpac/status.h>

#include <signal.h>
#include <stdbool.h>

typedef enum cli_kind {
    CLI_FLAG,   /* --force */
    CLI_TEXT,   /* --out DIR */
    CLI_NUMBER, /* --count N: a whole number in minimum .. maximum */
    CLI_LIST,   /* --set KEY=VALUE, may stand more than once */
} cli_kind;

typedef struct cli_option {
    const char *name; /* without the dashes */
    cli_kind kind;
    const char *argument; /* its name in the help: "DIR"; NULL for flags */
    const char *fallback; /* the default as text; NULL: none */
    const char *help;     /* one line */
    bool required;
    long long minimum, maximum; /* CLI_NUMBER */
} cli_option;

typedef struct cli_arguments cli_arguments;

typedef struct cli_command {
    const char *name;
    const char *operands;    /* "CONFIG", "MODEL.h5" or "": as many words as operands are wanted */
    const char *summary;     /* one line, for the list of commands */
    const char *description; /* paragraphs for its own help */
    const cli_option *options; /* ends with a zeroed entry */
    hpac_status (*run)(const cli_arguments *arguments);
} cli_command;

/* What was typed. All are valid while the command runs. */
const char *cli_operand(const cli_arguments *arguments, int index);
bool cli_flag(const cli_arguments *arguments, const char *name);
const char *cli_text(const cli_arguments *arguments, const char *name); /* or the default */
long long cli_number(const cli_arguments *arguments, const char *name); /* or the default */
const char *const *cli_list(const cli_arguments *arguments, const char *name, int *count);

/* Parses argv of a command (argv[0] is its name) and runs it. --help prints the help to stdout and
 * is HPAC_OK. Errors: CONFIG for what was typed wrongly; those of the command. */
hpac_status cli_run(const cli_command *command, int argc, char **argv);

void cli_print_help(const cli_command *command);

/* Makes the first SIGINT or SIGTERM a wish: what is pointed to is then not 0. A second one ends the
 * program. */
const volatile sig_atomic_t *cli_watch_signals(void);

/* Threads of the CPU device that wait for one another spin, by default for milliseconds, which
 * takes the cores from the loader's threads. libgomp reads the limit before main() and from the
 * environment only, so this sets it and starts the program anew; where the user has set a limit or
 * a policy, it returns. */
void cli_limit_spinning(char **argv);

#endif
