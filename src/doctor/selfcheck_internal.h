/* What the files of the self-check share, and the doctor's speed measurement. */
#ifndef HPAC_DOCTOR_SELFCHECK_INTERNAL_H
#define HPAC_DOCTOR_SELFCHECK_INTERNAL_H

#include "reference.h"
#include "selfcheck.h"

#include "base/random.h"

#define SELFCHECK_MAX_OPS 12

/* ---- selfcheck_gauge.c: what checks measure, compare and allocate with ---- */

/* The worst error of a case, and the device's time. */
typedef struct selfcheck_gauge {
    hpac_device *device;
    hpac_selfcheck_reading reading;
    double ratio; /* of the reading's error and tolerance */
    hpac_event *begin, *end;
    bool pending; /* the timers are recorded and not read */
} selfcheck_gauge;

hpac_status hpac_selfcheck_gauge_init(selfcheck_gauge *gauge, hpac_device *device);
void hpac_selfcheck_gauge_fini(selfcheck_gauge *gauge); /* also after a failure */
/* Around calls on the compute queue whose time is added to the reading. Reading the timers waits
 * for the device, and so is put off to the next begin() or finish(): a check must not pass only
 * because its timers waited. */
hpac_status hpac_selfcheck_begin(selfcheck_gauge *gauge);
hpac_status hpac_selfcheck_end(selfcheck_gauge *gauge);
hpac_status hpac_selfcheck_gauge_finish(selfcheck_gauge *gauge);

/* Whether a difference is allowed; a NaN is not. The worst is the reading. */
bool hpac_selfcheck_allows(selfcheck_gauge *gauge, double difference, double allowed);
/* NUMERIC unless all of `got` are within rtol times the largest of `scale` and the expected
 * values. `scale`: how large the terms of the sums are, since what is left of large terms that
 * cancel is no measure of their rounding; 0 for values that are no sums. */
hpac_status hpac_selfcheck_compare(selfcheck_gauge *gauge, const char *what, const float *got,
                                   const double *expected, size_t count, double rtol, double scale);

/* The blocks of memory of one check, freed together. Host blocks are pinned. */
#define SELFCHECK_MAX_BLOCKS 2048

typedef struct selfcheck_memory {
    hpac_device *device;
    size_t count;
    struct {
        hpac_memory kind;
        void *address;
    } blocks[SELFCHECK_MAX_BLOCKS];
} selfcheck_memory;

hpac_status hpac_selfcheck_alloc(selfcheck_memory *memory, hpac_memory kind, size_t nbytes,
                                 void **address);
void hpac_selfcheck_free(selfcheck_memory *memory);

/* ---- cases ---- */

/* A stack of operations, or a check of its own. */
typedef struct selfcheck_case selfcheck_case;
struct selfcheck_case {
    const char *name;
    size_t batch, op_count;
    hpac_shape input;
    /* Shapes are worked out; given are out.channels of conv2d and dense, out of reshape, the rank
     * of the out of global pools (0: a vector), and of sides what is not that of the op's input. */
    hpac_op ops[SELFCHECK_MAX_OPS];
    bool shared;                       /* the sides of the first op are the stack's input */
    hpac_view input_view, output_view; /* of the whole stack; a device may decline them */
    hpac_status (*run)(selfcheck_gauge *gauge, const selfcheck_case *one, uint64_t seed);
    hpac_optimizer optimizer; /* of hpac_selfcheck_update */
    bool complete;            /* with ranges, L2, a norm, accumulation and the moving average */
};

/* selfcheck.c, selfcheck_steps.c */
hpac_status hpac_selfcheck_stack(selfcheck_gauge *gauge, const selfcheck_case *one, uint64_t seed);
hpac_status hpac_selfcheck_concat_in_place(selfcheck_gauge *gauge, const selfcheck_case *one,
                                           uint64_t seed);
hpac_status hpac_selfcheck_loss(selfcheck_gauge *gauge, const selfcheck_case *one, uint64_t seed);
hpac_status hpac_selfcheck_update(selfcheck_gauge *gauge, const selfcheck_case *one, uint64_t seed);

/* Keras's default; what updates of plans are made with. */
extern const hpac_optimizer hpac_selfcheck_optimizer;
/* A step of it. */
hpac_step hpac_selfcheck_step(const reference_draw *draw);

