/*
 * The lists of algorithms that Find...Ex gives, and the workspace queries. As in the real library a
 * list names each algorithm for CUDNN_DEFAULT_MATH, which allows TF32, beside the math type of the
 * descriptor. The lists begin with what a careless caller must not take: TF32, and algorithms whose
 * sums have another order every time.
 */
#include "cudnn_sim.h"

/* What the three perf structures have in common. */
typedef struct algo_choice {
    int algo;
    cudnnStatus_t status;
    float time;
    size_t memory;
    cudnnDeterminism_t determinism;
    cudnnMathType_t math;
} algo_choice;

enum { MAX_CHOICES = 16 };

typedef struct algo_choices {
    int count;
    algo_choice list[MAX_CHOICES];
} algo_choices;

/* Appends the algorithms of a pass in one math type: those that can, or the others. */
static void list_algorithms(const char *call, cudnn_sim_pass pass, const cudnn_sim_problem *problem,
                            cudnnMathType_t math, bool able, algo_choices *choices)
{
    const cudnn_sim_algorithm *list;
    size_t count = cudnn_sim_algorithms(pass, &list);
    for (size_t i = 0; i < count; i++) {
        const cudnn_sim_algorithm *found;
        algo_choice choice = {.algo = list[i].algo, .time = -1.0f, .math = math};
        choice.status =
            cudnn_sim_find_algorithm(call, pass, list[i].algo, problem, &found, &choice.memory);
        if ((choice.status == CUDNN_STATUS_SUCCESS) != able)
            continue;
        choice.determinism =
            cudnn_sim_is_deterministic(&list[i]) ? CUDNN_DETERMINISTIC : CUDNN_NON_DETERMINISTIC;
        choices->list[choices->count++] = choice;
    }
}

static cudnnStatus_t choose(cudnnHandle_t handle, const char *call, cudnn_sim_pass pass,
                            const cudnn_sim_descriptors *descriptors, algo_choices *choices)
{
    cudnn_sim_problem problem;
    cudnnStatus_t status = cudnn_sim_check_handle(handle, call);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnn_sim_read_problem(call, descriptors, &problem);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    cudnnMathType_t math = problem.fma ? CUDNN_FMA_MATH : CUDNN_TENSOR_OP_MATH;
    cudnn_sim_problem by_default = problem;
    by_default.fma = false;
    choices->count = 0;
    list_algorithms(call, pass, &by_default, CUDNN_DEFAULT_MATH, true, choices);
    list_algorithms(call, pass, &problem, math, true, choices);
    list_algorithms(call, pass, &problem, math, false, choices);
    return status;
}

/* The memory that a measurement uses: its output and as much workspace as an algorithm took are
 * lost. */
typedef struct find_memory {
    const void *x, *w, *y, *workspace;
    size_t workspace_nbytes;
} find_memory;

enum { OUTPUT, WORKSPACE, IN, OTHER_IN, OPERANDS };

typedef struct lost_memory {
    const char *call;
    cudasim_operand operands[OPERANDS];
} lost_memory;

static void lose_memory(void *context)
{
    const lost_memory *lost = context;
    const cudasim_operand *output = &lost->operands[OUTPUT];
    const cudasim_operand *workspace = &lost->operands[WORKSPACE];
    cudasim_poison(cudasim_operand_memory(lost->call, output), output->nbytes);
    cudasim_poison_scratch(cudasim_operand_memory(lost->call, workspace), workspace->nbytes);
}

