/* Parsing by the option table, with getopt_long. */
#include "cli.h"

#include "help.h"

#include <hpac/log.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct value {
    bool given;
    const char *text;   /* the last one given, or the default */
    long long number;   /* CLI_NUMBER, CLI_CHOICE */
    const char **items; /* CLI_LIST: (item_count) owned */
    int item_count;
} value;

const cli_option cli_help_option = {.name = "help", .kind = CLI_FLAG, .help = "show this and exit"};

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

const char *const *cli_operands(const cli_arguments *arguments, int *count)
{
    *count = arguments->operand_count;
    return (const char *const *)arguments->operands;
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

int cli_choice(const cli_arguments *arguments, const char *name)
{
    const value *choice = &arguments->values[option_index(arguments, name)];
    return choice->text ? (int)choice->number : -1;
}

hpac_status cli_out_folder(const cli_arguments *arguments, const char *name,
                           char folder[CLI_FOLDER_NBYTES])
{
    const char *out = cli_text(arguments, "out");
    int length = snprintf(folder, CLI_FOLDER_NBYTES, "%s%s", out ? "" : "runs/", out ? out : name);
    if (length < 1 || length >= CLI_FOLDER_NBYTES)
        return hpac_fail(HPAC_ERR_CONFIG, "--out: expected a path of 1 to %d bytes",
                         CLI_FOLDER_NBYTES - 1);
    return HPAC_OK;
}

const char *const *cli_list(const cli_arguments *arguments, const char *name, int *count)
{
    const value *list = &arguments->values[option_index(arguments, name)];
    *count = list->item_count;
    return list->items;
}

static hpac_status read_number(const cli_option *option, const char *text, long long *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno == ERANGE || *number < option->minimum ||
        *number > option->maximum)
        return hpac_fail(HPAC_ERR_CONFIG, "--%s: \"%s\" is not a whole number in %lld..%lld",
                         option->name, text, option->minimum, option->maximum);
    return HPAC_OK;
}

/* "a|b|c" as "a, b or c". */
static void write_choices(const char *argument, char *text, size_t nbytes)
{
    size_t length = 0;
    for (const char *c = argument; *c && length + 5 < nbytes; c++) {
        if (*c == '|')
            length += (size_t)snprintf(text + length, nbytes - length, "%s",
                                       strchr(c + 1, '|') ? ", " : " or ");
        else
            text[length++] = *c;
    }
    text[length] = '\0';
}

/* The index of the word among those of the argument, "fail|skip"; otherwise an error that lists
 * them. */
static hpac_status read_choice(const cli_option *option, const char *text, long long *number)
{
    const char *word = option->argument;
    size_t length = strlen(text);
    for (*number = 0;; ++*number) {
        size_t word_length = strcspn(word, "|");
        if (word_length == length && strncmp(word, text, length) == 0)
            return HPAC_OK;
        word += word_length;
        if (*word++ == '\0')
            break;
    }
    char expected[256];
    write_choices(option->argument, expected, sizeof expected);
    return hpac_fail(HPAC_ERR_CONFIG, "--%s: \"%s\", expected %s", option->name, text, expected);
}

static hpac_status add_item(value *target, const char *text)
{
    size_t nbytes = ((size_t)target->item_count + 1) * sizeof *target->items;
    const char **items = realloc(target->items, nbytes);
    if (!items)
        return hpac_fail_memory(nbytes);
    target->items = items;
    target->items[target->item_count++] = text;
    return HPAC_OK;
}

static hpac_status set_value(const cli_option *option, value *target, const char *text)
{
    target->text = text;
    switch (option->kind) {
    case CLI_NUMBER:
        return read_number(option, text, &target->number);
    case CLI_CHOICE:
        return read_choice(option, text, &target->number);
    case CLI_LIST:
        return add_item(target, text);
    case CLI_FLAG:
    case CLI_TEXT:
        break;
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

void cli_operand_counts(const cli_command *command, int *least, int *most)
{
    *least = *most = 0;
    for (const char *c = command->operands; *c; c++)
        if (*c != ' ' && (c == command->operands || c[-1] == ' ')) {
            *least += *c != '[';
            ++*most;
        }
    if (strstr(command->operands, "..."))
        *most = INT_MAX;
}

static hpac_status check_complete(const cli_arguments *arguments)
{
    const cli_command *command = arguments->command;
    int least, most;
    cli_operand_counts(command, &least, &most);
    if (arguments->operand_count > most)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: unexpected argument \"%s\"; see hpac %s --help",
                         command->name, arguments->operands[most], command->name);
    if (arguments->operand_count < least)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: expected %s; see hpac %s --help", command->name,
                         command->operands, command->name);
    for (int i = 0; i < arguments->option_count; i++)
        if (command->options[i].required && !arguments->values[i].given)
            return hpac_fail(HPAC_ERR_CONFIG, "%s: --%s %s is required; see hpac %s --help",
                             command->name, command->options[i].name, command->options[i].argument,
                             command->name);
    return HPAC_OK;
}

