/* Options whose value is a comma-separated list. */
#include "list_options.h"

#include <hpac/labels.h>

#include <stdlib.h>
#include <string.h>

/* The next part, without the blanks around it; NULL behind the last. */
static char *next_part(char **rest)
{
    char *part = strsep(rest, ",");
    if (!part)
        return NULL;
    part += strspn(part, " ");
    for (size_t length = strlen(part); length > 0 && part[length - 1] == ' ';)
        part[--length] = '\0';
    return part;
}

hpac_status list_read(const char *text, hpac_status (*take)(void *user, const char *part),
                      void *user)
{
    char *copy = text ? strdup(text) : NULL, *rest = copy;
    if (text && !copy)
        return hpac_fail_memory(strlen(text) + 1);
    hpac_status status = HPAC_OK;
    for (char *part; status == HPAC_OK && rest && (part = next_part(&rest));)
        status = take(user, part);
    free(copy);
    return status;
}

static int class_of(const char *part)
{
    char *end;
    long number = strtol(part, &end, 10);
    if (end > part && *end == '\0' && number >= 0 && number < HPAC_CLASS_COUNT)
        return (int)number;
    return hpac_class_find(part);
}

static hpac_status refuse_class(const char *option, const char *part)
{
    const char *nearest = hpac_class_nearest(part);
    if (nearest)
        return hpac_fail(HPAC_ERR_CONFIG, "--%s: unknown class \"%s\"; did you mean \"%s\"?",
                         option, part, nearest);
    return hpac_fail(HPAC_ERR_CONFIG,
                     "--%s: unknown class \"%s\"; expected one of the %d names or 0 to %d", option,
                     part, HPAC_CLASS_COUNT, HPAC_CLASS_COUNT - 1);
}

hpac_status class_list_add(void *list, const char *part)
{
    const class_list *found = list;
    int class = class_of(part);
    if (class < 0)
        return refuse_class(found->option, part);
    for (size_t i = 0; i < *found->count; i++)
        if (found->classes[i] == class)
            return hpac_fail(HPAC_ERR_CONFIG, "--%s: duplicate class \"%s\"", found->option,
                             hpac_class_names[class]);
    found->classes[(*found->count)++] = class;
    return HPAC_OK;
}

/* Where channels are collected. */
typedef struct channel_list {
    int *channels; /* (up to HPAC_MAX_CHANNELS) */
    int *count;
} channel_list;

static hpac_status channel_list_add(void *user, const char *part)
{
    const channel_list *list = user;
    int channel = 0;
    while (channel < HPAC_MAX_CHANNELS && strcmp(part, hpac_channel_names[channel]) != 0)
        channel++;
    if (channel == HPAC_MAX_CHANNELS)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "--channels: expected an integer in [1, %d] or a list of green, blue, red "
                         "and yellow, not \"%s\"",
                         HPAC_MAX_CHANNELS, part);
    for (int i = 0; i < *list->count; i++)
        if (list->channels[i] == channel)
            return hpac_fail(HPAC_ERR_CONFIG, "--channels: duplicate channel %s", part);
    list->channels[(*list->count)++] = channel;
    return HPAC_OK;
}

hpac_status channel_list_read(const char *text, int order[], int *count)
{
    *count = 0;
    if (strlen(text) == 1 && *text >= '1' && *text <= '0' + HPAC_MAX_CHANNELS) {
        for (; *count < *text - '0'; ++*count)
            order[*count] = *count;
        return HPAC_OK;
    }
    channel_list list = {order, count};
    return list_read(text, channel_list_add, &list);
}
