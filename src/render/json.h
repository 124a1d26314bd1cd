/* JSON as hpac writes it: two blanks of indentation per level, numbers no longer than needed. */
#ifndef HPAC_RENDER_JSON_H
#define HPAC_RENDER_JSON_H

#include <hpac/status.h>

#include <jansson.h>
#include <stdio.h>

/* Writes a value and a newline. A real has the fewest digits that read back to the same double: of
 * a float make one with hpac_float_decimal (base/text.h). Errors: DATA (writing). */
hpac_status hpac_json_write(const json_t *value, FILE *stream);

#endif
