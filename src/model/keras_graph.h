/* The chain of layers in Keras's JSON, for each kind of model. */
#ifndef HPAC_MODEL_KERAS_GRAPH_H
#define HPAC_MODEL_KERAS_GRAPH_H

#include <hpac/status.h>

#include <jansson.h>

typedef struct hpac_keras_graph {
    json_t *root;   /* owned */
    json_t *config; /* of the model */
    json_t *layers; /* array: each with class_name and config, in the order of the chain */
} hpac_keras_graph;

/* Parses the JSON and finds the layers; for a functional model, checks that they form one chain.
 * On error the graph is left zeroed. Errors: DATA. */
hpac_status hpac_keras_graph_read(const char *json, hpac_keras_graph *graph);
void hpac_keras_graph_fini(hpac_keras_graph *graph);

#endif
