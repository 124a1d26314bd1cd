/*
 * hpac's side of check_applications.py: predictions of a model file, training steps from it, and
 * the model after them.
 *
 *     build/reference/model_steps --model FILE --images FILE --labels FILE --predict COUNT
 *         --before FILE [--steps N --batch N --rate RATE --after FILE --save FILE.h5]
 *         [--device cpu|cuda] [--threads N]
 *
 * Images are float32 (rows, cols, channels), labels bytes, one after the other, with no header; so
 * are the predictions, float32 (COUNT, classes), that go to --before and, with the weights after
 * the steps, to --after. Step i trains images i x batch, ... by SGD; its loss goes to stdout.
 */
#include <hpac/model.h>

#include "../options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *model, *images, *labels, *before, *after, *save;
    size_t steps, batch, predicted;
    float rate;
    hpac_device_options device;
} settings;

typedef struct runner {
    settings set;
    hpac_model model;
    hpac_device *device;
    hpac_network *network;
    hpac_batch_format format;
    void *slot;
    const char *images, *labels; /* the files */
} runner;

static settings parse(int argc, char **argv)
{
    settings set = {.batch = 8,
                    .predicted = 1,
                    .rate = 0.01F,
                    .device = {.name = "cpu", .threads = 2, .deterministic = true}};
    tool_parse(argc, argv,
               (tool_option[]){{"model", TOOL_TEXT, &set.model},
                               {"images", TOOL_TEXT, &set.images},
                               {"labels", TOOL_TEXT, &set.labels},
                               {"before", TOOL_TEXT, &set.before},
                               {"after", TOOL_TEXT, &set.after},
                               {"save", TOOL_TEXT, &set.save},
                               {"steps", TOOL_SIZE, &set.steps},
                               {"batch", TOOL_SIZE, &set.batch},
                               {"rate", TOOL_FLOAT, &set.rate},
                               {"predict", TOOL_SIZE, &set.predicted},
                               {"device", TOOL_TEXT, &set.device.name},
                               {"threads", TOOL_INT, &set.device.threads},
                               {0}});
    if (!set.model || !set.images || !set.labels || !set.before ||
        (set.steps > 0 && !(set.after && set.save)))
        tool_check(hpac_fail(HPAC_ERR_CONFIG, "expected --model, --images, --labels and --before; "
                                              "with --steps also --after and --save"));
    return set;
}

/* The first bytes of a file. */
static void *read_bytes(const char *path, size_t nbytes)
{
    FILE *stream = fopen(path, "rb");
    void *bytes = malloc(nbytes);
    if (!stream || !bytes || fread(bytes, 1, nbytes, stream) != nbytes)
        tool_check(hpac_fail(HPAC_ERR_DATA, "%s: expected at least %zu bytes", path, nbytes));
    fclose(stream);
    return bytes;
}

static void open_network(runner *run, bool training)
{
    hpac_network_options options = {
        .device = run->device,
        .layers = run->model.layers,
        .layer_count = run->model.layer_count,
        .format = run->format,
        .training = training,
        .optimizer = {.kind = HPAC_OPTIMIZER_SGD, .learning_rate = run->set.rate},
    };
    tool_check(hpac_network_create(&options, &run->network));
    tool_check(hpac_network_allocate(run->network));
    tool_check(hpac_network_import(run->network, run->model.weights, NULL));
}

static void close_network(runner *run)
{
    hpac_network_destroy(run->network);
    run->network = NULL;
}

/* Copies images first, first + 1, ... into the slot. */
static hpac_network_batch fill_slot(const runner *run, size_t first, size_t count)
{
    size_t image = hpac_batch_image_nbytes(&run->format), classes = run->format.target_count;
    char *slot = run->slot;
    memcpy(slot, run->labels + first * classes, count * classes);
    memcpy(slot + hpac_batch_pixels_offset_nbytes(&run->format), run->images + first * image,
           count * image);
    return (hpac_network_batch){.slot = slot, .count = count};
}

static void predict(runner *run, const char *path)
{
    FILE *stream = fopen(path, "wb");
    if (!stream)
        tool_check(hpac_fail(HPAC_ERR_CONFIG, "cannot create %s: %s", path, strerror(errno)));
    open_network(run, false);
    for (size_t done = 0; done < run->set.predicted;) {
        size_t rest = run->set.predicted - done;
        size_t count = rest < run->set.batch ? rest : run->set.batch;
        hpac_network_batch batch = fill_slot(run, done, count);
        hpac_outcome outcome;
        tool_check(hpac_network_evaluate(run->network, &batch));
        tool_check(hpac_network_collect(run->network, &outcome));
        size_t values = count * run->format.target_count;
        if (fwrite(outcome.probabilities, sizeof(float), values, stream) != values)
            tool_check(hpac_fail(HPAC_ERR_DATA, "cannot write %s: %s", path, strerror(errno)));
        done += count;
    }
    close_network(run);
    if (fclose(stream) != 0)
        tool_check(hpac_fail(HPAC_ERR_DATA, "cannot write %s: %s", path, strerror(errno)));
}

static void train(runner *run)
{
    open_network(run, true);
    for (size_t i = 0; i < run->set.steps; i++) {
        hpac_network_batch batch = fill_slot(run, i * run->set.batch, run->set.batch);
        hpac_outcome outcome;
        tool_check(hpac_network_train(run->network, &batch, (uint32_t)i));
        tool_check(hpac_network_collect(run->network, &outcome));
        size_t count = run->set.batch * run->format.target_count;
        printf("%.9g\n", outcome.result.loss_sum / (double)count);
        if (outcome.result.nonfinite)
            tool_check(hpac_fail(HPAC_ERR_NUMERIC, "step %zu: not finite", i + 1));
    }
    tool_check(hpac_network_export(run->network, run->model.weights, NULL));
    close_network(run);
}

int main(int argc, char **argv)
{
    runner run = {.set = parse(argc, argv)};
    const settings *set = &run.set;
    tool_check(hpac_model_load(set->model, &run.model));
    const hpac_shape input = run.model.input;
    run.format = (hpac_batch_format){.batch_size = set->batch,
                                     .target_count = hpac_model_output_count(&run.model),
                                     .rows = input.rows,
                                     .cols = input.cols,
                                     .channels = input.channels,
                                     .pixels = HPAC_PIXELS_FLOAT32};
    size_t trained = set->steps * set->batch;
    size_t count = trained > set->predicted ? trained : set->predicted;
    run.images = read_bytes(set->images, count * hpac_batch_image_nbytes(&run.format));
    run.labels = read_bytes(set->labels, count * run.format.target_count);
    tool_check(hpac_device_open(&set->device, &run.device));
    tool_check(run.device->ops->alloc(run.device, HPAC_MEMORY_PINNED,
                                      hpac_batch_nbytes(&run.format), &run.slot));
    predict(&run, set->before);
    if (set->steps > 0) {
        train(&run);
        predict(&run, set->after);
        tool_check(hpac_model_save(&run.model, set->save));
    }
    run.device->ops->free(run.device, HPAC_MEMORY_PINNED, run.slot);
    run.device->ops->close(run.device);
    hpac_model_fini(&run.model);
    free((void *)run.images);
    free((void *)run.labels);
    return fflush(stdout) == 0 ? 0 : HPAC_ERR_DATA;
}
