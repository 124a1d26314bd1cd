/*
 * What the C programs below tools/ share: options of a command line, and the end at an error.
 *
 *     tool_parse(argc, argv, (tool_option[]){{"steps", TOOL_SIZE, &steps}, {"model", TOOL_TEXT,
 * &path}, {0}}); tool_check(hpac_model_load(path, &model));
 */
#ifndef HPAC_TOOLS_OPTIONS_H
#define HPAC_TOOLS_OPTIONS_H

#include <hpac/status.h>

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOOL_OPTION_COUNT = 16, TOOL_TEXT_COUNT = 32 };

/* Texts of an option that may be repeated; borrowed from argv. */
typedef struct tool_texts {
    const char *texts[TOOL_TEXT_COUNT];
    int count;
} tool_texts;

typedef enum tool_kind {
    TOOL_TEXT,  /* const char *, borrowed from argv */
    TOOL_TEXTS, /* tool_texts */
    TOOL_SIZE,  /* size_t in [1, 100000] */
    TOOL_INT,   /* int in [1, 100000] */
    TOOL_FLOAT, /* float */
    TOOL_FLAG,  /* bool, without an argument */
} tool_kind;

typedef struct tool_option {
    const char *name; /* NULL ends the list */
    tool_kind kind;
    void *value;
} tool_option;

/* Ends the program with the status as its exit code, and the message, unless it is OK. */
static inline void tool_check(hpac_status status)
{
    if (status == HPAC_OK)
        return;
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, hpac_error_message());
    exit((int)status);
}

static inline size_t tool_integer(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end != '\0' || value < 1 || value > 100000)
        tool_check(hpac_fail(HPAC_ERR_CONFIG, "\"%s\", expected an integer in [1, 100000]", text));
    return (size_t)value;
}

static inline void tool_store(const tool_option *option, const char *text)
{
    tool_texts *texts = option->value;
    char *end = NULL;
    switch (option->kind) {
    case TOOL_TEXT:
        *(const char **)option->value = text;
        break;
    case TOOL_TEXTS:
        if (texts->count == TOOL_TEXT_COUNT)
            tool_check(
                hpac_fail(HPAC_ERR_CONFIG, "more than %d --%s", TOOL_TEXT_COUNT, option->name));
        texts->texts[texts->count++] = text;
        break;
    case TOOL_SIZE:
        *(size_t *)option->value = tool_integer(text);
        break;
    case TOOL_INT:
        *(int *)option->value = (int)tool_integer(text);
        break;
    case TOOL_FLOAT:
        *(float *)option->value = strtof(text, &end);
        if (end == text || *end != '\0')
            tool_check(hpac_fail(HPAC_ERR_CONFIG, "\"%s\", expected a number", text));
        break;
    case TOOL_FLAG:
        *(bool *)option->value = true;
        break;
    }
}

/* Stores the options of a command line where a table of at most TOOL_OPTION_COUNT says; ends the
 * program at another one, or a value that is none. */
static inline void tool_parse(int argc, char **argv, const tool_option *options)
{
    struct option known[TOOL_OPTION_COUNT + 1] = {0};
    for (int i = 0; i < TOOL_OPTION_COUNT && options[i].name; i++)
        known[i] = (struct option){options[i].name,
                                   options[i].kind == TOOL_FLAG ? no_argument : required_argument,
                                   NULL, i};
    for (int found; (found = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (found == '?')
            exit(HPAC_ERR_CONFIG); /* getopt_long has reported it */
        tool_store(&options[found], optarg);
    }
    if (optind < argc)
        tool_check(hpac_fail(HPAC_ERR_CONFIG, "unexpected argument \"%s\"", argv[optind]));
}

#endif
