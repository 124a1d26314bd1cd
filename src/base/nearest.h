/*
 * The word nearest to one that was typed, for "did you mean".
 *
 *     hpac_nearest nearest = hpac_nearest_to("trian");
 *     hpac_nearest_offer(&nearest, "train");
 *     hpac_nearest_offer(&nearest, "predict");
 *     if (*nearest.best)
 *         printf("did you mean %s?", nearest.best);
 *
 * The distance counts letters, in any case, changed, added, removed or swapped with their neighbor;
 * it may be a third of the word's length, but at least one. No errors; thread-safe.
 */
#ifndef HPAC_BASE_NEAREST_H
#define HPAC_BASE_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

#define HPAC_NEAREST_MAX 64 /* bytes; longer words have no near ones */

typedef struct hpac_nearest {
    const char *word;                /* what was typed; not owned */
    char best[HPAC_NEAREST_MAX + 1]; /* empty when nothing offered is near */
    size_t distance;                 /* of best; at first the maximum plus one */
} hpac_nearest;

/* Starts a search. The word must outlive it. */
hpac_nearest hpac_nearest_to(const char *word);
/* Takes the candidate if it is nearer than all before; returns whether it is. */
bool hpac_nearest_offer(hpac_nearest *nearest, const char *candidate);

#endif
