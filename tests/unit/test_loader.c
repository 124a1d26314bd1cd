/* The loader: order, contents and ends of batches, with every mix of workers and slots. */
#include "loader_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two epochs, and one from every third batch on. */
static void walk_epochs(loader_fixture *fix, hpac_loader_options options)
{
    loader_open(fix, options);
    size_t expected = (LOADER_COUNT + (options.drop_last ? 0 : (size_t)options.batch_size - 1)) /
                      (size_t)options.batch_size;
    cr_assert_eq(hpac_loader_batch_count(fix->loader), expected);
    loader_take_whole_epoch(fix, 0);
    loader_take_whole_epoch(fix, 1);
    for (size_t first = 0; first <= expected; first += 3) {
        loader_begin(fix, 2, first);
        size_t taken = loader_take_epoch(fix, 2, first, SIZE_MAX, NULL, 0);
        cr_assert_eq(taken, expected - first);
    }
    loader_close(fix);
}

static void walk_all_shapes(int workers, size_t cache_nbytes)
{
    static const size_t batch_sizes[] = {1, 3, 4, 22, 23, 64};
    static const size_t slot_counts[] = {2, 3, 5};
    loader_fixture fix;
    loader_fixture_open(&fix, cache_nbytes);
    for (int b = 0; b < 6; b++)
        for (int s = 0; s < 3; s++)
            for (int shuffle = 0; shuffle < 2; shuffle++)
                for (int drop_last = 0; drop_last < 2; drop_last++)
                    if (!drop_last || batch_sizes[b] <= LOADER_COUNT)
                        walk_epochs(&fix, (hpac_loader_options){.batch_size = batch_sizes[b],
                                                                .slot_count = slot_counts[s],
                                                                .workers = workers,
                                                                .shuffle = shuffle,
                                                                .drop_last = drop_last,
                                                                .seed = 0x123456789abcdefull});
    loader_fixture_close(&fix);
}

Test(loader, batches_are_right_with_1_worker)
{
    walk_all_shapes(1, 0);
}

Test(loader, batches_are_right_with_2_workers)
{
    walk_all_shapes(2, 0);
}

Test(loader, batches_are_right_with_3_workers)
{
    walk_all_shapes(3, 0);
}

Test(loader, batches_are_right_with_8_workers)
{
    walk_all_shapes(8, 0);
}

Test(loader, batches_are_right_with_one_worker_per_core)
{
    walk_all_shapes(0, 0);
}

Test(loader, batches_are_right_from_the_cache)
{
    walk_all_shapes(3, 1 << 20);
}

Test(loader, shuffle_is_a_permutation_by_seed_and_epoch)
{
    loader_fixture fix;
    loader_fixture_open(&fix, 1 << 20);
    size_t orders[6][LOADER_COUNT]; /* seeds 1 and 2, epochs 0 to 2 */
    for (size_t o = 0; o < 6; o++) {
        loader_open(&fix, (hpac_loader_options){.batch_size = LOADER_COUNT,
                                                .slot_count = 2,
                                                .workers = 2,
                                                .shuffle = true,
                                                .seed = 1 + o / 3});
        loader_begin(&fix, (uint32_t)(o % 3), 0);
        hpac_batch batch;
        cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_OK);
        cr_assert_eq(batch.count, LOADER_COUNT);
        int seen[LOADER_COUNT] = {0};
        for (int i = 0; i < LOADER_COUNT; i++) {
            orders[o][i] = batch.rows[i];
            cr_assert_eq(seen[batch.rows[i]]++, 0);
        }
        for (size_t other = 0; other < o; other++)
            cr_assert(memcmp(orders[o], orders[other], sizeof orders[o]) != 0);
        loader_close(&fix); /* with the batch out */
    }
    loader_fixture_close(&fix);
}

/* Batches held back, given back in another order: what is out stays as it is. */
Test(loader, batches_come_back_in_any_order)
{
    enum { SLOTS = 5, BATCH = 2 };
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    loader_open(&fix, (hpac_loader_options){
                          .batch_size = BATCH, .slot_count = SLOTS, .workers = 3, .shuffle = true});
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        size_t order[LOADER_COUNT];
        loader_expect_order(&fix, epoch, order);
        loader_begin(&fix, epoch, 0);
        hpac_batch held[SLOTS];
        int held_count = 0;
        for (size_t index = 0; index < 12; index++) {
            cr_assert_eq(hpac_loader_next(fix.loader, &held[held_count++]), HPAC_OK);
            for (int i = 0; i < held_count; i++)
                cr_assert(loader_batch_holds(&held[i], BATCH, order + held[i].index * BATCH));
            if (held_count == SLOTS) { /* keep the oldest and one more */
                hpac_loader_release(fix.loader, &held[4]);
                hpac_loader_release(fix.loader, &held[1]);
                hpac_loader_release(fix.loader, &held[2]);
                held[1] = held[3];
                held_count = 2;
            }
        }
        while (held_count > 0)
            hpac_loader_release(fix.loader, &held[--held_count]);
        hpac_batch end;
        cr_assert_eq(hpac_loader_next(fix.loader, &end), HPAC_OK);
        cr_assert_eq(end.count, 0);
    }
    loader_close(&fix);
    loader_fixture_close(&fix);
}