/* ---- stacks: selfcheck_stack.c sets them up, selfcheck.c checks them ---- */

/* The input data. Sums of small integers are exact in float32 in any order, so that ReLU and max
 * pooling decide alike on device and reference even deep inside a fused op chain. */
typedef enum data_kind {
    DATA_INTEGERS,
    DATA_RANDOM,
    DATA_EXTREME,
    DATA_KIND_COUNT,
} data_kind;

/* What plans are asked for, and how they are used. */
typedef struct selfcheck_options {
    bool fused;
    bool updating; /* plans are asked to apply the update themselves */
    bool added;    /* gradients of inputs are added; sides are in the layout of a convolution */
    bool reused;   /* memory is used again wherever the plan allows it */
    bool frozen;   /* parameters are, and no gradients of sides are wanted */
    bool frozen_statistics;
    bool inference; /* plans without backward */
} selfcheck_options;

/* A side input of an op. It comes from outside of the stack, or is the stack's input. */
typedef struct check_side {
    size_t op, index, count; /* `op` of the segment */
    hpac_plan *reader; /* its input has the side's shape and layout; NULL: the stack's input */
    void *address, *gradient;
    float *values, *host_gradient, *initial; /* initial: what the gradient is added to */
    double *expected, *expected_gradient;
    double gradient_error;
} check_side;

/* The image that has an input or output as a view. What the plan must not change in it are small
 * integers. */
typedef struct check_wider {
    hpac_plan *reader; /* its input is the wider image; NULL: there is no view */
    hpac_view view;
    size_t own_channels, count;
    float *values, *found;
} check_wider;

/* An op chain with its plan, its memory on the device, the host's view of it, and the reference's:
 * activations[i] and their gradients go into operation i. Errors are those that rounding may cause,
 * in units of the precision's rounding (selfcheck_bounds.c). */
typedef struct check_segment {
    const hpac_op *ops;
    size_t op_count;
    hpac_plan *plan;
    hpac_layout input_layout;
    bool input_gradient; /* something before it has parameters, as in a network */
    void *x, *dx, *y, *dy, *state, *parameters, *gradients, *statistics;
    void *optimizer_state[HPAC_OPTIMIZER_MAX_STATES];
    float *values[HPAC_PLAN_MAX_PARAMETERS]; /* parameters, on the host */
    /* Likewise. */
    float *optimizer_values[HPAC_OPTIMIZER_MAX_STATES][HPAC_PLAN_MAX_PARAMETERS];
    /* Of moving averages host_gradients are what forward made of them. */
    float *host_x, *host_y, *host_dy, *host_dx, *host_gradients[HPAC_PLAN_MAX_PARAMETERS];
    float *initial_dx; /* what dx is added to */
    size_t x_count, y_count, activation_counts[SELFCHECK_MAX_OPS + 1];
    double *expected[SELFCHECK_MAX_OPS + 1], *expected_gradients[SELFCHECK_MAX_OPS + 1];
    double *expected_values[HPAC_PLAN_MAX_PARAMETERS];
    double *expected_parameter_gradients[HPAC_PLAN_MAX_PARAMETERS];
    double errors[SELFCHECK_MAX_OPS + 1], gradient_errors[SELFCHECK_MAX_OPS + 1];
    double parameter_errors[HPAC_PLAN_MAX_PARAMETERS];
    check_side sides[HPAC_OP_MAX_SIDES];
    size_t side_count;
    check_wider wider_x, wider_y; /* of x and dx, of y and dy */
} check_segment;

typedef struct check_stack {
    hpac_device *device;
    selfcheck_gauge *gauge;
    const hpac_device_ops *call;
    hpac_op ops[SELFCHECK_MAX_OPS];
    size_t op_count, batch;
    hpac_precision precision;
    data_kind data;
    selfcheck_options options;
    bool inner;    /* the output stays in the device's layout */
    bool shared;   /* of the case */
    bool declined; /* the device does not compute with the views of the case */
    hpac_view input_view, output_view;
    hpac_random random;
    reference_draw draw;
    selfcheck_memory memory;
    check_segment segments[SELFCHECK_MAX_OPS];
    size_t segment_count;
    hpac_layout side_layouts[SELFCHECK_MAX_OPS][HPAC_OP_MAX_SIDES];
    void *workspace, *ranges;
    float *input;      /* what x is at the start of a forward pass */
    bool after_update; /* the weights are no longer integers */
    float *last_dy;    /* of the last segment, pinned */
    float *poison;     /* pinned, NaN */
    size_t workspace_nbytes, largest_nbytes;
    hpac_step_result *result, *host_result;
} check_stack;

