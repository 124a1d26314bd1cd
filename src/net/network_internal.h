/* What the files of the network share. */
#ifndef HPAC_NETWORK_INTERNAL_H
#define HPAC_NETWORK_INTERNAL_H

#include "memory_planner.h"

#include <hpac/network.h>

/* Where an operation has its inputs from. Operation 0 is PIXELS, which reads the batch. */
typedef struct network_link {
    size_t inputs[HPAC_LAYER_MAX_INPUTS]; /* operations before it: of `in`, then of its sides */
    size_t layer;                         /* from 0; of PIXELS 0, too */
    size_t readers;                       /* how many inputs read it */
    size_t stage;                         /* the stage that it is in */
    bool needs_gradient;                  /* it or something before it is trained */
    size_t root;     /* the concat in whose output its own one lies; itself: it lies alone */
    hpac_view view;  /* likewise */
    bool in_place;   /* a concat whose inputs lie in its output already */
    bool is_copying; /* a concat that the device does not make in place */
} network_link;

/* A piece of the arena of activations that a stage does not have. */
#define NETWORK_NO_PIECE SIZE_MAX

/* A plan with the offsets of its output and slices. */
typedef struct network_stage {
    hpac_plan *plan;
    size_t first_op, op_count;
    hpac_gradient input_gradient;
    hpac_gradient side_gradients[HPAC_OP_MAX_SIDES];
    size_t side_ops[HPAC_OP_MAX_SIDES], side_count;   /* the sides of all its operations */
    bool frozen;                                      /* its parameters are not trained */
    bool goes_backward;                               /* something in it or before it is trained */
    size_t output_piece, state_piece, gradient_piece; /* memory_piece indices */
    size_t output_offset, state_offset, gradient_offset; /* in the arena of activations */
    size_t parameters_offset; /* in the arenas of parameters, gradients and states */
    size_t statistics_offset; /* in that of moving averages */
} network_stage;

typedef struct network_mark network_mark;

/* The buffers and events of one in-flight step. */
typedef struct network_flight {
    void *staging;            /* device: the batch */
    void *result;             /* device: hpac_step_result */
    void *probabilities;      /* device: (batch, classes) */
    void *host_result;        /* pinned */
    void *host_probabilities; /* pinned */
    hpac_event *uploaded, *done;
    hpac_graph *graph;   /* of a full training step; NULL: not recorded yet */
    void *host_rows;     /* pinned: (batch) rows of the step's resident images */
    void *rows;          /* device: likewise */
    bool evaluates;      /* the step in flight delivers probabilities */
    network_mark *marks; /* (mark_count) of the profile */
    size_t mark_count;
} network_flight;

/* The calls of a step, in the order of their rows in a profile. */
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
    NETWORK_START = NETWORK_CALL_COUNT, /* no call: where the next one begins */
} network_call;

typedef struct network_profile {
    hpac_profile_row *rows; /* (row_count) */
    size_t row_count, first_row[NETWORK_CALL_COUNT];
    size_t mark_capacity; /* of each flight */
} network_profile;

struct hpac_network {
    hpac_network_options options; /* layers, positive_weights, layer_training: the copies below */
    hpac_layer *layers;           /* (layer_count) */
    hpac_shape *shapes;           /* (layer_count) */
    float *positive_weights;      /* (classes) or NULL */
    hpac_layer_training *layer_training; /* (layer_count) */

    hpac_op *ops;        /* (op_count) */
    network_link *links; /* (op_count) */
    size_t op_count;
    size_t *outputs; /* (layer_count) the operation that makes a layer's output */
    size_t *folded;  /* (layer_count) 1 + the batch norm that is folded into a layer; 0: none */

    network_stage *stages; /* (stage_count) */
    size_t stage_count;

    memory_piece *pieces; /* (piece_count) of the arena of activations: the plan */
    size_t piece_count;
    size_t activations_nbytes;        /* the outputs, their gradients and the states */
    size_t parameters_nbytes;         /* one arena */
    size_t trained_nbytes;            /* its first part: what is not frozen */
    size_t updated_parameters_nbytes; /* the first part of that: what update() updates */
    size_t range_count;               /* of that */
    size_t statistics_nbytes;
    size_t workspace_nbytes;

    bool allocated;
    void *activations, *parameters, *gradients, *states[HPAC_STATE_COUNT], *statistics;
    void *ranges, *norm; /* of the update */
    void *workspace, *device_positive_weights;
    void *poison; /* pinned, NaN: with the option */
    network_flight flights[HPAC_NETWORK_IN_FLIGHT];
    uint64_t enqueued, collected; /* steps so far */
    bool warm;                    /* a full training step has run: it can be recorded */
    network_profile profile;      /* zeroed without the option */
    /* Resident images, in no order: a row of targets and a row of pixels each. */
    void *resident_targets, *resident_pixels; /* device; NULL: none */
    size_t resident_count;
};

