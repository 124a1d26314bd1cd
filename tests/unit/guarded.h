/* Memory between two pages that may not be touched: an access outside it ends the test, in builds
 * without a sanitizer too. */
#ifndef TESTS_GUARDED_H
#define TESTS_GUARDED_H

#include <stdbool.h>
#include <stddef.h>

typedef struct guarded {
    unsigned char *bytes;
    void *pages;
    size_t pages_nbytes;
} guarded;

/* `nbytes` writable bytes that end right before the second guard page or, with `at_start`, begin
 * right behind the first. */
guarded guarded_create(size_t nbytes, bool at_start);
void guarded_destroy(guarded *memory);

#endif
