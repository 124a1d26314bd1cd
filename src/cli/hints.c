/* What a user may have meant. */
#include "hints.h"

#include "base/text.h"
#include "config/config_schema.h"

#include <string.h>
#include <strings.h>

/* What needs no quotes in a shell. */
#define SHELL_PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+.,:/=@%"

static bool has_option(const cli_command *command, const char *name)
{
    const cli_option *option = command->options;
    while (option->name && strcmp(option->name, name) != 0)
        option++;
    return option->name != NULL;
}

/* Options of other tools, and what they are here. */
static const struct {
    const char *name, *meaning, *value;
} synonyms[] = {
    {"gpu", "device", "cuda"},  {"cuda", "device", "cuda"},   {"cpu", "device", "cpu"},
    {"output", "out", "DIR"},   {"output_dir", "out", "DIR"}, {"output_directory", "out", "DIR"},
    {"overwrite", "force", ""}, {"silent", "quiet", ""},
};

/* Whether an option's name is a key's, or the last part of one; dashes are underscores. */
static bool names_key(const char *word, const char *path)
{
    size_t length = strlen(word), path_length = strlen(path);
    if (length > path_length)
        return false;
    const char *end = path + path_length - length;
    for (size_t i = 0; i < length; i++)
        if (end[i] != (word[i] == '-' ? '_' : word[i]))
            return false;
    return end == path || end[-1] == '.';
}

/* The value of a key as far as it was typed: --shuffle alone is true. */
static const char *value_of(const hpac_key *key, const char *value)
{
    if (hpac_key_is_boolean(key))
        return value && strcmp(value, "false") == 0 ? value : "true";
    return value && *value != '-' && !strchr(value, '\'') ? value : "VALUE";
}

/* "--set train.seed=1 or --set data.split.seed=1", to be typed in a shell */
static void hint_keys(const char *word, const char *value, char hint[HINT_NBYTES])
{
    for (int i = 0; i < hpac_config_keys.count; i++) {
        const hpac_key *key = &hpac_config_keys.keys[i];
        if (!names_key(word, key->path))
            continue;
        const char *shown = value_of(key, value);
        const char *quote = shown[strspn(shown, SHELL_PLAIN)] ? "'" : "";
        hpac_text_append(hint, HINT_NBYTES, "%s--set %s%s=%s%s", *hint ? " or " : "", quote,
                         key->path, shown, quote);
    }
}

void hint_option(const cli_command *command, const char *word, const char *value,
                 char hint[HINT_NBYTES])
{
    *hint = '\0';
    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms && !*hint; i++) {
        if (names_key(word, synonyms[i].name) && has_option(command, synonyms[i].meaning))
            hpac_text_append(hint, HINT_NBYTES, "--%s%s%s", synonyms[i].meaning,
                             *synonyms[i].value ? " " : "", synonyms[i].value);
    }
    if (!*hint && has_option(command, "set"))
        hint_keys(hpac_key_name(word), value, hint);
}

void hint_near_key(const cli_command *command, const char *word, const char *value,
                   char hint[HINT_NBYTES])
{
    hpac_nearest nearest = hpac_nearest_to(word);
    *hint = '\0';
    for (int i = 0; i < hpac_config_keys.count; i++) {
        const char *path = hpac_config_keys.keys[i].path, *dot = strrchr(path, '.');
        hpac_nearest_offer(&nearest, dot ? dot + 1 : path);
        hpac_nearest_offer(&nearest, path);
    }
    if (*nearest.best && has_option(command, "set"))
        hint_keys(nearest.best, value, hint);
}

void hint_operand(const cli_command *command, const char *operand, char hint[HINT_NBYTES])
{
    char word[HPAC_NEAREST_MAX + 1] = "";
    const char *equals = strchr(operand, '='), *ending = strrchr(operand, '.');
    *hint = '\0';
    if (ending && strcasecmp(ending, ".csv") == 0 && has_option(command, "labels"))
        hpac_text_append(hint, HINT_NBYTES, "--labels %s", operand);
    if (!equals || (size_t)(equals - operand) >= sizeof word || !has_option(command, "set"))
        return;
    memcpy(word, operand, (size_t)(equals - operand));
    hint_option(command, word, equals + 1, hint);
}

/* Brackets that are open after a text, when `depth` were before it. */
static int depth_after(const char *text, int depth)
{
    for (; *text; text++)
        depth += (*text == '[' || *text == '{') - (*text == ']' || *text == '}');
    return depth;
}

void hint_split_list(int argc, char **argv, char hint[HINT_NBYTES])
{
    *hint = '\0';
    for (int i = 1; i < argc; i++) {
        bool joined = strncmp(argv[i], "--set=", 6) == 0;
        if (!joined && strcmp(argv[i], "--set") != 0)
            continue;
        i += !joined;
        if (i == argc)
            return;
        const char *set = argv[i] + (joined ? 6 : 0);
        int depth = depth_after(set, 0), last = i;
        while (depth > 0 && last + 1 < argc)
            depth = depth_after(argv[++last], depth);
        if (last == i || depth != 0)
            continue;
        hpac_text_append(hint, HINT_NBYTES, "--set '%s", set);
        while (i < last)
            hpac_text_append(hint, HINT_NBYTES, " %s", argv[++i]);
        hpac_text_append(hint, HINT_NBYTES, "'");
        return;
    }
}
