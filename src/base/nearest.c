/* The nearest word by edit distance. */
#include "nearest.h"

#include <ctype.h>
#include <string.h>

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

hpac_nearest hpac_nearest_to(const char *word)
{
    size_t near = strlen(word) / 3;
    return (hpac_nearest){.word = word, .distance = (near > 1 ? near : 1) + 1};
}

/* Edit distance of words of at most HPAC_NEAREST_MAX bytes (optimal string alignment). */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][HPAC_NEAREST_MAX + 1] = {{0}};
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            bool swapped = i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                           same_letter(a[i - 2], b[j - 1]);
            size_t changed = above[j - 1] + !same_letter(a[i - 1], b[j - 1]);
            size_t removed = (row[j - 1] < above[j] ? row[j - 1] : above[j]) + 1;
            row[j] = changed < removed ? changed : removed;
            if (swapped && above2[j - 2] < row[j])
                row[j] = above2[j - 2] + 1;
        }
    }
    return rows[a_length % 3][b_length];
}

bool hpac_nearest_offer(hpac_nearest *nearest, const char *candidate)
{
    size_t length = strlen(nearest->word), candidate_length = strlen(candidate);
    if (length > HPAC_NEAREST_MAX || candidate_length > HPAC_NEAREST_MAX)
        return false;
    size_t distance = edit_distance(nearest->word, length, candidate, candidate_length);
    if (distance >= nearest->distance)
        return false;
    memcpy(nearest->best, candidate, candidate_length + 1);
    nearest->distance = distance;
    return true;
}
