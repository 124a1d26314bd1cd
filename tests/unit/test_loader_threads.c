/* The loader: stops in the middle, its threads, its waiting, and long random walks. */
#include <hpac/log.h>

#include "base/random.h"

#include "loader_fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

Test(loader, ends_at_any_moment)
{
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    cr_assert_eq(unlink(picture_path(&fix.pictures, 3, 0)), 0);
    hpac_log_set_level(HPAC_LOG_ERROR);
    for (int round = 0; round < 200; round++) {
        loader_open(&fix, (hpac_loader_options){.batch_size = 1 + (size_t)round % 5,
                                                .slot_count = 2 + (size_t)round % 3,
                                                .workers = 1 + round % 8,
                                                .skip_bad_images = round % 2,
                                                .shuffle = true,
                                                .seed = (uint64_t)round});
        if (round % 10 != 9)
            loader_begin(&fix, 0, 0);
        for (int i = 0; i < round % 4; i++) {
            hpac_batch batch;
            hpac_status status = hpac_loader_next(fix.loader, &batch);
            if (status == HPAC_OK && i != 1) /* one stays out */
                hpac_loader_release(fix.loader, &batch);
            if (i == 1)
                break;
        }
        loader_close(&fix);
    }
    loader_fixture_close(&fix);
}

Test(loader, new_epoch_drops_the_one_under_way)
{
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    loader_open(&fix, (hpac_loader_options){
                          .batch_size = 3, .slot_count = 3, .workers = 3, .shuffle = true});
    for (uint32_t round = 0; round < 100; round++) {
        loader_begin(&fix, round, round % 3);
        loader_take_epoch(&fix, round, round % 3, round % 3 + round % 5, NULL, 0);
        if (round % 7 == 0)
            loader_begin(&fix, 1000, 0); /* dropped at once */
    }
    loader_take_whole_epoch(&fix, 5);
    loader_close(&fix);
    loader_fixture_close(&fix);
}

enum { MAX_THREADS = 64 };

typedef struct thread_list {
    size_t count;
    long ids[MAX_THREADS], switches[MAX_THREADS]; /* how often each went to sleep */
    bool others_sleep;                            /* all but the first, which asks */
} thread_list;

static void read_thread(thread_list *threads, const char *id)
{
    char path[300], line[200], state = 'X'; /* ended since it was listed */
    long switches = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", id);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        sscanf(line, "State: %c", &state);
        sscanf(line, "voluntary_ctxt_switches: %ld", &switches);
    }
    if (file)
        fclose(file);
    cr_assert_lt(threads->count, MAX_THREADS);
    threads->ids[threads->count] = strtol(id, NULL, 10);
    threads->others_sleep &= state == 'S' || threads->ids[threads->count] == getpid();
    threads->switches[threads->count++] = switches;
}

static thread_list list_threads(void)
{
    thread_list threads = {.others_sleep = true};
    DIR *directory = opendir("/proc/self/task");
    cr_assert_not_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            read_thread(&threads, entry->d_name);
    closedir(directory);
    return threads;
}

