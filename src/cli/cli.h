/*
 * Commands and their options. Each cmd_*.c holds one `const cli_command`; commands.c lists them.
 * The option table makes the parser, the help texts, the man page and the completion.
 */
#ifndef HPAC_CLI_H
#define HPAC_CLI_H

#include <hpac/status.h>

#include "base/nearest.h"

#include <stdbool.h>

typedef enum cli_kind {
    CLI_FLAG, /* --force */
    CLI_TEXT, /* --device cpu */
    CLI_PATH, /* --out DIR; a leading ~/ is the home directory (shells leave --out=~/x as it is) */
    CLI_NUMBER, /* --count N: an integer in [min, max] */
    CLI_LIST,   /* --set KEY=VALUE, may be repeated */
    CLI_CHOICE, /* --empty blank|argmax: one of the words of its argument */
} cli_kind;

/*
 * The name of an argument or operand is what the help shows, and what the completion goes by:
 *
 *     DIR, RUN               a directory          CLASS, CLASS,...   names of classes
 *     FILE.csv, MODEL.h5     a file of that type  KEY=VALUE          a key of the configuration
 *     CONFIG, SWEEP          a .yaml file         COMMAND            a command of hpac
 *     MODEL                  a .h5 file or a directory
 *     auto|cpu|cuda[:N]      these words, without what is in brackets
 *
 * Anything else is not completed.
 */
typedef struct cli_option {
    const char *name; /* without the dashes */
    cli_kind kind;
    const char *argument; /* its name in the help: "DIR"; NULL for flags */
    const char *fallback; /* the default as text; NULL: none */
    const char *help;     /* one line, wrapped where it is shown */
    bool required;
    long long min, max; /* CLI_NUMBER */
} cli_option;

/* Rows of the table. A fallback may be NULL. */
#define OPTION_FLAG(NAME, HELP)                                                                    \
    {                                                                                              \
        NAME, CLI_FLAG, NULL, NULL, HELP, false, 0, 0                                              \
    }
#define OPTION_TEXT(NAME, ARGUMENT, FALLBACK, HELP)                                                \
    {                                                                                              \
        NAME, CLI_TEXT, ARGUMENT, FALLBACK, HELP, false, 0, 0                                      \
    }
#define OPTION_PATH(NAME, ARGUMENT, FALLBACK, HELP)                                                \
    {                                                                                              \
        NAME, CLI_PATH, ARGUMENT, FALLBACK, HELP, false, 0, 0                                      \
    }
#define OPTION_REQUIRED(NAME, ARGUMENT, HELP)                                                      \
    {                                                                                              \
        NAME, CLI_PATH, ARGUMENT, NULL, HELP, true, 0, 0                                           \
    }
#define OPTION_LIST(NAME, ARGUMENT, HELP)                                                          \
    {                                                                                              \
        NAME, CLI_LIST, ARGUMENT, NULL, HELP, false, 0, 0                                          \
    }
#define OPTION_CHOICE(NAME, WORDS, FALLBACK, HELP)                                                 \
    {                                                                                              \
        NAME, CLI_CHOICE, WORDS, FALLBACK, HELP, false, 0, 0                                       \
    }
#define OPTION_NUMBER(NAME, ARGUMENT, FALLBACK, MIN, MAX, HELP)                                    \
    {                                                                                              \
        NAME, CLI_NUMBER, ARGUMENT, FALLBACK, HELP, false, MIN, MAX                                \
    }

/* The row of every command. */
extern const cli_option cli_help_option;

typedef struct cli_arguments cli_arguments;

/* A name with its description. Lists end with a zeroed entry. */
typedef struct cli_note {
    const char *name, *text;
} cli_note;

typedef struct cli_command {
    const char *name;
    const char *operands;      /* "CONFIG", "RUN [RUN...]", "[COMMAND]" or "": in brackets optional,
                                * with dots repeatable */
    const char *summary;       /* one line, for the list of commands */
    const char *description;   /* for its own help; an empty line ends a paragraph */
    const cli_option *options; /* ends with a zeroed entry */
    const cli_note *files;     /* it writes; NULL: none */
    const cli_note *examples;  /* command lines, each with a sentence; NULL: none */
    bool result_is_files;      /* what it prints to stdout is also in files, or of no importance */
    hpac_status (*run)(const cli_arguments *arguments);
} cli_command;

/* What was typed. All are valid while the command runs. */
const char *cli_operand(const cli_arguments *arguments, int index); /* NULL: not given */
const char *const *cli_operands(const cli_arguments *arguments, int *count);
bool cli_flag(const cli_arguments *arguments, const char *name);
const char *cli_text(const cli_arguments *arguments, const char *name); /* or the default */
long long cli_number(const cli_arguments *arguments, const char *name); /* or the default */
/* The index of the word; -1: not given. */
int cli_choice(const cli_arguments *arguments, const char *name);
const char *const *cli_list(const cli_arguments *arguments, const char *name, int *count);

/* The directory of --out, or runs/ and this name. Errors: CONFIG. */
#define CLI_PATH_NBYTES 4096
hpac_status cli_out_directory(const cli_arguments *arguments, const char *name,
                              char directory[CLI_PATH_NBYTES]);

/* Parses argv of a command (argv[0] is its name) and runs it. --quiet, where the table has it,
 * drops log lines below warnings. --help prints the help to stdout and is HPAC_OK. Errors: CONFIG
 * for what was typed; those of the command. */
hpac_status cli_run(const cli_command *command, int argc, char **argv);

/* How many operands a command takes: `max` is INT_MAX for "RUN [RUN...]". */
void cli_operand_counts(const cli_command *command, int *min, int *max);

/* Offers a word for "did you mean": one that begins as what was typed is nearer than any other. */
void cli_offer(hpac_nearest *nearest, const char *candidate);

/* Compute threads that wait for one another spin, by default for milliseconds, which takes the
 * cores from the threads that read images. libgomp reads the limit from the environment, before
 * main(): this sets it and executes the program again. Returns where the user has set a limit or a
 * policy. */
void cli_limit_spinning(char **argv);

#endif
