/*
 * What a model file holds, for readers and for programs.
 *
 *     hpac_model_card card;
 *     status = hpac_model_card_load("runs/improved/best.h5", &card);
 *     if (status == HPAC_OK)
 *         hpac_model_card_print(&card, false, stdout);
 *     hpac_model_card_fini(&card);
 */
#ifndef HPAC_MODEL_MODEL_CARD_H
#define HPAC_MODEL_MODEL_CARD_H

#include <hpac/model.h>

#include <stdbool.h>
#include <stdio.h>

typedef struct hpac_model_card {
    const char *path; /* borrowed */
    hpac_model model;
    int channel_order[HPAC_MAX_CHANNELS]; /* (model.input.channels) of the images it is fed with;
                                             the first ones unless the caller knows others */
    bool tuned;                           /* the file has thresholds */
    float thresholds[HPAC_CLASS_COUNT];   /* (model.target_count) */
} hpac_model_card;

/* Reads and checks the whole file. On error the card is left zeroed. Errors: those of
 * hpac_model_load and hpac_thresholds_load. */
hpac_status hpac_model_card_load(const char *path, hpac_model_card *card);
/* Frees the model and zeroes the struct. */
void hpac_model_card_fini(hpac_model_card *card);

/* Layers, classes with their thresholds, the state of a training; `config`: the configuration, too.
 */
void hpac_model_card_print(const hpac_model_card *card, bool config, FILE *stream);
/* The same as tables in JSON (table.h): model, layers, classes, training where there is one, and
 * with `config` configuration, whose one row has the YAML. Errors: INTERNAL, DATA (writing). */
hpac_status hpac_model_card_print_json(const hpac_model_card *card, bool config, FILE *stream);

#endif
