/* Files of weights that are damaged: the message names the file, the layer and the object in it. */
#include "model/hdf5_io.h"
#include "model_file.h"
#include "scratch.h"
#include "start_file.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(start_damaged);

#define KERNEL2 "stem_conv/stem_conv/kernel:0"
#define KERNEL3 "layers/conv2d/vars/0"

/* Replaces a dataset by an empty one of this type and shape. */
static void replace(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims,
                    hid_t creation)
{
    hid_t space = H5Screate_simple(rank, dims, NULL);
    cr_assert_geq(H5Ldelete(file, name, H5P_DEFAULT), 0);
    hid_t made = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    cr_assert_geq(made, 0);
    H5Dclose(made);
    H5Sclose(space);
}

static const hsize_t kernel_dims[] = {3, 3, 3, 6};

static void make_integers(hid_t file, const char *kernel)
{
    replace(file, kernel, H5T_STD_I32LE, 4, kernel_dims, H5P_DEFAULT);
}

static void make_text(hid_t file, const char *kernel)
{
    hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, H5T_VARIABLE);
    replace(file, kernel, text, 4, kernel_dims, H5P_DEFAULT);
    H5Tclose(text);
}

static void make_other_rank(hid_t file, const char *kernel)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    replace(file, kernel, H5T_IEEE_F32LE, 3, (const hsize_t[]){3, 3, 18}, creation);
    H5Pclose(creation);
}

static void make_scalar(hid_t file, const char *kernel)
{
    replace(file, kernel, H5T_IEEE_F32LE, 0, NULL, H5P_DEFAULT);
}

static void make_high_rank(hid_t file, const char *kernel)
{
    replace(file, kernel, H5T_IEEE_F32LE, 5, (const hsize_t[]){3, 3, 3, 6, 1}, H5P_DEFAULT);
}

static void make_huge(hid_t file, const char *kernel)
{
    const hsize_t dims[] = {1 << 20, 1 << 20, 1 << 10, 6};
    replace(file, kernel, H5T_IEEE_F32LE, 4, dims, H5P_DEFAULT);
}

/* Below the limit, but no value of it is in the file. */
static void make_hollow(hid_t file, const char *kernel)
{
    replace(file, kernel, H5T_IEEE_F32LE, 4, (const hsize_t[]){3, 3, 1 << 20, 1 << 12},
            H5P_DEFAULT);
}

static void make_compressed(hid_t file, const char *kernel)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 4, kernel_dims);
    H5Pset_deflate(creation, 6);
    replace(file, kernel, H5T_IEEE_F32LE, 4, kernel_dims, creation);
    H5Pclose(creation);
}

/* Values in another file. */
static void make_external(hid_t file, const char *kernel)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(creation, scratch_write("values", "", 0), 0, H5F_UNLIMITED);
    replace(file, kernel, H5T_IEEE_F32LE, 4, kernel_dims, creation);
    H5Pclose(creation);
}

static void link_elsewhere(hid_t file, const char *kernel)
{
    char *elsewhere = realpath(KERAS2_WEIGHTS, NULL);
    cr_assert_geq(H5Ldelete(file, kernel, H5P_DEFAULT), 0);
    cr_assert_geq(
        H5Lcreate_external(elsewhere, "/" KERNEL2, file, kernel, H5P_DEFAULT, H5P_DEFAULT), 0);
    free(elsewhere);
}

static void link_to_itself(hid_t file, const char *kernel)
{
    char path[64];
    snprintf(path, sizeof path, "/%s", kernel);
    cr_assert_geq(H5Ldelete(file, kernel, H5P_DEFAULT), 0);
    cr_assert_geq(H5Lcreate_soft(path, file, kernel, H5P_DEFAULT, H5P_DEFAULT), 0);
}

