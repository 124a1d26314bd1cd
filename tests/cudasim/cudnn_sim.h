/*
 * The parts of the simulated cuDNN (libcudnn.so.9):
 *
 *   cudnn_real.c         the real libcudnn behind it, which keeps and checks all descriptors
 *   cudnn_handle.c       handles, and what was wrong last
 *   cudnn_problem.c      what the descriptors of one convolution say together
 *   cudnn_algorithm.c    which algorithm does what, with how much workspace
 *   cudnn_choose.c       Find...Ex, the library's lists of algorithms, and the workspace queries
 *   cudnn_convolution.c  the convolutions
 *
 * Wrong calls that the real library answers with a status get that status; BAD_PARAM, always the
 * caller's mistake, is written to stderr too. Those it would not notice end the program.
 */
#ifndef CUDASIM_CUDNN_SIM_H
#define CUDASIM_CUDNN_SIM_H

/* The convolutions and descriptors of this API are marked as deprecated; they are what is used. */
#include "convolution.h"
#include "library.h"

#include <cudnn.h>

/* A function of the real library. */
void *cudnn_sim_real(const char *name);

struct cudnnContext {
    unsigned magic;
    cudaStream_t stream;
    int device;
};

/* Notes why (printf) for cudnnGetLastErrorString, and returns the status. */
cudnnStatus_t cudnn_sim_refuse(cudnnStatus_t status, const char *call, const char *why, ...)
    __attribute__((format(printf, 3, 4)));
/* What a call returns that CUDASIM_FAIL names. */
cudnnStatus_t cudnn_sim_fail(const char *call);
/* Success; BAD_PARAM for no handle; or a failure that CUDASIM_FAIL wants. */
cudnnStatus_t cudnn_sim_check_handle(cudnnHandle_t handle, const char *call);

typedef enum cudnn_sim_pass {
    CUDNN_SIM_FORWARD,
    CUDNN_SIM_BACKWARD_DATA,
    CUDNN_SIM_BACKWARD_FILTER,
} cudnn_sim_pass;

/* The descriptors of one convolution: x or dx, w or dw, y or dy. */
typedef struct cudnn_sim_descriptors {
    cudnnTensorDescriptor_t x;
    cudnnFilterDescriptor_t w;
    cudnnConvolutionDescriptor_t conv;
    cudnnTensorDescriptor_t y;
} cudnn_sim_descriptors;

/* What they say, once it makes sense. */
typedef struct cudnn_sim_problem {
    cudasim_convolution conv;
    bool fma;                            /* CUDNN_FMA_MATH */
    size_t x_nbytes, w_nbytes, y_nbytes; /* from the first value to the last */
    size_t x_image_nbytes, y_image_nbytes;
} cudnn_sim_problem;
cudnnStatus_t cudnn_sim_read_problem(const char *call, const cudnn_sim_descriptors *descriptors,
                                     cudnn_sim_problem *problem);

/* A tensor of float or bfloat16: packed, or of NCHW images that are further apart than packed ones,
 * as the documentation allows all formats but vectors with NCHW filters ("HWC-packed" with NHWC).
 */
typedef struct cudnn_sim_tensor {
    cudnnDataType_t type;
    int n, c, h, w;
    int n_stride;
    bool nchw, nhwc; /* both: a single pixel of a single channel */
} cudnn_sim_tensor;
cudnnStatus_t cudnn_sim_read_tensor(const char *call, const char *name,
                                    cudnnTensorDescriptor_t descriptor, cudnn_sim_tensor *tensor);

/* An algorithm of one pass: a row of the table in cudnn_algorithm.c. */
typedef struct cudnn_sim_algorithm {
    cudnn_sim_pass pass;
    int algo;
    unsigned abilities;
    int workspace;
    const char *name; /* as CUDASIM_CUDNN_REFUSE has it: fwd1, bwddata0, bwdfilter3 */
} cudnn_sim_algorithm;

/* The algorithms of a pass, in the order of the library's lists, which begin with those that give
 * other bits every time; returns their number. */
size_t cudnn_sim_algorithms(cudnn_sim_pass pass, const cudnn_sim_algorithm **list);
bool cudnn_sim_is_deterministic(const cudnn_sim_algorithm *algorithm);
bool cudnn_sim_can_do_identity(const cudnn_sim_algorithm *algorithm);

/* Finds an algorithm that can do a problem, and the workspace it wants; else NOT_SUPPORTED. */
cudnnStatus_t cudnn_sim_find_algorithm(const char *call, cudnn_sim_pass pass, int algo,
                                       const cudnn_sim_problem *problem,
                                       const cudnn_sim_algorithm **algorithm,
                                       size_t *workspace_nbytes);
/* Whether CUDASIM_CUDNN_REFUSE, a list with commas, has a name. */
bool cudnn_sim_is_refused(const char *name);

#endif
