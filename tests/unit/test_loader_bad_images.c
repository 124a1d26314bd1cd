/* The loader: images that cannot be read stop the epoch, or are skipped and reported. */
#include <hpac/log.h>

#include "loader_fixture.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The error is that of the first bad image in the epoch's order, not in time: here one of a later
 * place of the same batch and one of a later batch compete with it. */
Test(loader, first_bad_image_ends_the_epoch)
{
    enum { BATCH = 4 };
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    truncate_file(picture_path(&fix.pictures, fix.rows[9], 1), 50);
    cr_assert_eq(unlink(picture_path(&fix.pictures, fix.rows[10], 0)), 0);
    cr_assert_eq(unlink(picture_path(&fix.pictures, fix.rows[13], 0)), 0);
    static const int worker_counts[] = {1, 2, 3, 8};
    for (int w = 0; w < 4; w++) {
        loader_open(&fix, (hpac_loader_options){
                              .batch_size = BATCH, .slot_count = 4, .workers = worker_counts[w]});
        for (int round = 0; round < 30; round++) {
            loader_begin(&fix, 0, 0);
            loader_take_epoch(&fix, 0, 0, 2, NULL, 0);
            for (int again = 0; again < 2; again++) {
                hpac_batch batch;
                cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_ERR_DATA);
                cr_assert_eq(batch.count, 0);
                const char *path = picture_path(&fix.pictures, fix.rows[9], 1);
                cr_assert_not_null(strstr(hpac_error_message(), path), "%s", hpac_error_message());
            }
        }
        loader_begin(&fix, 0, 4); /* behind the bad ones */
        loader_take_epoch(&fix, 0, 4, SIZE_MAX, NULL, 0);
        size_t skipped;
        hpac_loader_skipped(fix.loader, &skipped);
        cr_assert_eq(skipped, 0);
        loader_close(&fix);
    }
    loader_fixture_close(&fix);
}

static int count_lines(const char *path, const char *with)
{
    FILE *stream = fopen(path, "r");
    cr_assert_not_null(stream);
    char line[8192];
    int count = 0;
    while (fgets(line, sizeof line, stream))
        count += strstr(line, with) != NULL;
    fclose(stream);
    return count;
}

/* Rows 2, 5 and 8 .. 11: with batches of four in row order, two batches lose one each and a third
 * all it has. */
Test(loader, bad_images_are_skipped)
{
    static const size_t bad[] = {2, 5, 8, 9, 10, 11};
    enum { BAD = 6 };
    static const int worker_counts[] = {1, 2, 3, 8};
    for (int w = 0; w < 4; w++) {
        loader_fixture fix;
        loader_fixture_open(&fix, w % 2 ? 1 << 20 : 0);
        for (size_t i = 0; i < BAD; i++)
            truncate_file(picture_path(&fix.pictures, bad[i], (int)i % LOADER_CHANNELS), 50);
        for (size_t i = 0; i < LOADER_COUNT; i++)
            fix.rows[i] = i;
        char name[32];
        snprintf(name, sizeof name, "%d.log", w);
        const char *log = scratch_path(name);
        hpac_log_set_level(HPAC_LOG_ERROR);
        cr_assert_eq(hpac_log_open_file(log), HPAC_OK);
        loader_open(&fix, (hpac_loader_options){.batch_size = 4,
                                                .slot_count = 3,
                                                .workers = worker_counts[w],
                                                .skip_bad_images = true});
        size_t skipped;
        hpac_loader_skipped(fix.loader, &skipped);
        cr_assert_eq(skipped, 0);
        for (uint32_t epoch = 0; epoch < 5; epoch++) {
            loader_begin(&fix, epoch, 0);
            cr_assert_eq(loader_take_epoch(&fix, epoch, 0, SIZE_MAX, bad, BAD), 5);
            const size_t *rows = hpac_loader_skipped(fix.loader, &skipped);
            cr_assert_eq(skipped, BAD);
            cr_assert_arr_eq(rows, bad, sizeof bad);
        }
        loader_close(&fix);
        hpac_log_close_file();
        cr_assert_eq(count_lines(log, "warning"), BAD, "each row is reported once");
        for (size_t i = 0; i < BAD; i++)
            cr_assert_eq(
                count_lines(log, picture_path(&fix.pictures, bad[i], (int)i % LOADER_CHANNELS)), 1);
        loader_fixture_close(&fix);
    }
}

Test(loader, shuffled_epochs_skip_the_same_rows)
{
    static const size_t bad[] = {0, 7, 22};
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(unlink(picture_path(&fix.pictures, bad[i], 1)), 0);
    hpac_log_set_level(HPAC_LOG_ERROR);
    loader_open(&fix, (hpac_loader_options){.batch_size = 3,
                                            .slot_count = 3,
                                            .workers = 3,
                                            .shuffle = true,
                                            .drop_last = true,
                                            .seed = 5,
                                            .skip_bad_images = true});
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        loader_begin(&fix, epoch, 0);
        loader_take_epoch(&fix, epoch, 0, SIZE_MAX, bad, 3);
    }
    size_t skipped;
    const size_t *rows = hpac_loader_skipped(fix.loader, &skipped);
    cr_assert_eq(skipped, 3);
    cr_assert_arr_eq(rows, bad, sizeof bad);
    loader_close(&fix);
    loader_fixture_close(&fix);
}

Test(loader, nothing_is_left_when_all_images_are_bad)
{
    loader_fixture fix;
    loader_fixture_open(&fix, 0);
    for (size_t row = 0; row < LOADER_COUNT; row++)
        cr_assert_eq(unlink(picture_path(&fix.pictures, row, 0)), 0);
    hpac_log_set_level(HPAC_LOG_ERROR);
    loader_open(&fix, (hpac_loader_options){
                          .batch_size = 2, .slot_count = 2, .workers = 2, .skip_bad_images = true});
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        loader_begin(&fix, epoch, 0);
        hpac_batch batch;
        cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_OK);
        cr_assert_eq(batch.count, 0);
        size_t skipped;
        const size_t *rows = hpac_loader_skipped(fix.loader, &skipped);
        cr_assert_eq(skipped, LOADER_COUNT);
        for (size_t i = 0; i < LOADER_COUNT; i++)
            cr_assert_eq(rows[i], i);
    }
    loader_close(&fix);
    loader_fixture_close(&fix);
}
