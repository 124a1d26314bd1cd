/*
 * Devices: one table of operations, implemented by the CPU (src/device/cpu) and by CUDA
 * (src/device/cuda, a shared object). The network (network.h) is their only caller.
 *
 * Addresses are device addresses, unless they are named pinned or host; the host never dereferences
 * them. All enqueueing calls (upload, download, forward, backward, loss, update, events) return
 * before the work is done, do not allocate and do not wait; the CPU device computes synchronously.
 * Calls enqueued on one queue run in order; queues are ordered by events only. All calls on a
 * device come from one thread at a time.
 *
 * Each device chooses the layout of its activations and parameters when a plan is made. At the
 * interface are NHWC images, HWIO convolution kernels, (in, out) dense kernels, as in Keras.
 *
 * Errors of every function, unless it says otherwise: DEVICE, with the library call, its error text
 * and the shapes; INTERNAL if host memory runs out.
 */
#ifndef HPAC_DEVICE_H
#define HPAC_DEVICE_H

#include <hpac/op.h>
#include <hpac/status.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HPAC_DEVICE_ABI 9
#define HPAC_DEVICE_MAX_CLASSES 32

typedef struct hpac_device_ops hpac_device_ops;
typedef struct hpac_event hpac_event;
typedef struct hpac_graph hpac_graph;

/* An open device; implementations put their own state behind this. */
typedef struct hpac_device {
    const hpac_device_ops *ops;
} hpac_device;

typedef enum hpac_precision {
    HPAC_PRECISION_FP32,
    HPAC_PRECISION_TF32,
    HPAC_PRECISION_BF16,
} hpac_precision;

/* Of images inside a device that supports several; AUTO: the device's choice, by precision. */
typedef enum hpac_image_layout {
    HPAC_IMAGE_LAYOUT_AUTO,
    HPAC_IMAGE_LAYOUT_NHWC,
    HPAC_IMAGE_LAYOUT_NCHW,
} hpac_image_layout;

typedef struct hpac_device_options {
    const char *name; /* "auto", "cpu", "cuda" or "cuda:1"; NULL: auto */
    int threads; /* CPU compute threads, up to 1024; 0: OMP_NUM_THREADS, at most one per core */
    hpac_precision precision;
    bool deterministic; /* algorithms that give the same bits every time */
    hpac_image_layout image_layout;
} hpac_device_options;

/* Whether the same open device can be used for both, which must not be NULL. */
bool hpac_device_options_equal(const hpac_device_options *a, const hpac_device_options *b);

/* Opens a device, to be closed with hpac_device_close. "auto" opens GPU 0 if possible, else the
 * CPU, and logs that, once per process; "hpac doctor" shows why. options NULL: "auto",
 * deterministic, in fp32. Sets *device to NULL on an error. Errors: CONFIG for an unknown name, an
 * option out of range and an invalid HPAC_CPU; DEVICE where there is no such device, it does not
 * support an option, or it does not work, with what to install or change. */
hpac_status hpac_device_open(const hpac_device_options *options, hpac_device **device);
/* All that was made on the device must be destroyed before, classifiers that use it included. NULL
 * is fine. */
void hpac_device_close(hpac_device *device);

/* What libhpac_cuda.so exports as HPAC_CUDA_OPEN: opens GPU `index`, or fails if `abi` is not the
 * HPAC_DEVICE_ABI it was built with. The library uses the functions of status.h and log.h that
 * libhpac.so exports, or the program that is linked with libhpac.a and -rdynamic. */
#define HPAC_CUDA_OPEN "hpac_cuda_open"
typedef hpac_status hpac_cuda_open_function(uint32_t abi, const hpac_device_options *options,
                                            int index, hpac_device **device);

/* The layout of an activation: a code that only the device interprets. 0 is plain (NHWC, or a
 * vector, in float32). */
typedef int hpac_layout;
#define HPAC_LAYOUT_PLAIN 0

typedef struct hpac_device_info {
    char name[128];            /* "cpu: Intel Xeon ..., 2 threads, AVX-512" */
    char libraries[128];       /* "oneDNN 2.6.3" */
    hpac_layout image_layout;  /* what PIXELS plans write; every image operation accepts it */
    hpac_layout vector_layout; /* likewise of vectors inside a network */
    hpac_precision precision;
    size_t total_nbytes, free_nbytes;
} hpac_device_info;

