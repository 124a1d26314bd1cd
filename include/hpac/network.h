/*
 * A network on a device: layers turned into plans, memory in arenas, steps enqueued.
 *
 *     hpac_network_create(&options, &network);   // plans, and how much memory they need
 *     hpac_network_allocate(network);            // fails with sizes if it does not fit
 *     hpac_network_initialize(network, seed);
 *     hpac_network_train(network, &batch, step); // enqueues a training step
 *     hpac_network_collect(network, &outcome);   // waits for the oldest step in flight
 *
 * Up to HPAC_NETWORK_IN_FLIGHT steps may be enqueued before one is collected, so that the host
 * prepares the next while the device works.
 */
#ifndef HPAC_NETWORK_H
#define HPAC_NETWORK_H

#include <hpac/device.h>
#include <hpac/layer.h>

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HPAC_NETWORK_IN_FLIGHT 2

/* How a layer is trained. */
typedef struct hpac_layer_training {
    bool frozen; /* it keeps its weights; the next two mean nothing then */
    float learning_rate_factor;
    float l2; /* adds l2 times the sum of the squares of its kernel to the loss: not to the
                 reported one, but to the gradients */
} hpac_layer_training;

typedef struct hpac_network_options {
    hpac_device *device;      /* not owned */
    const hpac_layer *layers; /* (layer_count) copied */
    size_t layer_count;
    hpac_batch_format format; /* batch size (up to 2^24), input shape, classes, pixel type */
    bool training;
    bool unfused;           /* one plan per operation, no update in a plan: for tests */
    bool profile;           /* time every call, see hpac_network_profile */
    bool poison;            /* memory becomes NaN when its last reader is done: for tests */
    bool graph;             /* replay full training steps as a graph, if the device has graphs */
    hpac_loss_formula loss; /* of a network that ends in a sigmoid; zeros: cross-entropy */
    /* The rest is for training, but the positive weights. */
    hpac_optimizer optimizer;
    /* The learning rate of update 0, 1, ...: a function of `schedule`, which must outlive the
     * network. NULL: that of the optimizer. */
    double (*learning_rate)(const void *schedule, uint32_t update);
    const void *schedule;
    float clip_norm;   /* scales gradients down to this norm over all of them; 0: never */
    size_t accumulate; /* steps per update, which gets the mean of their gradients; 0: 1 */
    float ema;         /* momentum of the moving average of the weights; 0: none */
    const hpac_layer_training *layer_training; /* (layer_count) copied; NULL: {false, 1, 0} */
    bool batch_norm_frozen;        /* batch_norm uses the moving averages, which stay as they are */
    const float *positive_weights; /* (classes) copied; NULL: all 1 */
    uint64_t seed;                 /* dropout */
} hpac_network_options;

typedef struct hpac_network hpac_network;

/* Bytes in device memory, by purpose. */
typedef struct hpac_memory_plan {
    size_t activations, gradients, parameters, optimizer, workspace, batches;
} hpac_memory_plan;

#define HPAC_NETWORK_NOT_RETAINED UINT32_MAX

/* The images of a step. Those of a slot are uploaded, and may be retained in device memory;
 * retained ones are gathered there. */
typedef struct hpac_network_batch {
    /* Pinned (hpac_batch_format); must not change until the step is collected. NULL: all images are
     * retained ones. */
    const void *slot;
    size_t count; /* images, in [1, batch size]; further rows are ignored */
    /* (count) With a slot: the row to retain each image in, or HPAC_NETWORK_NOT_RETAINED; NULL:
     * none. Without: the row of each image. Read before the call returns. */
    const uint32_t *resident_rows;
} hpac_network_batch;

/* To be destroyed whatever the status. Errors: CONFIG for impossible stacks (layer.h) and more than
 * HPAC_DEVICE_MAX_CLASSES classes, DEVICE. */
hpac_status hpac_network_create(const hpac_network_options *options, hpac_network **network);
void hpac_network_destroy(hpac_network *network); /* NULL is fine */

