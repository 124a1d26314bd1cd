/*
 * Repeated k-folds, shuffled or stratified.
 *
 * The stratification is iterative (Sechidis, Tsoumakas, Vlahavas 2011), with folds of one size. In
 * the paper's own form the folds drift apart in size (by more than a hundred rows of 10,357 on the
 * competition's table). Here a full fold takes no more rows, which instead unbalances the classes
 * assigned last, the common ones; those are evened out by exchanging rows that differ in one class.
 */
#include <hpac/split.h>

#include "base/machine.h"
#include "base/memory.h"
#include "base/random.h"

#include <inttypes.h>

/* scikit-learn's KFold(shuffle=True): the shuffled rows are cut into folds, the first
 * row_count % folds of them one row longer. `rows` (row_count) is scratch. */
static void assign_shuffled(hpac_mt19937 *mt, size_t folds, size_t row_count, size_t *rows,
                            size_t *fold_of)
{
    for (size_t i = 0; i < row_count; i++)
        rows[i] = i;
    hpac_mt19937_shuffle(mt, rows, row_count);
    size_t share = row_count / folds, longer = row_count % folds;
    size_t in_longer = longer * (share + 1);
    for (size_t i = 0; i < row_count; i++)
        fold_of[rows[i]] = i < in_longer ? i / (share + 1) : longer + (i - in_longer) / share;
}

enum { MASK_BITS = 32, ANY_CLASS = MASK_BITS }; /* bits of a mask */

#define UNASSIGNED SIZE_MAX /* as a fold */

typedef struct masked_row {
    uint32_t mask;
    size_t row;
} masked_row;

typedef struct stratifier {
    size_t folds;
    hpac_random random;
    size_t row_count;
    const uint32_t *masks;
    size_t *order;               /* (row_count) rows in the random order of their assignment */
    size_t *fold_of;             /* (row_count) */
    size_t *capacity;            /* (folds) rows each may still take */
    masked_row *by_mask;         /* (row_count) ascending */
    size_t (*counts)[MASK_BITS]; /* (folds) rows of each class each fold has */
} stratifier;

static void stratifier_fini(stratifier *state)
{
    free(state->order);
    free(state->capacity);
    free(state->by_mask);
    free(state->counts);
}

/* The class with the fewest unassigned rows, the lowest number of several; ANY_CLASS: none is
 * left. */
static size_t rarest_class(const stratifier *state)
{
    size_t left[MASK_BITS] = {0}, rarest = ANY_CLASS;
    for (size_t row = 0; row < state->row_count; row++)
        for (size_t c = 0; state->fold_of[row] == UNASSIGNED && c < MASK_BITS; c++)
            left[c] += state->masks[row] >> c & 1;
    for (size_t c = 0; c < MASK_BITS; c++)
        if (left[c] && (rarest == ANY_CLASS || left[c] < left[rarest]))
            rarest = c;
    return rarest;
}

/* Whether fold a needs a row of the class more than b: it has fewer of the class or, with as many,
 * more capacity. 1, -1, or 0 for equals. The paper subtracts from desired counts; as all folds
 * desire the same count of a class, the smallest count is the most desired. */
static int compare_need(const stratifier *state, size_t a, size_t b, size_t class_number)
{
    if (class_number != ANY_CLASS) {
        size_t has_a = state->counts[a][class_number], has_b = state->counts[b][class_number];
        if (has_a != has_b)
            return has_a < has_b ? 1 : -1;
    }
    return (state->capacity[a] > state->capacity[b]) - (state->capacity[a] < state->capacity[b]);
}

/* The fold with capacity that needs the class most, a random one of several equals. */
static size_t choose_fold(stratifier *state, size_t class_number)
{
    size_t best = UNASSIGNED;
    uint32_t alike = 0;
    for (size_t fold = 0; fold < state->folds; fold++) {
        if (state->capacity[fold] == 0)
            continue;
        int order = best == UNASSIGNED ? 1 : compare_need(state, fold, best, class_number);
        alike = order > 0 ? 1 : alike + (order == 0);
        if (order > 0 || (order == 0 && hpac_random_below(&state->random, alike) == 0))
            best = fold;
    }
    return best;
}

