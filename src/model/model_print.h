/* What a model file holds, for readers and for programs. */
#ifndef HPAC_MODEL_MODEL_PRINT_H
#define HPAC_MODEL_MODEL_PRINT_H

#include <hpac/model.h>

#include <stdio.h>

/* Prints layers, classes with their thresholds, and the state of a training; `config`: also the
 * configuration. channel_order: (model->input.channels) indices into hpac_channel_names, of the
 * images the model is fed with. */
void hpac_model_print(const char *path, const hpac_model *model, const int *channel_order,
                      bool config, FILE *stream);
/* The same as one JSON object of lists of rows, as hpac_tables_write_json writes them: model,
 * layers, classes, training where there is one, and with `config` configuration, whose one row has
 * the YAML. Errors: INTERNAL (memory, a text that is not UTF-8), DATA (writing). */
hpac_status hpac_model_print_json(const char *path, const hpac_model *model,
                                  const int *channel_order, bool config, FILE *stream);

#endif