typedef enum hpac_memory {
    HPAC_MEMORY_DEVICE,
    HPAC_MEMORY_PINNED, /* host memory the device copies from and to */
} hpac_memory;

typedef enum hpac_queue {
    HPAC_QUEUE_COMPUTE,
    HPAC_QUEUE_COPY,
} hpac_queue;

typedef enum hpac_optimizer_kind {
    HPAC_OPTIMIZER_ADADELTA,
    HPAC_OPTIMIZER_SGD,
    HPAC_OPTIMIZER_ADAM,
    HPAC_OPTIMIZER_ADAMW,
    HPAC_OPTIMIZER_COUNT,
} hpac_optimizer_kind;

/* Optimizers as Keras 3 writes them, for a weight w with the gradient g in update t = 1, 2, ...:
 *   adadelta (Zeiler 2012): a <- rho a + (1 - rho) g^2;  d = g sqrt(u + eps) / sqrt(a + eps);
 *                           u <- rho u + (1 - rho) d^2;  w <- w - lr d
 *   sgd: m <- momentum m - lr g;  w <- w + m, or with nesterov w <- w + momentum m - lr g
 *   adam (Kingma 2014): m <- m + (1 - beta_1) (g - m);  v <- v + (1 - beta_2) (g^2 - v);
 *                       w <- w - lr c m / (sqrt(v) + eps), c = sqrt(1 - beta_2^t) / (1 - beta_1^t)
 *   adamw: w <- w - lr weight_decay w, then adam */
typedef struct hpac_optimizer {
    hpac_optimizer_kind kind;
    float learning_rate; /* without a schedule that of every step: see hpac_step */
    float rho;           /* adadelta */
    float epsilon;       /* adadelta, adam, adamw */
    float momentum;      /* sgd, and the next one; 0: there is no m */
    bool nesterov;
    float beta_1, beta_2; /* adam, adamw */
    float weight_decay;   /* adamw */
} hpac_optimizer;

#define HPAC_OPTIMIZER_MAX_STATES 2

/* Arrays that an optimizer keeps, each of one value per parameter: a and u; m or none; m and v. */
static inline size_t hpac_optimizer_state_count(const hpac_optimizer *optimizer)
{
    if (optimizer->kind == HPAC_OPTIMIZER_SGD)
        return optimizer->momentum > 0 ? 1 : 0;
    return 2;
}

/* What changes from step to step. Devices keep it in their memory, since a graph freezes arguments.
 * A step is an update, or one of several batches whose gradients are accumulated for an update. */
typedef struct hpac_step {
    uint64_t seed; /* with the number of the step: of the dropout masks */
    uint32_t step;
    uint32_t accumulates;   /* nonzero: the gradients are added up, nothing is updated */
    float learning_rate;    /* of the update */
    float correction;       /* Adam's c */
    float average_momentum; /* of the moving average of the weights */
} hpac_step;

/* How consecutive parameters are updated, from `first` (a multiple of 64) to the next range. */
typedef struct hpac_update_range {
    uint64_t first;
    float learning_rate_factor;
    float weight_decay; /* adamw */
    float l2;           /* g <- g + l2 w, before the norm is taken */
} hpac_update_range;

/* The results of a step, in device memory; loss() sets all fields, the updates only set
 * `nonfinite`. */
typedef struct hpac_step_result {
    double loss_sum;    /* over images and classes; the mean is loss_sum / (count x classes) */
    uint32_t nonfinite; /* nonzero: a gradient or a weight is not finite */
    uint32_t true_positives[HPAC_DEVICE_MAX_CLASSES];
    uint32_t false_positives[HPAC_DEVICE_MAX_CLASSES];
    uint32_t false_negatives[HPAC_DEVICE_MAX_CLASSES];
} hpac_step_result;

#define HPAC_UPDATE_WORKSPACE_NBYTES (1025 * sizeof(double))

/* An update of `count` consecutive parameters in one pass (with a norm, after another one). All
 * addresses but those of the struct and of the optimizer are the device's. */