static void set_operands(lost_memory *lost, cudnn_sim_pass pass, const cudnn_sim_problem *problem,
                         const find_memory *memory)
{
    cudasim_operand x = {.name = "x", .address = memory->x, .nbytes = problem->x_nbytes};
    cudasim_operand w = {.name = "w", .address = memory->w, .nbytes = problem->w_nbytes};
    cudasim_operand y = {.name = "y", .address = memory->y, .nbytes = problem->y_nbytes};
    lost->operands[OUTPUT] = pass == CUDNN_SIM_FORWARD         ? y
                             : pass == CUDNN_SIM_BACKWARD_DATA ? x
                                                               : w;
    lost->operands[IN] = pass == CUDNN_SIM_BACKWARD_DATA ? y : x;
    lost->operands[OTHER_IN] = pass == CUDNN_SIM_BACKWARD_FILTER ? y : w;
    lost->operands[OUTPUT].written = true;
    lost->operands[WORKSPACE] =
        (cudasim_operand){.name = "workspace",
                          .address = memory->workspace,
                          .nbytes = memory->workspace ? memory->workspace_nbytes : 0,
                          .written = true};
}

/* Makes up times for those that fit; returns the largest workspace among them. */
static size_t make_up_times(algo_choices *choices, const find_memory *memory)
{
    size_t available = memory->workspace ? memory->workspace_nbytes : 0, largest = 0;
    for (int i = 0; i < choices->count; i++) {
        algo_choice *each = &choices->list[i];
        if (each->status == CUDNN_STATUS_SUCCESS && each->memory > available)
            each->status = CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;
        if (each->status != CUDNN_STATUS_SUCCESS)
            continue;
        each->time = 0.1f * (float)(i + 1);
        largest = each->memory > largest ? each->memory : largest;
    }
    return largest;
}

/* Runs nothing, but ruins what the real one would and waits as it does. */
static cudnnStatus_t measure(cudnnHandle_t handle, const char *call, cudnn_sim_pass pass,
                             const cudnn_sim_descriptors *descriptors, const find_memory *memory,
                             algo_choices *choices)
{
    cudnn_sim_problem problem;
    lost_memory lost = {.call = call};
    cudnnStatus_t status = choose(handle, call, pass, descriptors, choices);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnn_sim_read_problem(call, descriptors, &problem);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    if (cudasim_is_capturing(handle->stream))
        cudasim_fail("%s inside a capture: it waits and measures", call);
    set_operands(&lost, pass, &problem, memory);
    cudasim_check_operands(call, handle->device, lost.operands, OPERANDS);
    lost.operands[WORKSPACE].nbytes = make_up_times(choices, memory);
    cudasim_count_library_call(handle->stream);
    cudasim_enqueue(handle->stream, call, lose_memory, &lost, sizeof(lost));
    cudasim_synchronize(handle->stream);
    return status;
}

/* Copies as many choices as were asked for; the three structures differ in one enum. */
#define GIVE(choices, asked, returned, results, algo_type)                                         \
    do {                                                                                           \
        *(returned) = (choices)->count < (asked) ? (choices)->count : (asked);                     \
        for (int i = 0; i < *(returned); i++) {                                                    \
            const algo_choice *from = &(choices)->list[i];                                         \
            (results)[i].algo = (algo_type)from->algo;                                             \
            (results)[i].status = from->status;                                                    \
            (results)[i].time = from->time;                                                        \
            (results)[i].memory = from->memory;                                                    \
            (results)[i].determinism = from->determinism;                                          \
            (results)[i].mathType = from->math;                                                    \
        }                                                                                          \
    } while (0)

/* ---- workspaces --------------------------------------------------------------------------------
 */

