/* The loader: stops in the middle, its threads, its waiting, and long random walks. */
#include <hpac/log.h>

#include "base/random.h"

#include "loader_fixture.h"
#include "scratch.h"

#include <criterion/criterion.h>
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

static int count_threads(void)
{
    return count_entries("/proc/self/task");
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static double clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

Test(loader, threads_are_made_once)
{
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    const hpac_loader_options options = {.batch_size = 2, .slot_count = 3, .workers = 4};
    loader_open(&fix, options); /* a sanitizer makes a thread of its own beside the first */
    loader_close(&fix);
    sleep_ms(20); /* the kernel may list a thread that was joined for a moment */
    int before = count_threads();
    loader_open(&fix, options);
    cr_assert_eq(count_threads(), before + 4);
    for (uint32_t epoch = 0; epoch < 5; epoch++) {
        loader_take_whole_epoch(&fix, epoch);
        cr_assert_eq(count_threads(), before + 4);
    }
    loader_close(&fix);
    for (int i = 0; i < 100 && count_threads() > before; i++)
        sleep_ms(10);
    cr_assert_eq(count_threads(), before);
    loader_fixture_close(&fix);
}

/* With all slots full the workers must leave the cores to others. */
Test(loader, workers_sleep_when_slots_are_full)
{
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    loader_open(&fix, (hpac_loader_options){.batch_size = 4, .slot_count = 2, .workers = 8});
    loader_begin(&fix, 0, 0);
    sleep_ms(200);
    double used_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    sleep_ms(400);
    used_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - used_ms;
    cr_assert(used_ms < 20, "%g ms of work in 400 ms of waiting", used_ms);
    hpac_batch batch;
    cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_OK);
    cr_assert(!(batch.waited_ms > 0), "the batch was ready, yet %g ms were waited",
              batch.waited_ms);
    loader_close(&fix);
    loader_fixture_close(&fix);
}

Test(loader, waiting_is_measured)
{
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    loader_open(&fix,
                (hpac_loader_options){.batch_size = LOADER_COUNT, .slot_count = 2, .workers = 1});
    double longest_ms = 0;
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        loader_begin(&fix, epoch, 0);
        double start_ms = clock_ms(CLOCK_MONOTONIC);
        hpac_batch batch;
        cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_OK);
        double passed_ms = clock_ms(CLOCK_MONOTONIC) - start_ms;
        cr_assert(batch.waited_ms >= 0 && batch.waited_ms <= passed_ms, "%g ms of %g ms",
                  batch.waited_ms, passed_ms);
        if (batch.waited_ms > longest_ms)
            longest_ms = batch.waited_ms;
        hpac_loader_release(fix.loader, &batch);
    }
    cr_assert(longest_ms > 0, "46 files were read and nobody waited");
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
