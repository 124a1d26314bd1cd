/* The loader, when its consumer has resident images: batches of resident rows only are not read. */
#include "base/random.h"
#include "data/loader.h"

#include "picture_directory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 22, BATCH = 4, SLOTS = 3, BATCHES = 6 };

typedef struct fixture {
    picture_directory pictures;
    hpac_dataset *dataset;
    hpac_loader *loader;
    uint8_t *slots[SLOTS];
    size_t rows[COUNT];
    bool resident[COUNT];
} fixture;

static void open_fixture(fixture *fix, int workers, bool shuffle)
{
    static const int targets[] = {0, 25};
    memset(fix, 0, sizeof *fix);
    picture_directory_create(&fix->pictures, COUNT);
    const hpac_dataset_options data = {.images = fix->pictures.path,
                                       .labels = &fix->pictures.labels,
                                       .targets = targets,
                                       .target_count = 2,
                                       .channels = 1,
                                       .rows = PICTURE_ROWS,
                                       .cols = PICTURE_COLS};
    cr_assert_eq(hpac_dataset_create(&data, &fix->dataset), HPAC_OK);
    for (size_t i = 0; i < COUNT; i++)
        fix->rows[i] = i;
    for (int i = 0; i < SLOTS; i++)
        fix->slots[i] = malloc(64 + BATCH * PICTURE_PIXELS);
    const hpac_loader_options options = {.dataset = fix->dataset,
                                         .rows = fix->rows,
                                         .row_count = COUNT,
                                         .batch_size = BATCH,
                                         .shuffle = shuffle,
                                         .seed = 5,
                                         .workers = workers,
                                         .resident = fix->resident,
                                         .slots = fix->slots,
                                         .slot_count = SLOTS};
    cr_assert_eq(hpac_loader_create(&options, &fix->loader), HPAC_OK, "%s", hpac_error_message());
}

static void close_fixture(fixture *fix)
{
    hpac_loader_destroy(fix->loader);
    hpac_dataset_destroy(fix->dataset);
    for (int i = 0; i < SLOTS; i++)
        free(fix->slots[i]);
    picture_directory_remove(&fix->pictures);
}

/* A batch with a slot holds the pictures of its rows; one without has resident rows only. */
static void check_batch(const fixture *fix, const hpac_batch *batch)
{
    bool all_resident = true;
    for (size_t i = 0; i < batch->count; i++)
        all_resident &= fix->resident[batch->rows[i]];
    cr_assert_eq(!batch->data, all_resident, "batch %zu", batch->index);
    cr_assert_eq(batch->slot < 0, all_resident);
    for (size_t i = 0; batch->data && i < batch->count; i++)
        cr_assert(picture_matches(batch->data + 64 + i * PICTURE_PIXELS, batch->rows[i], 1));
}

/* Takes an epoch from `first` on and returns how many of its batches were read. The rows are those
 * that an epoch in which nothing is resident has, noted in `order` (COUNT) when `note` is set. */
static int take_epoch(fixture *fix, uint32_t epoch, size_t first, size_t *order, bool note)
{
    int read = 0;
    size_t batches = first;
    hpac_batch batch;
    cr_assert_eq(hpac_loader_begin(fix->loader, epoch, first), HPAC_OK);
    while (true) {
        cr_assert_eq(hpac_loader_next(fix->loader, &batch), HPAC_OK, "%s", hpac_error_message());
        if (batch.count == 0)
            break;
        cr_assert_eq(batch.index, batches++);
        cr_assert_eq(batch.count, batch.index == BATCHES - 1 ? COUNT % BATCH : BATCH);
        size_t *rows = order + batch.index * BATCH, nbytes = (size_t)batch.count * sizeof *rows;
        if (note)
            memcpy(rows, batch.rows, nbytes);
        cr_assert_eq(memcmp(rows, batch.rows, nbytes), 0, "batch %zu", batch.index);
        check_batch(fix, &batch);
        read += batch.data != NULL;
        hpac_loader_release(fix->loader, &batch);
    }
    cr_assert_eq(batches, BATCHES);
    return read;
}

Test(loader_resident, batches_of_resident_rows_are_not_read)
{
    for (int turn = 0; turn < 4; turn++) {
        fixture fix;
        size_t order[COUNT];
        open_fixture(&fix, 1 + turn / 2, turn % 2);
        cr_assert_eq(take_epoch(&fix, 3, 0, order, true), BATCHES);
        for (int i = 0; i < BATCH; i++)
            fix.resident[order[2 * BATCH + i]] = true;
        cr_assert_eq(take_epoch(&fix, 3, 0, order, false), BATCHES - 1);
        fix.resident[order[0]] = true; /* one of a batch changes nothing */
        cr_assert_eq(take_epoch(&fix, 3, 0, order, false), BATCHES - 1);
        cr_assert_eq(take_epoch(&fix, 3, 2, order, false), BATCHES - 3);
        memset(fix.resident, true, sizeof fix.resident);
        for (int i = 0; i < COUNT; i++) /* nothing of it may be needed any more */
            cr_assert_eq(remove(picture_path(&fix.pictures, (size_t)i, 0)), 0);
        cr_assert_eq(take_epoch(&fix, 3, 0, order, false), 0);
        fix.resident[order[COUNT - 1]] = false;
        hpac_batch batch;
        cr_assert_eq(hpac_loader_begin(fix.loader, 3, 0), HPAC_OK);
        for (int i = 0; i < BATCHES - 1; i++)
            cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_OK);
        cr_assert_eq(hpac_loader_next(fix.loader, &batch), HPAC_ERR_DATA, "the file is gone");
        close_fixture(&fix);
    }
}

/* Wherever the one row stands that the consumer has not. */
Test(loader_resident, a_batch_with_one_new_row_is_read)
{
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        fixture fix;
        size_t order[COUNT];
        open_fixture(&fix, 1, shuffle);
        cr_assert_eq(take_epoch(&fix, 7, 0, order, true), BATCHES);
        memset(fix.resident, true, sizeof fix.resident);
        for (size_t i = 0; i < COUNT; i++) {
            fix.resident[order[i]] = false;
            cr_assert_eq(take_epoch(&fix, 7, 0, order, false), 1, "row %zu of batch %zu", i % BATCH,
                         i / BATCH);
            fix.resident[order[i]] = true;
        }
        close_fixture(&fix);
    }
}

/* With all slots in use a resident batch still comes. */
Test(loader_resident, resident_batches_need_no_slot)
{
    fixture fix;
    open_fixture(&fix, 2, false);
    for (size_t i = 2 * BATCH; i < COUNT; i++)
        fix.resident[i] = true;
    hpac_batch batches[BATCHES];
    cr_assert_eq(hpac_loader_begin(fix.loader, 0, 0), HPAC_OK);
    for (int i = 0; i < BATCHES; i++) {
        cr_assert_eq(hpac_loader_next(fix.loader, &batches[i]), HPAC_OK);
        cr_assert_eq(batches[i].slot < 0, i >= 2);
    }
    for (int i = 0; i < BATCHES; i++)
        hpac_loader_release(fix.loader, &batches[i]);
    close_fixture(&fix);
}
