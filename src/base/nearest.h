/*
 * The nearest of some words to a word that was typed, for "did you mean".
 *
 *     hpac_nearest nearest = hpac_nearest_to("trian");
 *     hpac_nearest_offer(&nearest, "train");
 *     hpac_nearest_offer(&nearest, "predict");
 *     if (*nearest.best)
 *         printf("did you mean %s?", nearest.best);
 *
 * Distance counts letters changed, added, left out or swapped with their neighbour (optimal string
 * alignment). Near is a third of the word's length, at least one letter. No errors; safe from any
 * thread.
 */
#ifndef HPAC_BASE_NEAREST_H
#define HPAC_BASE_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

#define HPAC_NEAREST_MAX 64 /* bytes; longer words are near to nothing */

typedef struct hpac_nearest {
    const char *word;                /* what was typed, borrowed */
    char best[HPAC_NEAREST_MAX + 1]; /* empty when nothing offered is near */
    size_t distance;                 /* of best; at first one more than what is near */
} hpac_nearest;

/* Begins with nothing near. The word must outlive the search. */
hpac_nearest hpac_nearest_to(const char *word);
/* Takes the candidate if it is nearer than all before it; whether it was. */
bool hpac_nearest_offer(hpac_nearest *nearest, const char *candidate);

#endif