Test(loader, wrong_calls_are_errors_and_not_deadlocks)
{
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    loader_open(&fix, (hpac_loader_options){.batch_size = 4, .slot_count = 2, .workers = 2});
    hpac_batch batches[2], extra;
    cr_assert_eq(hpac_loader_next(fix.loader, &extra), HPAC_OK, "no epoch begun");
    cr_assert_eq(extra.count, 0);
    cr_assert_eq(hpac_loader_begin(fix.loader, 0, 7), HPAC_ERR_INTERNAL);
    loader_begin(&fix, 0, 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(hpac_loader_next(fix.loader, &batches[i]), HPAC_OK);
    cr_assert_eq(hpac_loader_next(fix.loader, &extra), HPAC_ERR_INTERNAL);
    cr_assert_not_null(strstr(hpac_error_message(), "all 2 slots"), "%s", hpac_error_message());
    cr_assert_eq(hpac_loader_begin(fix.loader, 1, 0), HPAC_ERR_INTERNAL);
    cr_assert_not_null(strstr(hpac_error_message(), "2 batches"), "%s", hpac_error_message());
    for (int i = 0; i < 4; i++)
        hpac_loader_release(fix.loader, &batches[i % 2]); /* twice does no harm */
    loader_take_whole_epoch(&fix, 1);
    loader_close(&fix);
    loader_fixture_close(&fix);
}

Test(loader, impossible_options_are_refused)
{
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    uint8_t *slots[2] = {NULL, NULL};
    const size_t rows[] = {0, LOADER_COUNT};
    const hpac_loader_options good = {.dataset = fix.dataset,
                                      .rows = fix.rows,
                                      .row_count = LOADER_COUNT,
                                      .batch_size = LOADER_COUNT + 1,
                                      .workers = 1,
                                      .slots = slots,
                                      .slot_count = 2};
    hpac_loader_options options = good;
    hpac_loader *loader;
    options.drop_last = true;
    cr_assert_eq(hpac_loader_create(&options, &loader), HPAC_ERR_CONFIG);
    cr_assert_null(loader);
    cr_assert_not_null(strstr(hpac_error_message(), "24"), "%s", hpac_error_message());
    cr_assert_not_null(strstr(hpac_error_message(), "23"), "%s", hpac_error_message());
    options = good;
    options.slot_count = 1;
    cr_assert_eq(hpac_loader_create(&options, &loader), HPAC_ERR_INTERNAL);
    options = good;
    options.batch_size = 0;
    cr_assert_eq(hpac_loader_create(&options, &loader), HPAC_ERR_INTERNAL);
    options = good;
    options.rows = rows;
    options.row_count = 2;
    cr_assert_eq(hpac_loader_create(&options, &loader), HPAC_ERR_INTERNAL);
    cr_assert_not_null(strstr(hpac_error_message(), "row 23"), "%s", hpac_error_message());
    options = good;
    options.row_count = 0;
    cr_assert_eq(hpac_loader_create(&options, &loader), HPAC_OK);
    cr_assert_eq(hpac_loader_batch_count(loader), 0);
    cr_assert_eq(hpac_loader_begin(loader, 0, 0), HPAC_OK);
    hpac_batch batch;
    cr_assert_eq(hpac_loader_next(loader, &batch), HPAC_OK);
    cr_assert_eq(batch.count, 0);
    hpac_loader_destroy(loader);
    hpac_loader_destroy(NULL);
    loader_fixture_close(&fix);
}

Test(loader, cached_epochs_need_no_files)
{
    loader_fixture fix;
    loader_fixture_open(&fix, 1 << 20);
    cr_assert(hpac_dataset_is_cached(fix.dataset));
    loader_open(&fix, (hpac_loader_options){
                          .batch_size = 4, .slot_count = 3, .workers = 3, .shuffle = true});
    loader_take_whole_epoch(&fix, 0);
    for (size_t row = 0; row < LOADER_COUNT; row++)
        for (int channel = 0; channel < LOADER_CHANNELS; channel++)
            cr_assert_eq(unlink(picture_path(&fix.pictures, row, channel)), 0);
    for (uint32_t epoch = 1; epoch < 10; epoch++)
        loader_take_whole_epoch(&fix, epoch);
    loader_close(&fix);
    loader_fixture_close(&fix);
}
