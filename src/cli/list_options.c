/* Options whose value is a list with commas. */
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
        return hpac_fail(HPAC_ERR_CONFIG, "--%s: no class is called \"%s\"; did you mean \"%s\"?",
                         option, part, nearest);
    return hpac_fail(HPAC_ERR_CONFIG,
                     "--%s: no class is called \"%s\"; expected one of the 28 names, or 0..%d",
                     option, part, HPAC_CLASS_COUNT - 1);
}

hpac_status class_list_add(void *list, const char *part)
{
    const class_list *found = list;
    int class = class_of(part);
    if (class < 0)
        return refuse_class(found->option, part);
    for (int i = 0; i < *found->count; i++)
        if (found->classes[i] == class)
            return hpac_fail(HPAC_ERR_CONFIG, "--%s: \"%s\" stands twice", found->option,
                             hpac_class_names[class]);
    found->classes[(*found->count)++] = class;
    return HPAC_OK;
}
