/*
 * What the files of the simulated libcudart share.
 *
 * One lock guards everything and is held while an operation runs, so that one runs at a time. A
 * function of the CUDA interface takes it with RUNTIME_CALL(), which returns when CUDASIM_FAIL
 * wants this call to fail, and returns its result through runtime_return():
 *
 *     cudaError_t cudaThing(int x)
 *     {
 *         RUNTIME_CALL();
 *         return runtime_return(do_thing(x));
 *     }
 *
 * A function that releases something does its work even then:
 *
 *     cudaError_t failure = runtime_enter(__func__);
 *     cudaError_t error = release_thing(x);
 *     return runtime_return(failure ? failure : error);
 */
#ifndef CUDASIM_RUNTIME_H
#define CUDASIM_RUNTIME_H

#include "cudasim.h"

#include <pthread.h>
#include <stdbool.h>

#define CUDASIM_EXIT_LEAK 96
#define CUDASIM_EXIT_FAULT 97

/* ---- runtime.c: settings, lock, errors ---- */

typedef enum cudasim_mode {
    CUDASIM_LAZY,   /* an operation runs only when something waits for it */
    CUDASIM_RANDOM, /* streams run ahead or lag by a seed */
    CUDASIM_EAGER,  /* it runs when it is enqueued */
} cudasim_mode;

typedef struct runtime_settings {
    cudasim_mode mode;      /* CUDASIM_MODE=lazy|random|eager */
    uint64_t seed;          /* CUDASIM_SEED=1, of random */
    bool reverse;           /* CUDASIM_REVERSE=1: blocks and threads run last to first */
    bool strict;            /* CUDASIM_STRICT=1: awaiting an event never recorded is a fault */
    bool abort_on_leak;     /* CUDASIM_ABORT=1: for test runners that see no exit codes */
    size_t memory_nbytes;   /* CUDASIM_MEMORY_MIB=16384, of the device */
    int devices;            /* CUDASIM_DEVICES=1, at most MAX_DEVICES */
    int capability;         /* CUDASIM_CAPABILITY=80: below 75 no kernel was built */
    uint64_t failed_kernel; /* CUDASIM_FAIL_KERNEL=n: the n-th to run fails; 0: none */
} runtime_settings;

#define MAX_DEVICES 8

extern runtime_settings runtime;
extern cudasim_counts runtime_counts[MAX_DEVICES];

void runtime_lock(void);
/* Locks; returns the error with which this call is to fail, or cudaSuccess. */
cudaError_t runtime_enter(const char *call);
#define RUNTIME_CALL()                                                                             \
    do {                                                                                           \
        cudaError_t failure_ = runtime_enter(__func__);                                            \
        if (failure_ != cudaSuccess)                                                               \
            return runtime_return(failure_);                                                       \
    } while (0)
/* Unlocks. The result is `error`, kept as the thread's last error, or the sticky error. */
cudaError_t runtime_return(cudaError_t error);
/* From now on nothing runs and every call returns this error. */
void runtime_set_sticky(cudaError_t error);
bool runtime_is_broken(void);
uint64_t runtime_random(void); /* the next number of the seed */

void counts_add(cudasim_counts *to, const cudasim_counts *from);

/* ---- device.c ---- */

int device_current(void); /* of this thread */

/* ---- report.c ---- */

void report_install(void);                 /* the handler of touched guard pages */
void report_set_running(const char *name); /* the operation that runs; NULL: none */
/* Reports something that was not given back; the program will end with exit code 96. NULL: of all
 * kinds of objects, then ends the program if there was any. */
void report_leak(const char *what, ...) __attribute__((format(printf, 1, 2)));
uint64_t report_live_objects(void);

/* ---- memory.c ---- */

typedef struct memory_block {
    unsigned char *start; /* as the program knows it */
    size_t nbytes;
    unsigned char *pages; /* the block lies at the end of these */
    size_t pages_nbytes;
    const void *caller; /* who allocated it */
    int device;         /* of device memory */
    bool live;
} memory_block;

typedef enum memory_kind {
    MEMORY_DEVICE,
    MEMORY_PINNED,
} memory_kind;

