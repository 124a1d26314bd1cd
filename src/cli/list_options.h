/* Options whose value is a comma-separated list. */
#ifndef HPAC_CLI_LIST_OPTIONS_H
#define HPAC_CLI_LIST_OPTIONS_H

#include <hpac/status.h>

/* Calls `take` for each part of a list, blanks around it removed, until one fails. NULL is an empty
 * list. Errors: those of `take`, INTERNAL (memory). */
hpac_status list_read(const char *text, hpac_status (*take)(void *user, const char *part),
                      void *user);

/* Where classes are collected. */
typedef struct class_list {
    const char *option; /* without the dashes, for messages */
    int *classes;       /* (up to HPAC_CLASS_COUNT) */
    size_t *count;
} class_list;

/* Adds a class by its name or number, for list_read: `list` is a class_list. Errors: CONFIG for an
 * unknown class, with the nearest name, and for a duplicate. */
hpac_status class_list_add(void *list, const char *part);

/* The channels of --channels: "3", the first three of green, blue, red, yellow, or "red,green".
 * Errors: CONFIG. */
hpac_status channel_list_read(const char *text, int order[], int *count);

#endif