static void make_group(hid_t file, const char *kernel)
{
    cr_assert_geq(H5Ldelete(file, kernel, H5P_DEFAULT), 0);
    H5Gclose(H5Gcreate2(file, kernel, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

static void remove_kernel(hid_t file, const char *kernel)
{
    cr_assert_geq(H5Ldelete(file, kernel, H5P_DEFAULT), 0);
}

static void make_infinite(hid_t file, const char *kernel)
{
    float values[162] = {0};
    hid_t own = H5Dopen2(file, kernel, H5P_DEFAULT);
    values[161] = INFINITY;
    cr_assert_geq(H5Dwrite(own, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Dclose(own);
}

static void set_names(hid_t file, const char *at, const char *attribute, const char *const *names,
                      size_t count)
{
    hid_t own = H5Oopen(file, at, H5P_DEFAULT);
    H5Adelete(own, attribute);
    if (names)
        assert_ok(hpac_hdf5_write_names(own, attribute, names, count));
    H5Oclose(own);
}

static void remove_weight_names(hid_t file, const char *kernel)
{
    (void)kernel;
    set_names(file, "stem_conv", "weight_names", NULL, 0);
}

static void name_nothing(hid_t file, const char *kernel)
{
    (void)kernel;
    const char *const names[] = {"stem_conv/kernel:0", "stem_conv/other:0"};
    set_names(file, "stem_conv", "weight_names", names, 2);
}

static void name_twice(hid_t file, const char *kernel)
{
    (void)kernel;
    const char *const names[] = {"stem_conv/kernel:0", "stem_conv/kernel:0"};
    set_names(file, "stem_conv", "weight_names", names, 2);
}

static void name_one(hid_t file, const char *kernel)
{
    (void)kernel;
    const char *const names[] = {"stem_conv/kernel:0"};
    set_names(file, "stem_conv", "weight_names", names, 1);
}

static void number_names(hid_t file, const char *kernel)
{
    (void)kernel;
    hid_t own = H5Gopen2(file, "stem_conv", H5P_DEFAULT);
    H5Adelete(own, "weight_names");
    assert_ok(hpac_hdf5_write_numbers(own, "weight_names", H5T_STD_I32LE, 2, (const int[]){1, 2}));
    H5Gclose(own);
}

static void list_nothing(hid_t file, const char *kernel)
{
    (void)kernel;
    const char *const names[] = {"stem_conv", "nowhere"};
    set_names(file, "/", "layer_names", names, 2);
}

static void list_twice(hid_t file, const char *kernel)
{
    (void)kernel;
    const char *const names[] = {"stem_conv", "stem_conv"};
    set_names(file, "/", "layer_names", names, 2);
}

/* A group that contains the root. */
static void nest_forever(hid_t file, const char *kernel)
{
    (void)kernel;
    cr_assert_geq(
        H5Lcreate_hard(file, "/", file, "layers/sequential/layers/loop", H5P_DEFAULT, H5P_DEFAULT),
        0);
}

static void make_scalar_vars(hid_t file, const char *kernel)
{
    (void)kernel;
    cr_assert_geq(H5Ldelete(file, "layers/conv2d/vars", H5P_DEFAULT), 0);
    assert_ok(hpac_hdf5_write_floats(file, "layers/conv2d/vars", 1, (const size_t[]){1},
                                     (const float[]){1}));
}

static void rename_vars(hid_t file, const char *kernel)
{
    (void)kernel;
    cr_assert_geq(H5Lmove(file, "layers/conv2d/vars/1", file, "layers/conv2d/vars/7", H5P_DEFAULT,
                          H5P_DEFAULT),
                  0);
}

typedef struct damage {
    void (*make)(hid_t file, const char *kernel);
    const char *message; /* behind the path of the file; %s is the dataset */
} damage;

static void expect_refused(const char *path, void (*make)(hid_t, const char *), const char *kernel,
                           const char *message)
{
    hid_t file = open_copy(path);
    make(file, kernel);
    const char *copy = close_copy(file);
    refuses_weights(layers_of(images, 5), copy, message);
}

#define LAYER "layer 4, conv2d: "
#define IS LAYER "%s: "
#define CONTIGUOUS IS "expected an uncompressed, contiguous dataset stored in this file"

static const damage of_kernels[] = {
    {make_integers, IS "expected a dataset of float16, float32 or float64"},
    {make_text, IS "expected a dataset of float16, float32 or float64"},
    {make_other_rank, "layer 4, stem_conv (conv2d): kernel (3, 3, 18), expected (3, 3, 3, 6)"},
    {make_scalar, IS "0 dimensions, expected 1 to 4"},
    {make_high_rank, IS "5 dimensions, expected 1 to 4"},
    {make_huge, IS "more than 2^40 values"},
    {make_hollow, CONTIGUOUS},
    {make_compressed, CONTIGUOUS},
    {make_external, CONTIGUOUS},
    {link_elsewhere, CONTIGUOUS},
    {link_to_itself, IS "no such dataset"},
    {make_group, IS "no such dataset"},
    {make_infinite, IS "kernel value 161 is inf, expected a finite number"},
};

Test(start_damaged, datasets_are_named)
{
    static const char *const files[][2] = {{KERAS2_WEIGHTS, KERNEL2}, {KERAS3_WEIGHTS, KERNEL3}};
    for (size_t f = 0; f < 2; f++)
        for (size_t i = 0; i < sizeof of_kernels / sizeof *of_kernels; i++) {
            char message[256];
            snprintf(message, sizeof message, of_kernels[i].message, files[f][1]);
            expect_refused(files[f][0], of_kernels[i].make, files[f][1], message);
        }
}

Test(start_damaged, names_of_keras_2_are_checked)
{
    static const damage cases[] = {
        {remove_kernel, IS "no such dataset"},
        {remove_weight_names, "stem_conv/weight_names: no such attribute"},
        {name_nothing, LAYER "stem_conv/stem_conv/other:0: no such dataset"},
        {name_twice, "layer 4, stem_conv (conv2d): bias (3, 3, 3, 6), expected (6)"},
        {name_one, LAYER "stem_conv: 1 tensors, expected 2 (kernel, bias)"},
        {number_names, "stem_conv/weight_names: expected a list of names"},
        {list_nothing, "nowhere: no such group"},
        {list_twice, "layer 4, stem_conv: may be 2 layers of the file (stem_conv, stem_conv)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[256];
        snprintf(message, sizeof message, cases[i].message, KERNEL2);
        expect_refused(KERAS2_WEIGHTS, cases[i].make, KERNEL2, message);
    }
}

Test(start_damaged, groups_of_keras_3_are_checked)
{
    static const damage cases[] = {
        {remove_kernel, LAYER "layers/conv2d/vars: 1 tensors, expected 2 (kernel, bias)"},
        {nest_forever, "models in models, expected at most 16 levels"},
        {make_scalar_vars, "layers/conv2d/vars: no such group"},
        {rename_vars, LAYER "layers/conv2d/vars/1: no such dataset"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(KERAS3_WEIGHTS, cases[i].make, KERNEL3, cases[i].message);
}

/* Cut at any length; of nothing is left what it is. */
Test(start_damaged, truncated_files_are_refused)
{
    static const char *const files[][2] = {{KERAS2_WEIGHTS, "HDF5: damaged or cut short"},
                                           {KERAS3_WEIGHTS, "HDF5: damaged or cut short"},
                                           {MODEL, "a damaged zip archive"}};
    for (size_t f = 0; f < 3; f++) {
        size_t nbytes;
        unsigned char *bytes = read_bytes(files[f][0], &nbytes);
        for (size_t part = 0; part < 8; part++)
            refuses_weights(layers_of(images, 5), scratch_write("cut", bytes, nbytes * part / 8),
                            part > 0 ? files[f][1] : "not an HDF5 file or zip archive");
        free(bytes);
    }
}
