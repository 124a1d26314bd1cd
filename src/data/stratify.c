/* Iterative stratification of multi-label rows (Sechidis, Tsoumakas, Vlahavas 2011), with folds of
 * one size. In the paper's own form the folds drift apart in size (by more than a hundred rows of
 * 10,357 on the competition's table). Here a full fold takes no more rows, which instead unbalances
 * the classes dealt last, the common ones; those are evened out by exchanging rows that differ in
 * one class. */
#include "stratify.h"

#include "base/memory.h"
#include "base/random.h"

#include <stdbool.h>

enum { CLASS_COUNT = 32, ANY_CLASS = CLASS_COUNT }; /* bits of a mask */

#define NOT_DEALT SIZE_MAX /* as a fold */

typedef struct masked_row {
    uint32_t mask;
    size_t row;
} masked_row;

typedef struct dealer {
    size_t folds;
    hpac_random random;
    size_t row_count;
    const uint32_t *masks;
    size_t *order;                /* (row_count) rows in the random order in which they are dealt */
    size_t *fold_of;              /* (row_count) */
    size_t *capacity;             /* (folds) rows each may still take */
    masked_row *by_mask;          /* (row_count) ascending */
    size_t (*dealt)[CLASS_COUNT]; /* (folds) rows of each class each fold has */
} dealer;

static void dealer_fini(dealer *deal)
{
    free(deal->order);
    free(deal->capacity);
    free(deal->by_mask);
    free(deal->dealt);
}

/* The class with the fewest rows left to deal, the lowest number of several; ANY_CLASS: none is
 * left. */
static size_t rarest_class(const dealer *deal)
{
    size_t left[CLASS_COUNT] = {0}, rarest = ANY_CLASS;
    for (size_t row = 0; row < deal->row_count; row++)
        for (size_t c = 0; deal->fold_of[row] == NOT_DEALT && c < CLASS_COUNT; c++)
            left[c] += deal->masks[row] >> c & 1;
    for (size_t c = 0; c < CLASS_COUNT; c++)
        if (left[c] && (rarest == ANY_CLASS || left[c] < left[rarest]))
            rarest = c;
    return rarest;
}

/* Whether fold a needs a row of the class more than b: it has fewer of the class or, with as many,
 * more capacity. 1, -1, or 0 for equals. The paper subtracts from desired counts; as all folds
 * desire the same count of a class, the fewest dealt is the most desired. */
static int compare_need(const dealer *deal, size_t a, size_t b, size_t class_number)
{
    if (class_number != ANY_CLASS) {
        size_t has_a = deal->dealt[a][class_number], has_b = deal->dealt[b][class_number];
        if (has_a != has_b)
            return has_a < has_b ? 1 : -1;
    }
    return (deal->capacity[a] > deal->capacity[b]) - (deal->capacity[a] < deal->capacity[b]);
}

/* The fold with capacity that needs the class most, a random one of several equals. */
static size_t choose_fold(dealer *deal, size_t class_number)
{
    size_t best = NOT_DEALT;
    uint32_t alike = 0;
    for (size_t fold = 0; fold < deal->folds; fold++) {
        if (deal->capacity[fold] == 0)
            continue;
        int order = best == NOT_DEALT ? 1 : compare_need(deal, fold, best, class_number);
        alike = order > 0 ? 1 : alike + (order == 0);
        if (order > 0 || (order == 0 && hpac_random_below(&deal->random, alike) == 0))
            best = fold;
    }
    return best;
}

/* Deals all rows left that carry the class. */
static void deal_class(dealer *deal, size_t class_number)
{
    for (size_t i = 0; i < deal->row_count; i++) {
        size_t row = deal->order[i];
        bool wanted = class_number == ANY_CLASS || deal->masks[row] >> class_number & 1;
        if (deal->fold_of[row] != NOT_DEALT || !wanted)
            continue;
        size_t fold = choose_fold(deal, class_number);
        deal->fold_of[row] = fold;
        deal->capacity[fold]--;
        for (size_t c = 0; c < CLASS_COUNT; c++)
            deal->dealt[fold][c] += deal->masks[row] >> c & 1;
    }
}

static int compare_masks(const void *a, const void *b)
{
    const masked_row *left = a, *right = b;
    if (left->mask != right->mask)
        return left->mask < right->mask ? -1 : 1;
    return (left->row > right->row) - (left->row < right->row);
}

/* A row of this fold with exactly this mask; row_count when there is none. */
static size_t find_row(const dealer *deal, size_t fold, uint32_t mask)
{
    size_t low = 0, high = deal->row_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (deal->by_mask[middle].mask < mask)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < deal->row_count && deal->by_mask[low].mask == mask; low++)
        if (deal->fold_of[deal->by_mask[low].row] == fold)
            return deal->by_mask[low].row;
    return deal->row_count;
}

/* Moves the class from one fold to another until they are even, by exchanging rows that differ in
 * this class alone: sizes and all other classes stay as they are. True if any were exchanged. */
static bool even_out_pair(dealer *deal, size_t class_number, size_t from, size_t to)
{
    size_t *surplus = &deal->dealt[from][class_number], *lacking = &deal->dealt[to][class_number];
    uint32_t bit = (uint32_t)1 << class_number;
    bool exchanged = false;
    for (size_t i = 0; i<deal->row_count && * surplus> * lacking + 1; i++) {
        size_t row = deal->order[i];
        if (deal->fold_of[row] != from || !(deal->masks[row] & bit))
            continue;
        size_t other = find_row(deal, to, deal->masks[row] & ~bit);
        if (other == deal->row_count)
            continue;
        deal->fold_of[row] = to;
        deal->fold_of[other] = from;
        --*surplus;
        ++*lacking;
        exchanged = true;
    }
    return exchanged;
}

/* Ends because every exchange lowers the sum of squares of a class's counts. */
static void even_out_class(dealer *deal, size_t class_number)
{
    bool exchanged = true;
    while (exchanged) {
        exchanged = false;
        for (size_t from = 0; from < deal->folds; from++)
            for (size_t to = 0; to < deal->folds; to++)
                exchanged |= even_out_pair(deal, class_number, from, to);
    }
}

hpac_status stratify(uint32_t seed, uint32_t repeat, size_t folds, size_t row_count,
                     const uint32_t *masks, size_t *fold_of)
{
    HPAC_AUTO(dealer_fini)
    dealer deal = {.folds = folds, .row_count = row_count, .masks = masks, .fold_of = fold_of};
    HPAC_TRY_NEW(deal.order, row_count);
    HPAC_TRY_NEW(deal.by_mask, row_count);
    HPAC_TRY_NEW(deal.capacity, folds);
    HPAC_TRY_NEW(deal.dealt, folds);
    for (size_t fold = 0; fold < folds; fold++)
        deal.capacity[fold] = row_count / folds + (fold < row_count % folds);
    for (size_t row = 0; row < row_count; row++) {
        fold_of[row] = NOT_DEALT;
        deal.order[row] = row;
        deal.by_mask[row] = (masked_row){masks[row], row};
    }
    qsort(deal.by_mask, row_count, sizeof *deal.by_mask, compare_masks);
    hpac_random_init(&deal.random, seed, HPAC_PURPOSE_SPLIT, 0, repeat);
    hpac_random_shuffle(&deal.random, deal.order, row_count);
    for (size_t c; (c = rarest_class(&deal)) != ANY_CLASS;)
        deal_class(&deal, c);
    deal_class(&deal, ANY_CLASS);
    for (size_t c = 0; c < CLASS_COUNT; c++)
        even_out_class(&deal, c);
    return HPAC_OK;
}
