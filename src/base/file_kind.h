/* What a file is, from its first bytes: for messages about files that are not what they should be.
 */
#ifndef HPAC_BASE_FILE_KIND_H
#define HPAC_BASE_FILE_KIND_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that are looked at; fewer are enough for most kinds. */
enum { HPAC_FILE_KIND_NBYTES = 32 };

/* "a JPEG image", "gzip-compressed data", ... by the signature of a binary format; NULL: unknown.
 */
const char *hpac_file_signature(const void *head, size_t nbytes);

bool hpac_file_is_html(const void *head, size_t nbytes);

/* That, or a kind of text ("an HTML page", "text"), or "filled with zeros". */
const char *hpac_file_kind(const void *head, size_t nbytes);

#endif
