/* Keras's JSON: any text is accepted or refused, and accepted layers are valid. */
#include "model/hdf5_io.h"
#include "model/model_files.h"

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
    hpac_model model = {0};
    hpac_keras_sources sources = {0};
    if (hpac_keras_config_read(json, &model, &sources) == HPAC_OK) {
        for (size_t i = 0; i < model.layer_count; i++)
            check_layer(&model.layers[i]);
        if (hpac_shape_count(model.input) == 0)
            abort();
        (void)hpac_layers_check(model.layers, model.layer_count, model.input, 3, NULL);
    }
    hpac_keras_sources_fini(&sources);
    hpac_model_fini(&model);
    free(json);
    return 0;
}
