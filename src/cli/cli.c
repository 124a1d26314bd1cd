/* Parsing by the option table, with getopt_long. */
#include "cli.h"

#include "hints.h"
#include "progress.h"

#include <hpac/log.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/nearest.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

extern const cli_command cmd_explore, cmd_split, cmd_preprocess, cmd_synth, cmd_train, cmd_sweep,
    cmd_evaluate, cmd_predict, cmd_report, cmd_info, cmd_doctor, cmd_help;

const cli_command *const cli_commands[] = {
    &cmd_explore, &cmd_split,  &cmd_preprocess, &cmd_synth,  &cmd_train, &cmd_sweep, &cmd_evaluate,
    &cmd_predict, &cmd_report, &cmd_info,       &cmd_doctor, &cmd_help,  NULL,
};

const cli_option cli_help_option = OPTION_FLAG("help", "print this help and exit");

typedef struct option_value {
    bool given;
    const char *text;  /* the last one given, or the default */
    char *path;        /* CLI_PATH: text, if ~ was expanded; owned */
    long long number;  /* CLI_NUMBER, CLI_CHOICE */
    size_t item_count; /* CLI_LIST: of its row of `items` */
} option_value;

struct cli_arguments {
    const cli_command *command;
    option_value values[CLI_MAX_ROWS + 1]; /* in the order of its options; the last is of --help */
    size_t help;                           /* its index */
    size_t argc;
    const char **items; /* of lists, (options, argc) */
    char **operands;
    size_t operand_count;
};

static const option_value *find_value(const cli_arguments *arguments, const char *name)
{
    size_t i = 0;
    while (i < arguments->help && strcmp(arguments->command->options[i].name, name) != 0)
        i++;
    return i < arguments->help ? &arguments->values[i] : NULL;
}

static const option_value *get_value(const cli_arguments *arguments, const char *name)
{
    const option_value *found = find_value(arguments, name);
    if (!found) { /* a command asks for an option that is not in its table */
        fprintf(stderr, "hpac: %s has no option --%s\n", arguments->command->name, name);
        abort();
    }
    return found;
}

const char *cli_operand(const cli_arguments *arguments, size_t index)
{
    return index < arguments->operand_count ? arguments->operands[index] : NULL;
}

const char *const *cli_operands(const cli_arguments *arguments, size_t *count)
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

size_t cli_number(const cli_arguments *arguments, const char *name)
{
    return (size_t)get_value(arguments, name)->number;
}

int cli_choice(const cli_arguments *arguments, const char *name)
{
    const option_value *choice = get_value(arguments, name);
    return choice->text ? (int)choice->number : -1;
}

const char *const *cli_list(const cli_arguments *arguments, const char *name, size_t *count)
{
    const option_value *list = get_value(arguments, name);
    *count = list->item_count;
    return arguments->items + (size_t)(list - arguments->values) * arguments->argc;
}

char *cli_out_directory(const cli_arguments *arguments, const char *name)
{
    const char *out = cli_text(arguments, "out");
    return out ? strdup(out) : hpac_path_join("runs", "%s", name);
}

bool cli_read_integer(const char *text, long long min, long long max, long long *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno != ERANGE && *number >= min && *number <= max;
}

static hpac_status read_number(const cli_option *option, const char *text, long long *number)
{
    return cli_read_integer(text, option->min, option->max, number)
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_CONFIG, "--%s: expected an integer in [%lld, %lld], not \"%s\"",
                           option->name, option->min, option->max, text);
}

/* The index of the word among those of the argument, "fail|skip". */
static hpac_status read_choice(const cli_option *option, const char *text, long long *index)
{
    char words[128], expected[256] = "";
    snprintf(words, sizeof words, "%s", option->argument);
    *index = 0;
    for (char *rest = words, *word; (word = strsep(&rest, "|")); ++*index) {
        size_t length = strlen(expected);
        if (strcmp(word, text) == 0)
            return HPAC_OK;
        snprintf(expected + length, sizeof expected - length, "%s%s",
                 *index == 0 ? ""
                 : rest      ? ", "
                             : " or ",
                 word);
    }
    return hpac_fail(HPAC_ERR_CONFIG, "--%s: expected %s, not \"%s\"", option->name, expected,
                     text);
}

