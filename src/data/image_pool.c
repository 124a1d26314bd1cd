/* The pool of prepared images: sets that data sets share, least recently used ones evicted. */
#include "dataset_internal.h"

#include "base/memory.h"

#include <string.h>

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

static bool has_images(const image_set *set, const char *images,
                       const hpac_dataset_options *options)
{
    const hpac_batch_format *format = &set->format;
    if (format->rows != options->rows || format->cols != options->cols ||
        format->channels != options->channels || format->pixels != options->pixels ||
        set->count != options->labels->count ||
        memcmp(set->channel_order, options->channel_order,
               options->channels * sizeof *set->channel_order) != 0 ||
        strcmp(set->images, images) != 0)
        return false;
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->ids[i], options->labels->ids[i]) != 0)
            return false;
    return true;
}

/* Fills a set without cached images. */
static hpac_status init_set(image_set *set, const char *images, const hpac_dataset_options *options)
{
    set->format = (hpac_batch_format){.rows = options->rows,
                                      .cols = options->cols,
                                      .channels = options->channels,
                                      .pixels = options->pixels};
    set->image_nbytes = hpac_batch_image_nbytes(&set->format);
    set->count = options->labels->count;
    memcpy(set->channel_order, options->channel_order,
           options->channels * sizeof *set->channel_order);
    HPAC_TRY_MEMORY(set->images = strdup(images), strlen(images) + 1);
    HPAC_TRY_NEW(set->ids, set->count + 1); /* + 1: none is no failure */
    for (size_t i = 0; i < set->count; i++)
        HPAC_TRY_MEMORY(set->ids[i] = strdup(options->labels->ids[i]),
                        strlen(options->labels->ids[i]) + 1);
    return HPAC_OK;
}

static hpac_status find_set(hpac_image_pool *pool, const hpac_dataset_options *options,
                            image_set **found)
{
    HPAC_AUTO_FREE char *real_path = realpath(options->images, NULL); /* however it is spelled */
    const char *images = real_path ? real_path : options->images;
    for (image_set *set = pool->sets; set; set = set->next)
        if (has_images(set, images, options)) {
            *found = set;
            return HPAC_OK;
        }
    image_set *set;
    HPAC_TRY_NEW(set, 1);
    hpac_status status = init_set(set, images, options);
    if (status != HPAC_OK) {
        free_set(set);
        return status;
    }
    set->next = pool->sets;
    pool->sets = *found = set;
    return HPAC_OK;
}

static size_t nbytes_of(const image_set *set)
{
    return set->bytes ? set->count * set->image_nbytes : 0;
}

static void evict(hpac_image_pool *pool, image_set *set)
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

/* Caches the images of a set if they fit beside those in use; nothing is evicted for a set that
 * does not fit all the same. calloc takes address space from the kernel, which backs a page with
 * memory only when an image is put into it. */
static hpac_status cache_images(hpac_image_pool *pool, image_set *set, size_t limit_nbytes)
{
    size_t nbytes = set->count * set->image_nbytes, in_use_nbytes = 0;
    if (nbytes == 0 || nbytes > limit_nbytes)
        return HPAC_OK;
    for (const image_set *other = pool->sets; other; other = other->next)
        in_use_nbytes += other->users > 0 ? nbytes_of(other) : 0;
    if (in_use_nbytes > limit_nbytes - nbytes)
        return HPAC_OK;
    while (pool->nbytes > limit_nbytes - nbytes)
        evict(pool, least_recently_used(pool));
    set->bytes = calloc(set->count, set->image_nbytes);
    set->states = calloc(set->count, sizeof *set->states);
    pool->nbytes += nbytes_of(set);
    if (set->bytes && set->states)
        return HPAC_OK;
    evict(pool, set);
    return hpac_fail_memory(nbytes);
}

hpac_status image_pool_join(hpac_image_pool *pool, const hpac_dataset_options *options,
                            image_set **joined)
{
    image_set *set = NULL;
    HPAC_TRY(find_set(pool, options, &set));
    if (!set->bytes && set->users == 0)
        HPAC_TRY(cache_images(pool, set, options->cache_nbytes));
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
    HPAC_TRY_NEW(*pool, 1);
    return HPAC_OK;
}

void hpac_image_pool_destroy(hpac_image_pool *pool)
{
    for (image_set *set = pool ? pool->sets : NULL, *next; set; set = next) {
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
