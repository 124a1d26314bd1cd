/* Models in memory. */
#include <hpac/log.h>
#include <hpac/model.h>

#include <stdlib.h>

void hpac_model_fini(hpac_model *model)
{
    if (model->training) {
        hpac_weights_destroy(model->training->square_average, model->layer_count);
        hpac_weights_destroy(model->training->delta_average, model->layer_count);
        free(model->training);
    }
    hpac_weights_destroy(model->weights, model->layer_count);
    free(model->layers);
    free(model->config_yaml);
    free(model->written_by);
    *model = (hpac_model){0};
}

void hpac_model_warn_of_traits(const hpac_model *model, const char *path)
{
    if (model->keras.frozen)
        hpac_log_warning("%s: has layers with trainable=False; hpac trains all layers", path);
    if (model->keras.regularized)
        hpac_log_warning("%s: has regularizers or constraints, which hpac does not support: "
                         "training ignores them",
                         path);
}