/* Works out shapes and what a case leaves out. */
void hpac_selfcheck_set_shapes(check_stack *stack, const selfcheck_case *one);
/* Works out the operations, makes plans and memory on the device, draws parameters, inputs and the
 * last dy. `gauge`, `random` and what a variant may set are set before, the rest is zeroed; fini
 * also after a failure. A stack that does not begin with PIXELS begins in the layout that networks
 * have inside the device. */
hpac_status hpac_selfcheck_stack_init(check_stack *stack, const selfcheck_case *one);
void hpac_selfcheck_stack_fini(check_stack *stack);
/* Makes the memory of what is compared: host_*, expected_*, states, poison. */
hpac_status hpac_selfcheck_stack_observe(check_stack *stack);
/* For forward or backward of a segment. dx is the dy of the segment before. */
hpac_exec_args hpac_selfcheck_args(const check_stack *stack, size_t index);
/* `count` pinned values that live as long as the stack. */
hpac_status hpac_selfcheck_doubles(check_stack *stack, size_t count, double **values);

/* A plan whose input has the shape and the layout, to write and read activations with; the
 * caller's.
 */
hpac_status hpac_selfcheck_make_reader(check_stack *stack, hpac_shape shape, hpac_layout layout,
                                       hpac_plan **reader);
/* The layout that an operation from the device's image layout to the same shape writes. */
hpac_status hpac_selfcheck_produced_layout(check_stack *stack, hpac_shape shape,
                                           hpac_layout *layout);

/* ---- selfcheck_views.c ---- */

/* `shape`, `layout`: of what has the view in the wider image; without a view nothing is made. */
hpac_status hpac_selfcheck_wider_init(check_stack *stack, hpac_shape shape, hpac_layout layout,
                                      hpac_view view, check_wider *wider);
void hpac_selfcheck_wider_fini(const check_stack *stack, check_wider *wider);
/* Writes all channels of the wider image; does nothing without a view. */
hpac_status hpac_selfcheck_wider_write(const check_stack *stack, const check_wider *wider,
                                       void *address);
/* NUMERIC if one of the other channels has changed. */
hpac_status hpac_selfcheck_wider_check(const check_stack *stack, const check_wider *wider,
                                       const char *what, const void *address);
/* Makes an input (or its gradient) or the output of a segment NaN, in a view its own channels. */
hpac_status hpac_selfcheck_hide(const check_stack *stack, const check_segment *segment, bool input,
                                void *address);

/* ---- selfcheck_expect.c: the reference on what the device read ---- */

reference_call hpac_selfcheck_reference(const check_stack *stack, check_segment *segment,
                                        size_t op);
void hpac_selfcheck_expect_forward(const check_stack *stack, check_segment *segment);
/* After expect_forward; also from the device's y and dy. */
void hpac_selfcheck_expect_backward(const check_stack *stack, check_segment *segment);
/* Whether the device's results must be exact: integers that stay so through the stack, and that its
 * number format represents. */
bool hpac_selfcheck_is_exact(const check_stack *stack, check_segment *segment, bool backward);
/* Whether all operations of the segment make integers of integers. */
bool hpac_selfcheck_is_integral(const check_segment *segment);
/* Whether rounding can turn over no ReLU or argmax inside the op chain, where the device's own
 * values are not seen; otherwise gradients cannot be compared. After expect_forward. */
bool hpac_selfcheck_is_decided(const check_stack *stack, check_segment *segment);

/* ---- selfcheck_bounds.c: how large rounding errors may be ---- */

/* Relative rounding of results: float32's own; TF32 cuts both factors to 11 bits; bf16 rounds
 * factors and result to 8. */
double hpac_selfcheck_rounding(hpac_precision precision);
/* After expect_forward and expect_backward: fills in the errors of the segment. */
void hpac_selfcheck_bound_forward(const check_stack *stack, check_segment *segment);
void hpac_selfcheck_bound_backward(const check_stack *stack, check_segment *segment);

#endif
