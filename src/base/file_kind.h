/* What a file is, from its first bytes: for messages about files that are not what they should be.
 */
#ifndef HPAC_BASE_FILE_KIND_H
#define HPAC_BASE_FILE_KIND_H

#include <stddef.h>

/* "a JPEG image", "gzip-compressed data", ... by the signature of a binary format; a kind of text
 * ("an HTML page", "text"); "filled with zeros ..."; NULL: unknown. `head`: the first `nbytes` of a
 * file or more, of which 32 are read; fewer are enough for most kinds. */
const char *hpac_file_kind(const void *head, size_t nbytes);

#endif
