/* The 28 classes, and the label files of the competition: train.csv has the columns Id,Target,
 * class numbers separated by spaces in any order ("16 0"); of sample_submission.csv only the Ids
 * count. */
#ifndef HPAC_LABELS_H
#define HPAC_LABELS_H

#include <hpac/status.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HPAC_CLASS_COUNT 28

/* Class names by number, as in the reference notebooks (1.1.1). */
extern const char *const hpac_class_names[HPAC_CLASS_COUNT];

#define HPAC_MAX_CHANNELS 4
typedef enum hpac_channel {
    HPAC_CHANNEL_GREEN,  /* the protein */
    HPAC_CHANNEL_BLUE,   /* nuclei */
    HPAC_CHANNEL_RED,    /* microtubules */
    HPAC_CHANNEL_YELLOW, /* endoplasmic reticulum */
} hpac_channel;
/* "green", "blue", "red", "yellow": the files of an image are <Id>_<channel>.png. */
extern const char *const hpac_channel_names[HPAC_MAX_CHANNELS];

/* The number of the class with this name, in any case; or -1. NULL is no name. */
int hpac_class_find(const char *name);
/* The most similar class name, for "did you mean"; NULL: none is similar to `name`, or to NULL. */
const char *hpac_class_nearest(const char *name);

typedef struct hpac_labels {
    size_t count;    /* rows */
    char **ids;      /* (count) owned */
    uint32_t *masks; /* (count) bit c set: the image carries class c. NULL for a list of Ids */
} hpac_labels;

/* Reads a label file: header with the columns Id and Target (others are ignored, any order). All
 * bad rows are reported together with their lines: unknown or duplicate class number, empty Id,
 * duplicate Id, Id with a '/', empty target, missing cell. A file without rows is an error. On
 * success the caller owns `labels` (hpac_labels_fini); on error it is zeroed. Errors: DATA. */
hpac_status hpac_labels_read_csv(const char *path, hpac_labels *labels);

/* Reads a list of Ids: header with a column Id. The same rules; masks is NULL. */
hpac_status hpac_ids_read_csv(const char *path, hpac_labels *labels);

/* Frees the rows and zeroes the struct. NULL is fine. */
void hpac_labels_fini(hpac_labels *labels);

#ifdef __cplusplus
}
#endif

#endif
