/* Keras's JSON: any text is accepted or refused, and accepted layers are valid. */
#include "model/keras_config.h"

#include "input.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check_layer(const hpac_layer *layer)
{
    if (layer->kind == HPAC_LAYER_CONV2D && (layer->filters < 1 || layer->kernel_rows < 1))
        abort();
    if (layer->kind == HPAC_LAYER_DENSE && layer->units < 1)
        abort();
    if (layer->kind == HPAC_LAYER_DROPOUT && !(layer->rate >= 0.0f && layer->rate < 1.0f))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    char *json = malloc(nbytes + 1);
    if (!json)
        abort();
    memcpy(json, bytes, nbytes);
    json[nbytes] = '\0';
    hpac_keras_config config;
    if (hpac_keras_config_read(json, &config) == HPAC_OK) {
        for (size_t i = 0; i < config.layer_count; i++)
            check_layer(&config.layers[i]);
        hpac_shape shape = config.input,
                   *shapes = calloc((size_t)config.layer_count + 1, sizeof *shapes);
        if (!shapes || hpac_shape_count(shape) == 0)
            abort();
        hpac_layers_check(config.layers, config.layer_count, shape, 3, shapes);
        free(shapes);
    }
    hpac_keras_config_fini(&config);
    free(json);
    return 0;
}
