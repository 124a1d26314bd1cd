/*
 * The networks of configs/ that have the layer names of keras.applications, so that
 * train.initial_weights finds its weights: every weight of Keras's network
 * (tools/reference/make_application_names.py) is one of the configuration's, of the same name and
 * shape, and there are no others. Only the channels of the first convolution and the units of the
 * last layer are the configuration's own.
 */
#include <hpac/config.h>

#include "tested_device.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KERAS_CHANNELS = 3, KERAS_CLASSES = 1000 };

typedef struct keras_weight {
    char network[32], layer[64], name[32], shape[32];
} keras_weight;

/* A weight of the configuration by its names; NULL: none. */
static const hpac_tensor *find_weight(const hpac_config *config, const hpac_weights *weights,
                                      const keras_weight *keras)
{
    for (size_t i = 0; i < config->layer_count; i++)
        for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
            if (strcmp(config->layers[i].name, keras->layer) == 0 &&
                strcmp(hpac_role_name(role), keras->name) == 0 && weights[i].tensors[role].rank > 0)
                return &weights[i].tensors[role];
    return NULL;
}

static void expect_shape(const hpac_config *config, const hpac_tensor *tensor,
                         const keras_weight *keras, bool first)
{
    bool head = strcmp(keras->layer, "predictions") == 0;
    const char *text = keras->shape;
    for (size_t i = 0; i < tensor->rank; i++) {
        char *end;
        size_t size = strtoul(text, &end, 10);
        if (first && i == 2) {
            cr_expect_eq(size, KERAS_CHANNELS);
            size = config->data.channels;
        } else if (head && i + 1 == tensor->rank) {
            cr_expect_eq(size, KERAS_CLASSES);
            size = config->data.target_count;
        }
        cr_expect_eq(tensor->dims[i], size, "%s/%s: axis %zu has %zu, in Keras %zu", keras->layer,
                     keras->name, i, tensor->dims[i], size);
        cr_expect_eq(*end, i + 1 < tensor->rank ? 'x' : '\0', "%s/%s: in Keras %s", keras->layer,
                     keras->name, keras->shape);
        text = end + 1;
    }
}

static void expect_keras_names(const char *network)
{
    char path[64], line[256];
    hpac_config config;
    snprintf(path, sizeof path, "configs/%s.yaml", network);
    assert_ok(hpac_config_load(path, NULL, 0, &config));
    hpac_weights *weights = hpac_weights_create_empty(config.layers, config.layer_count,
                                                      hpac_config_input_shape(&config));
    cr_assert_not_null(weights);
    FILE *file = fopen("tests/golden/keras_applications.csv", "r");
    cr_assert_not_null(file);
    size_t found = 0, own = 0;
    while (fgets(line, sizeof line, file)) {
        keras_weight keras;
        if (sscanf(line, "%31[^,],%63[^,],%31[^,],%31s", keras.network, keras.layer, keras.name,
                   keras.shape) != 4 ||
            strcmp(keras.network, network) != 0)
            continue;
        const hpac_tensor *tensor = find_weight(&config, weights, &keras);
        cr_expect_not_null(tensor, "%s has no %s/%s", path, keras.layer, keras.name);
        if (tensor)
            expect_shape(&config, tensor, &keras, found == 0);
        found += tensor != NULL;
    }
    fclose(file);
    for (size_t i = 0; i < config.layer_count; i++)
        own += hpac_weights_tensor_count(&weights[i]);
    cr_expect_gt(found, 300);
    cr_expect_eq(own, found, "%s has %zu weights, %zu of them Keras's", path, own, found);
    free(weights);
    hpac_config_fini(&config);
}

Test(published_networks, densenet121_has_the_weights_of_keras)
{
    expect_keras_names("densenet121");
}

Test(published_networks, efficientnet_b0_has_the_weights_of_keras)
{
    expect_keras_names("efficientnet_b0");
}