/* The youngest block whose bytes or whose end `address` is; NULL: none ever was. */
const memory_block *memory_find(memory_kind kind, const void *address);
/* Whether the address belongs to that kind of memory: a block, a gap between blocks. */
bool memory_holds(memory_kind kind, const void *address);
/* The shadow of a device address, unchecked, and the inverse. */
void *memory_shadow(const void *address);
const void *memory_unshadow(const void *shadow); /* NULL: it is not in the shadow */
/* Reports what was written beside the block that `address` lies in. */
void memory_check_slack(memory_kind kind, const memory_block *block, const char *when);
/* "12 bytes past the end of the 4096 bytes at 0x... (allocated by ...)" */
void memory_describe(memory_kind kind, const void *address, char *text, size_t text_nbytes);
void memory_report_leaks(void);

/* ---- stream.c ---- */

/* A place in a stream: passed when `number` operations of it are done. */
typedef struct stream_moment {
    struct CUstream_st *stream; /* NULL: always passed */
    uint64_t number;
} stream_moment;

typedef struct capture capture;

struct CUstream_st {
    struct CUstream_st *next; /* of those alive, or destroyed */
    struct stream_operation *first, *last;
    uint64_t enqueued, done;
    bool blocking; /* waits for the legacy stream, and it for this one */
    bool eager;    /* in random mode, for now */
    capture *capture;
    int node; /* of the graph, the last captured; -1: none */
    int device;
};

/* The stream, or the report that `caller` was given no living one. */
struct CUstream_st *stream_check(cudaStream_t stream, const char *caller);
struct CUstream_st *stream_first(void); /* of all */
void stream_append(struct CUstream_st *stream, const char *name, cudasim_operation *operation,
                   const void *context, size_t context_nbytes);
void stream_append_wait(struct CUstream_st *stream, stream_moment moment);
void stream_append_record(struct CUstream_st *stream, struct CUevent_st *event);
void stream_run_until(stream_moment moment);
void stream_run_all(bool only_blocking);
bool stream_passed(stream_moment moment);
/* Where what a call to this stream does is counted: at once, or at each launch of a graph. */
cudasim_counts *stream_counts(struct CUstream_st *stream);

/* ---- event.c ---- */

struct CUevent_st {
    struct CUevent_st *next; /* of all; an event is never freed */
    bool alive, timing, recorded;
    int device;
    stream_moment moment; /* of the last record */
    double time_ms;       /* at which it was passed */
    uint64_t capture;     /* the number of the capture it was last recorded in; 0: none */
    int node;             /* likewise */
};

/* cudaStreamWaitEvent and its rules. */
cudaError_t event_wait(struct CUstream_st *stream, cudaEvent_t event);

/* ---- capture.c, graph.c ---- */

/* Refuses what must not be called while this thread captures, and makes the capture invalid. */
cudaError_t capture_refuse(void);
/* The same, for a call that names a capturing stream: cudaSuccess when the capture is in order. */
cudaError_t capture_check(struct CUstream_st *stream);
void capture_invalidate(struct CUstream_st *stream);
void capture_append(struct CUstream_st *stream, const char *name, cudasim_operation *operation,
                    const void *context, size_t context_nbytes);
void capture_record(struct CUstream_st *stream, struct CUevent_st *event);
cudaError_t capture_wait(struct CUstream_st *stream, const struct CUevent_st *event);
cudasim_counts *capture_counts(struct CUstream_st *stream);

typedef struct graph_node {
    const char *name;
    cudasim_operation *operation; /* NULL: it only joins */
    void *context;
    int after[2]; /* the nodes it comes after; -1: none */
} graph_node;

struct CUgraph_st {
    graph_node *nodes;
    int node_count;
    int owners; /* the graph, its executables, their launches */
    int device;
    cudasim_counts counts; /* of one launch */
};

struct CUgraph_st *graph_create(int device);
/* Gives it to the program, which must destroy it. */
struct CUgraph_st *graph_hand_out(struct CUgraph_st *graph);
void graph_destroy(struct CUgraph_st *graph);
int graph_append(struct CUgraph_st *graph, const graph_node *node, size_t context_nbytes);
void graph_release(struct CUgraph_st *graph);
bool graph_is_before(const struct CUgraph_st *graph, int node, int later);

#endif
