/*
 * Bash completion: the option table as arrays of bash, and functions that look up in them. They do
 * not need the bash-completion package.
 */
#include "help.h"

#include <hpac/config.h>
#include <hpac/labels.h>

#include <ctype.h>
#include <string.h>

/* ---- kinds of arguments ---- */

static const struct {
    const char *argument, *kind;
} meanings[] = {
    {"CLASS", "class"},       {"CLASS,...", "classes"}, {"COMMAND", "command"},
    {"CONFIG", "file:.yaml"}, {"SWEEP", "file:.yaml"},  {"DIR", "directory"},
    {"RUN", "directory"},     {"KEY=VALUE", "setting"}, {"MODEL", "file:.h5"},
};

/* The kind of one of the words of an argument. */
static void print_kind(const char *word, size_t length, FILE *stream)
{
    const char *bracket = memchr(word, '[', length);
    if (bracket)
        length = (size_t)(bracket - word);
    bool capital = false;
    for (size_t i = 0; i < length; i++)
        capital = capital || isupper((unsigned char)word[i]);
    const char *dot = memchr(word, '.', length);
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (strlen(meanings[i].argument) == length &&
            strncmp(meanings[i].argument, word, length) == 0) {
            fputs(meanings[i].kind, stream);
            return;
        }
    if (!capital)
        fprintf(stream, "word:%.*s", (int)length, word);
    else if (dot && islower((unsigned char)dot[1]))
        fprintf(stream, "file:%.*s", (int)(word + length - dot), dot);
    else
        fputs("any", stream);
}

/* "auto|cpu|cuda[:N]" as "word:auto word:cpu word:cuda". */
static void print_kinds(const char *argument, FILE *stream)
{
    for (const char *word = argument; *word;) {
        size_t length = strcspn(word, "|");
        print_kind(word, length, stream);
        word += length;
        if (*word)
            word++, fputc(' ', stream);
    }
}

/* ---- the table as arrays ---- */

static void print_options(const cli_command *command, FILE *stream)
{
    fprintf(stream, "    [%s]='", command->name);
    for (const cli_option *option = command->options; option->name; option++)
        fprintf(stream, "--%s ", option->name);
    fprintf(stream, "--%s'\n", cli_help_option.name);
}

static void print_takes(const cli_command *command, FILE *stream)
{
    if (*command->operands) {
        const char *first = command->operands + (*command->operands == '[');
        fprintf(stream, "    [%s]='", command->name);
        print_kind(first, strcspn(first, " ]"), stream);
        fputs("'\n", stream);
    }
    for (const cli_option *option = command->options; option->name; option++)
        if (option->argument) {
            fprintf(stream, "    ['%s --%s']='", command->name, option->name);
            print_kinds(option->argument, stream);
            fputs("'\n", stream);
        }
}

static void print_operand_count(const cli_command *command, FILE *stream)
{
    int min, max;
    cli_operand_counts(command, &min, &max);
    fprintf(stream, " [%s]=%d", command->name, max);
}

static void print_commands(FILE *stream)
{
    fputs("_hpac_commands=(", stream);
    for (int i = 0; cli_commands[i]; i++)
        fprintf(stream, "%s%s", i > 0 ? " " : "", cli_commands[i]->name);
    fputs(")\n# The options of a command.\ndeclare -gA _hpac_options=(\n", stream);
    for (int i = 0; cli_commands[i]; i++)
        print_options(cli_commands[i], stream);
    fputs(")\n# The kinds of a command's operands and of its options' values.\n"
          "declare -gA _hpac_takes=(\n",
          stream);
    for (int i = 0; cli_commands[i]; i++)
        print_takes(cli_commands[i], stream);
    fputs(")\n# The max. number of operands.\ndeclare -gA _hpac_max=(", stream);
    for (int i = 0; cli_commands[i]; i++)
        print_operand_count(cli_commands[i], stream);
    fputs(" )\n", stream);
}

/* The functions are src/cli/completion.bash, which the linker puts into the program. */
extern const char functions_start[] __asm__("_binary_src_cli_completion_bash_start");
extern const char functions_end[] __asm__("_binary_src_cli_completion_bash_end");

void help_print_completion(FILE *stream)
{
    fprintf(stream,
            "# shellcheck shell=bash\n"
            "# Bash completion of hpac %s, made by hpac help --bash-completion; needs bash 4.3.\n",
            HPAC_VERSION);
    print_commands(stream);
    fputs("_hpac_classes=(\n", stream);
    for (int i = 0; i < HPAC_CLASS_COUNT; i++)
        fprintf(stream, "    '%s'\n", hpac_class_names[i]);
    fputs(")\n# Keys of a configuration, each with the values that it may have.\n_hpac_keys='",
          stream);
    hpac_config_print_keys(stream);
    fputs("'\n", stream);
    fputc('\n', stream);
    /* cppcheck-suppress comparePointers */
    fwrite(functions_start, 1, (size_t)(functions_end - functions_start), stream);
}