typedef struct hpac_update {
    const hpac_optimizer *optimizer; /* its learning rate is not read, nor its weight decay */
    const void *ranges;              /* hpac_update_range, in order; the first begins at 0 */
    size_t range_count, count;
    void *parameters;
    const void *gradients;
    void *state[HPAC_OPTIMIZER_MAX_STATES]; /* NULL from the number of the optimizer's states on */
    /* The sum of the gradients of `accumulate` steps, of which the mean is the gradient of the
     * update: added to by the steps that accumulate, set to 0 by the update. NULL: none. */
    void *accumulated;
    size_t accumulate;
    void *average;   /* moving average of the new weights, a <- m a + (1 - m) w. NULL: none */
    float clip_norm; /* g <- g min(1, clip_norm / norm), norm: of the gradient of all; 0: never */
    void *workspace; /* of HPAC_UPDATE_WORKSPACE_NBYTES, with clip_norm */
    hpac_step_result *result; /* sets `nonfinite` if a parameter or its state is not finite */
} hpac_update;

/* What backward does with the gradient of an input, which may be read by several plans: the first
 * of them to be called writes it, the others add to it. */
typedef enum hpac_gradient {
    HPAC_GRADIENT_NONE, /* not wanted: its address is NULL */
    HPAC_GRADIENT_WRITTEN,
    HPAC_GRADIENT_ADDED,
} hpac_gradient;

/* Where an image lies in a wider one that a concat makes of it without a copy: its channels are
 * those of the wider one from `first` on. The addresses of a call are those of the wider image, and
 * so are those of its gradients; a plan reads and writes (dy, too, which backward may overwrite)
 * its own channels alone. What device.h says of bytes and values of an image is said of those. */
typedef struct hpac_view {
    size_t channels; /* of the wider image; 0: the image lies alone */
    size_t first;
} hpac_view;

/* A request for a plan: an op chain, in which the output of each op is the first input of the next;
 * an op's further inputs (op.h: sides) come from outside of the chain. An activation may be several
 * inputs of one plan: its gradients are then made from the last side to the first, and dx last. */
typedef struct hpac_plan_request {
    const hpac_op *ops;
    size_t op_count;
    size_t batch;                    /* images; every call computes all of them */
    hpac_layout input_layout;        /* of the activation the chain reads; for PIXELS: plain */
    const hpac_layout *side_layouts; /* of the sides of all ops, in order; NULL: no op has any */
    bool plain_output;               /* the output must be plain (the logits) */
    bool training;                   /* backward will be called */
    bool frozen;                     /* the parameters are not trained: no gradients of them */
    bool frozen_statistics;          /* batch_norm uses the moving averages in training, too */
    hpac_gradient input_gradient;
    const hpac_gradient *side_gradients; /* likewise; NULL: no op has sides */
    /* A concat computes nothing if all its inputs are views of what it writes, in the same layout,
     * and no gradient is to be added; with other views of inputs it is declined. */
    hpac_view input_view, output_view;
    const hpac_view *side_views; /* likewise; NULL: all lie alone */
    /* Not NULL: the plan may update its parameters in backward, all as one range whose factor is 1
     * and without weight decay or L2, by the learning rate of the step. */
    const hpac_optimizer *update;
} hpac_plan_request;

#define HPAC_PLAN_MAX_PARAMETERS 8

/* One tensor of a plan, in the order of the operations and roles. */
typedef struct hpac_parameter {
    size_t op; /* index into the request's ops */
    hpac_role role;
    size_t count;         /* elements as Keras counts them */
    size_t offset_nbytes; /* in the plan's slice: of the statistics arena for roles that are not
                             trained, else of the parameter arena */
} hpac_parameter;

/* A plan: how one op chain is computed for one shape; made once. */
typedef struct hpac_plan {
    hpac_device *device;
    hpac_layout output_layout;
    size_t output_nbytes; /* of the activation it writes */
    size_t input_nbytes;  /* of the activation it reads, and of dx */
    size_t state_nbytes;  /* retained from forward to backward (argmax, masks, inner activations) */
    size_t workspace_nbytes;   /* scratch during a call; shared by all plans */
    size_t parameters_nbytes;  /* slice of the arenas of parameters, gradients, states */
    size_t statistics_nbytes;  /* slice of the arena of moving averages */
    bool ignores_x, ignores_y; /* backward does not read x with the sides, or y: their memory may be
                                  used again before */
    bool y_over_x;             /* forward may be called with y = x */
    bool dx_over_dy;           /* backward may be called with dx = dy, when dx is written */
    bool updates_parameters;   /* backward applies the update; the gradient slice is not written */
    bool rounds_integers;      /* sums of small integers are not exact: Winograd's fractions */
    size_t parameter_count;
    hpac_parameter parameters[HPAC_PLAN_MAX_PARAMETERS];
    char algorithm[192]; /* what was chosen, for the start-up table: "jit:avx512_core / ..." */
} hpac_plan;

