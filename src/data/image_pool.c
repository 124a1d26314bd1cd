/* The pool of prepared images: sets that data sets share, least recently used ones evicted. */
#include "dataset_internal.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* Everything that the images depend on, as bytes that are compared; malloc'ed. */
static hpac_status make_key(const hpac_dataset_options *options, char **key, size_t *nbytes)
{
    HPAC_AUTO_FREE char *real_path = realpath(options->images, NULL); /* however it is spelled */
    FILE *stream;
    HPAC_TRY_MEMORY(stream = open_memstream(key, nbytes), BUFSIZ);
    fprintf(stream, "%s%c%zu %zu %d", real_path ? real_path : options->images, '\0', options->rows,
            options->cols, (int)options->pixels);
    for (size_t i = 0; i < options->channels; i++)
        fprintf(stream, " %d", options->channel_order[i]);
    for (size_t i = 0; i < options->labels->count; i++)
        fprintf(stream, "%c%s", '\0', options->labels->ids[i]);
    return fclose(stream) == 0 ? HPAC_OK : hpac_fail_memory(*nbytes);
}

static hpac_status find_set(hpac_image_pool *pool, const hpac_dataset_options *options,
                            image_set **found)
{
    const hpac_batch_format format = {.rows = options->rows,
                                      .cols = options->cols,
                                      .channels = options->channels,
                                      .pixels = options->pixels};
    HPAC_AUTO_FREE char *key = NULL;
    size_t key_nbytes;
    HPAC_TRY(make_key(options, &key, &key_nbytes));
    image_set *set = pool->sets;
    while (set && (set->key_nbytes != key_nbytes || memcmp(set->key, key, key_nbytes) != 0))
        set = set->next;
    *found = set;
    if (set)
        return HPAC_OK;
    HPAC_TRY_NEW(set, 1);
    *set = (image_set){.next = pool->sets,
                       .key = key,
                       .key_nbytes = key_nbytes,
                       .count = options->labels->count,
                       .image_nbytes = hpac_batch_image_nbytes(&format)};
    key = NULL;
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

hpac_status hpac_image_pool_create(hpac_image_pool **pool)
{
    HPAC_TRY_NEW(*pool, 1);
    return HPAC_OK;
}

void hpac_image_pool_destroy(hpac_image_pool *pool)
{
    for (image_set *set = pool ? pool->sets : NULL, *next; set; set = next) {
        next = set->next;
        free(set->key);
        free(set->bytes);
        free(set->states);
        free(set);
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
