/*
 * A loader over a directory of pictures, and epochs taken from it that must be right. What is
 * expected is computed from the pictures' formula (picture_directory.h) and a shuffle of the test's
 * own.
 */
#ifndef TESTS_LOADER_FIXTURE_H
#define TESTS_LOADER_FIXTURE_H

#include "data/loader.h"

#include "picture_directory.h"

enum { LOADER_COUNT = 23, LOADER_CHANNELS = 2, LOADER_MAX_SLOTS = 8 };

/* A directory, a data set and a loader with slots of its own. */
typedef struct loader_fixture {
    picture_directory pictures;
    hpac_dataset *dataset;
    hpac_loader *loader;
    hpac_loader_options options;
    uint8_t *slots[LOADER_MAX_SLOTS];
    size_t rows[LOADER_COUNT]; /* of the loader: all, in an order of their own */
} loader_fixture;

void loader_fixture_open(loader_fixture *fix, size_t cache_nbytes);
void loader_fixture_close(loader_fixture *fix);
/* `options` without dataset, rows and slots, which are the fixture's. */
void loader_open(loader_fixture *fix, hpac_loader_options options);
void loader_close(loader_fixture *fix);

/* The rows of an epoch in order. */
void loader_expect_order(const loader_fixture *fix, uint32_t epoch, size_t *order);
/* Whether a batch holds these rows: numbers, targets, pixels. */
bool loader_batch_holds(const hpac_batch *batch, size_t batch_size, const size_t *rows);

void loader_begin(loader_fixture *fix, uint32_t epoch, size_t first);
/* Takes batches first .. until the epoch's end or `stop` (whichever is first), all of them as they
 * should be; `bad` rows are skipped. Returns the number of batches taken. */
size_t loader_take_epoch(loader_fixture *fix, uint32_t epoch, size_t first, size_t stop,
                         const size_t *bad, size_t bad_count);
void loader_take_whole_epoch(loader_fixture *fix, uint32_t epoch);

#endif
