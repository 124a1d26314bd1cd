/*
 * Exploration of a data set: its labels, its image directories, its images.
 *
 *     hpac_exploration found;
 *     const hpac_explore_options options = {.name = "train.csv", .labels = &labels,
 *                                           .images = "train", .out = "explore", .plots = true,
 *                                           .channels = 4, .page_rows = 10, .pages = 2,
 *                                           .rows = 128, .cols = 128};
 *     status = hpac_explore(&options, &found);               // the tables
 *     if (status == HPAC_OK)
 *         status = hpac_exploration_write(&options, &found); // explore/explore.html and the rest
 *     hpac_exploration_fini(&found);
 *
 * The counts are those that pandas gives for the binarised labels: sums of columns and rows,
 * DataFrame.corr() over the images with more than one label, sums of the columns among the images
 * with a class.
 */
#ifndef HPAC_EXPLORE_EXPLORE_H
#define HPAC_EXPLORE_EXPLORE_H

#include <hpac/labels.h>

#include "render/table.h"

#include <stdbool.h>

typedef struct hpac_label_statistics {
    size_t images, labels;
    size_t multi_images;                           /* with more than one label */
    size_t images_by_labels[HPAC_CLASS_COUNT + 1]; /* [n]: with n labels */
    /* [a][b]: images with both; [a][a]: with a */
    size_t together[HPAC_CLASS_COUNT][HPAC_CLASS_COUNT];
    /* Pearson's r over the images with more than one label, where each class is a column of 0 and
     * 1: (n n_ab - n_a n_b) / sqrt(n_a (n - n_a) n_b (n - n_b)). NaN where it is undefined: no such
     * image has one of the classes, or all do. */
    double correlation[HPAC_CLASS_COUNT][HPAC_CLASS_COUNT];
    int uncorrelated; /* classes for which it is undefined with every class */
} hpac_label_statistics;

/* The labels must have masks. */
void hpac_label_statistics_compute(const hpac_labels *labels, hpac_label_statistics *statistics);

/* The names of a mask's classes, in class order: "Endosomes, Lysosomes"; cut to `nbytes` with the
 * NUL. HPAC_CLASS_COUNT * 32 bytes are enough for all. */
void hpac_class_list(uint32_t mask, char *text, size_t nbytes);

typedef struct hpac_directory_census {
    size_t images;      /* Ids of which there is a file <Id>_<channel>.png, of any channel */
    size_t complete;    /* of which there are all four */
    size_t files[4];    /* by channel, in the order of hpac_channel_names */
    size_t labelled;    /* Ids in the label file */
    size_t other_files; /* of any other name */
} hpac_directory_census;

/* Reads the names in a directory, not the files. Errors: DATA when it cannot be read. */
hpac_status hpac_directory_count(const char *path, const hpac_labels *labels,
                                 hpac_directory_census *census);

typedef struct hpac_explore_options {
    const char *name;              /* of the label file, for titles */
    const hpac_labels *labels;     /* with masks; borrowed until the exploration's fini */
    const char *images, *test;     /* directories of <Id>_<channel>.png; NULL: none */
    int classes[HPAC_CLASS_COUNT]; /* the chosen ones: pictures are of images with all of them */
    size_t class_count;            /* 0: of any images */
    int cooccurring[HPAC_CLASS_COUNT]; /* classes whose co-occurring classes are wanted */
    size_t cooccurring_count;

    const char *out; /* where hpac_exploration_write writes; created when missing */
    bool force;      /* overwrite an existing exploration */
    bool plots;      /* draw them with gnuplot (plot.h) */
    size_t channels; /* of the pictures */
    int channel_order[HPAC_MAX_CHANNELS]; /* (channels) indices into hpac_channel_names */
    size_t page_rows;                     /* images per page of pictures, 1 .. 100 */
    size_t pages;                         /* at most so many; 0: all */
    size_t rows, cols;                    /* after preprocessing */
    bool skip_missing; /* leave out images whose files are missing or unreadable */
    /* Called after each image is drawn; may be NULL. */
    void (*progress)(void *user, size_t done, size_t total);
    void *user;
} hpac_explore_options;

#define HPAC_EXPLORE_TABLES (HPAC_CLASS_COUNT + 7)

typedef struct hpac_exploration {
    hpac_label_statistics statistics;
    hpac_directory_census images, test; /* of the directories given */
    size_t train_images; /* what the test set is compared with: those in the directory of images, or
                            without one those in the label file */
    double test_percent; /* test images in percent of them; NaN without */
    /* In reading order: summary (one row), class_counts (most frequent first), labels_per_image,
     * correlation (classes, classes), correlation_pairs (those that are defined, strongest first),
     * company_<class> of each co-occurring class (most frequent first, itself included), folders
     * (if there are any), chosen (Ids with all chosen classes, in the order of the file). */
    hpac_table tables[HPAC_EXPLORE_TABLES];
    size_t table_count;
    struct {
        char name[64], title[128];
    } texts[HPAC_CLASS_COUNT]; /* the tables borrow them: the struct must not be copied */
} hpac_exploration;

/* Counts everything. On error nothing is left to clean up. Errors: those above. */
hpac_status hpac_explore(const hpac_explore_options *options, hpac_exploration *found);
/* Frees the tables and zeroes the struct. */
void hpac_exploration_fini(hpac_exploration *found);

/* The same tables for the terminal, where the matrix of correlations is left to its strongest
 * pairs. Errors: INTERNAL (memory), DATA (writing). */
hpac_status hpac_exploration_print(const hpac_explore_options *options,
                                   const hpac_exploration *found, FILE *stream);

/* Writes a CSV per table and binarised.csv (Id and a column of 0 and 1 per class); with plots, a
 * PNG per chart in plots/; with images, panels/image_<n>.png (one row, a column per channel), with
 * plots panels/page_<n>.png (those of a page with titles), and panels/before.png and after.png; and
 * explore.html with all of it inside, last. With `force`, files of an earlier exploration that this
 * one does not have are removed, other files not touched. Errors: DATA when images are missing or
 * bad (all of those to be shown are checked before anything is written, and all listed), or when
 * writing fails; CONFIG when explore.html exists and not `force`, when the directory cannot be
 * written, or when gnuplot is missing. */
hpac_status hpac_exploration_write(const hpac_explore_options *options,
                                   const hpac_exploration *found);

#endif
