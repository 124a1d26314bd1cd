/* Caches of prepared images, and the pool through which data sets share them. */
#include "image_cache.h"

#include <stdlib.h>
#include <string.h>

/* ---- a cache ---- */

static hpac_batch_format format_of(const hpac_dataset_options *options)
{
    return (hpac_batch_format){.rows = options->rows,
                               .cols = options->cols,
                               .channels = options->channels,
                               .pixels = options->pixels};
}

void image_cache_init(image_cache *cache, const hpac_dataset_options *options)
{
    const hpac_batch_format format = format_of(options);
    *cache = (image_cache){.count = options->labels->count,
                           .image_nbytes = hpac_batch_image_nbytes(&format)};
}

/* Address space for all rows: calloc takes such blocks from the kernel, which backs a page with
 * memory only when an image is put into it. */
hpac_status image_cache_open(image_cache *cache)
{
    cache->bytes = calloc(cache->count, cache->image_nbytes);
    cache->states = calloc(cache->count, sizeof *cache->states);
    if (cache->bytes && cache->states)
        return HPAC_OK;
    image_cache_close(cache);
    return hpac_fail_memory(cache->count * cache->image_nbytes);
}

void image_cache_close(image_cache *cache)
{
    free(cache->bytes);
    free(cache->states);
    cache->bytes = NULL;
    cache->states = NULL;
}

bool image_cache_fits(const image_cache *cache, size_t limit_nbytes)
{
    return cache->count > 0 && cache->count <= limit_nbytes / cache->image_nbytes;
}

/* ---- sets ---- */

static void free_set(pool_set *set)
{
    for (size_t i = 0; set->ids && i < set->cache.count; i++)
        free(set->ids[i]);
    free(set->ids);
    free(set->images);
    image_cache_close(&set->cache);
    free(set);
}

/* Folders are the same when they lie at the same place, however they are written. */
static char *place_of(const char *folder)
{
    char *place = realpath(folder, NULL);
    return place ? place : strdup(folder);
}

static bool same_images(const pool_set *set, const char *images,
                        const hpac_dataset_options *options)
{
    const hpac_batch_format format = format_of(options);
    if (set->format.rows != format.rows || set->format.cols != format.cols ||
        set->format.channels != format.channels || set->format.pixels != format.pixels ||
        set->cache.count != options->labels->count ||
        memcmp(set->channel_order, options->channel_order,
               (size_t)format.channels * sizeof *set->channel_order) != 0 ||
        strcmp(set->images, images) != 0)
        return false;
    for (size_t i = 0; i < set->cache.count; i++)
        if (strcmp(set->ids[i], options->labels->ids[i]) != 0)
            return false;
    return true;
}

/* A set that nothing is kept of yet; takes over `images`. */
static pool_set *make_set(char *images, const hpac_dataset_options *options)
{
    pool_set *set = calloc(1, sizeof *set);
    if (!set) {
        free(images);
        return NULL;
    }
    set->images = images;
    set->format = format_of(options);
    for (size_t i = 0; i < options->channels; i++)
        set->channel_order[i] = options->channel_order[i];
    image_cache_init(&set->cache, options);
    size_t count = set->cache.count;
    set->ids = calloc(count + 1, sizeof *set->ids); /* + 1: none is no failure */
    bool good = set->ids != NULL;
    for (size_t i = 0; good && i < count; i++)
        good = (set->ids[i] = strdup(options->labels->ids[i])) != NULL;
    if (good)
        return set;
    free_set(set);
    return NULL;
}

static hpac_status find_set(hpac_image_pool *pool, const hpac_dataset_options *options,
                            pool_set **found)
{
    char *images = place_of(options->images);
    if (!images)
        return hpac_fail_memory(strlen(options->images) + 1);
    for (pool_set *set = pool->sets; set; set = set->next)
        if (same_images(set, images, options)) {
            free(images);
            *found = set;
            return HPAC_OK;
        }
    pool_set *made = make_set(images, options);
    if (!made)
        return hpac_fail_memory(options->labels->count * sizeof *options->labels->ids);
    made->next = pool->sets;
    pool->sets = *found = made;
    return HPAC_OK;
}

/* ---- memory ---- */

static size_t nbytes_of(const pool_set *set)
{
    return set->cache.count * set->cache.image_nbytes;
}

/* Gives the images up and stays ready to prepare them anew. */
static void empty_set(hpac_image_pool *pool, pool_set *set)
{
    if (!set->cache.bytes)
        return;
    pool->nbytes -= nbytes_of(set);
    image_cache_close(&set->cache);
}

static pool_set *longest_unused(const hpac_image_pool *pool)
{
    pool_set *found = NULL;
    for (pool_set *set = pool->sets; set; set = set->next)
        if (set->users == 0 && set->cache.bytes && (!found || set->used < found->used))
            found = set;
    return found;
}

/* What a set may take: more when it is shared. 0: it is not kept. */
static size_t allowance(const pool_set *set, const hpac_dataset_options *options)
{
    return set->planned > 1 ? options->shared_nbytes : options->cache_nbytes;
}

/* What cannot be given up. */
static size_t nbytes_in_use(const hpac_image_pool *pool)
{
    size_t nbytes = 0;
    for (const pool_set *set = pool->sets; set; set = set->next)
        if (set->users > 0 && set->cache.bytes)
            nbytes += nbytes_of(set);
    return nbytes;
}

/* Nothing is given up for a set that would not fit all the same. */
static hpac_status make_room(hpac_image_pool *pool, pool_set *set,
                             const hpac_dataset_options *options, bool *kept)
{
    size_t limit = allowance(set, options);
    *kept = nbytes_in_use(pool) + nbytes_of(set) <= limit;
    if (!*kept)
        return HPAC_OK;
    pool_set *victim;
    while (pool->nbytes + nbytes_of(set) > limit && (victim = longest_unused(pool)))
        empty_set(pool, victim);
    hpac_status status = image_cache_open(&set->cache);
    if (status == HPAC_OK)
        pool->nbytes += nbytes_of(set);
    return status;
}

/* ---- data sets come and go ---- */

hpac_status image_pool_join(hpac_image_pool *pool, const hpac_dataset_options *options,
                            pool_set **set, bool *kept)
{
    hpac_status status = find_set(pool, options, set);
    if (status != HPAC_OK)
        return status;
    (*set)->users++; /* not to be given up for itself */
    (*set)->used = ++pool->time;
    if (pool->planning) {
        (*set)->planned++;
        (*set)->left++;
    }
    *kept = image_cache_fits(&(*set)->cache, allowance(*set, options));
    if (*kept && !pool->planning && !(*set)->cache.bytes)
        status = make_room(pool, *set, options, kept);
    if (status != HPAC_OK) {
        (*set)->users--;
        *set = NULL;
    }
    return status;
}

void image_pool_leave(hpac_image_pool *pool, pool_set *set)
{
    set->users--;
    if (pool->planning)
        return;
    if (set->left > 0)
        set->left--;
    if (set->left == 0 && set->users == 0)
        empty_set(pool, set);
}

/* ---- the pool ---- */

hpac_status hpac_image_pool_create(hpac_image_pool **pool)
{
    *pool = calloc(1, sizeof **pool);
    if (!*pool)
        return hpac_fail_memory(sizeof **pool);
    (*pool)->planning = true;
    return HPAC_OK;
}

void hpac_image_pool_begin(hpac_image_pool *pool)
{
    pool->planning = false;
}

void hpac_image_pool_destroy(hpac_image_pool *pool)
{
    if (!pool)
        return;
    for (pool_set *set = pool->sets, *next; set; set = next) {
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