/* What hpac_network_allocate allocates. */
hpac_memory_plan hpac_network_memory_plan(const hpac_network *network);
/* The sum of its parts. */
size_t hpac_memory_plan_nbytes(hpac_memory_plan plan);
/* Prints the plans with the algorithms that the device chose, and the memory plan. */
void hpac_network_print(const hpac_network *network, FILE *stream);

/* Checks that a network and another one (NULL: none) fit into the free memory of the device.
 * Errors: DEVICE with the needed and the free memory. */
hpac_status hpac_network_check_memory(const hpac_network *network, const hpac_network *beside);

/* Checks, then allocates the arenas. */
hpac_status hpac_network_allocate(hpac_network *network);

/* Draws the initial weights from (seed, tensor): see hpac_initializer (layer.h). */
hpac_status hpac_network_initialize(hpac_network *network, uint64_t seed);

/* What a network may keep for training, each of one value per weight that is trained. */
typedef enum hpac_state {
    HPAC_STATE_OPTIMIZER, /* and the next: the states of the optimizer, in the order of device.h */
    HPAC_STATE_OPTIMIZER_2,
    HPAC_STATE_ACCUMULATED, /* the sum of the gradients of steps that no update was made of */
    HPAC_STATE_AVERAGE,     /* the moving average of the weights */
    HPAC_STATE_COUNT,
} hpac_state;

/* "square_average", "m", "accumulated", ... of those that there are with these options, of which
 * only optimizer, accumulate and ema are read; else NULL. Errors: INTERNAL for those of other
 * layers. */
const char *hpac_state_name(const hpac_network_options *options, hpac_state state);

/* Copies weights and states (layer_count each, as hpac_weights_create makes them) to the device and
 * waits for it. Any of them, and the array, may be NULL. Errors: INTERNAL for those of other
 * layers. */
hpac_status hpac_network_import(hpac_network *network, const hpac_weights *weights,
                                hpac_weights *const states[HPAC_STATE_COUNT]);
/* The same from the device. */
hpac_status hpac_network_export(hpac_network *network, hpac_weights *weights,
                                hpac_weights *const states[HPAC_STATE_COUNT]);
/* The gradients of the last training step, for tests; the network must be `unfused`. */
hpac_status hpac_network_export_gradients(hpac_network *network, hpac_weights *gradients);

/* Allocates device memory for `image_count` images with their targets, once, after
 * hpac_network_allocate. Errors: DEVICE, also for a device that cannot gather; the network works
 * without it, too. */
hpac_status hpac_network_retain_images(hpac_network *network, size_t image_count);

/* Enqueues forward, loss, backward and update; `step` is the number of the step, from 0 on: of the
 * dropout masks, and the update's is step / accumulate. */
hpac_status hpac_network_train(hpac_network *network, const hpac_network_batch *batch,
                               uint32_t step);
/* Enqueues forward and loss without dropout; the probabilities can be collected. */
hpac_status hpac_network_evaluate(hpac_network *network, const hpac_network_batch *batch);

typedef struct hpac_outcome {
    hpac_step_result result;
    const float *probabilities; /* (count, classes) of hpac_network_evaluate, until the next call;
                                   else NULL */
} hpac_outcome;

/* Steps enqueued and not collected. */
size_t hpac_network_in_flight(const hpac_network *network);
/* Waits for the oldest of them. Errors: INTERNAL if there is none, DEVICE. */
hpac_status hpac_network_collect(hpac_network *network, hpac_outcome *outcome);

/* One call of a step, summed over all collected steps. nbytes and flops are those of one call, and
 * follow from the plan: input, output, state and parameters, each time they are read or written,
 * without workspace; a multiplication and an addition for each term of a sum. */
typedef struct hpac_profile_row {
    char name[128]; /* "forward 2: conv2d + relu" */
    uint64_t calls; /* 0: not called so far */
    double total_ms;
    double nbytes, flops;
} hpac_profile_row;

/* Returns the number of rows (0 without the option `profile`), in the order of a step; valid until
 * the network is destroyed. */
size_t hpac_network_profile(const hpac_network *network, const hpac_profile_row **rows);

#ifdef __cplusplus
}
#endif

#endif
