#include "loader_fixture.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { TARGETS = 3 };
static const int targets[TARGETS] = {7, 0, 3};

void loader_fixture_open(loader_fixture *fix, size_t cache_nbytes)
{
    memset(fix, 0, sizeof *fix);
    picture_directory_create(&fix->pictures, LOADER_COUNT);
    const hpac_dataset_options options = {.images = fix->pictures.path,
                                          .labels = &fix->pictures.labels,
                                          .targets = targets,
                                          .target_count = TARGETS,
                                          .channels = LOADER_CHANNELS,
                                          .rows = PICTURE_ROWS,
                                          .cols = PICTURE_COLS,
                                          .cache_nbytes = cache_nbytes};
    cr_assert_eq(hpac_dataset_create(&options, &fix->dataset), HPAC_OK);
    for (size_t i = 0; i < LOADER_COUNT; i++)
        fix->rows[i] = i * 7 % LOADER_COUNT;
}

static size_t slot_nbytes(size_t batch_size)
{
    return hpac_batch_nbytes(&(hpac_batch_format){.batch_size = batch_size,
                                                  .target_count = TARGETS,
                                                  .rows = PICTURE_ROWS,
                                                  .cols = PICTURE_COLS,
                                                  .channels = LOADER_CHANNELS});
}

void loader_open(loader_fixture *fix, hpac_loader_options options)
{
    for (size_t i = 0; i < options.slot_count; i++)
        fix->slots[i] = malloc(slot_nbytes(options.batch_size));
    options.dataset = fix->dataset;
    options.rows = fix->rows;
    options.row_count = LOADER_COUNT;
    options.slots = fix->slots;
    fix->options = options;
    cr_assert_eq(hpac_loader_create(&options, &fix->loader), HPAC_OK, "%s", hpac_error_message());
}

void loader_close(loader_fixture *fix)
{
    hpac_loader_destroy(fix->loader);
    for (int i = 0; i < LOADER_MAX_SLOTS; i++) {
        free(fix->slots[i]);
        fix->slots[i] = NULL;
    }
}

void loader_fixture_close(loader_fixture *fix)
{
    hpac_dataset_destroy(fix->dataset);
    picture_directory_remove(&fix->pictures);
}

/* Fisher and Yates, Lemire's bounded numbers: from the description, number by number. */
static void naive_shuffle(uint64_t seed, uint32_t epoch, size_t *values, size_t count)
{
    uint64_t index = 0;
    for (size_t last = count; last-- > 1;) {
        uint64_t bound = last + 1, product;
        do
            product = bound * hpac_random_u32(seed, HPAC_PURPOSE_SHUFFLE, 0, epoch, index++);
        while ((product & 0xffffffff) < 0x100000000 % bound);
        size_t value = values[last];
        values[last] = values[product >> 32];
        values[product >> 32] = value;
    }
}

void loader_expect_order(const loader_fixture *fix, uint32_t epoch, size_t *order)
{
    memcpy(order, fix->rows, sizeof fix->rows);
    if (fix->options.shuffle)
        naive_shuffle(fix->options.seed, epoch, order, LOADER_COUNT);
}

static bool is_bad(const size_t *bad, size_t bad_count, size_t row)
{
    for (size_t i = 0; i < bad_count; i++)
        if (bad[i] == row)
            return true;
    return false;
}

bool loader_batch_holds(const hpac_batch *batch, size_t batch_size, const size_t *rows)
{
    const uint8_t *pixels =
        batch->data + slot_nbytes(batch_size) - batch_size * LOADER_CHANNELS * PICTURE_PIXELS;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->rows[i] != rows[i] ||
            !picture_matches(pixels + i * LOADER_CHANNELS * PICTURE_PIXELS, rows[i],
                             LOADER_CHANNELS))
            return false;
        for (size_t t = 0; t < TARGETS; t++)
            if (batch->data[i * TARGETS + t] != (picture_mask(rows[i]) >> targets[t] & 1))
                return false;
    }
    return true;
}

size_t loader_take_epoch(loader_fixture *fix, uint32_t epoch, size_t first, size_t stop,
                         const size_t *bad, size_t bad_count)
{
    size_t order[LOADER_COUNT], taken = 0;
    loader_expect_order(fix, epoch, order);
    size_t batch_size = (size_t)fix->options.batch_size;
    for (size_t index = first; index < hpac_loader_batch_count(fix->loader) && index < stop;
         index++) {
        size_t rows[LOADER_COUNT];
        size_t count = 0;
        for (size_t i = index * batch_size; i < (index + 1) * batch_size && i < LOADER_COUNT; i++)
            if (!is_bad(bad, bad_count, order[i]))
                rows[count++] = order[i];
        if (count == 0)
            continue;
        hpac_batch batch;
        cr_assert_eq(hpac_loader_next(fix->loader, &batch), HPAC_OK, "%s", hpac_error_message());
        cr_assert_eq(batch.index, index);
        cr_assert_eq(batch.count, count);
        cr_assert_eq(batch.data, fix->slots[batch.slot]);
        cr_assert(loader_batch_holds(&batch, fix->options.batch_size, rows));
        hpac_loader_release(fix->loader, &batch);
        taken++;
    }
    if (stop < hpac_loader_batch_count(fix->loader))
        return taken;
    for (int i = 0; i < 2; i++) {
        hpac_batch batch;
        cr_assert_eq(hpac_loader_next(fix->loader, &batch), HPAC_OK);
        cr_assert_eq(batch.count, 0);
        hpac_loader_release(fix->loader, &batch);
    }
    return taken;
}

void loader_begin(loader_fixture *fix, uint32_t epoch, size_t first)
{
    cr_assert_eq(hpac_loader_begin(fix->loader, epoch, first), HPAC_OK, "%s", hpac_error_message());
}

void loader_take_whole_epoch(loader_fixture *fix, uint32_t epoch)
{
    loader_begin(fix, epoch, 0);
    loader_take_epoch(fix, epoch, 0, SIZE_MAX, NULL, 0);
}