static hpac_status take(cli_arguments *arguments, int index, const char *text)
{
    const cli_command *command = arguments->command;
    const cli_option *option = &command->options[index];
    value *target = &arguments->values[index];
    bool again = target->given;
    target->given = true;
    if (option->kind == CLI_FLAG)
        return HPAC_OK;
    if (again && option->kind != CLI_LIST)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: --%s stands twice", command->name, option->name);
    return set_value(option, target, text);
}

void cli_offer(hpac_nearest *nearest, const char *candidate)
{
    size_t length = strlen(nearest->word);
    if (length > 1 && nearest->distance > 0 && strncmp(nearest->word, candidate, length) == 0) {
        snprintf(nearest->best, sizeof nearest->best, "%s", candidate);
        nearest->distance = 0;
    }
    hpac_nearest_offer(nearest, candidate);
}

/* An option that getopt does not know: it is none, or several begin so, or it takes no value. */
static hpac_status refuse_option(const cli_command *command, const char *given)
{
    char word[HPAC_NEAREST_MAX + 1];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(given + 2, "="), given + 2);
    hpac_nearest nearest = hpac_nearest_to(word);
    for (const cli_option *option = command->options; option->name; option++) {
        if (strcmp(option->name, word) == 0)
            return hpac_fail(HPAC_ERR_CONFIG, "%s: --%s takes no value; see hpac %s --help",
                             command->name, word, command->name);
        cli_offer(&nearest, option->name);
    }
    if (*nearest.best)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: %s is no option here; did you mean --%s? see hpac %s --help",
                         command->name, given, nearest.best, command->name);
    return hpac_fail(HPAC_ERR_CONFIG, "%s: %s is no option here; see hpac %s --help", command->name,
                     given, command->name);
}

static hpac_status parse_with(const struct option *table, cli_arguments *arguments, int argc,
                              char **argv, bool *help)
{
    const char *name = arguments->command->name;
    hpac_status status = set_defaults(arguments);
    opterr = 0;
    optind = 1;
    int found, index = 0;
    while (status == HPAC_OK && (found = getopt_long(argc, argv, ":h", table, &index)) != -1) {
        if (found == 'h')
            *help = true;
        else if (found == ':')
            status = hpac_fail(HPAC_ERR_CONFIG, "%s: %s needs a value; see hpac %s --help", name,
                               argv[optind - 1], name);
        else if (found == '?' && optopt != 0) /* one letter, of which there is only -h */
            status = hpac_fail(HPAC_ERR_CONFIG, "%s: unknown option -%c; see hpac %s --help", name,
                               optopt, name);
        else if (found == '?')
            status = refuse_option(arguments->command, argv[optind - 1]);
        else
            status = take(arguments, index, optarg);
    }
    arguments->operands = argv + optind;
    arguments->operand_count = argc - optind;
    return status;
}

/* Sets *help when --help was met. */
static hpac_status parse(cli_arguments *arguments, int argc, char **argv, bool *help)
{
    const cli_option *options = arguments->command->options;
    int count = arguments->option_count;
    struct option *table = calloc((size_t)count + 2, sizeof *table);
    if (!table)
        return hpac_fail_memory(((size_t)count + 2) * sizeof *table);
    for (int i = 0; i < count; i++) {
        table[i].name = options[i].name;
        table[i].has_arg = options[i].kind == CLI_FLAG ? no_argument : required_argument;
    }
    table[count] = (struct option){.name = cli_help_option.name, .val = 'h'};
    hpac_status status = parse_with(table, arguments, argc, argv, help);
    free(table);
    return status;
}

static bool is_quiet(const cli_arguments *arguments)
{
    for (int i = 0; i < arguments->option_count; i++)
        if (strcmp(arguments->command->options[i].name, "quiet") == 0)
            return arguments->values[i].given;
    return false;
}

static hpac_status check_and_run(const cli_arguments *arguments)
{
    hpac_status status = check_complete(arguments);
    if (status != HPAC_OK)
        return status;
    if (is_quiet(arguments))
        hpac_log_set_level(HPAC_LOG_WARNING);
    return arguments->command->run(arguments);
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
    if (status == HPAC_OK && help)
        help_print_command(command, stdout);
    else if (status == HPAC_OK)
        status = check_and_run(&arguments);
    for (int i = 0; i < arguments.option_count; i++)
        free(arguments.values[i].items);
    free(arguments.values);
    return status;
}