/* Assigns all rows left that have the class. */
static void assign_class(stratifier *state, size_t class_number)
{
    for (size_t i = 0; i < state->row_count; i++) {
        size_t row = state->order[i];
        bool wanted = class_number == ANY_CLASS || state->masks[row] >> class_number & 1;
        if (state->fold_of[row] != UNASSIGNED || !wanted)
            continue;
        size_t fold = choose_fold(state, class_number);
        state->fold_of[row] = fold;
        state->capacity[fold]--;
        for (size_t c = 0; c < MASK_BITS; c++)
            state->counts[fold][c] += state->masks[row] >> c & 1;
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
static size_t find_row(const stratifier *state, size_t fold, uint32_t mask)
{
    size_t low = 0, high = state->row_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (state->by_mask[middle].mask < mask)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < state->row_count && state->by_mask[low].mask == mask; low++)
        if (state->fold_of[state->by_mask[low].row] == fold)
            return state->by_mask[low].row;
    return state->row_count;
}

/* Moves the class from one fold to another until they are even, by exchanging rows that differ in
 * this class alone: sizes and all other classes stay as they are. True if any were exchanged. */
static bool even_out_pair(stratifier *state, size_t class_number, size_t from, size_t to)
{
    size_t *from_count = &state->counts[from][class_number];
    size_t *to_count = &state->counts[to][class_number];
    uint32_t bit = (uint32_t)1 << class_number;
    bool exchanged = false;
    for (size_t i = 0; *to_count + 1 < *from_count && i < state->row_count; i++) {
        size_t row = state->order[i];
        if (state->fold_of[row] != from || !(state->masks[row] & bit))
            continue;
        size_t other = find_row(state, to, state->masks[row] & ~bit);
        if (other == state->row_count)
            continue;
        state->fold_of[row] = to;
        state->fold_of[other] = from;
        --*from_count;
        ++*to_count;
        exchanged = true;
    }
    return exchanged;
}

/* Ends because every exchange lowers the sum of squares of a class's counts. */
static void even_out_class(stratifier *state, size_t class_number)
{
    bool exchanged = true;
    while (exchanged) {
        exchanged = false;
        for (size_t from = 0; from < state->folds; from++)
            for (size_t to = 0; to < state->folds; to++)
                exchanged |= even_out_pair(state, class_number, from, to);
    }
}

/* Assigns rows 0 .. row_count - 1 to folds whose sizes differ by one at most. */
static hpac_status stratify(uint32_t seed, uint32_t repeat, size_t folds, size_t row_count,
                            const uint32_t *masks, size_t *fold_of)
{
    HPAC_AUTO(stratifier_fini)
    stratifier state = {.folds = folds, .row_count = row_count, .masks = masks, .fold_of = fold_of};
    HPAC_TRY_NEW(state.order, row_count);
    HPAC_TRY_NEW(state.by_mask, row_count);
    HPAC_TRY_NEW(state.capacity, folds);
    HPAC_TRY_NEW(state.counts, folds);
    for (size_t fold = 0; fold < folds; fold++)
        state.capacity[fold] = row_count / folds + (fold < row_count % folds);
    for (size_t row = 0; row < row_count; row++) {
        fold_of[row] = UNASSIGNED;
        state.order[row] = row;
        state.by_mask[row] = (masked_row){masks[row], row};
    }
    qsort(state.by_mask, row_count, sizeof *state.by_mask, compare_masks);
    hpac_random_init(&state.random, seed, HPAC_PURPOSE_SPLIT, 0, repeat);
    hpac_random_shuffle(&state.random, state.order, row_count);
    for (size_t c; (c = rarest_class(&state)) != ANY_CLASS;)
        assign_class(&state, c);
    assign_class(&state, ANY_CLASS);
    for (size_t c = 0; c < MASK_BITS; c++)
        even_out_class(&state, c);
    return HPAC_OK;
}

/* Both sides of one fold, in one block; ascending because the rows are visited in order. */
static hpac_status collect_fold(hpac_fold *fold, size_t number, size_t row_count,
                                const size_t *fold_of)
{
    HPAC_TRY_NEW(fold->train, row_count);
    for (size_t row = 0; row < row_count; row++)
        fold->train_count += fold_of[row] != number;
    fold->validation_count = row_count - fold->train_count;
    fold->validation = fold->train + fold->train_count;
    size_t *train = fold->train, *validation = fold->validation;
    for (size_t row = 0; row < row_count; row++)
        if (fold_of[row] == number)
            *validation++ = row;
        else
            *train++ = row;
    return HPAC_OK;
}

static hpac_status check_options(const hpac_split_options *options, size_t row_count)
{
    if (row_count > UINT32_MAX)
        return hpac_fail(HPAC_ERR_CONFIG, "split: %zu rows, expected at most %" PRIu32, row_count,
                         UINT32_MAX);
    if (row_count == 0 || options->folds < 2 || (size_t)options->folds > row_count)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "split: %d folds of %zu rows, expected at least 2 and at most one per row",
                         options->folds, row_count);
    if ((unsigned)options->method > HPAC_SPLIT_STRATIFIED)
        return hpac_fail(HPAC_ERR_CONFIG, "split: unknown method %d", (int)options->method);
    if (options->repeats < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "split: %d repeats, expected at least 1",
                         options->repeats);
    /* Every fold has every row number once; better refused now than killed later. */
    double needed_mib =
        (double)options->folds * options->repeats * (double)row_count * sizeof(size_t) / (1 << 20);
    double machine_mib = (double)hpac_memory_total() / (1 << 20); /* 0: unknown */
    if (machine_mib > 0 && needed_mib > machine_mib / 2)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "split: %d folds x %d repeats of %zu rows need %.0f MiB, more than half "
                         "of this machine's %.0f",
                         options->folds, options->repeats, row_count, needed_mib, machine_mib);
    return HPAC_OK;
}

