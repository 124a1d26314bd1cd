/* Loops on several threads. */
#include "base/machine.h"
#include "base/parallel.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

enum { COUNT = 1000 };

typedef struct visit_log {
    atomic_int times[COUNT];
    atomic_int outside; /* thread numbers out of range */
    int threads;
    size_t fail_from, fail_step; /* these indices fail; step 0: none */
    bool first_is_slow; /* whether the lowest failure is noted after or before the others */
} visit_log;

static hpac_status visit(void *user, size_t index, int thread)
{
    visit_log *visits = user;
    if (thread < 0 || thread >= visits->threads)
        visits->outside++;
    visits->times[index]++;
    if (visits->fail_step && index >= visits->fail_from &&
        (index - visits->fail_from) % visits->fail_step == 0) {
        bool first = index == visits->fail_from;
        usleep(first == visits->first_is_slow ? 3000 : 1000);
        return hpac_fail(HPAC_ERR_DATA, "index %zu is bad", index);
    }
    return HPAC_OK;
}

Test(parallel, every_index_is_visited_once)
{
    static const int threads[] = {1, 2, 3, 8};
    static const size_t counts[] = {0, 1, 2, 7, COUNT};
    for (size_t t = 0; t < 4; t++)
        for (size_t c = 0; c < 5; c++) {
            static visit_log visits;
            visits = (visit_log){.threads = threads[t]};
            cr_assert_eq(hpac_parallel_for(threads[t], counts[c], visit, &visits), HPAC_OK);
            for (size_t i = 0; i < COUNT; i++)
                cr_assert_eq(visits.times[i], i < counts[c] ? 1 : 0);
            cr_assert_eq(visits.outside, 0);
        }
}

Test(parallel, zero_threads_mean_one_per_core)
{
    cr_assert_geq(hpac_core_count(), 1);
    static visit_log visits;
    visits.threads = hpac_core_count();
    cr_assert_eq(hpac_parallel_for(0, COUNT, visit, &visits), HPAC_OK);
    for (size_t i = 0; i < COUNT; i++)
        cr_assert_eq(visits.times[i], 1);
    cr_assert_eq(visits.outside, 0);
}

static hpac_status meet(void *barrier, size_t index, int thread)
{
    (void)index, (void)thread;
    int result = pthread_barrier_wait(barrier);
    return result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD ? HPAC_OK : HPAC_ERR_INTERNAL;
}

/* Each of three calls returns only when three are in progress. */
Test(parallel, calls_are_made_at_the_same_time, .timeout = 20)
{
    pthread_barrier_t barrier;
    cr_assert_eq(pthread_barrier_init(&barrier, NULL, 3), 0);
    cr_assert_eq(hpac_parallel_for(3, 6, meet, &barrier), HPAC_OK);
    cr_assert_eq(hpac_parallel_for(5, 3, meet, &barrier), HPAC_OK);
    pthread_barrier_destroy(&barrier);
}

Test(parallel, the_lowest_failure_is_returned_and_the_rest_left)
{
    for (int threads = 1; threads <= 4; threads++)
        for (int round = 0; round < 20; round++) {
            static visit_log visits;
            visits = (visit_log){.threads = threads,
                                 .fail_from = 10,
                                 .fail_step = 1,
                                 .first_is_slow = round % 2 == 0};
            cr_assert_eq(hpac_parallel_for(threads, COUNT, visit, &visits), HPAC_ERR_DATA);
            cr_assert_str_eq(hpac_error_message(), "index 10 is bad");
            cr_assert_eq(visits.times[10], 1);
            cr_assert_eq(visits.times[COUNT - 1], 0);
        }
}
