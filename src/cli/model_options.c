/* Options that evaluate and predict share. */
#include "model_options.h"

#include "progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The next part of a list with commas, without the blanks around it; NULL behind the last. */
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

static hpac_status add_threshold(model_options *options, const char *part)
{
    char *end;
    errno = 0;
    float value = strtof(part, &end);
    if (end == part || *end != '\0' || !(value >= 0 && value <= 1))
        return hpac_fail(HPAC_ERR_CONFIG, "--threshold: \"%s\" is not a number in 0..1", part);
    if (options->threshold_count == HPAC_CLASS_COUNT)
        return hpac_fail(HPAC_ERR_CONFIG, "--threshold: more than %d numbers", HPAC_CLASS_COUNT);
    options->thresholds[options->threshold_count++] = value;
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

static hpac_status add_class(hpac_classifier_hints *hints, const char *part)
{
    int class = class_of(part);
    if (class < 0)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "--classes: no class is called \"%s\"; expected one of the 28 names, or "
                         "0..%d",
                         part, HPAC_CLASS_COUNT - 1);
    for (int i = 0; i < hints->target_count; i++)
        if (hints->targets[i] == class)
            return hpac_fail(HPAC_ERR_CONFIG, "--classes: %s stands twice",
                             hpac_class_names[class]);
    hints->targets[hints->target_count++] = class;
    return HPAC_OK;
}

static hpac_status read_thresholds(const char *text, model_options *options)
{
    char *copy = text ? strdup(text) : NULL, *rest = copy;
    if (text && !copy)
        return hpac_fail_memory(strlen(text) + 1);
    hpac_status status = HPAC_OK;
    for (char *part; status == HPAC_OK && rest && (part = next_part(&rest));)
        status = add_threshold(options, part);
    free(copy);
    return status;
}

static hpac_status read_classes(const char *text, hpac_classifier_hints *hints)
{
    if (!text)
        return HPAC_OK;
    if (strcmp(text, "all") == 0) {
        for (; hints->target_count < HPAC_CLASS_COUNT; hints->target_count++)
            hints->targets[hints->target_count] = hints->target_count;
        return HPAC_OK;
    }
    char *copy = strdup(text), *rest = copy;
    if (!copy)
        return hpac_fail_memory(strlen(text) + 1);
    hpac_status status = HPAC_OK;
    for (char *part; status == HPAC_OK && rest && (part = next_part(&rest));)
        status = add_class(hints, part);
    free(copy);
    return status;
}

static hpac_status read_options(const cli_arguments *arguments, model_options *options,
                                hpac_classifier_hints *hints)
{
    options->inference = (hpac_inference_options){
        .batch_size = (int)cli_number(arguments, "batch-size"),
        .workers = (int)cli_number(arguments, "workers"),
        .skip_bad_images = cli_choice(arguments, "on-bad-image") == CLI_SKIP,
    };
    hpac_status status = read_thresholds(cli_text(arguments, "threshold"), options);
    if (status == HPAC_OK)
        status = read_classes(cli_text(arguments, "classes"), hints);
    int pixels = cli_choice(arguments, "pixels");
    hints->pixels_given = pixels >= 0;
    hints->pixels = pixels >= 0 ? (hpac_pixels)pixels : HPAC_PIXELS_UINT8;
    return status;
}

hpac_status model_options_open(const cli_arguments *arguments, model_options *options)
{
    *options = (model_options){0};
    hpac_classifier_hints hints = {0};
    hpac_status status = read_options(arguments, options, &hints);
    if (status == HPAC_OK)
        status = hpac_model_paths_find(cli_operand(arguments, 0), &options->paths);
    if (status == HPAC_OK)
        status = hpac_classifiers_load(&options->paths, &hints, &options->classifiers);
    const hpac_device_options device = {.name = cli_text(arguments, "device"),
                                        .deterministic = true};
    if (status == HPAC_OK)
        status = hpac_device_open(&device, &options->device);
    if (status != HPAC_OK) {
        model_options_close(options);
        return status;
    }
    options->inference.device = options->device;
    options->inference.classifiers = options->classifiers;
    options->inference.classifier_count = options->paths.count;
    options->inference.stop = cli_watch_signals();
    options->inference.progress = progress_show;
    progress_begin(cli_flag(arguments, "quiet"));
    return HPAC_OK;
}

void model_options_close(model_options *options)
{
    if (options->device) {
        progress_end();
        options->device->ops->close(options->device);
    }
    hpac_classifiers_free(options->classifiers, options->paths.count);
    hpac_model_paths_fini(&options->paths);
    *options = (model_options){0};
}