hpac_status hpac_split_create(const hpac_split_options *options, size_t row_count,
                              const uint32_t *masks, hpac_split *split)
{
    HPAC_TRY_GIVEN(split);
    HPAC_AUTO(hpac_split_fini) hpac_split made = {0};
    *split = made;
    HPAC_TRY_GIVEN(options);
    if (options->method == HPAC_SPLIT_STRATIFIED)
        HPAC_TRY_GIVEN(masks);
    HPAC_TRY(check_options(options, row_count));
    size_t folds = (size_t)options->folds, count = folds * (size_t)options->repeats;
    HPAC_AUTO_FREE size_t *fold_of = NULL, *rows = NULL;
    HPAC_TRY_NEW(fold_of, row_count);
    HPAC_TRY_NEW(rows, row_count);
    HPAC_TRY_NEW(made.folds, count);
    hpac_mt19937 mt; /* one for all repeats, as RepeatedKFold hands its generator on */
    hpac_mt19937_init(&mt, options->seed);
    for (; made.count < count; made.count++) {
        size_t repeat = made.count / folds, fold = made.count % folds;
        if (fold == 0 && options->method == HPAC_SPLIT_STRATIFIED)
            HPAC_TRY(stratify(options->seed, (uint32_t)repeat, folds, row_count, masks, fold_of));
        else if (fold == 0)
            assign_shuffled(&mt, folds, row_count, rows, fold_of);
        HPAC_TRY(collect_fold(&made.folds[made.count], fold, row_count, fold_of));
    }
    *split = made;
    made.folds = NULL;
    made.count = 0;
    return HPAC_OK;
}

void hpac_split_fini(hpac_split *split)
{
    if (!split)
        return;
    for (size_t i = 0; i < split->count; i++)
        free(split->folds[i].train); /* and its validation rows with it */
    free(split->folds);
    *split = (hpac_split){0};
}
