/* Options that evaluate and predict share. */
#include "model_options.h"

#include "list_options.h"
#include "progress.h"

#include "base/interrupt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static hpac_status add_threshold(void *user, const char *part)
{
    model_options *options = user;
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

static hpac_status read_classes(const char *text, hpac_classifier_hints *hints)
{
    class_list list = {"classes", hints->targets, &hints->target_count};
    if (!text || strcmp(text, "all") != 0)
        return list_read(text, class_list_add, &list);
    for (; hints->target_count < HPAC_CLASS_COUNT; hints->target_count++)
        hints->targets[hints->target_count] = (int)hints->target_count;
    return HPAC_OK;
}

static hpac_status read_options(const cli_arguments *arguments, model_options *options,
                                hpac_classifier_hints *hints)
{
    options->inference = (hpac_inference_options){
        .batch_size = (size_t)cli_number(arguments, "batch-size"),
        .workers = (int)cli_number(arguments, "workers"),
        .skip_bad_images = cli_choice(arguments, "on-bad-image") == CLI_SKIP,
    };
    hpac_status status = list_read(cli_text(arguments, "threshold"), add_threshold, options);
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
    options->inference.stop = hpac_watch_stop_signals();
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