static cudnnStatus_t workspace_size(cudnnHandle_t handle, const char *call, cudnn_sim_pass pass,
                                    const cudnn_sim_descriptors *descriptors, int algo,
                                    size_t *nbytes)
{
    cudnn_sim_problem problem;
    const cudnn_sim_algorithm *algorithm;
    cudnnStatus_t status = cudnn_sim_check_handle(handle, call);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnn_sim_read_problem(call, descriptors, &problem);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnn_sim_find_algorithm(call, pass, algo, &problem, &algorithm, nbytes);
    return status;
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
    cudnnConvolutionDescriptor_t conv, cudnnTensorDescriptor_t y, cudnnConvolutionFwdAlgo_t algo,
    size_t *nbytes)
{
    cudnn_sim_descriptors descriptors = {x, w, conv, y};
    return workspace_size(handle, __func__, CUDNN_SIM_FORWARD, &descriptors, (int)algo, nbytes);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t handle, cudnnFilterDescriptor_t w, cudnnTensorDescriptor_t dy,
    cudnnConvolutionDescriptor_t conv, cudnnTensorDescriptor_t dx,
    cudnnConvolutionBwdDataAlgo_t algo, size_t *nbytes)
{
    cudnn_sim_descriptors descriptors = {dx, w, conv, dy};
    return workspace_size(handle, __func__, CUDNN_SIM_BACKWARD_DATA, &descriptors, (int)algo,
                          nbytes);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t dy,
    cudnnConvolutionDescriptor_t conv, cudnnFilterDescriptor_t dw,
    cudnnConvolutionBwdFilterAlgo_t algo, size_t *nbytes)
{
    cudnn_sim_descriptors descriptors = {x, dw, conv, dy};
    return workspace_size(handle, __func__, CUDNN_SIM_BACKWARD_FILTER, &descriptors, (int)algo,
                          nbytes);
}

/* ---- by running --------------------------------------------------------------------------------
 */

cudnnStatus_t cudnnFindConvolutionForwardAlgorithmEx(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x_desc, const void *x,
    cudnnFilterDescriptor_t w_desc, const void *w, cudnnConvolutionDescriptor_t conv,
    cudnnTensorDescriptor_t y_desc, void *y, const int asked, int *returned,
    cudnnConvolutionFwdAlgoPerf_t *results, void *workspace, size_t workspace_nbytes)
{
    algo_choices choices;
    cudnn_sim_descriptors descriptors = {x_desc, w_desc, conv, y_desc};
    find_memory memory = {x, w, y, workspace, workspace_nbytes};
    cudnnStatus_t status =
        measure(handle, __func__, CUDNN_SIM_FORWARD, &descriptors, &memory, &choices);
    if (status == CUDNN_STATUS_SUCCESS)
        GIVE(&choices, asked, returned, results, cudnnConvolutionFwdAlgo_t);
    return status;
}

cudnnStatus_t cudnnFindConvolutionBackwardDataAlgorithmEx(
    cudnnHandle_t handle, cudnnFilterDescriptor_t w_desc, const void *w,
    cudnnTensorDescriptor_t dy_desc, const void *dy, cudnnConvolutionDescriptor_t conv,
    cudnnTensorDescriptor_t dx_desc, void *dx, const int asked, int *returned,
    cudnnConvolutionBwdDataAlgoPerf_t *results, void *workspace, size_t workspace_nbytes)
{
    algo_choices choices;
    cudnn_sim_descriptors descriptors = {dx_desc, w_desc, conv, dy_desc};
    find_memory memory = {dx, w, dy, workspace, workspace_nbytes};
    cudnnStatus_t status =
        measure(handle, __func__, CUDNN_SIM_BACKWARD_DATA, &descriptors, &memory, &choices);
    if (status == CUDNN_STATUS_SUCCESS)
        GIVE(&choices, asked, returned, results, cudnnConvolutionBwdDataAlgo_t);
    return status;
}

cudnnStatus_t cudnnFindConvolutionBackwardFilterAlgorithmEx(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x_desc, const void *x,
    cudnnTensorDescriptor_t dy_desc, const void *dy, cudnnConvolutionDescriptor_t conv,
    cudnnFilterDescriptor_t dw_desc, void *dw, const int asked, int *returned,
    cudnnConvolutionBwdFilterAlgoPerf_t *results, void *workspace, size_t workspace_nbytes)
{
    algo_choices choices;
    cudnn_sim_descriptors descriptors = {x_desc, dw_desc, conv, dy_desc};
    find_memory memory = {x, dw, dy, workspace, workspace_nbytes};
    cudnnStatus_t status =
        measure(handle, __func__, CUDNN_SIM_BACKWARD_FILTER, &descriptors, &memory, &choices);
    if (status == CUDNN_STATUS_SUCCESS)
        GIVE(&choices, asked, returned, results, cudnnConvolutionBwdFilterAlgo_t);
    return status;
}