/* ---- initializer.c ---- */

/* Draws the kernel of a layer; `stream` distinguishes the tensors of a network. Value i depends on
 * (seed, stream, i) alone.
 *
 * VarianceScaling, scale 1, fan-in, truncated normal: stddev sqrt(1 / fan_in) / 0.87962566103423978
 * (the standard deviation of a standard normal cut at two sigma), cut at two of it. Glorot uniform:
 * +-sqrt(6 / (fan_in + fan_out)). Fans of a convolution count its window, as Keras does. */
void hpac_initialize_kernel(hpac_initializer initializer, uint64_t seed, uint32_t stream,
                            hpac_weights *weights);

/* The quantile function of the standard normal: Wichura, algorithm AS 241 (PPND16), Applied
 * Statistics 37 (1988); relative error about 1e-16. 0 < p < 1. */
double hpac_normal_quantile(double p);

/* ---- network_graph.c ---- */

/* Makes operations of the checked layers. */
hpac_status network_make_ops(hpac_network *network);
/* Makes plans of the operations, with as many concats in place as the device supports. */
hpac_status network_make_plans(hpac_network *network);
/* Finds a place for everything in the arenas. */
hpac_status network_place_memory(hpac_network *network);
/* The times at which a stage goes forward and backward; the loss is between. */
static inline size_t network_forward_time(size_t stage)
{
    return stage;
}
static inline size_t network_backward_time(const hpac_network *network, size_t stage)
{
    return 2 * network->stage_count - stage;
}

/* ---- network_views.c ---- */

/* Chooses the concats that are made in place: their inputs are views of their output. */
void network_choose_views(hpac_network *network);
/* Whether the output or an input of an operation is a view. */
bool network_has_views(const hpac_network *network, size_t op);
/* The device does not compute an operation with its views: the concats that made them copy, from
 * the next choice on. */
void network_drop_views(hpac_network *network, size_t op);

/* ---- network_fold.c ---- */

/* In predictions a batch norm behind a convolution that nothing else reads is part of it: whether
 * the layer `number` is such a one. */
bool network_folds_batch_norm(const hpac_network *network, size_t number);
/* Likewise zeros around the image that a window reads; layers before have their operations. */
bool network_folds_zeros(const hpac_network *network, size_t number);
/* An operation that reads the image with these zeros pads the image without them instead. */
void network_take_zeros(const hpac_layer *zeros, hpac_op *op);

/* ---- network.c ---- */

hpac_shape network_input_shape(const hpac_network *network);
/* "conv2d + relu" */
void network_describe_stage(const hpac_network *network, const network_stage *stage, char text[96]);
size_t network_probabilities_nbytes(const hpac_network *network);

/* ---- network_update.c ---- */

/* Errors: CONFIG for options of the update that no configuration has. */
hpac_status network_check_update_options(const hpac_network_options *options);
/* Whether plans of `count` operations from `first` on are frozen; false if some are and some are
 * not. */
bool network_is_frozen(const hpac_network *network, size_t first, size_t count, bool *frozen);
/* Whether these may apply the update themselves. */
bool network_may_update(const hpac_network *network, size_t first, size_t count);
/* The number of ranges of the update, and the copy of their table to the device. */
size_t network_count_ranges(const hpac_network *network);
hpac_status network_upload_ranges(hpac_network *network);
hpac_status network_set_step(hpac_network *network, uint32_t step);
/* Enqueues the update of all parameters that no plan updates. */
hpac_status network_enqueue_update(hpac_network *network, hpac_step_result *result);

/* ---- network_profile.c: none of it does anything without the option `profile` ---- */

/* Makes rows and timers; the stages exist already. */
hpac_status network_profile_init(hpac_network *network);
void network_profile_fini(hpac_network *network);
/* Marks on a queue where a call ends (of stage `stage`, if it is a plan's), or, with
 * NETWORK_START, where one begins. Where a call ends the next may begin. */
hpac_status network_profile_mark(hpac_network *network, network_flight *flight, hpac_queue queue,
                                 network_call call, size_t stage);
/* Adds the times of a flight's step, which has finished. */
hpac_status network_profile_collect(hpac_network *network, network_flight *flight);

/* The address `offset` bytes into a block of device memory; NULL where there is none. */
static inline void *network_at(void *block, size_t offset)
{
    return block ? (unsigned char *)block + offset : NULL;
}

#endif
