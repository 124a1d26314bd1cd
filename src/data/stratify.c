/* Iterative stratification of multi-label rows (Sechidis, Tsoumakas, Vlahavas 2011), with folds of
 * one size. In the paper's own form the folds drift apart in size (by more than a hundred rows of
 * 10,357 on the competition's table). Here a full fold takes no more rows, which instead unbalances
 * the classes dealt last, the common ones; those are evened out by exchanging rows that differ in
 * one class. */
#include "stratify.h"

#include "base/random.h"

#include <stdbool.h>
#include <stdlib.h>

enum { MASK_BITS = 32 };

typedef struct masked_row {
    uint32_t mask;
    size_t row;
} masked_row;

typedef struct stratifier {
    int folds;
    hpac_random random;
    size_t row_count;
    const uint32_t *masks;
    size_t *order;       /* (row_count) rows in the random order in which they are dealt */
    int *fold_of;        /* (row_count) -1: not dealt yet */
    size_t *capacity;    /* (folds) rows each may still take */
    masked_row *by_mask; /* (row_count) ascending */
    size_t *dealt;       /* (folds, MASK_BITS) rows of each class each fold has */
} stratifier;

static void shuffle_order(stratifier *dealer)
{
    for (size_t i = 0; i < dealer->row_count; i++)
        dealer->order[i] = i;
    for (size_t i = dealer->row_count; i-- > 1;) {
        size_t j = hpac_random_below(&dealer->random, (uint32_t)i + 1);
        size_t row = dealer->order[i];
        dealer->order[i] = dealer->order[j];
        dealer->order[j] = row;
    }
}

/* The class with the fewest rows left to deal, the lowest number of several; -1: none is left. */
static int rarest_class(const stratifier *dealer)
{
    size_t left[MASK_BITS] = {0};
    for (size_t row = 0; row < dealer->row_count; row++)
        if (dealer->fold_of[row] < 0)
            for (int c = 0; c < MASK_BITS; c++)
                left[c] += dealer->masks[row] >> c & 1;
    int rarest = -1;
    for (int c = 0; c < MASK_BITS; c++)
        if (left[c] && (rarest < 0 || left[c] < left[rarest]))
            rarest = c;
    return rarest;
}

/* Whether fold a wants a row of the class more than b: it has fewer of the class or, with as many,
 * more capacity. 1, -1, or 0 for equals. The paper subtracts from desired counts; as all folds
 * desire the same count of a class, the fewest dealt is the most desired. */
static int compare_wish(const stratifier *dealer, int a, int b, int class_number)
{
    if (class_number >= 0) {
        size_t has_a = dealer->dealt[a * MASK_BITS + class_number];
        size_t has_b = dealer->dealt[b * MASK_BITS + class_number];
        if (has_a != has_b)
            return has_a < has_b ? 1 : -1;
    }
    return (dealer->capacity[a] > dealer->capacity[b]) -
           (dealer->capacity[a] < dealer->capacity[b]);
}

/* The fold with capacity that needs the class most, a random one of several equals. */
static int choose_fold(stratifier *dealer, int class_number)
{
    int best = -1;
    uint32_t alike = 0;
    for (int fold = 0; fold < dealer->folds; fold++) {
        if (dealer->capacity[fold] == 0)
            continue;
        int order = best < 0 ? 1 : compare_wish(dealer, fold, best, class_number);
        alike = order > 0 ? 1 : alike + (order == 0);
        if (order > 0 || (order == 0 && hpac_random_below(&dealer->random, alike) == 0))
            best = fold;
    }
    return best;
}

/* Deals all rows left that carry the class (any rows left when it is -1). */
static void deal_class(stratifier *dealer, int class_number)
{
    for (size_t i = 0; i < dealer->row_count; i++) {
        size_t row = dealer->order[i];
        bool wanted = class_number < 0 || dealer->masks[row] >> class_number & 1;
        if (dealer->fold_of[row] >= 0 || !wanted)
            continue;
        int fold = choose_fold(dealer, class_number);
        dealer->fold_of[row] = fold;
        dealer->capacity[fold]--;
        for (int c = 0; c < MASK_BITS; c++)
            dealer->dealt[fold * MASK_BITS + c] += dealer->masks[row] >> c & 1;
    }
}

