/* Parsing by the option table, with getopt_long. */
#include "cli.h"

#include "help.h"

#include <hpac/log.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct value {
    bool given;
    const char *text;   /* the last one given, or the default */
    char *path;         /* CLI_PATH: text, if ~ was expanded; owned */
    long long number;   /* CLI_NUMBER, CLI_CHOICE */
    const char **items; /* CLI_LIST: (item_count) owned */
    int item_count;
} value;

const cli_option cli_help_option = OPTION_FLAG("help", "show this and exit");

struct cli_arguments {
    const cli_command *command;
    int option_count;
    value *values; /* (option_count) */
    char **operands;
    int operand_count;
};

/* ---- what commands ask for ---- */

static const value *find_value(const cli_arguments *arguments, const char *name)
{
    for (int i = 0; i < arguments->option_count; i++)
        if (strcmp(arguments->command->options[i].name, name) == 0)
            return &arguments->values[i];
    return NULL;
}

static const value *get_value(const cli_arguments *arguments, const char *name)
{
    const value *found = find_value(arguments, name);
    if (!found) { /* a command asks for an option that is not in its table */
        fprintf(stderr, "hpac: %s has no option --%s\n", arguments->command->name, name);
        abort();
    }
    return found;
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
    return get_value(arguments, name)->given;
}

const char *cli_text(const cli_arguments *arguments, const char *name)
{
    return get_value(arguments, name)->text;
}

long long cli_number(const cli_arguments *arguments, const char *name)
{
    return get_value(arguments, name)->number;
}

int cli_choice(const cli_arguments *arguments, const char *name)
{
    const value *choice = get_value(arguments, name);
    return choice->text ? (int)choice->number : -1;
}

const char *const *cli_list(const cli_arguments *arguments, const char *name, int *count)
{
    const value *list = get_value(arguments, name);
    *count = list->item_count;
    return list->items;
}

hpac_status cli_out_directory(const cli_arguments *arguments, const char *name,
                              char directory[CLI_PATH_NBYTES])
{
    const char *out = cli_text(arguments, "out");
    int length = snprintf(directory, CLI_PATH_NBYTES, "%s%s", out ? "" : "runs/", out ? out : name);
    if (length < 1 || length >= CLI_PATH_NBYTES)
        return hpac_fail(HPAC_ERR_CONFIG, "--out: expected a path of 1 to %d bytes",
                         CLI_PATH_NBYTES - 1);
    return HPAC_OK;
}

/* ---- values ---- */

static hpac_status read_number(const cli_option *option, const char *text, long long *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno == ERANGE || *number < option->min ||
        *number > option->max)
        return hpac_fail(HPAC_ERR_CONFIG, "--%s: expected an integer in [%lld, %lld], not \"%s\"",
                         option->name, option->min, option->max, text);
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

/* The index of the word among those of the argument, "fail|skip". */
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
    return hpac_fail(HPAC_ERR_CONFIG, "--%s: expected %s, not \"%s\"", option->name, expected,
                     text);
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

static hpac_status expand_path(value *target, const char *text)
{
    const char *home = getenv("HOME");
    if (!home || text[0] != '~' || (text[1] != '/' && text[1] != '\0'))
        return HPAC_OK;
    if (asprintf(&target->path, "%s%s", home, text + 1) < 0) {
        target->path = NULL;
        return hpac_fail_memory(strlen(home) + strlen(text));
    }
    target->text = target->path;
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
    case CLI_PATH:
        return expand_path(target, text);
    case CLI_FLAG:
    case CLI_TEXT:
        break;
    }
    return HPAC_OK;
}

/* ---- the command line ---- */

/* A usage error: "COMMAND: what is wrong; see hpac COMMAND --help". */
static hpac_status __attribute__((format(printf, 2, 3)))
refuse(const cli_command *command, const char *format, ...)
{
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return hpac_fail(HPAC_ERR_CONFIG, "%s: %s; see hpac %s --help", command->name, what,
                     command->name);
}

void cli_operand_counts(const cli_command *command, int *min, int *max)
{
    *min = *max = 0;
    for (const char *c = command->operands; *c; c++)
        if (*c != ' ' && (c == command->operands || c[-1] == ' ')) {
            *min += *c != '[';
            ++*max;
        }
    if (strstr(command->operands, "..."))
        *max = INT_MAX;
}

