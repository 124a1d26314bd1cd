/*
 * Commands and their options. Each cmd_*.c holds one `const cli_command`; main.c lists them. The
 * option table makes both the parser and the help text.
 */
#ifndef HPAC_CLI_H
#define HPAC_CLI_H

#include <hpac/status.h>

#include "base/nearest.h"

#include <stdbool.h>

typedef enum cli_kind {
    CLI_FLAG,   /* --force */
    CLI_TEXT,   /* --out DIR */
    CLI_NUMBER, /* --count N: a whole number in minimum .. maximum */
    CLI_LIST,   /* --set KEY=VALUE, may stand more than once */
    CLI_CHOICE, /* --empty blank|argmax: one of the words of its argument */
} cli_kind;

/*
 * The name of an argument or operand is what the help shows, and tells the completion what to
 * offer:
 *
 *     DIR, RUN               a folder             CLASS, CLASS,...   names of classes
 *     FILE.csv, MODEL.h5     a file that ends so  KEY=VALUE          a key of the configuration
 *     CONFIG, SWEEP          a .yaml file         COMMAND            a command of hpac
 *     MODEL                  a .h5 file, a folder
 *     auto|cpu|cuda[:N]   these words, without what stands in brackets
 *
 * Nothing is offered for anything else.
 */
typedef struct cli_option {
    const char *name; /* without the dashes */
    cli_kind kind;
    const char *argument; /* its name in the help: "DIR"; NULL for flags */
    const char *fallback; /* the default as text; NULL: none */
    const char *help;     /* one line, wrapped where it is shown */
    bool required;
    long long minimum, maximum; /* CLI_NUMBER */
} cli_option;

/* The row that all commands have. */
extern const cli_option cli_help_option;

typedef struct cli_arguments cli_arguments;

/* A name and what there is to say about it. Lists end with a zeroed entry. */
typedef struct cli_note {
    const char *name, *text;
} cli_note;

typedef struct cli_command {
    const char *name;
    const char *operands;    /* "CONFIG", "RUN [RUN...]", "[COMMAND]" or "": what stands in brackets
                              * may be left out, with dots it may be repeated */
    const char *summary;     /* one line, for the list of commands */
    const char *description; /* for its own help; an empty line ends a paragraph */
    const cli_option *options; /* ends with a zeroed entry */
    const cli_note *files;     /* that it writes; NULL: none */
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
int cli_choice(const cli_arguments *arguments,
               const char *name); /* index of the word; -1: not given */
const char *const *cli_list(const cli_arguments *arguments, const char *name, int *count);

/* The folder of --out, or runs/ and this name. Errors: CONFIG. */
#define CLI_FOLDER_NBYTES 4096
hpac_status cli_out_folder(const cli_arguments *arguments, const char *name,
                           char folder[CLI_FOLDER_NBYTES]);

/* Parses argv of a command (argv[0] is its name) and runs it. --quiet, where the table has it,
 * holds back log lines that are no warnings. --help prints the help to stdout and is HPAC_OK.
 * Errors: CONFIG for what was typed wrongly; those of the command. */
hpac_status cli_run(const cli_command *command, int argc, char **argv);

/* How many operands a command takes: `most` is INT_MAX for "RUN [RUN...]". */
void cli_operand_counts(const cli_command *command, int *least, int *most);

/* Offers a word for "did you mean": one that begins as what was typed is nearer than any other. */
void cli_offer(hpac_nearest *nearest, const char *candidate);

/* Threads of the CPU device that wait for one another spin, by default for milliseconds, which
 * takes the cores from the loader's threads. libgomp reads the limit before main() and from the
 * environment only, so this sets it and starts the program anew; where the user has set a limit or
 * a policy, it returns. */
void cli_limit_spinning(char **argv);

#endif