static hpac_status read_path(const cli_option *option, const char *text, option_value *value)
{
    const char *home = getenv("HOME");
    if (*text == '\0')
        return hpac_fail(HPAC_ERR_CONFIG, "--%s: expected a path, not \"\"", option->name);
    if (!home || text[0] != '~' || (text[1] != '/' && text[1] != '\0'))
        return HPAC_OK;
    HPAC_TRY_MEMORY(value->path = hpac_path_join(home, "%s", text + 1 + strspn(text + 1, "/")),
                    strlen(text));
    value->text = value->path;
    return HPAC_OK;
}

static hpac_status set_value(const cli_option *option, const char *text, option_value *value)
{
    value->text = text;
    switch (option->kind) {
    case CLI_NUMBER:
        return read_number(option, text, &value->number);
    case CLI_CHOICE:
        return read_choice(option, text, &value->number);
    case CLI_PATH:
        return read_path(option, text, value);
    case CLI_FLAG:
    case CLI_TEXT:
    case CLI_LIST:
        break;
    }
    return HPAC_OK;
}

/* Takes a candidate for "did you mean": one that begins as what was typed is nearer than others. */
static void offer(hpac_nearest *nearest, const char *candidate)
{
    size_t length = strlen(nearest->word);
    if (length > 1 && nearest->distance > 0 && strncmp(nearest->word, candidate, length) == 0) {
        snprintf(nearest->best, sizeof nearest->best, "%s", candidate);
        nearest->distance = 0;
    }
    hpac_nearest_offer(nearest, candidate);
}

hpac_status cli_find_command(const char *name, const cli_command **found)
{
    hpac_nearest nearest = hpac_nearest_to(name);
    for (size_t i = 0; cli_commands[i]; i++) {
        *found = cli_commands[i];
        if (strcmp((*found)->name, name) == 0)
            return HPAC_OK;
        offer(&nearest, (*found)->name);
    }
    *found = NULL;
    if (*nearest.best)
        return hpac_fail(HPAC_ERR_CONFIG, "unknown command \"%s\"; did you mean %s?", name,
                         nearest.best);
    return hpac_fail(HPAC_ERR_CONFIG, "unknown command \"%s\"; see hpac help", name);
}

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

/* What getopt does not accept: an unknown or ambiguous option, or a flag with a value. `next` is
 * the argument behind it, or NULL. */
static hpac_status refuse_option(const cli_command *command, const char *given, const char *next)
{
    char word[HPAC_NEAREST_MAX + 1], hint[HINT_NBYTES];
    const char *equals = strchr(given, '=');
    snprintf(word, sizeof word, "%.*s", (int)strcspn(given + 2, "="), given + 2);
    hpac_nearest nearest = hpac_nearest_to(word);
    for (const cli_option *option = command->options; option->name; option++) {
        if (strcmp(option->name, word) == 0)
            return refuse(command, "--%s takes no value", word);
        offer(&nearest, option->name);
    }
    hint_option(command, word, equals ? equals + 1 : next, hint);
    if (*hint && nearest.distance > 0) /* an option that begins so is nearer */
        return refuse(command, "unknown option --%s; did you mean %s?", word, hint);
    if (*nearest.best)
        return refuse(command, "unknown option --%s; did you mean --%s?", word, nearest.best);
    hint_near_key(command, word, equals ? equals + 1 : next, hint);
    if (*hint)
        return refuse(command, "unknown option --%s; did you mean %s?", word, hint);
    return refuse(command, "unknown option --%s", word);
}

char cli_letter(const cli_option *option)
{
    static const char *const names[] = {"help", "out", "quiet", "verbose"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(option->name, names[i]) == 0)
            return *option->name;
    return '\0';
}

/* Fills getopt's tables: long options, and those of one letter. */
static void list_options(const cli_arguments *arguments, struct option *table, char *letters)
{
    *letters++ = ':';
    for (size_t i = 0; i <= arguments->help; i++) {
        const cli_option *option =
            i < arguments->help ? &arguments->command->options[i] : &cli_help_option;
        char letter = cli_letter(option);
        table[i].name = option->name;
        table[i].has_arg = option->kind == CLI_FLAG ? no_argument : required_argument;
        if (letter)
            *letters++ = letter;
        if (letter && option->kind != CLI_FLAG)
            *letters++ = ':';
    }
}

/* The option that getopt found: the index of a long one, or a letter. */
static size_t index_of(const cli_arguments *arguments, int found, int index)
{
    if (found == 0)
        return (size_t)index;
    size_t i = 0;
    while (i < arguments->help && cli_letter(&arguments->command->options[i]) != found)
        i++;
    return i;
}

