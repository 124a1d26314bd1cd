/*
 * Bash completion: the option table as arrays of bash, and functions that look up in them. They do
 * not need the bash-completion package.
 */
#include "cli.h"

#include <hpac/config.h>
#include <hpac/labels.h>

#include <ctype.h>
#include <string.h>

/* The kind of one word of an argument, which is changed: "cuda[:N]" as "word:cuda". */
static void print_kind(char *word, FILE *stream)
{
    static const struct {
        const char *argument, *kind;
    } meanings[] = {
        {"CLASS", "class"},       {"CLASS,...", "classes"}, {"COMMAND", "command"},
        {"CONFIG", "file:.yaml"}, {"SWEEP", "file:.yaml"},  {"DIR", "directory"},
        {"RUN", "directory"},     {"KEY=VALUE", "setting"}, {"MODEL", "file:.h5"},
    };
    word[strcspn(word, "[")] = '\0';
    const char *dot = strchr(word, '.');
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (strcmp(word, meanings[i].argument) == 0) {
            fprintf(stream, " %s", meanings[i].kind);
            return;
        }
    if (!strpbrk(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        fprintf(stream, " word:%s", word);
    else if (dot && islower((unsigned char)dot[1]))
        fprintf(stream, " file:%s", dot);
}

/* "auto|cpu|cuda[:N]" as " word:auto word:cpu word:cuda". */
static void print_kinds(const char *argument, FILE *stream)
{
    char words[128];
    snprintf(words, sizeof words, "%s", argument);
    for (char *rest = words, *word; (word = strsep(&rest, "|"));)
        print_kind(word, stream);
}

/* "['train --out']='value directory'"; of an option with a value its letter, too. */
static void print_option(const char *command, const char *dashes, const char *name,
                         const cli_option *option, FILE *stream)
{
    fprintf(stream, "    ['%s %s%s']='", command, dashes, name);
    if (option->argument) {
        fputs("value", stream);
        print_kinds(option->argument, stream);
    }
    fputs("'\n", stream);
}

static void print_command(const cli_command *command, FILE *stream)
{
    size_t min, max;
    char operand[64];
    const char *operands = command->operands + (*command->operands == '[');
    cli_operand_counts(command, &min, &max);
    snprintf(operand, sizeof operand, "%.*s", (int)strcspn(operands, " ]"), operands);
    fprintf(stream, "    [%s]='%zu", command->name, max);
    if (*operand)
        print_kinds(operand, stream);
    fputs("'\n", stream);
    for (const cli_option *option = command->options; option->name; option++) {
        const char letter[] = {cli_letter(option), '\0'};
        print_option(command->name, "--", option->name, option, stream);
        if (*letter && option->argument)
            print_option(command->name, "-", letter, option, stream);
    }
    fprintf(stream, "    ['%s --%s']=''\n", command->name, cli_help_option.name);
}

/* The functions are src/cli/completion.bash, which the linker puts into the program. */
extern const char functions_start[] __asm__("_binary_src_cli_completion_bash_start");
extern const char functions_end[] __asm__("_binary_src_cli_completion_bash_end");

void help_print_completion(FILE *stream)
{
    fprintf(stream,
            "# shellcheck shell=bash\n"
            "# Bash completion of hpac %s, made by hpac help --bash-completion; needs bash 4.3.\n",
            hpac_version());
    fputs("_hpac_commands=(", stream);
    for (size_t i = 0; cli_commands[i]; i++)
        fprintf(stream, "%s%s", i > 0 ? " " : "", cli_commands[i]->name);
    fputs(")\n# Commands: the max. number of operands, and their kinds. Options: \"value\" and its "
          "kinds, or \"\".\ndeclare -gA _hpac_takes=(\n",
          stream);
    for (size_t i = 0; cli_commands[i]; i++)
        print_command(cli_commands[i], stream);
    fputs(")\n", stream);
    fputs("_hpac_classes=(\n", stream);
    for (size_t i = 0; i < HPAC_CLASS_COUNT; i++)
        fprintf(stream, "    '%s'\n", hpac_class_names[i]);
    fputs(")\n# Keys of a configuration, each with the values that it may have.\n_hpac_keys='",
          stream);
    hpac_config_print_keys(stream);
    fputs("'\n\n", stream);
    /* cppcheck-suppress comparePointers */
    fwrite(functions_start, 1, (size_t)(functions_end - functions_start), stream);
}