static hpac_status check_complete(const cli_arguments *arguments)
{
    const cli_command *command = arguments->command;
    int min, max;
    cli_operand_counts(command, &min, &max);
    if (arguments->operand_count > max)
        return refuse(command, "unexpected argument \"%s\"", cli_operand(arguments, max));
    if (arguments->operand_count < min)
        return refuse(command, "expected %s", command->operands);
    for (int i = 0; i < arguments->option_count; i++) {
        const cli_option *option = &command->options[i];
        if (option->required && !arguments->values[i].given)
            return refuse(command, "--%s %s is required", option->name, option->argument);
    }
    return HPAC_OK;
}

static hpac_status take(cli_arguments *arguments, int index, const char *text)
{
    const cli_option *option = &arguments->command->options[index];
    value *target = &arguments->values[index];
    bool again = target->given;
    target->given = true;
    if (option->kind == CLI_FLAG)
        return HPAC_OK;
    if (again && option->kind != CLI_LIST)
        return refuse(arguments->command, "duplicate option --%s", option->name);
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

/* What getopt does not accept: an unknown or ambiguous option, or a flag with a value. */
static hpac_status refuse_option(const cli_command *command, const char *given)
{
    char word[HPAC_NEAREST_MAX + 1];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(given + 2, "="), given + 2);
    hpac_nearest nearest = hpac_nearest_to(word);
    for (const cli_option *option = command->options; option->name; option++) {
        if (strcmp(option->name, word) == 0)
            return refuse(command, "--%s takes no value", word);
        cli_offer(&nearest, option->name);
    }
    if (*nearest.best)
        return refuse(command, "unknown option --%s; did you mean --%s?", word, nearest.best);
    return refuse(command, "unknown option --%s", word);
}

static hpac_status parse_options(const struct option *table, cli_arguments *arguments, int argc,
                                 char **argv, bool *help)
{
    const cli_command *command = arguments->command;
    for (int i = 0; i < arguments->option_count; i++)
        if (command->options[i].fallback)
            HPAC_TRY(set_value(&command->options[i], &arguments->values[i],
                               command->options[i].fallback));
    opterr = 0;
    optind = 1;
    for (int found, index = 0; (found = getopt_long(argc, argv, ":h", table, &index)) != -1;) {
        if (found == 'h')
            *help = true;
        else if (found == ':')
            return refuse(command, "%s needs a value", argv[optind - 1]);
        else if (found == '?' && optopt != 0) /* one letter, of which there is only -h */
            return refuse(command, "unknown option -%c", optopt);
        else if (found == '?')
            return refuse_option(command, argv[optind - 1]);
        else
            HPAC_TRY(take(arguments, index, optarg));
    }
    arguments->operands = argv + optind;
    arguments->operand_count = argc - optind;
    return HPAC_OK;
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
    hpac_status status = parse_options(table, arguments, argc, argv, help);
    free(table);
    return status;
}

static hpac_status parse_and_run(cli_arguments *arguments, int argc, char **argv)
{
    bool help = false;
    HPAC_TRY(parse(arguments, argc, argv, &help));
    if (help) {
        help_print_command(arguments->command, stdout);
        return HPAC_OK;
    }
    HPAC_TRY(check_complete(arguments));
    const value *quiet = find_value(arguments, "quiet");
    if (quiet && quiet->given)
        hpac_log_set_level(HPAC_LOG_WARNING);
    return arguments->command->run(arguments);
}

hpac_status cli_run(const cli_command *command, int argc, char **argv)
{
    cli_arguments arguments = {.command = command, .operands = argv};
    while (command->options[arguments.option_count].name)
        arguments.option_count++;
    size_t nbytes = ((size_t)arguments.option_count + 1) * sizeof *arguments.values;
    arguments.values = calloc(1, nbytes);
    if (!arguments.values)
        return hpac_fail_memory(nbytes);
    hpac_status status = parse_and_run(&arguments, argc, argv);
    for (int i = 0; i < arguments.option_count; i++) {
        free(arguments.values[i].items);
        free(arguments.values[i].path);
    }
    free(arguments.values);
    return status;
}
