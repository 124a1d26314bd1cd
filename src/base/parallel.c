/* A loop over indices on several threads. */
#include "parallel.h"

#include "machine.h"
#include "memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

typedef struct parallel_loop {
    hpac_status (*body)(void *user, size_t index, int thread);
    void *user;
    size_t count;
    atomic_size_t next; /* index; `count` or more when none is left */

    pthread_mutex_t mutex; /* for all below */
    hpac_status status;    /* of the lowest index that failed */
    size_t failed_index;
    char *message; /* owned; NULL when memory was out */
} parallel_loop;

typedef struct worker {
    parallel_loop *loop;
    int thread;
    pthread_t id;
} worker;

static void note_failure(parallel_loop *loop, size_t index, hpac_status status)
{
    atomic_store(&loop->next, loop->count);
    pthread_mutex_lock(&loop->mutex);
    if (loop->status == HPAC_OK || index < loop->failed_index) {
        free(loop->message);
        loop->message = strdup(hpac_error_message());
        loop->status = status;
        loop->failed_index = index;
    }
    pthread_mutex_unlock(&loop->mutex);
}

static void *work(void *argument)
{
    worker *self = argument;
    parallel_loop *loop = self->loop;
    size_t index;
    while ((index = atomic_fetch_add(&loop->next, 1)) < loop->count) {
        hpac_status status = loop->body(loop->user, index, self->thread);
        if (status != HPAC_OK)
            note_failure(loop, index, status);
    }
    return NULL;
}

hpac_status hpac_parallel_for(int threads, size_t count,
                              hpac_status (*body)(void *user, size_t index, int thread), void *user)
{
    if (threads < 1)
        threads = hpac_core_count();
    size_t worker_count = (size_t)threads;
    if (worker_count > count)
        worker_count = count ? count : 1;
    HPAC_AUTO_FREE worker *workers = NULL;
    HPAC_TRY_NEW(workers, worker_count);
    parallel_loop loop = {
        .body = body, .user = user, .count = count, .mutex = PTHREAD_MUTEX_INITIALIZER};
    size_t started = 1; /* the caller's thread is worker 0 */
    for (; started < worker_count; started++) {
        workers[started] = (worker){.loop = &loop, .thread = (int)started};
        if (pthread_create(&workers[started].id, NULL, work, &workers[started]) != 0)
            break; /* no more threads: those started do all the work */
    }
    workers[0].loop = &loop;
    work(&workers[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(workers[i].id, NULL);

    HPAC_AUTO_FREE char *message = loop.message;
    pthread_mutex_destroy(&loop.mutex);
    if (loop.status == HPAC_OK)
        return HPAC_OK;
    return message ? hpac_fail(loop.status, "%s", message) : hpac_fail_memory(1);
}
