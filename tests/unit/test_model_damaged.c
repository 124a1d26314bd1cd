/* Model files with bad content: weights, names and training states that do not fit, damage. */
#include "formula.h"
#include "model_file.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* ---- the datasets ---- */

#define KERNEL "model_weights/dense/sequential/dense/kernel"

/* Puts another dataset in the place of the dense kernel (36, 16). */
static hid_t replace_kernel(hid_t file, hid_t type, int rank, const hsize_t *dims, hid_t creation)
{
    cr_assert_geq(H5Ldelete(file, KERNEL, H5P_DEFAULT), 0);
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t dataset = H5Dcreate2(file, KERNEL, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    cr_assert_geq(dataset, 0);
    H5Sclose(space);
    return dataset;
}

/* The rows of the dense kernel: what flatten makes of (10, 9, 2). */
static hsize_t kernel_rows(void)
{
    hsize_t dims[2];
    hid_t file = open_copy(KERAS3), dataset = H5Dopen2(file, KERNEL, H5P_DEFAULT);
    cr_assert_geq(dataset, 0);
    hid_t space = H5Dget_space(dataset);
    cr_assert_eq(H5Sget_simple_extent_dims(space, dims, NULL), 2);
    H5Sclose(space);
    H5Dclose(dataset);
    close_copy(file);
    return dims[0];
}

Test(model_damaged, weights_of_another_shape_or_type)
{
    hsize_t dims[3] = {kernel_rows(), 16, 1};
    float *values = calloc(dims[0] * 16, sizeof *values);
    struct {
        hid_t type;
        int rank;
        bool compressed, written;
        float first;
        const char *expected;
    } cases[] = {
        {H5T_IEEE_F32LE, 3, false, true, 0, "kernel: shape ("},
        {H5T_STD_I32LE, 2, false, true, 0, "kernel: expected a dataset of float16, float32 or"},
        {H5T_IEEE_F32LE, 2, true, true, 0,
         "expected an uncompressed, contiguous dataset stored in this file"},
        {H5T_IEEE_F32LE, 2, false, false, 0,
         "expected an uncompressed, contiguous dataset stored in this file"},
        {H5T_IEEE_F32LE, 2, false, true, NAN, "layer 5: kernel value 0 is nan, expected a finite"},
        {H5T_IEEE_F32LE, 2, false, true, INFINITY, "layer 5: kernel value 0 is inf, expected a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hid_t file = open_copy(KERAS3), creation = H5Pcreate(H5P_DATASET_CREATE);
        if (cases[i].compressed) {
            H5Pset_chunk(creation, 2, dims);
            H5Pset_deflate(creation, 6);
        }
        hid_t dataset = replace_kernel(file, cases[i].type, cases[i].rank, dims, creation);
        values[0] = cases[i].first;
        if (cases[i].written)
            cr_assert_geq(
                H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
        H5Dclose(dataset);
        H5Pclose(creation);
        assert_refused(close_copy(file), cases[i].expected);
    }
    free(values);
}

/* The values of a big-endian machine are the same numbers. */
Test(model_damaged, big_endian_weights_are_not_refused)
{
    hsize_t dims[2] = {kernel_rows(), 16};
    float *values = calloc(dims[0] * 16, sizeof *values);
    values[5] = 0.375f;
    hid_t file = open_copy(KERAS3);
    hid_t dataset = replace_kernel(file, H5T_IEEE_F32BE, 2, dims, H5P_DEFAULT);
    cr_assert_geq(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Dclose(dataset);
    free(values);
    hpac_model model = load_model(close_copy(file));
    cr_assert(model.weights[4].tensors[HPAC_KERNEL].values[5] == 0.375f);
    hpac_model_fini(&model);
}

/* Weights in other files are not followed: nobody chose to open those. */
/* Training never makes one, and predictions with it are not numbers. */
Test(model_damaged, negative_variances)
{
    const float negative[] = {1, -1, 1, 1};
    hid_t file = open_copy(GRAPH3);
    hid_t dataset = H5Dopen2(file, "model_weights/encoder/encoder/bn/moving_variance", H5P_DEFAULT);
    cr_assert_geq(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, negative), 0);
    H5Dclose(dataset);
    assert_refused(close_copy(file), "moving_variance value 1 is -1, expected a finite, not "
                                     "negative number");
}

Test(model_damaged, weights_in_other_files)
{
    hsize_t dims[2] = {kernel_rows(), 16};
    size_t nbytes = dims[0] * 16 * sizeof(float);
    void *zeros = calloc(1, nbytes);
    const char *raw = scratch_write("raw", zeros, nbytes);
    free(zeros);
    hid_t file = open_copy(KERAS3), creation = H5Pcreate(H5P_DATASET_CREATE);
    cr_assert_geq(H5Pset_external(creation, raw, 0, nbytes), 0);
    H5Dclose(replace_kernel(file, H5T_IEEE_F32LE, 2, dims, creation));
    H5Pclose(creation);
    assert_refused(close_copy(file),
                   "expected an uncompressed, contiguous dataset stored in this file");

    size_t whole_nbytes;
    unsigned char *whole = read_bytes(KERAS3, &whole_nbytes);
    const char *other = scratch_write("other.h5", whole, whole_nbytes);
    free(whole);
    file = open_copy(KERAS3);
    cr_assert_geq(H5Ldelete(file, KERNEL, H5P_DEFAULT), 0);
    cr_assert_geq(H5Lcreate_external(other, KERNEL, file, KERNEL, H5P_DEFAULT, H5P_DEFAULT), 0);
    assert_refused(close_copy(file),
                   "expected an uncompressed, contiguous dataset stored in this file");

    file = open_copy(KERAS3);
    cr_assert_geq(H5Ldelete(file, "model_weights/dense", H5P_DEFAULT), 0);
    cr_assert_geq(H5Lcreate_external(other, "model_weights/dense", file, "model_weights/dense",
                                     H5P_DEFAULT, H5P_DEFAULT),
                  0);
    assert_refused(close_copy(file), "model_weights/dense: a link into another file");
}

Test(model_damaged, missing_objects)
{
    static const struct {
        const char *at, *attribute; /* NULL: the object itself */
        const char *expected;
    } cases[] = {
        {"model_weights", NULL, "model_weights: no such group"},
        {"model_weights/dense", NULL, "model_weights/dense: no such group"},
        {KERNEL, NULL, "model_weights/dense/sequential/dense/kernel: no such dataset"},
        {"model_weights", "layer_names", "model_weights/layer_names: no such attribute"},
        {"model_weights/dense", "weight_names",
         "model_weights/dense/weight_names: no such attribute"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hid_t file = open_copy(KERAS3);
        herr_t deleted = cases[i].attribute
                             ? H5Adelete_by_name(file, cases[i].at, cases[i].attribute, H5P_DEFAULT)
                             : H5Ldelete(file, cases[i].at, H5P_DEFAULT);
        cr_assert_geq(deleted, 0);
        assert_refused(close_copy(file), cases[i].expected);
    }
}

Test(model_damaged, names_that_do_not_fit)
{
    hid_t file = open_copy(KERAS3), group = H5Gopen2(file, "model_weights", H5P_DEFAULT);
    write_text(group, "layer_names", "dense");
    H5Gclose(group);
    assert_refused(close_copy(file), "layer_names: the layer \"conv2d\" of model_config is "
                                     "listed 0 times, expected once");
    file = open_copy(KERAS3);
    group = H5Gopen2(file, "model_weights/dense", H5P_DEFAULT);
    write_text(group, "weight_names", "sequential/dense/kernel");
    H5Gclose(group);
    assert_refused(close_copy(file), "weight_names: 1 names, expected 2 (kernel, bias)");
    file = open_copy(KERAS3);
    H5Adelete(file, "model_config");
    group = H5Gopen2(file, "model_weights", H5P_DEFAULT);
    H5Gclose(group);
    hid_t space = H5Screate(H5S_SCALAR);
    H5Aclose(H5Acreate2(file, "model_config", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    assert_refused(close_copy(file), "model_config: expected one string");
}

/* Where the references to the texts of an attribute are: the first, to one of `first` bytes, is
 * followed by those to texts of one byte. */
static unsigned char *find_references(unsigned char *bytes, size_t nbytes, uint32_t first)
{
    for (size_t i = 0; i + 36 <= nbytes; i++) {
        uint32_t lengths[3];
        for (int k = 0; k < 3; k++)
            memcpy(&lengths[k], bytes + i + k * 16, sizeof *lengths);
        if (lengths[0] == first && lengths[1] == 1 && lengths[2] == 1)
            return bytes + i;
    }
    return NULL;
}

/* A small file whose names are all one text of 2 MiB. */
Test(model_damaged, many_references_to_one_text)
{
    enum { COUNT = 3000, LENGTH = 1 << 21 };
    char *longest = calloc(1, LENGTH + 1);
    const char *texts[COUNT] = {memset(longest, 'y', LENGTH)};
    for (int i = 1; i < COUNT; i++)
        texts[i] = "z";
    hid_t file = open_copy(KERAS3), type = H5Tcopy(H5T_C_S1);
    hid_t space = H5Screate_simple(1, &(hsize_t){COUNT}, NULL);
    H5Tset_size(type, H5T_VARIABLE);
    H5Adelete_by_name(file, "model_weights", "layer_names", H5P_DEFAULT);
    hid_t attribute = H5Acreate_by_name(file, "model_weights", "layer_names", type, space,
                                        H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert_geq(H5Awrite(attribute, type, texts), 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    size_t nbytes;
    unsigned char *bytes = read_bytes(close_copy(file), &nbytes);
    unsigned char *references = find_references(bytes, nbytes, LENGTH);
    cr_assert_not_null(references);
    for (int i = 1; i < COUNT; i++)
        memcpy(references + i * 16, references, 16);
    assert_refused(scratch_write("bad.h5", bytes, nbytes), "layer_names: cannot be read");
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    cr_expect_lt(usage.ru_maxrss, 2 << 20, "%ld KiB", usage.ru_maxrss);
    free(bytes);
    free(longest);
}

/* ---- hpac's own part ---- */

static const hpac_layer tiny[] = {
    {.kind = HPAC_LAYER_FLATTEN},
    {.kind = HPAC_LAYER_DENSE, .units = 2, .activation = HPAC_ACTIVATION_SIGMOID},
};
static const hpac_shape tiny_input = {3, 4, 3, 1};

/* A resume file. */
static const char *save_tiny(void)
{
    hpac_layer layers[2];
    memcpy(layers, tiny, sizeof tiny);
    hpac_training_state training = {
        .optimizer = {.learning_rate = 1.0f, .rho = 0.95f, .epsilon = 1e-7f},
        .states = {hpac_weights_create(tiny, 2, tiny_input),
                   hpac_weights_create(tiny, 2, tiny_input)},
    };
    hpac_model model = {.input = tiny_input,
                        .layer_count = 2,
                        .layers = layers,
                        .weights = hpac_weights_create(tiny, 2, tiny_input),
                        .targets = {4, 9},
                        .target_count = 2,
                        .training = &training};
    formula_fill_weights(model.weights, tiny, 2);
    const char *path = scratch_path("tiny.h5");
    cr_assert_eq(hpac_model_save(&model, path), HPAC_OK, "%s", hpac_error_message());
    hpac_weights_destroy(model.weights, 2);
    hpac_weights_destroy(training.states[0], 2);
    hpac_weights_destroy(training.states[1], 2);
    return path;
}

static void replace_targets(hid_t file, const int *targets, hsize_t count)
{
    hid_t space = H5Screate_simple(1, &count, NULL);
    cr_assert_geq(H5Adelete_by_name(file, "hpac", "targets", H5P_DEFAULT), 0);
    hid_t attribute = H5Acreate_by_name(file, "hpac", "targets", H5T_STD_I32LE, space, H5P_DEFAULT,
                                        H5P_DEFAULT, H5P_DEFAULT);
    cr_assert_geq(H5Awrite(attribute, H5T_NATIVE_INT, targets), 0);
    H5Aclose(attribute);
    H5Sclose(space);
}

Test(model_damaged, training_state_of_older_versions)
{
    hid_t file = open_copy(save_tiny());
    const char *names[] = {"epoch_train_s",
                           "epoch_waited_s",
                           "epoch_timed_image_count",
                           "optimizer",
                           "momentum",
                           "nesterov",
                           "beta_1",
                           "beta_2",
                           "weight_decay",
                           "accumulate",
                           "ema"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert_geq(H5Adelete_by_name(file, "hpac/training", names[i], H5P_DEFAULT), 0);
    hpac_model model = load_model(close_copy(file));
    cr_assert_not_null(model.training);
    cr_expect(model.training->epoch_train_s == 0 && model.training->epoch_timed_image_count == 0);
    hpac_model_fini(&model);
}

Test(model_damaged, bad_training_state)
{
    const char *path = save_tiny();
    const char *names[] = {"seed", "epoch", "best_loss", "true_positives", "learning_rate"};
    for (int i = 0; i < 5; i++) {
        char expected[128];
        hid_t file = open_copy(path);
        cr_assert_geq(H5Adelete_by_name(file, "hpac/training", names[i], H5P_DEFAULT), 0);
        snprintf(expected, sizeof expected, "hpac/training/%s: no such attribute", names[i]);
        assert_refused(close_copy(file), expected);
    }
    hid_t file = open_copy(path), space = H5Screate(H5S_SCALAR);
    H5Adelete_by_name(file, "hpac/training", "epoch", H5P_DEFAULT);
    H5Aclose(H5Acreate_by_name(file, "hpac/training", "epoch", H5T_IEEE_F64LE, space, H5P_DEFAULT,
                               H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    assert_refused(close_copy(file),
                   "hpac/training/epoch: 1 floats of 8 bytes, expected 1 integers of 4 bytes");

    file = open_copy(path);
    H5Ldelete(file, "hpac/training/2/delta_average/bias", H5P_DEFAULT);
    assert_refused(close_copy(file), "hpac/training/2/delta_average/bias: no such dataset");

    file = open_copy(path);
    hid_t dataset = H5Dopen2(file, "hpac/training/2/square_average/bias", H5P_DEFAULT);
    const float negative[2] = {0, -1};
    H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, negative);
    H5Dclose(dataset);
    assert_refused(close_copy(file), "square_average: layer 2: bias value 1 is -1, expected a "
                                     "finite, not negative number");
}

Test(model_damaged, bad_targets)
{
    const char *path = save_tiny();
    const int twice[] = {4, 4}, outside[] = {4, 28}, three[] = {1, 2, 3};
    hid_t file = open_copy(path);
    replace_targets(file, twice, 2);
    assert_refused(close_copy(file), "hpac/targets: 4, expected different classes in 0..27");
    file = open_copy(path);
    replace_targets(file, outside, 2);
    assert_refused(close_copy(file), "hpac/targets: 28, expected different classes in 0..27");
    file = open_copy(path);
    replace_targets(file, three, 3);
    assert_refused(close_copy(file),
                   "hpac/targets: 3 integers of 4 bytes, expected 2 integers of 4 bytes");
}

/* ---- damage ---- */

Test(model_damaged, truncated_files)
{
    const char *paths[] = {KERAS2, KERAS3, FUNCTIONAL3};
    for (int f = 0; f < 3; f++) {
        size_t nbytes;
        unsigned char *bytes = read_bytes(paths[f], &nbytes);
        for (size_t kept = 0; kept < nbytes; kept += kept < 2200 ? 97 : 1009) {
            hpac_model model;
            const char *path = scratch_write("bad.h5", bytes, kept);
            cr_assert_eq(hpac_model_load(path, &model), HPAC_ERR_DATA, "%s, %zu of %zu bytes",
                         paths[f], kept, nbytes);
        }
        free(bytes);
    }
}

/* Changes one byte, the one and the way that `round` says, and loads what comes of it. Damage may
 * hit a weight or a reserve and go unseen; what matters is that nothing crashes and that a model
 * which passes is whole. */
static hpac_status load_damaged(unsigned char *bytes, size_t nbytes, uint32_t round)
{
    uint32_t place = formula_hash(round, 7) % (uint32_t)nbytes;
    unsigned char old = bytes[place];
    bytes[place] ^= (unsigned char)(formula_hash(round, 99) % 255 + 1);
    const char *path = scratch_write("bad.h5", bytes, nbytes);
    bytes[place] = old;
    hpac_model model;
    hpac_status status = hpac_model_load(path, &model);
    if (status == HPAC_OK) {
        cr_assert_not_null(model.weights);
        hpac_model_fini(&model);
    }
    return status;
}

Test(model_damaged, damaged_files_do_not_crash)
{
    const char *paths[] = {KERAS2, KERAS3, FUNCTIONAL3, save_tiny()};
    for (int f = 0; f < 4; f++) {
        size_t nbytes;
        unsigned char *bytes = read_bytes(paths[f], &nbytes);
        for (uint32_t round = 0; round < 25; round++) {
            hpac_status status = load_damaged(bytes, nbytes, round);
            cr_assert(status == HPAC_OK || status == HPAC_ERR_DATA, "%s", hpac_error_message());
        }
        free(bytes);
    }
}

/* On these HDF5 1.10.8 itself dies of a segmentation fault. */
Test(model_damaged, files_that_crash_hdf5_are_an_error)
{
    const struct {
        const char *path;
        uint32_t round;
    } deadly[] = {{KERAS2, 3},  {KERAS2, 35},  {KERAS2, 95},       {KERAS2, 106},     {KERAS2, 256},
                  {KERAS3, 98}, {KERAS3, 472}, {FUNCTIONAL3, 191}, {FUNCTIONAL3, 503}};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        size_t nbytes;
        unsigned char *bytes = read_bytes(deadly[i].path, &nbytes);
        cr_assert_eq(load_damaged(bytes, nbytes, deadly[i].round), HPAC_ERR_DATA);
        free(bytes);
    }
}