/* The addresses of one forward or backward call. Slices start at multiples of 256 bytes. */
typedef struct hpac_exec_args {
    const void *x, *sides[HPAC_OP_MAX_SIDES]; /* of all ops, in order */
    void *y;                                  /* written by forward, read by backward */
    void *dy;                                 /* gradient of y; backward may overwrite it */
    void *dx, *dsides[HPAC_OP_MAX_SIDES];     /* gradients of the inputs; NULL when not requested */
    void *parameters, *gradients;             /* slices of the arenas; gradients are overwritten */
    void *statistics;                         /* likewise: moving averages, updated by forward */
    void *optimizer_state[HPAC_OPTIMIZER_MAX_STATES]; /* slices, for plans that update */
    void *state, *workspace;
    hpac_step_result *result; /* device address, for `nonfinite` of plans that update */
    bool training;            /* dropout is active, state is retained for backward */
} hpac_exec_args;

/* How the loss of a logit z with the label t = 0 or 1 is computed. With p = sigmoid(z), the label
 * y = t (1 - label_smoothing) + label_smoothing / 2, n = min(1 - p + clip, 1) and the positive
 * weight w of the class it is
 *   a u^g e,  u = 1 - y p - (1 - y) n,  g = y gamma_pos + (1 - y) gamma_neg,
 *   e = -w y log(p) - (1 - y) log(n),  a = y alpha + (1 - y) (1 - alpha), or 1 if alpha is 0
 * All zero: binary cross-entropy. gamma_pos = gamma_neg: focal loss (Lin et al. 2017), as
 * torchvision and Keras compute it. Two gammas and clip: asymmetric loss (Ridnik et al. 2021). The
 * gradient is that of the formula, u^g included. */
typedef struct hpac_loss_formula {
    float gamma_pos, gamma_neg; /* >= 0 */
    float clip;                 /* in [0, 1) */
    float alpha;                /* in [0, 1) */
    float label_smoothing;      /* in [0, 1) */
} hpac_loss_formula;

/* Whether it is binary cross-entropy. */
static inline bool hpac_loss_is_plain(const hpac_loss_formula *formula)
{
    return !(formula->gamma_pos > 0 || formula->gamma_neg > 0 || formula->clip > 0 ||
             formula->alpha > 0 || formula->label_smoothing > 0);
}

/* Binary cross-entropy from logits, with its gradient and the counts, in one pass:
 *   loss = max(z, 0) - z y + log(1 + exp(-|z|)), its positive part weighted by w[class] where y =
 * 1; dz = (p - y) / (count x classes), weighted likewise; a prediction is positive if p > 0.5. Rows
 * from `count` on (of an incomplete last batch) contribute 0 to the loss and to the gradients.
 *
 * Another `formula` changes loss and gradient, not probabilities and counts.
 *
 * With `softmax`, without another formula, as Keras computes it from probabilities: p = softmax(z)
 * over the classes, c = min(max(p, 1e-7), 1 - 1e-7), loss = -y log(c) - (1 - y) log(1 - c),
 * likewise weighted, of which the gradient is 0 where c is not p. */
typedef struct hpac_loss {
    size_t batch, count, classes;  /* classes <= HPAC_DEVICE_MAX_CLASSES */
    const void *logits;            /* (batch, classes) float, plain */
    const void *targets;           /* (batch, classes) bytes 0 or 1 */
    bool softmax;                  /* p = softmax(z), see above */
    hpac_loss_formula formula;     /* zeros: as above */
    const float *positive_weights; /* (classes) device; NULL: all 1 */
    void *dlogits;                 /* (batch, classes); NULL: no gradient wanted */
    void *probabilities;           /* (batch, classes); NULL: not wanted */
    hpac_step_result *result;      /* device address */
} hpac_loss;

/* Rows picked from a table: to[i] = from[rows[i]]. */
typedef struct hpac_gather {
    void *to;
    const void *from;
    const void *rows; /* (count) uint32, device */
    size_t count, row_nbytes;
} hpac_gather;

