/* The largest piece first, each at the lowest offset where it fits between those that are needed at
 * the same time: "greedy by size" of Pisarchyk and Lee, Efficient Memory Management for Deep Neural
 * Net Inference (2020). Their order by size finds arenas close to the lower bound. */
#include "memory_planner.h"

#include "base/memory.h"

#include <stdbool.h>
#include <string.h>
#include <sys/param.h>

#define ALIGNMENT_NBYTES 256 /* of slices (device.h) */

static size_t rounded(size_t nbytes)
{
    return (nbytes + ALIGNMENT_NBYTES - 1) / ALIGNMENT_NBYTES * ALIGNMENT_NBYTES;
}

static bool overlap(const memory_piece *a, const memory_piece *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Larger ones first, then earlier ones. */
static int compare(const void *a, const void *b)
{
    const memory_piece *x = *(const memory_piece *const *)a, *y = *(const memory_piece *const *)b;
    if (x->nbytes != y->nbytes)
        return x->nbytes > y->nbytes ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* The lowest offset that keeps clear of the placed pieces, (count) in the order of their offsets.
 */
static size_t find_gap(const memory_piece *piece, memory_piece *const *placed, size_t count)
{
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        const memory_piece *other = placed[i];
        if (!overlap(piece, other))
            continue;
        if (offset + rounded(piece->nbytes) <= other->offset)
            break;
        offset = MAX(offset, other->offset + rounded(other->nbytes));
    }
    return offset;
}

/* Inserts by offset; pieces at one offset in any order, since those that overlap in time have none.
 */
static void insert(memory_piece *piece, memory_piece **placed, size_t count)
{
    size_t at = count;
    while (at > 0 && placed[at - 1]->offset > piece->offset) {
        placed[at] = placed[at - 1];
        at--;
    }
    placed[at] = piece;
}

/* The piece whose memory a piece has, which needs it until the last of its takers ends. */
static memory_piece *find_owner(memory_piece *pieces, size_t index)
{
    while (pieces[index].over > 0)
        index = pieces[index].over - 1;
    return &pieces[index];
}

hpac_status memory_planner_run(memory_piece *pieces, size_t count, size_t *nbytes)
{
    HPAC_AUTO_FREE memory_piece **order = NULL, **placed = NULL;
    size_t own = 0;
    *nbytes = 0;
    HPAC_TRY_NEW(order, count + 1);
    HPAC_TRY_NEW(placed, count + 1);
    for (size_t i = 0; i < count; i++) {
        memory_piece *owner = find_owner(pieces, i);
        owner->last = MAX(owner->last, pieces[i].last);
    }
    for (size_t i = 0; i < count; i++)
        if (pieces[i].over == 0 && pieces[i].nbytes > 0)
            order[own++] = &pieces[i];
    qsort(order, own, sizeof *order, compare);
    for (size_t i = 0; i < own; i++) {
        order[i]->offset = find_gap(order[i], placed, i);
        insert(order[i], placed, i);
        *nbytes = MAX(*nbytes, order[i]->offset + rounded(order[i]->nbytes));
    }
    for (size_t i = 0; i < count; i++)
        pieces[i].offset = find_owner(pieces, i)->offset;
    return HPAC_OK;
}
