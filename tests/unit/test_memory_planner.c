/* Places in an arena: pieces that are needed at the same time lie apart, and the arena is as small
 * as brute force makes it, or nearly. */
#include "net/memory_planner.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <sys/param.h>

enum { UNIT = 256, MOST = 7 };

static bool clash(const memory_piece *a, const memory_piece *b)
{
    bool in_time = a->first <= b->last && b->first <= a->last;
    bool in_memory = a->offset < b->offset + b->nbytes && b->offset < a->offset + a->nbytes;
    return in_time && in_memory;
}

static void expect_apart(const memory_piece *pieces, size_t count, size_t nbytes)
{
    for (size_t i = 0; i < count; i++) {
        cr_expect(pieces[i].offset % UNIT == 0 && pieces[i].offset + pieces[i].nbytes <= nbytes);
        for (size_t j = 0; j < i; j++)
            cr_expect(!clash(&pieces[i], &pieces[j]) || pieces[i].over > 0 || pieces[j].over > 0,
                      "pieces %zu and %zu lie over each other", j, i);
    }
}

/* The lowest offset of a piece beside the placed ones, which have other[i].nbytes > 0. */
static size_t lowest(const memory_piece *piece, memory_piece *const *placed, size_t count)
{
    memory_piece trial = *piece;
    for (trial.offset = 0;; trial.offset += UNIT) {
        bool free = true;
        for (size_t i = 0; i < count; i++)
            free = free && !clash(&trial, placed[i]);
        if (free)
            return trial.offset;
    }
}

/* The smallest arena: in the order of its offsets, each piece of the best plan can only sink. */
static size_t brute_force(memory_piece *pieces, size_t count, memory_piece **placed, size_t done,
                          size_t used, size_t best)
{
    if (done == count)
        return MIN(best, used);
    for (size_t i = 0; i < count; i++) {
        bool taken = false;
        for (size_t k = 0; k < done; k++)
            taken |= placed[k] == &pieces[i];
        if (taken)
            continue;
        pieces[i].offset = lowest(&pieces[i], placed, done);
        size_t end = MAX(used, pieces[i].offset + pieces[i].nbytes);
        placed[done] = &pieces[i];
        if (end < best)
            best = brute_force(pieces, count, placed, done + 1, end, best);
    }
    return best;
}

Test(memory_planner, is_near_the_smallest_arena)
{
    hpac_random random;
    size_t total = 0, smallest = 0;
    hpac_random_init(&random, 11, HPAC_PURPOSE_SYNTH, 0, 0);
    for (int round = 0; round < 300; round++) {
        memory_piece pieces[MOST], copy[MOST], *placed[MOST];
        size_t count = 2 + hpac_random_below(&random, MOST - 1), nbytes;
        for (size_t i = 0; i < count; i++) {
            size_t first = hpac_random_below(&random, 6);
            pieces[i] = (memory_piece){.nbytes = UNIT * (1 + hpac_random_below(&random, 5)),
                                       .first = first,
                                       .last = first + hpac_random_below(&random, 4)};
            copy[i] = pieces[i];
        }
        cr_assert_eq(memory_planner_run(pieces, count, &nbytes), HPAC_OK);
        expect_apart(pieces, count, nbytes);
        size_t best = brute_force(copy, count, placed, 0, 0, SIZE_MAX);
        cr_expect(nbytes >= best && 2 * nbytes <= 3 * best, "round %d: %zu, brute force %zu", round,
                  nbytes, best);
        total += nbytes;
        smallest += best;
    }
    cr_expect(total <= smallest * 102 / 100, "%zu in all, brute force %zu", total, smallest);
}

/* Forward and backward of a chain of equal layers, as a network without branches has them. */
Test(memory_planner, a_chain_in_predictions_needs_two_buffers)
{
    memory_piece pieces[50];
    size_t nbytes;
    for (size_t i = 0; i < 50; i++)
        pieces[i] = (memory_piece){.nbytes = 1000, .first = i, .last = i + 1};
    cr_assert_eq(memory_planner_run(pieces, 50, &nbytes), HPAC_OK);
    cr_expect_eq(nbytes, 2 * 1024);
    expect_apart(pieces, 50, nbytes);
}

Test(memory_planner, what_writes_over_its_input_takes_its_memory)
{
    memory_piece pieces[] = {{.nbytes = 512, .first = 0, .last = 1},
                             {.nbytes = 512, .first = 1, .last = 2, .over = 1},
                             {.nbytes = 512, .first = 2, .last = 4, .over = 2},
                             {.nbytes = 256, .first = 3, .last = 3},
                             {.nbytes = 512, .first = 5, .last = 6}};
    size_t nbytes;
    cr_assert_eq(memory_planner_run(pieces, 5, &nbytes), HPAC_OK);
    cr_expect(pieces[1].offset == pieces[0].offset && pieces[2].offset == pieces[0].offset);
    cr_expect_not(clash(&pieces[3], &pieces[2]));
    cr_expect_eq(nbytes, 768);
}

Test(memory_planner, nothing_needs_nothing)
{
    memory_piece empty = {.nbytes = 0};
    size_t nbytes = 1;
    cr_expect_eq(memory_planner_run(NULL, 0, &nbytes), HPAC_OK);
    cr_expect_eq(nbytes, 0);
    cr_expect_eq(memory_planner_run(&empty, 1, &nbytes), HPAC_OK);
    cr_expect_eq(nbytes, 0);
}
