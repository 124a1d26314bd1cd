/* The pool of prepared images: sets that data sets share, least recently used ones dropped. */
#include "image_cache.h"

#include <stdlib.h>
#include <string.h>

/* ---- sets ---- */

static void free_set(image_set *set)
{
    for (size_t i = 0; set->ids && i < set->count; i++)
        free(set->ids[i]);
    free(set->ids);
    free(set->images);
    free(set->bytes);
    free(set->states);
    free(set);
}

static hpac_batch_format format_of(const hpac_dataset_options *options)
{
    return (hpac_batch_format){.rows = options->rows,
                               .cols = options->cols,
                               .channels = options->channels,
                               .pixels = options->pixels};
}

static bool has_images(const image_set *set, const char *images,
                       const hpac_dataset_options *options)
{
    const hpac_batch_format format = format_of(options);
    if (set->format.rows != format.rows || set->format.cols != format.cols ||
        set->format.channels != format.channels || set->format.pixels != format.pixels ||
        set->count != options->labels->count ||
        memcmp(set->channel_order, options->channel_order,
               format.channels * sizeof *set->channel_order) != 0 ||
        strcmp(set->images, images) != 0)
        return false;
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->ids[i], options->labels->ids[i]) != 0)
            return false;
    return true;
}

/* A set that is not kept; takes over `images`. */
static image_set *make_set(char *images, const hpac_dataset_options *options)
{
    image_set *set = calloc(1, sizeof *set);
    if (!set) {
        free(images);
        return NULL;
    }
    set->images = images;
    set->format = format_of(options);
    for (size_t i = 0; i < options->channels; i++)
        set->channel_order[i] = options->channel_order[i];
    set->image_nbytes = hpac_batch_image_nbytes(&set->format);
    set->count = options->labels->count;
    set->ids = calloc(set->count + 1, sizeof *set->ids); /* + 1: none is no failure */
    bool complete = set->ids != NULL;
    for (size_t i = 0; complete && i < set->count; i++)
        complete = (set->ids[i] = strdup(options->labels->ids[i])) != NULL;
    if (complete)
        return set;
    free_set(set);
    return NULL;
}

static hpac_status find_set(hpac_image_pool *pool, const hpac_dataset_options *options,
                            image_set **found)
{
    char *images = realpath(options->images, NULL); /* however it is spelled */
    if (!images)
        images = strdup(options->images);
    if (!images)
        return hpac_fail_memory(strlen(options->images) + 1);
    for (image_set *set = pool->sets; set; set = set->next)
        if (has_images(set, images, options)) {
            free(images);
            *found = set;
            return HPAC_OK;
        }
    image_set *made = make_set(images, options);
    if (!made)
        return hpac_fail_memory(options->labels->count * sizeof *options->labels->ids);
    made->next = pool->sets;
    pool->sets = *found = made;
    return HPAC_OK;
}

/* ---- memory ---- */

static size_t nbytes_of(const image_set *set)
{
    return set->bytes ? set->count * set->image_nbytes : 0;
}

static void drop_images(hpac_image_pool *pool, image_set *set)
{
    pool->nbytes -= nbytes_of(set);
    free(set->bytes);
    free(set->states);
    set->bytes = NULL;
    set->states = NULL;
}

static image_set *least_recently_used(const hpac_image_pool *pool)
{
    image_set *found = NULL;
    for (image_set *set = pool->sets; set; set = set->next)
        if (set->users == 0 && set->bytes && (!found || set->last_use < found->last_use))
            found = set;
    return found;
}

/* Keeps the images of a set if they fit beside those in use; nothing is dropped for a set that does
 * not fit all the same. calloc takes address space from the kernel, which backs a page with memory
 * only when an image is put into it. */
static hpac_status keep_images(hpac_image_pool *pool, image_set *set, size_t limit_nbytes)
{
    size_t nbytes = set->count * set->image_nbytes, in_use_nbytes = 0;
    if (nbytes == 0 || nbytes > limit_nbytes)
        return HPAC_OK;
    for (const image_set *other = pool->sets; other; other = other->next)
        in_use_nbytes += other->users > 0 ? nbytes_of(other) : 0;
    if (in_use_nbytes > limit_nbytes - nbytes)
        return HPAC_OK;
    while (pool->nbytes > limit_nbytes - nbytes)
        drop_images(pool, least_recently_used(pool));
    set->bytes = calloc(set->count, set->image_nbytes);
    set->states = calloc(set->count, sizeof *set->states);
    pool->nbytes += nbytes_of(set);
    if (set->bytes && set->states)
        return HPAC_OK;
    drop_images(pool, set);
    return hpac_fail_memory(nbytes);
}

/* ---- the pool ---- */

hpac_status image_pool_join(hpac_image_pool *pool, const hpac_dataset_options *options,
                            image_set **joined)
{
    image_set *set = NULL;
    HPAC_TRY(find_set(pool, options, &set));
    if (!set->bytes && set->users == 0)
        HPAC_TRY(keep_images(pool, set, options->cache_nbytes));
    set->users++;
    set->last_use = ++pool->uses;
    *joined = set;
    return HPAC_OK;
}

void image_pool_leave(image_set *set)
{
    set->users--;
}

hpac_status hpac_image_pool_create(hpac_image_pool **pool)
{
    *pool = calloc(1, sizeof **pool);
    return *pool ? HPAC_OK : hpac_fail_memory(sizeof **pool);
}

void hpac_image_pool_destroy(hpac_image_pool *pool)
{
    if (!pool)
        return;
    for (image_set *set = pool->sets, *next; set; set = next) {
        next = set->next;
        free_set(set);
    }
    free(pool);
}

size_t hpac_image_pool_nbytes(const hpac_image_pool *pool)
{
    return pool->nbytes;
}

size_t hpac_image_pool_files_decoded(const hpac_image_pool *pool)
{
    return atomic_load(&pool->files_decoded);
}
