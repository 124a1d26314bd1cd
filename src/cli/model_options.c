/* Options that evaluate and predict share. */
#include "model_options.h"

#include "list_options.h"
#include "progress.h"

#include "base/interrupt.h"

#include <stdlib.h>
#include <string.h>

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

static hpac_status read_classes(const char *text, hpac_classifier_hints *hints)
{
    class_list list = {"classes", hints->targets, &hints->target_count};
    if (!text || strcmp(text, "all") != 0)
        return list_read(text, class_list_add, &list);
    for (; hints->target_count < HPAC_CLASS_COUNT; hints->target_count++)
        hints->targets[hints->target_count] = (int)hints->target_count;
    return HPAC_OK;
}

static hpac_status load_model(const cli_arguments *arguments, model_options *options)
{
    int pixels = cli_choice(arguments, "pixels");
    hpac_classifier_hints hints = {
        .pixels_given = pixels >= 0,
        .pixels = pixels >= 0 ? (hpac_pixels)pixels : HPAC_PIXELS_UINT8,
    };
    HPAC_TRY(list_read(cli_text(arguments, "threshold"), add_threshold, options));
    HPAC_TRY(read_classes(cli_text(arguments, "classes"), &hints));
    HPAC_TRY(hpac_model_paths_find(cli_operand(arguments, 0), &options->paths));
    HPAC_TRY(hpac_classifiers_load(&options->paths, &hints, &options->classifiers));
    const hpac_device_options device = {.name = cli_text(arguments, "device"),
                                        .deterministic = true};
    return hpac_device_open(&device, &options->device);
}

hpac_status model_options_open(const cli_arguments *arguments, model_options *options)
{
    *options = (model_options){0};
    hpac_status status = load_model(arguments, options);
    if (status != HPAC_OK) {
        model_options_close(options);
        return status;
    }
    options->inference = (hpac_inference_options){
        .device = options->device,
        .classifiers = options->classifiers,
        .classifier_count = options->paths.count,
        .workers = (int)cli_number(arguments, "workers"),
        .skip_bad_images = cli_choice(arguments, "on-bad-image") == CLI_SKIP,
        .stop = hpac_watch_stop_signals(),
        .progress = progress_show,
    };
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
