/* JSON as hpac writes it: any text, two blanks of indentation per level, numbers no longer than
 * needed. */
#ifndef HPAC_RENDER_JSON_H
#define HPAC_RENDER_JSON_H

#include <hpac/status.h>

#include <jansson.h>
#include <stdio.h>

/* A text as a JSON string, as hpac_printable shows it if it is not UTF-8, which paths and Ids need
 * not be. NULL if memory is out. */
json_t *hpac_json_text(const char *text);

/* Writes a value and a newline. A real has the fewest digits that read back to the same double: of
 * a float make one with hpac_float_decimal (base/text.h). Errors: DATA (writing). */
hpac_status hpac_json_write(const json_t *value, FILE *stream);

#endif
