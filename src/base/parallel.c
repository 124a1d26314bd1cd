/* A loop over indices on several threads. */
#include "parallel.h"

#include "base/machine.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct parallel_loop {
    hpac_status (*body)(void *user, size_t index, int thread);
    void *user;
    size_t count;

    pthread_mutex_t mutex; /* for all below */
    size_t next;           /* the next index; `count` when none is left */
    hpac_status status;    /* of the lowest index that failed */
    size_t failed_index;
    char *message; /* owned; NULL when memory was out */
} parallel_loop;

typedef struct worker {
    parallel_loop *loop;
    int thread;
    pthread_t id;
} worker;

/* False when nothing is left to do. */
static bool take_index(parallel_loop *loop, size_t *index)
{
    pthread_mutex_lock(&loop->mutex);
    bool more = loop->next < loop->count;
    if (more)
        *index = loop->next++;
    pthread_mutex_unlock(&loop->mutex);
    return more;
}

static void note_failure(parallel_loop *loop, size_t index, hpac_status status)
{
    pthread_mutex_lock(&loop->mutex);
    if (loop->status == HPAC_OK || index < loop->failed_index) {
        free(loop->message);
        loop->message = strdup(hpac_error_message());
        loop->status = status;
        loop->failed_index = index;
    }
    loop->next = loop->count;
    pthread_mutex_unlock(&loop->mutex);
}

static void *work(void *argument)
{
    worker *self = argument;
    size_t index;
    while (take_index(self->loop, &index)) {
        hpac_status status = self->loop->body(self->loop->user, index, self->thread);
        if (status != HPAC_OK)
            note_failure(self->loop, index, status);
    }
    return NULL;
}

hpac_status hpac_parallel_for(int threads, size_t count,
                              hpac_status (*body)(void *user, size_t index, int thread), void *user)
{
    if (threads < 1)
        threads = hpac_core_count();
    if ((size_t)threads > count)
        threads = count ? (int)count : 1;
    worker *workers = calloc((size_t)threads, sizeof *workers);
    if (!workers)
        return hpac_fail_memory((size_t)threads * sizeof *workers);

    parallel_loop loop = {
        .body = body, .user = user, .count = count, .mutex = PTHREAD_MUTEX_INITIALIZER};
    int started = 1; /* the caller's thread is worker 0 */
    for (; started < threads; started++) {
        workers[started] = (worker){.loop = &loop, .thread = started};
        if (pthread_create(&workers[started].id, NULL, work, &workers[started]) != 0)
            break; /* no more threads: those started do all the work */
    }
    workers[0] = (worker){.loop = &loop};
    work(&workers[0]);
    for (int i = 1; i < started; i++)
        pthread_join(workers[i].id, NULL);

    if (loop.status != HPAC_OK && loop.message)
        hpac_fail(loop.status, "%s", loop.message);
    else if (loop.status != HPAC_OK)
        loop.status = hpac_fail_memory(1);
    free(loop.message);
    pthread_mutex_destroy(&loop.mutex);
    free(workers);
    return loop.status;
}
