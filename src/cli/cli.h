/*
 * Commands and their options. Each cmd_*.c has one `const cli_command`; cli.c lists them. Parser,
 * help texts, man page and completion are made from the tables in it.
 */
#ifndef HPAC_CLI_CLI_H
#define HPAC_CLI_CLI_H

#include <hpac/status.h>

#include <stdbool.h>
#include <stdio.h>

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
    long long min, max;   /* CLI_NUMBER; not negative */
    bool required;
    const char *help; /* one line, wrapped where it is shown */
} cli_option;

/* Rows of the table. A fallback may be NULL. */
#define CLI_ROW(...)                                                                               \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define OPTION_FLAG(NAME, HELP) CLI_ROW(NAME, CLI_FLAG, .help = (HELP))
#define OPTION_TEXT(NAME, ARGUMENT, FALLBACK, HELP)                                                \
    CLI_ROW(NAME, CLI_TEXT, ARGUMENT, FALLBACK, .help = (HELP))
#define OPTION_PATH(NAME, ARGUMENT, FALLBACK, HELP)                                                \
    CLI_ROW(NAME, CLI_PATH, ARGUMENT, FALLBACK, .help = (HELP))
#define OPTION_REQUIRED(NAME, ARGUMENT, HELP)                                                      \
    CLI_ROW(NAME, CLI_PATH, ARGUMENT, .required = true, .help = (HELP))
#define OPTION_LIST(NAME, ARGUMENT, HELP) CLI_ROW(NAME, CLI_LIST, ARGUMENT, .help = (HELP))
#define OPTION_CHOICE(NAME, WORDS, FALLBACK, HELP)                                                 \
    CLI_ROW(NAME, CLI_CHOICE, WORDS, FALLBACK, .help = (HELP))
#define OPTION_NUMBER(NAME, ARGUMENT, FALLBACK, MIN, MAX, HELP)                                    \
    CLI_ROW(NAME, CLI_NUMBER, ARGUMENT, FALLBACK, MIN, MAX, .help = (HELP))

/* The row of every command. */
extern const cli_option cli_help_option;

/* The letter of an option, the same in all commands: -o for --out; NUL: none. */
char cli_letter(const cli_option *option);

/* A name with its description. */
typedef struct cli_note {
    const char *name, *text;
} cli_note;

#define CLI_MAX_ROWS 32

typedef struct cli_arguments cli_arguments;

typedef struct cli_command {
    const char *name;
    const char *operands;    /* "CONFIG", "RUN [RUN...]", "[COMMAND]" or "": in brackets optional,
                              * with dots repeatable */
    const char *summary;     /* one line, for the list of commands */
    const char *description; /* for its own help */
    bool result_is_files;    /* what it prints to stdout is also in files, or of no importance */
    hpac_status (*run)(const cli_arguments *arguments);
    /* Each list ends with a zeroed row. */
    cli_option options[CLI_MAX_ROWS + 1];
    cli_note files[CLI_MAX_ROWS + 1];    /* it writes */
    cli_note examples[CLI_MAX_ROWS + 1]; /* command lines, each with a sentence */
} cli_command;

/* In the order of the help; ends with NULL. */
extern const cli_command *const cli_commands[];

/* Errors: CONFIG, with the nearest. */
hpac_status cli_find_command(const char *name, const cli_command **found);

/* Parses argv of a command (argv[0] is its name) and runs it. --quiet, where the table has it,
 * drops log lines below warnings and the progress bar, which a command ends before it prints its
 * result. --help prints the help to stdout and is HPAC_OK. Errors: CONFIG for what was typed;
 * those of the command. */
hpac_status cli_run(const cli_command *command, int argc, char **argv);

/* What was typed. All are valid while the command runs. */
const char *cli_operand(const cli_arguments *arguments, size_t index); /* NULL: not given */
const char *const *cli_operands(const cli_arguments *arguments, size_t *count);
bool cli_flag(const cli_arguments *arguments, const char *name);        /* whether it is given */
const char *cli_text(const cli_arguments *arguments, const char *name); /* or the default */
size_t cli_number(const cli_arguments *arguments, const char *name);    /* or the default, or 0 */
/* The index of the word; -1: not given. */
int cli_choice(const cli_arguments *arguments, const char *name);
const char *const *cli_list(const cli_arguments *arguments, const char *name, size_t *count);
/* Whether a text is an integer in [min, max]. */
bool cli_read_integer(const char *text, long long min, long long max, long long *number);
/* The directory of --out, or runs/ and this name; malloc'ed, NULL when out of memory. */
char *cli_out_directory(const cli_arguments *arguments, const char *name);

/* Where the configuration or sweep is: `name` itself if it is a file or has a slash, otherwise
 * name.yaml in the current directory or the installed one of this name ("improved",
 * "improved.yaml"), which is logged. `*path` is malloc'ed, to be freed whatever the status. Errors:
 * CONFIG for a name that no installed one has, with the nearest and all of them. */
hpac_status cli_find_configuration(const char *name, char **path);

/* ---- help.c, help_config.c, man_page.c, completion.c ---- */

/* Of the program as a whole. The lists end with a zeroed entry. */
extern const char help_title[];
extern const cli_note help_exit_codes[];
extern const cli_note help_environment[];

void help_print_overview(FILE *stream);
void help_print_command(const cli_command *command, FILE *stream);
/* All keys of the configuration, or those that `key` names: one key ("train.epochs" or "epochs") in
 * detail, the keys of a section, those of all layers that have one ("rate"). Errors: CONFIG for an
 * unknown one, with the nearest. */
hpac_status help_print_config(const char *key, FILE *stream);
/* The man pages hpac(1), hpac-COMMAND(1) and hpac-config(5). */
void help_print_man_page(FILE *stream);
void help_print_command_man_page(const cli_command *command, FILE *stream);
void help_print_config_man_page(FILE *stream);
void help_print_completion(FILE *stream);
/* The words of a text, wrapped at the width of the terminal; the lines after the first are
 * indented, the first begins at `column`. */
void help_wrap(const char *text, size_t indent, size_t column, FILE *stream);
/* A left column `left_width` wide, and a text wrapped in the right one. */
void help_print_row(const char *left, const char *right, size_t left_width, FILE *stream);
/* How many operands a command takes: `max` is INT_MAX for "RUN [RUN...]". */
void cli_operand_counts(const cli_command *command, size_t *min, size_t *max);

#endif