static hpac_status parse(cli_arguments *arguments, int argc, char **argv)
{
    const cli_command *command = arguments->command;
    struct option table[CLI_MAX_ROWS + 2] = {0};
    char letters[2 * CLI_MAX_ROWS] = "", hint[HINT_NBYTES];
    list_options(arguments, table, letters);
    hint_split_list(argc, argv, hint);
    if (*hint)
        return refuse(command, "the list of --set is split at its blanks; put it in quotes: %s",
                      hint);
    for (size_t i = 0; i < arguments->help; i++) {
        const cli_option *option = &command->options[i];
        if (option->fallback)
            HPAC_TRY(set_value(option, option->fallback, &arguments->values[i]));
    }
    opterr = 0;
    optind = 1;
    for (int found, index = 0; (found = getopt_long(argc, argv, letters, table, &index)) != -1;) {
        if (found == ':')
            return refuse(command, "%s needs a value", argv[optind - 1]);
        if (found == '?' && optopt != 0) /* one letter */
            return refuse(command, "unknown option -%c", optopt);
        if (found == '?')
            return refuse_option(command, argv[optind - 1], argv[optind]);
        size_t i = index_of(arguments, found, index);
        option_value *value = &arguments->values[i];
        const cli_option *option = &command->options[i];
        if (value->given && option->kind != CLI_FLAG && option->kind != CLI_LIST)
            return refuse(command, "duplicate option --%s", option->name);
        value->given = true;
        if (option->kind == CLI_LIST)
            arguments->items[i * arguments->argc + value->item_count++] = optarg;
        else if (optarg)
            HPAC_TRY(set_value(option, optarg, value));
    }
    arguments->operands = argv + optind;
    arguments->operand_count = arguments->argc - (size_t)optind;
    return HPAC_OK;
}

void cli_operand_counts(const cli_command *command, size_t *min, size_t *max)
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
    size_t min, max;
    cli_operand_counts(command, &min, &max);
    if (arguments->operand_count > max) {
        const char *operand = cli_operand(arguments, max);
        char hint[HINT_NBYTES];
        hint_operand(command, operand, hint);
        return refuse(command,
                      *hint ? "unexpected argument \"%s\"; did you mean %s?"
                            : "unexpected argument \"%s\"",
                      operand, hint);
    }
    if (arguments->operand_count < min)
        return refuse(command, "expected %s", command->operands);
    for (size_t i = 0; i < arguments->operand_count; i++) /* of an unset variable */
        if (*cli_operand(arguments, i) == '\0')
            return refuse(command, "expected %s, not \"\"", command->operands);
    for (size_t i = 0; i < arguments->help; i++)
        if (command->options[i].required && !arguments->values[i].given)
            return refuse(command, "--%s %s is required", command->options[i].name,
                          command->options[i].argument);
    return HPAC_OK;
}

/* Whether a flag is given, which the command need not have. */
static bool is_given(const cli_arguments *arguments, const char *flag)
{
    const option_value *option = find_value(arguments, flag);
    return option && option->given;
}

static hpac_status parse_and_run(cli_arguments *arguments, int argc, char **argv)
{
    HPAC_TRY(parse(arguments, argc, argv));
    if (arguments->values[arguments->help].given) {
        help_print_command(arguments->command, stdout);
        return HPAC_OK;
    }
    HPAC_TRY(check_complete(arguments));
    bool quiet = is_given(arguments, "quiet");
    if (quiet || is_given(arguments, "verbose"))
        hpac_log_set_level(quiet ? HPAC_LOG_WARNING : HPAC_LOG_DETAIL);
    progress_begin(quiet);
    hpac_status status = arguments->command->run(arguments);
    progress_end();
    return status;
}

hpac_status cli_run(const cli_command *command, int argc, char **argv)
{
    cli_arguments arguments = {.command = command, .argc = (size_t)argc};
    while (command->options[arguments.help].name)
        arguments.help++;
    HPAC_TRY_NEW(arguments.items, arguments.help * arguments.argc + 1);
    hpac_status status = parse_and_run(&arguments, argc, argv);
    for (size_t i = 0; i < arguments.help; i++)
        free(arguments.values[i].path);
    free(arguments.items);
    return status;
}
