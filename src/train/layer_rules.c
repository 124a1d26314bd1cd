/* How each layer is trained: train.layers and train.l2. */
#include "train_internal.h"

#include "base/memory.h"
#include "model/model_files.h"

#include <fnmatch.h>

static void free_names(char ***names)
{
    for (size_t i = 0; *names && (*names)[i]; i++)
        free((*names)[i]);
    free(*names);
}

static hpac_status apply_rule(train_job *training, const hpac_layer_rule *rule, char **names)
{
    const hpac_config *config = training->config;
    size_t matched = 0;
    for (size_t i = 0; i < config->layer_count; i++) {
        bool has_weights = training->model.weights[i].tensors[HPAC_KERNEL].rank > 0 ||
                           training->model.weights[i].tensors[HPAC_MOVING_MEAN].rank > 0;
        const char *name = *config->layers[i].name ? config->layers[i].name : names[i];
        if (!has_weights || fnmatch(rule->match, name, 0) != 0)
            continue;
        training->layer_training[i].frozen = !rule->trainable;
        training->layer_training[i].learning_rate_factor = rule->learning_rate_factor;
        matched++;
    }
    return matched > 0 ? HPAC_OK
                       : hpac_fail(HPAC_ERR_CONFIG,
                                   "train.layers: %s matches no layer with weights", rule->match);
}

hpac_status train_apply_layer_rules(train_job *training)
{
    const hpac_config *config = training->config;
    HPAC_AUTO(free_names) char **names = NULL;
    HPAC_TRY(hpac_keras_name_layers(&training->model, &names));
    HPAC_TRY_NEW(training->layer_training, config->layer_count);
    for (size_t i = 0; i < config->layer_count; i++)
        training->layer_training[i] = (hpac_layer_training){
            .learning_rate_factor = 1,
            .l2 = config->layers[i].l2 > 0 ? config->layers[i].l2 : config->train.l2};
    for (size_t i = 0; i < config->train.layer_rule_count; i++)
        HPAC_TRY(apply_rule(training, &config->train.layers[i], names));
    return HPAC_OK;
}