static int compare_masks(const void *a, const void *b)
{
    const masked_row *left = a, *right = b;
    if (left->mask != right->mask)
        return left->mask < right->mask ? -1 : 1;
    return (left->row > right->row) - (left->row < right->row);
}

static void sort_by_mask(stratifier *dealer)
{
    for (size_t row = 0; row < dealer->row_count; row++)
        dealer->by_mask[row] = (masked_row){dealer->masks[row], row};
    qsort(dealer->by_mask, dealer->row_count, sizeof *dealer->by_mask, compare_masks);
}

/* A row of this fold with exactly this mask; row_count when there is none. */
static size_t find_row(const stratifier *dealer, int fold, uint32_t mask)
{
    size_t low = 0, high = dealer->row_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (dealer->by_mask[middle].mask < mask)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < dealer->row_count && dealer->by_mask[low].mask == mask; low++)
        if (dealer->fold_of[dealer->by_mask[low].row] == fold)
            return dealer->by_mask[low].row;
    return dealer->row_count;
}

/* Moves the class from one fold to another until they are even, by exchanging rows that differ in
 * this class alone: sizes and all other classes stay as they are. True if any were exchanged. */
static bool even_out_pair(stratifier *dealer, int class_number, int from, int to)
{
    size_t *surplus = &dealer->dealt[from * MASK_BITS + class_number];
    size_t *lacking = &dealer->dealt[to * MASK_BITS + class_number];
    uint32_t bit = (uint32_t)1 << class_number;
    bool exchanged = false;
    for (size_t i = 0; i < dealer->row_count && (*surplus) > (*lacking) + 1; i++) {
        size_t row = dealer->order[i];
        if (dealer->fold_of[row] != from || !(dealer->masks[row] & bit))
            continue;
        size_t other = find_row(dealer, to, dealer->masks[row] & ~bit);
        if (other == dealer->row_count)
            continue;
        dealer->fold_of[row] = to;
        dealer->fold_of[other] = from;
        --*surplus;
        ++*lacking;
        exchanged = true;
    }
    return exchanged;
}

static bool even_out_class(stratifier *dealer, int class_number)
{
    bool exchanged = false;
    for (int from = 0; from < dealer->folds; from++)
        for (int to = 0; to < dealer->folds; to++)
            if (dealer->dealt[from * MASK_BITS + class_number] >
                dealer->dealt[to * MASK_BITS + class_number] + 1)
                exchanged |= even_out_pair(dealer, class_number, from, to);
    return exchanged;
}

/* Ends because every exchange lowers the sum of squares of a class's counts. */
static void even_out(stratifier *dealer)
{
    sort_by_mask(dealer);
    for (int c = 0; c < MASK_BITS; c++)
        while (even_out_class(dealer, c))
            ;
}

hpac_status hpac_stratify(uint32_t seed, uint32_t repeat, int folds, size_t row_count,
                          const uint32_t *masks, int *fold_of)
{
    hpac_status status = HPAC_OK;
    stratifier dealer = {
        .folds = folds, .row_count = row_count, .masks = masks, .fold_of = fold_of};
    dealer.order = calloc(row_count, sizeof *dealer.order);
    dealer.by_mask = calloc(row_count, sizeof *dealer.by_mask);
    dealer.capacity = calloc((size_t)folds, sizeof *dealer.capacity);
    dealer.dealt = calloc((size_t)folds * MASK_BITS, sizeof *dealer.dealt);
    if (!dealer.order || !dealer.by_mask || !dealer.capacity || !dealer.dealt) {
        status = hpac_fail_memory(row_count * sizeof *dealer.order);
        goto done;
    }
    for (size_t fold = 0; fold < (size_t)folds; fold++)
        dealer.capacity[fold] = row_count / (size_t)folds + (fold < row_count % (size_t)folds);
    for (size_t row = 0; row < row_count; row++)
        fold_of[row] = -1;
    hpac_random_init(&dealer.random, seed, HPAC_PURPOSE_SPLIT, 0, repeat);
    shuffle_order(&dealer);
    for (int c; (c = rarest_class(&dealer)) >= 0;)
        deal_class(&dealer, c);
    deal_class(&dealer, -1);
    even_out(&dealer);

done:
    free(dealer.dealt);
    free(dealer.capacity);
    free(dealer.by_mask);
    free(dealer.order);
    return status;
}
