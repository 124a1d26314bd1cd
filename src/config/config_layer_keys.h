/* The keys of layers in a configuration, as net/layer_table.h lists them. */
#ifndef HPAC_CONFIG_LAYER_KEYS_H
#define HPAC_CONFIG_LAYER_KEYS_H

#include "config_schema.h"

#include "net/layer_table.h"

#define HPAC_IMAGE_NAME "input" /* what `inputs` calls the image */

/* The types of the keys `name` and `inputs`. */
extern const hpac_key_type hpac_key_layer_name, hpac_key_layer_inputs;

/* The names of all types of layers; NULL at the end. */
const char *const *hpac_layer_type_names(void);

/* The keys of a type of layer. The first is the type, which chooses the row and is not stored; the
 * last two are those of every layer. */
typedef struct hpac_layer_keys {
    hpac_key keys[3 + sizeof hpac_layer_rows[0].keys / sizeof *hpac_layer_rows[0].keys];
    hpac_key_table table;
} hpac_layer_keys;

/* Those of a row of the table; NULL: of any, the common ones. */
void hpac_layer_keys_make(const hpac_layer_row *row, hpac_layer_keys *made);

#endif
