/* What the files of the network share. */
#ifndef HPAC_NETWORK_INTERNAL_H
#define HPAC_NETWORK_INTERNAL_H

#include <hpac/network.h>

/* A plan with the offsets of its output and slices. */
typedef struct network_stage {
    hpac_plan *plan;
    size_t first_op, op_count;
    bool input_gradient;      /* something before it has parameters */
    size_t output_offset;     /* in the arena of activations */
    size_t state_offset;      /* likewise */
    size_t parameters_offset; /* in the arenas of parameters, gradients and both accumulators */
} network_stage;

/* The buffers and events of one in-flight step. */
typedef struct network_flight {
    void *staging;            /* device: the batch */
    void *result;             /* device: hpac_step_result */
    void *probabilities;      /* device: (batch, classes) */
    void *host_result;        /* pinned */
    void *host_probabilities; /* pinned */
    hpac_event *uploaded, *done;
    hpac_graph *graph; /* of a full training step; NULL: not recorded yet */
    void *host_rows;   /* pinned: (batch) rows of the step's resident images */
    void *rows;        /* device: likewise */
    bool evaluates;    /* the step under way delivers probabilities */
} network_flight;

typedef struct network_profile network_profile;

/* Resident images, in no order: a row of targets and a row of pixels each. */
typedef struct network_store {
    void *targets, *pixels; /* device; NULL: none */
    size_t image_count;
} network_store;

struct hpac_network {
    hpac_network_options options; /* layers, positive_weights: the copies below */
    hpac_layer *layers;           /* (layer_count) */
    hpac_shape *shapes;           /* (layer_count) */
    float *positive_weights;      /* (classes) or NULL */

    hpac_op *ops;        /* (op_count) */
    size_t *layer_of_op; /* (op_count) of those with parameters */
    size_t op_count;

    network_stage *stages; /* (stage_count) */
    size_t stage_count;
    size_t first_trained; /* the first stage with parameters: backward ends there */

    size_t activations_nbytes;
    size_t parameters_nbytes;         /* one arena */
    size_t updated_parameters_nbytes; /* its first part: what adadelta() updates */
    size_t flow_nbytes;               /* one of the two buffers that gradients flow through */
    size_t workspace_nbytes;

    bool allocated;
    void *activations, *parameters, *gradients, *square_average, *delta_average;
    void *flow[2], *workspace, *device_positive_weights;
    network_flight flights[HPAC_NETWORK_IN_FLIGHT];
    uint64_t enqueued, collected; /* steps so far */
    network_profile *profile;     /* NULL without the option */
    bool warm;                    /* a full training step has run: it can be recorded */
    network_store store;
};

/* ---- network_profile.c: all of it does nothing without the option `profile` ---- */

/* The calls of a step, in this order. */
typedef enum network_call {
    NETWORK_UPLOAD,
    NETWORK_RETAIN,  /* of an uploaded batch */
    NETWORK_GATHER,  /* of resident images, instead of the upload */
    NETWORK_FORWARD, /* a plan's */
    NETWORK_LOSS,
    NETWORK_BACKWARD, /* a plan's */
    NETWORK_UPDATE,
    NETWORK_EVALUATE, /* a plan's: forward without training */
    NETWORK_EVALUATE_LOSS,
    NETWORK_CALL_COUNT,
} network_call;

static inline bool network_call_is_of_plan(network_call call)
{
    return call == NETWORK_FORWARD || call == NETWORK_BACKWARD || call == NETWORK_EVALUATE;
}

/* Rows and timers; the stages are there and placed. */
hpac_status network_profile_create(hpac_network *network);
void network_profile_destroy(hpac_network *network);
/* Clears the marks of a flight at the start of a step. */
void network_profile_reset(hpac_network *network, const network_flight *flight);
/* Marks on a queue where a call begins, and where it ends; the next may begin there. */
hpac_status network_profile_begin(hpac_network *network, const network_flight *flight,
                                  hpac_queue queue);
hpac_status network_profile_end(hpac_network *network, const network_flight *flight,
                                hpac_queue queue, network_call call, size_t stage);
/* Adds the times of a flight's step, which has finished. */
hpac_status network_profile_collect(hpac_network *network, const network_flight *flight);

/* The first error of a sequence of enqueueing calls ends it. */
/* ---- network_step.c ---- */

/* Makes the compute queue wait for what is on the copy queue so far. */
hpac_status network_await_upload(hpac_network *network, const network_flight *flight);

/* ---- network_store.c ---- */

/* Copies the images of a flight's uploaded batch that are to be retained into the store. */
hpac_status network_retain_batch(hpac_network *network, const network_flight *flight,
                                 const hpac_network_batch *batch);
/* Gathers resident images as the flight's batch. */
hpac_status network_gather_batch(hpac_network *network, const network_flight *flight,
                                 const hpac_network_batch *batch);
void network_store_fini(hpac_network *network);

/* The address `offset` bytes into a block of device memory. */
static inline void *network_at(void *block, size_t offset)
{
    return (unsigned char *)block + offset;
}

static inline hpac_shape network_input_shape(const hpac_network *network)
{
    const hpac_batch_format *format = &network->options.format;
    return (hpac_shape){
        .rank = 3, .rows = format->rows, .cols = format->cols, .channels = format->channels};
}

#endif
