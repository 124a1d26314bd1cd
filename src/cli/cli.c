/* Parsing by the option table, with getopt_long. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct value {
    bool given;
    const char *text;   /* the last one given, or the default */
    long long number;   /* CLI_NUMBER */
    const char **items; /* CLI_LIST: (item_count) owned */
    int item_count;
} value;

struct cli_arguments {
    const cli_command *command;
    int option_count;
    value *values; /* (option_count) */
    char **operands;
    int operand_count;
};

static int option_index(const cli_arguments *arguments, const char *name)
{
    for (int i = 0; i < arguments->option_count; i++)
        if (strcmp(arguments->command->options[i].name, name) == 0)
            return i;
    fprintf(stderr, "hpac: the command %s has no option --%s\n", arguments->command->name, name);
    abort(); /* a command asks for an option that is not in its table */
}

const char *cli_operand(const cli_arguments *arguments, int index)
{
    return index < arguments->operand_count ? arguments->operands[index] : NULL;
}

bool cli_flag(const cli_arguments *arguments, const char *name)
{
    return arguments->values[option_index(arguments, name)].given;
}

const char *cli_text(const cli_arguments *arguments, const char *name)
{
    return arguments->values[option_index(arguments, name)].text;
}

long long cli_number(const cli_arguments *arguments, const char *name)
{
    return arguments->values[option_index(arguments, name)].number;
}

const char *const *cli_list(const cli_arguments *arguments, const char *name, int *count)
{
    const value *list = &arguments->values[option_index(arguments, name)];
    *count = list->item_count;
    return list->items;
}

static hpac_status set_value(const cli_option *option, value *target, const char *text)
{
    target->text = text;
    if (option->kind == CLI_NUMBER) {
        char *end;
        errno = 0;
        target->number = strtoll(text, &end, 10);
        if (end == text || *end != '\0' || errno == ERANGE || target->number < option->minimum ||
            target->number > option->maximum)
            return hpac_fail(HPAC_ERR_CONFIG, "--%s: \"%s\" is not a whole number in %lld..%lld",
                             option->name, text, option->minimum, option->maximum);
    }
    if (option->kind == CLI_LIST) {
        size_t nbytes = ((size_t)target->item_count + 1) * sizeof *target->items;
        const char **items = realloc(target->items, nbytes);
        if (!items)
            return hpac_fail_memory(nbytes);
        target->items = items;
        target->items[target->item_count++] = text;
    }
    return HPAC_OK;
}

static hpac_status set_defaults(cli_arguments *arguments)
{
    for (int i = 0; i < arguments->option_count; i++) {
        const cli_option *option = &arguments->command->options[i];
        if (option->fallback) {
            hpac_status status = set_value(option, &arguments->values[i], option->fallback);
            if (status != HPAC_OK)
                return status;
        }
    }
    return HPAC_OK;
}

static int wanted_operands(const cli_command *command)
{
    int words = 0;
    for (const char *c = command->operands; *c; c++)
        words += (c == command->operands || c[-1] == ' ') && *c != ' ';
    return words;
}

static hpac_status check_complete(const cli_arguments *arguments)
{
    const cli_command *command = arguments->command;
    int wanted = wanted_operands(command);
    if (arguments->operand_count > wanted)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: unexpected argument \"%s\"; see hpac %s --help",
                         command->name, arguments->operands[wanted], command->name);
    if (arguments->operand_count < wanted)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: expected %s; see hpac %s --help", command->name,
                         command->operands, command->name);
    for (int i = 0; i < arguments->option_count; i++)
        if (command->options[i].required && !arguments->values[i].given)
            return hpac_fail(HPAC_ERR_CONFIG, "%s: --%s %s is required; see hpac %s --help",
                             command->name, command->options[i].name, command->options[i].argument,
                             command->name);
    return HPAC_OK;
}

/* Sets *help when --help was met. */
static hpac_status parse(cli_arguments *arguments, int argc, char **argv, bool *help)
{
    const cli_command *command = arguments->command;
    int count = arguments->option_count;
    struct option *table = calloc((size_t)count + 2, sizeof *table);
    if (!table)
        return hpac_fail_memory(((size_t)count + 2) * sizeof *table);
    for (int i = 0; i < count; i++) {
        table[i].name = command->options[i].name;
        table[i].has_arg = command->options[i].kind == CLI_FLAG ? no_argument : required_argument;
    }
    table[count] = (struct option){.name = "help", .val = 'h'};

    hpac_status status = set_defaults(arguments);
    opterr = 0;
    optind = 1;
    int found, index = 0;
    while (status == HPAC_OK && (found = getopt_long(argc, argv, ":h", table, &index)) != -1) {
        if (found == 'h') {
            *help = true;
        } else if (found == ':') {
            status = hpac_fail(HPAC_ERR_CONFIG, "%s: %s needs a value; see hpac %s --help",
                               command->name, argv[optind - 1], command->name);
        } else if (found == '?' && optopt != 0) { /* one letter, of which there is only -h */
            status = hpac_fail(HPAC_ERR_CONFIG, "%s: unknown option -%c; see hpac %s --help",
                               command->name, optopt, command->name);
        } else if (found == '?') {
            status = hpac_fail(HPAC_ERR_CONFIG, "%s: %s is no option here; see hpac %s --help",
                               command->name, argv[optind - 1], command->name);
        } else {
            value *target = &arguments->values[index];
            if (target->given && command->options[index].kind == CLI_TEXT)
                status = hpac_fail(HPAC_ERR_CONFIG, "%s: --%s stands twice", command->name,
                                   command->options[index].name);
            else if (command->options[index].kind != CLI_FLAG)
                status = set_value(&command->options[index], target, optarg);
            target->given = true;
        }
    }
    arguments->operands = argv + optind;
    arguments->operand_count = argc - optind;
    free(table);
    return status;
}

hpac_status cli_run(const cli_command *command, int argc, char **argv)
{
    cli_arguments arguments = {.command = command};
    while (command->options[arguments.option_count].name)
        arguments.option_count++;
    size_t nbytes = ((size_t)arguments.option_count + 1) * sizeof *arguments.values;
    arguments.values = calloc(1, nbytes);
    if (!arguments.values)
        return hpac_fail_memory(nbytes);

    bool help = false;
    hpac_status status = parse(&arguments, argc, argv, &help);
    if (status == HPAC_OK && help) {
        cli_print_help(command);
    } else if (status == HPAC_OK) {
        status = check_complete(&arguments);
        if (status == HPAC_OK)
            status = command->run(&arguments);
    }
    for (int i = 0; i < arguments.option_count; i++)
        free(arguments.values[i].items);
    free(arguments.values);
    return status;
}

void cli_print_help(const cli_command *command)
{
    printf("hpac %s - %s\n\nusage: hpac %s%s%s", command->name, command->summary, command->name,
           *command->operands ? " " : "", command->operands);
    for (const cli_option *option = command->options; option->name; option++)
        if (option->required)
            printf(" --%s %s", option->name, option->argument);
    printf(" [options]\n\n%s\n\noptions:\n", command->description);
    for (const cli_option *option = command->options; option->name; option++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", option->name, option->argument ? " " : "",
                 option->argument ? option->argument : "");
        printf("  %-22s %s", left, option->help);
        if (option->fallback)
            printf(" (default %s)", option->fallback);
        putchar('\n');
    }
    printf("  %-22s %s\n", "--help", "show this and exit");
}
