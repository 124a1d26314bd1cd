/* Options that several commands have. */
#include "options.h"

#include "progress.h"

#include "base/interrupt.h"
#include "base/memory.h"

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
    if (!text)
        return HPAC_OK;
    HPAC_AUTO_FREE char *copy = NULL;
    HPAC_TRY_MEMORY(copy = strdup(text), strlen(text) + 1);
    for (char *rest = copy, *part; (part = next_part(&rest));)
        HPAC_TRY(take(user, part));
    return HPAC_OK;
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

static hpac_status append(const number_list *list, int number, const char *noun, const char *name)
{
    for (size_t i = 0; i < *list->count; i++)
        if (list->numbers[i] == number)
            return hpac_fail(HPAC_ERR_CONFIG, "--%s: duplicate %s \"%s\"", list->option, noun,
                             name);
    list->numbers[(*list->count)++] = number;
    return HPAC_OK;
}

hpac_status class_list_add(void *list, const char *name)
{
    const number_list *classes = list;
    int class = class_of(name);
    if (class < 0)
        return refuse_class(classes->option, name);
    return append(classes, class, "class", hpac_class_names[class]);
}

static hpac_status add_channel(void *list, const char *name)
{
    for (int channel = 0; channel < HPAC_MAX_CHANNELS; channel++)
        if (strcasecmp(name, hpac_channel_names[channel]) == 0)
            return append(list, channel, "channel", hpac_channel_names[channel]);
    return hpac_fail(HPAC_ERR_CONFIG,
                     "--channels: expected an integer in [1, %d] or a list of green, blue, red and "
                     "yellow, not \"%s\"",
                     HPAC_MAX_CHANNELS, name);
}

hpac_status channels_read(const cli_arguments *arguments, int order[HPAC_MAX_CHANNELS],
                          size_t *count)
{
    const char *text = cli_text(arguments, "channels");
    *count = 0;
    if (strlen(text) != 1 || *text < '1' || *text > '0' + HPAC_MAX_CHANNELS)
        return list_read(text, add_channel, &(number_list){"channels", order, count});
    for (int channel = 0; channel < *text - '0'; channel++)
        order[(*count)++] = channel;
    return HPAC_OK;
}

hpac_split_options split_options_read(const cli_arguments *arguments)
{
    return (hpac_split_options){
        .folds = (int)cli_number(arguments, "folds"),
        .repeats = (int)cli_number(arguments, "repeats"),
        .seed = (uint32_t)cli_number(arguments, "seed"),
        .method = (hpac_split_method)cli_choice(arguments, "method"),
    };
}

static hpac_status add_threshold(void *user, const char *part)
{
    model_options *options = user;
    char *end;
    float value = strtof(part, &end);
    if (end == part || *end != '\0' || !(value >= 0 && value <= 1))
        return hpac_fail(HPAC_ERR_CONFIG, "--threshold: expected a number in [0, 1], not \"%s\"",
                         part);
    if (options->threshold_count == HPAC_CLASS_COUNT)
        return hpac_fail(HPAC_ERR_CONFIG, "--threshold: more than %d numbers", HPAC_CLASS_COUNT);
    options->thresholds[options->threshold_count++] = value;
    return HPAC_OK;
}

static hpac_status read_hints(const cli_arguments *arguments, hpac_classifier_hints *hints)
{
    number_list list = {"classes", hints->targets, &hints->target_count};
    const char *classes = cli_text(arguments, "classes");
    int pixels = cli_choice(arguments, "pixels");
    hints->pixels_given = pixels >= 0;
    hints->pixels = pixels >= 0 ? (hpac_pixels)pixels : HPAC_PIXELS_UINT8;
    if (!classes || strcmp(classes, "all") != 0)
        return list_read(classes, class_list_add, &list);
    for (; hints->target_count < HPAC_CLASS_COUNT; hints->target_count++)
        hints->targets[hints->target_count] = (int)hints->target_count;
    return HPAC_OK;
}

void close_device(hpac_device **device)
{
    hpac_device_close(*device);
}

hpac_status model_options_init(const cli_arguments *arguments, model_options *options)
{
    const hpac_device_options device = {.name = cli_text(arguments, "device"),
                                        .deterministic = true};
    hpac_classifier_hints hints = {0};
    HPAC_TRY(list_read(cli_text(arguments, "threshold"), add_threshold, options));
    HPAC_TRY(read_hints(arguments, &hints));
    HPAC_TRY(hpac_classifiers_load(cli_operand(arguments, 0), &hints, &options->classifiers));
    HPAC_TRY(hpac_device_open(&device, &options->device));
    options->inference = (hpac_inference_options){
        .device = options->device,
        .classifiers = options->classifiers.items,
        .classifier_count = options->classifiers.count,
        .workers = (int)cli_number(arguments, "workers"),
        .skip_bad_images = cli_choice(arguments, "on-bad-image") == CLI_SKIP,
        .stop = hpac_watch_stop_signals(),
        .progress = progress_show,
    };
    return HPAC_OK;
}

void model_options_fini(model_options *options)
{
    close_device(&options->device);
    hpac_classifiers_fini(&options->classifiers);
}