/* Members marked optional are NULL on devices that do not support them. */
struct hpac_device_ops {
    const char *name;

    void (*close)(hpac_device *device);
    hpac_status (*describe)(hpac_device *device, hpac_device_info *info);

    /* Memory, zeroed, aligned to 256 bytes. */
    hpac_status (*alloc)(hpac_device *device, hpac_memory memory, size_t nbytes, void **address);
    void (*free)(hpac_device *device, hpac_memory memory, void *address);

    /* Copies between pinned and device memory. */
    hpac_status (*upload)(hpac_device *device, hpac_queue queue, void *to, const void *from_pinned,
                          size_t nbytes);
    hpac_status (*download)(hpac_device *device, hpac_queue queue, void *to_pinned,
                            const void *from, size_t nbytes);

    /* Recorded on a queue; another queue (await) or the host (synchronize) waits for it. An event
     * that was never recorded counts as complete. */
    hpac_status (*event_create)(hpac_device *device, hpac_event **event);
    /* An event with a time stamp; the others are cheaper. */
    hpac_status (*timer_create)(hpac_device *device, hpac_event **event);
    void (*event_destroy)(hpac_device *device, hpac_event *event);
    hpac_status (*event_record)(hpac_device *device, hpac_event *event, hpac_queue queue);
    hpac_status (*event_await)(hpac_device *device, hpac_event *event, hpac_queue queue);
    hpac_status (*event_synchronize)(hpac_device *device, hpac_event *event);
    /* Time between two timers that were recorded and are complete. */
    hpac_status (*elapsed_ms)(hpac_device *device, hpac_event *from, hpac_event *to, double *ms);
    /* Waits for all queues. */
    hpac_status (*synchronize)(hpac_device *device);

    /* Optional: work enqueued on the compute queue between begin and end is captured, with its
     * addresses, instead of executed; each launch executes it. Every captured call must have been
     * executed once before; upload, alloc, plan_create, event_await and set_step must not be
     * captured. A begin needs an end, also after an error: `graph` NULL discards the work. */
    hpac_status (*graph_begin)(hpac_device *device);
    hpac_status (*graph_end)(hpac_device *device, hpac_graph **graph);
    hpac_status (*graph_launch)(hpac_device *device, hpac_graph *graph);
    void (*graph_destroy)(hpac_device *device, hpac_graph *graph); /* NULL is fine */

    /* Optional, on the compute queue: for data resident in the device's memory. */
    hpac_status (*copy)(hpac_device *device, void *to, const void *from, size_t nbytes);
    hpac_status (*gather)(hpac_device *device, const hpac_gather *gather);

    /* Creates a plan, or declines with *plan = NULL and HPAC_OK, but never a single operation whose
     * inputs and output lie alone. */
    hpac_status (*plan_create)(hpac_device *device, const hpac_plan_request *request,
                               hpac_plan **plan);
    void (*plan_destroy)(hpac_plan *plan);

    /* Parameters between host memory in Keras's layout and the plan's slice of an arena
     * (parameters, gradients, states; statistics for roles that are not trained). These calls
     * wait. */
    hpac_status (*parameter_write)(hpac_plan *plan, size_t parameter, void *slice,
                                   const float *values);
    hpac_status (*parameter_read)(hpac_plan *plan, size_t parameter, const void *slice,
                                  float *values);
    /* Activations likewise, (batch, rows, cols, channels) in plain order; for tests. `input`: the
     * plan's input or dx, else its output or dy. The bytes that PIXELS reads are 0 .. 255 here. */
    hpac_status (*activation_write)(hpac_plan *plan, bool input, void *address,
                                    const float *values);
    hpac_status (*activation_read)(hpac_plan *plan, bool input, const void *address, float *values);

    /* Sets what the next calls of forward, backward and update read of their step. */
    hpac_status (*set_step)(hpac_device *device, const hpac_step *step);
    hpac_status (*forward)(hpac_plan *plan, const hpac_exec_args *args);
    hpac_status (*backward)(hpac_plan *plan, const hpac_exec_args *args);
    hpac_status (*loss)(hpac_device *device, const hpac_loss *loss);
    hpac_status (*update)(hpac_device *device, const hpac_update *update);
};

#ifdef __cplusplus
}
#endif

#endif