/* Whether a list has a thread that an earlier one has not. */
static bool has_new_thread(const thread_list *now, const thread_list *earlier)
{
    for (size_t i = 0; i < now->count; i++) {
        size_t at = 0;
        while (at < earlier->count && earlier->ids[at] != now->ids[i])
            at++;
        if (at == earlier->count)
            return true;
    }
    return false;
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* A thread that was joined may be listed for a moment: only new ones count. */
Test(loader, threads_are_made_once, .timeout = 60)
{
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    const hpac_loader_options options = {.batch_size = 2, .slot_count = 3, .workers = 4};
    loader_open(&fix, options); /* a sanitizer makes a thread of its own beside the first */
    loader_close(&fix);
    thread_list before = list_threads();
    loader_open(&fix, options);
    thread_list opened = list_threads();
    cr_assert_geq(opened.count, 1 + 4);
    for (uint32_t epoch = 0; epoch < 5; epoch++) {
        loader_take_whole_epoch(&fix, epoch);
        thread_list now = list_threads();
        cr_assert_not(has_new_thread(&now, &opened));
    }
    loader_close(&fix);
    for (thread_list now = list_threads(); has_new_thread(&now, &before); now = list_threads())
        sleep_ms(10); /* the timeout ends it if a worker was not joined */
    loader_fixture_close(&fix);
}

/* Waits until no other thread has run for 50 ms. */
static void wait_until_others_sleep(void)
{
    thread_list now = list_threads(), earlier;
    do {
        earlier = now;
        sleep_ms(50);
        now = list_threads();
    } while (!earlier.others_sleep || !now.others_sleep || now.count != earlier.count ||
             memcmp(now.switches + 1, earlier.switches + 1,
                    (now.count - 1) * sizeof *now.switches) != 0);
}

/* With all slots full the workers must leave the cores to others: one that spins or polls never
 * sleeps for long, and the test does not end. */
Test(loader, workers_sleep_when_slots_are_full, .timeout = 60)
{
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    loader_open(&fix, (hpac_loader_options){.batch_size = 4, .slot_count = 2, .workers = 8});
    loader_begin(&fix, 0, 0);
    wait_until_others_sleep();
    hpac_batch batch;
    cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_OK);
    cr_assert(!(batch.waited_ms > 0), "the batch was ready, yet %g ms were waited",
              batch.waited_ms);
    loader_close(&fix);
    loader_fixture_close(&fix);
}

static double clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

/* The consumer asks at once, and in some epoch before the 46 files are read. */
Test(loader, waiting_is_measured, .timeout = 60)
{
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    loader_open(&fix,
                (hpac_loader_options){.batch_size = LOADER_COUNT, .slot_count = 2, .workers = 1});
    double longest_ms = 0;
    for (uint32_t epoch = 0; epoch < 20 || longest_ms <= 0; epoch++) {
        loader_begin(&fix, epoch, 0);
        double start_ms = clock_ms();
        hpac_batch batch;
        cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_OK);
        double passed_ms = clock_ms() - start_ms;
        cr_assert(batch.waited_ms >= 0 && batch.waited_ms <= passed_ms, "%g ms of %g ms",
                  batch.waited_ms, passed_ms);
        if (batch.waited_ms > longest_ms)
            longest_ms = batch.waited_ms;
        hpac_loader_release(fix.loader, &batch);
    }
    loader_close(&fix);
    loader_fixture_close(&fix);
}

/* A long random walk through everything at once. */
static void walk_at_random(uint64_t seed, size_t cache_nbytes)
{
    static const size_t bad[] = {1, 12, 13};
    loader_fixture fix;
    loader_fixture_open(&fix, cache_nbytes);
    for (size_t i = 0; i < 3; i++)
        truncate_file(picture_path(&fix.pictures, bad[i], 0), 40);
    hpac_log_set_level(HPAC_LOG_ERROR);
    hpac_random random;
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, 0, 0);
    for (int life = 0; life < 20; life++) {
        loader_open(&fix,
                    (hpac_loader_options){.batch_size = 1 + hpac_random_below(&random, 9),
                                          .slot_count = 2 + (size_t)hpac_random_below(&random, 5),
                                          .workers = 1 + (int)hpac_random_below(&random, 8),
                                          .shuffle = hpac_random_below(&random, 2),
                                          .drop_last = hpac_random_below(&random, 2),
                                          .seed = seed,
                                          .skip_bad_images = true});
        uint32_t batches = (uint32_t)hpac_loader_batch_count(fix.loader);
        for (int round = 0; round < 15; round++) {
            uint32_t epoch = hpac_random_below(&random, 4);
            size_t first = hpac_random_below(&random, batches + 1);
            size_t stop = hpac_random_below(&random, batches + 3);
            loader_begin(&fix, epoch, first);
            loader_take_epoch(&fix, epoch, first, stop, bad, 3);
        }
        loader_close(&fix);
    }
    loader_fixture_close(&fix);
}

Test(loader, stress)
{
    walk_at_random(1, 0);
}

Test(loader, stress_with_the_cache)
{
    walk_at_random(2, 1 << 20);
}
