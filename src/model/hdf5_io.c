/* Groups, attributes and float datasets of HDF5, with errors that name the object. */
#include "hdf5_io.h"

#include "base/file.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More names than any network has layers, and longer than any name: what a damaged file claims
 * beyond is not believed. */
#define MAX_NAMES 4096
#define MAX_NAME_NBYTES 1024

hpac_hdf5_printing hpac_hdf5_silence(void)
{
    hpac_hdf5_printing printing = {0};
    H5Eget_auto2(H5E_DEFAULT, &printing.function, &printing.data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return printing;
}

void hpac_hdf5_restore(hpac_hdf5_printing printing)
{
    H5Eset_auto2(H5E_DEFAULT, printing.function, printing.data);
}

static herr_t keep_reason(unsigned depth, const H5E_error2_t *error, void *reason)
{
    (void)depth;
    if (error->desc)
        snprintf(reason, 256, " (HDF5: %s)", error->desc);
    return 0;
}

hpac_status hpac_hdf5_fail(hid_t at, const char *name, const char *text)
{
    char reason[256] = "", path[512] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_reason, reason); /* the last is the innermost */
    if (H5Iget_name(at, path, sizeof path) < 0)
        path[0] = '\0';
    const char *folder = path[0] == '/' ? path + 1 : path;
    return hpac_fail(HPAC_ERR_DATA, "%s%s%s: %s%s", folder, *folder ? "/" : "", name, text, reason);
}

hpac_status hpac_hdf5_open(const char *path, const char *text, hid_t *file)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_file_locking(access, false, true);
    *file = H5Fopen(path, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    return *file >= 0 ? HPAC_OK : hpac_hdf5_fail(H5I_INVALID_HID, "HDF5", text);
}

hpac_status hpac_hdf5_write_image(hid_t file, const char *path)
{
    void **image;
    ssize_t nbytes = H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 ? -1 : H5Fget_file_image(file, NULL, 0);
    if (nbytes < 0 || H5Fget_vfd_handle(file, H5P_DEFAULT, (void **)&image) < 0)
        return hpac_hdf5_fail(file, "", "cannot be built in memory");
    hpac_file target;
    HPAC_TRY(hpac_file_create(&target, path));
    if (fwrite(*image, 1, (size_t)nbytes, target.stream) == (size_t)nbytes)
        return hpac_file_commit(&target);
    hpac_status status = hpac_fail(HPAC_ERR_DATA, "%s: write failed: %s", path, strerror(errno));
    hpac_file_discard(&target);
    return status;
}

hpac_status hpac_hdf5_create_group(hid_t at, const char *name, hid_t *group)
{
    *group = H5Gcreate2(at, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    return *group >= 0 ? HPAC_OK : hpac_hdf5_fail(at, name, "cannot be created");
}

/* Writes an attribute and closes `space`. */
static hpac_status write_attribute(hid_t at, const char *name, hid_t type, hid_t space,
                                   const void *values)
{
    hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool written = attribute >= 0 && H5Awrite(attribute, type, values) >= 0;
    hpac_status status = written ? HPAC_OK : hpac_hdf5_fail(at, name, "cannot be written");
    if (attribute >= 0)
        H5Aclose(attribute);
    if (space >= 0)
        H5Sclose(space);
    return status;
}

hpac_status hpac_hdf5_write_text(hid_t at, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    hpac_status status = write_attribute(at, name, type, H5Screate(H5S_SCALAR), &text);
    H5Tclose(type);
    return status;
}

hpac_status hpac_hdf5_write_names(hid_t at, const char *name, const char *const *names,
                                  size_t count)
{
    size_t width = 1;
    for (size_t i = 0; i < count; i++)
        width = strlen(names[i]) > width ? strlen(names[i]) : width;
    char *block = calloc(count + 1, width);
    if (!block)
        return hpac_fail_memory((count + 1) * width);
    for (size_t i = 0; i < count; i++)
        memcpy(block + i * width, names[i], strlen(names[i]));
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, width);
    H5Tset_strpad(type, H5T_STR_NULLPAD); /* what h5py calls a byte string: 'S12' */
    hsize_t dim = (hsize_t)count;
    hpac_status status = write_attribute(at, name, type, H5Screate_simple(1, &dim, NULL), block);
    H5Tclose(type);
    free(block);
    return status;
}

hpac_status hpac_hdf5_write_numbers(hid_t at, const char *name, hid_t type, hsize_t count,
                                    const void *values)
{
    hid_t space = count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, NULL);
    return write_attribute(at, name, type, space, values);
}

hpac_status hpac_hdf5_write_floats(hid_t at, const char *name, int rank, const hsize_t *dims,
                                   const float *values)
{
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t link = H5Pcreate(H5P_LINK_CREATE), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_create_intermediate_group(link, 1);
    H5Pset_obj_track_times(creation, false); /* the same model makes the same bytes */
    hid_t dataset = H5Dcreate2(at, name, H5T_IEEE_F32LE, space, link, creation, H5P_DEFAULT);
    bool written = dataset >= 0 &&
                   H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    hpac_status status = written ? HPAC_OK : hpac_hdf5_fail(at, name, "cannot be written");
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Pclose(creation);
    H5Pclose(link);
    H5Sclose(space);
    return status;
}

bool hpac_hdf5_has_group(hid_t at, const char *name)
{
    return H5Lexists(at, name, H5P_DEFAULT) > 0;
}

bool hpac_hdf5_has_attribute(hid_t at, const char *name)
{
    return H5Aexists(at, name) > 0;
}

/* Links into other files are refused: the user chose to open this file only. */
static bool in_this_file(hid_t at, hid_t object)
{
    H5O_info_t here, there;
    return H5Oget_info2(at, &here, H5O_INFO_BASIC) >= 0 &&
           H5Oget_info2(object, &there, H5O_INFO_BASIC) >= 0 && here.fileno == there.fileno;
}

hpac_status hpac_hdf5_open_group(hid_t at, const char *name, hid_t *group)
{
    *group = H5Gopen2(at, name, H5P_DEFAULT);
    if (*group < 0)
        return hpac_hdf5_fail(at, name, "no such group");
    if (in_this_file(at, *group))
        return HPAC_OK;
    H5Gclose(*group);
    *group = H5I_INVALID_HID;
    return hpac_hdf5_fail(at, name, "a link into another file, expected a group");
}

/* An attribute opened for reading. */
typedef struct attribute {
    hid_t id, type, space;
    H5T_class_t type_class;
    size_t element_nbytes;
    size_t count; /* elements */
} attribute;

static void close_attribute(attribute *opened)
{
    if (opened->space >= 0)
        H5Sclose(opened->space);
    if (opened->type >= 0)
        H5Tclose(opened->type);
    if (opened->id >= 0)
        H5Aclose(opened->id);
}

static hpac_status open_attribute(hid_t at, const char *name, attribute *opened)
{
    *opened = (attribute){H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, H5T_NO_CLASS, 0, 0};
    opened->id = H5Aopen(at, name, H5P_DEFAULT);
    if (opened->id < 0)
        return hpac_hdf5_fail(at, name, "no such attribute");
    opened->type = H5Aget_type(opened->id);
    opened->space = H5Aget_space(opened->id);
    if (opened->type >= 0 && opened->space >= 0) {
        opened->type_class = H5Tget_class(opened->type);
        opened->element_nbytes = H5Tget_size(opened->type);
        hssize_t count = H5Sget_simple_extent_npoints(opened->space);
        opened->count = (size_t)count;
        if (opened->type_class != H5T_NO_CLASS && opened->element_nbytes > 0 && count >= 0)
            return HPAC_OK;
    }
    close_attribute(opened);
    return hpac_hdf5_fail(at, name, "a damaged attribute");
}

static hpac_status read_variable_texts(const attribute *opened, hid_t at, const char *name,
                                       char **texts)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5Tget_cset(opened->type));
    hpac_status status = HPAC_OK;
    if (H5Aread(opened->id, type, texts) < 0)
        status = hpac_hdf5_fail(at, name, "cannot be read");
    H5Tclose(type);
    for (size_t i = 0; i < opened->count && status == HPAC_OK; i++)
        if (!texts[i])
            status = hpac_hdf5_fail(at, name, "an empty reference, expected a string");
    return status;
}

static void free_variable_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        H5free_memory(texts[i]);
}

/* Copies of variable texts, as one block of pointers and texts. */
static char **pack_texts(char *const *texts, size_t count)
{
    size_t nbytes = (count + 1) * sizeof(char *);
    for (size_t i = 0; i < count; i++)
        nbytes += strlen(texts[i]) + 1;
    char **block = malloc(nbytes);
    if (!block)
        return NULL;
    char *text = (char *)(block + count + 1);
    for (size_t i = 0; i < count; i++) {
        block[i] = text;
        text = stpcpy(text, texts[i]) + 1;
    }
    block[count] = NULL;
    return block;
}

/* Reads texts of fixed width into one block of pointers and texts. */
static char **read_fixed_texts(const attribute *opened)
{
    size_t count = opened->count, width = opened->element_nbytes;
    size_t pointers_nbytes = (count + 1) * sizeof(char *);
    char **block = calloc(1, pointers_nbytes + count * (width + 1));
    char *packed = calloc(count + 1, width);
    if (!block || !packed || H5Aread(opened->id, opened->type, packed) < 0) {
        free(block);
        free(packed);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        block[i] = (char *)block + pointers_nbytes + i * (width + 1);
        memcpy(block[i], packed + i * width, width);
    }
    free(packed);
    return block;
}

static hpac_status read_texts(const attribute *opened, hid_t at, const char *name, char ***block)
{
    if (H5Tis_variable_str(opened->type) <= 0) {
        *block = read_fixed_texts(opened);
        return *block ? HPAC_OK : hpac_hdf5_fail(at, name, "cannot be read");
    }
    char **texts = calloc(opened->count + 1, sizeof *texts);
    if (!texts)
        return hpac_fail_memory((opened->count + 1) * sizeof *texts);
    hpac_status status = read_variable_texts(opened, at, name, texts);
    if (status == HPAC_OK) {
        *block = pack_texts(texts, opened->count);
        if (!*block)
            status = hpac_fail_memory(0);
    }
    free_variable_texts(texts, opened->count);
    free(texts);
    return status;
}

hpac_status hpac_hdf5_read_text(hid_t at, const char *name, char **text)
{
    attribute opened;
    HPAC_TRY(open_attribute(at, name, &opened));
    char **block = NULL;
    hpac_status status = HPAC_OK;
    if (opened.type_class != H5T_STRING || opened.count != 1)
        status = hpac_hdf5_fail(at, name, "expected one string");
    else
        status = read_texts(&opened, at, name, &block);
    if (status == HPAC_OK) {
        *text = strdup(block[0]);
        if (!*text)
            status = hpac_fail_memory(strlen(block[0]) + 1);
    }
    free(block);
    close_attribute(&opened);
    return status;
}

hpac_status hpac_hdf5_read_names(hid_t at, const char *name, char ***names, size_t *count)
{
    attribute opened;
    hpac_status status = HPAC_OK;
    HPAC_TRY(open_attribute(at, name, &opened));
    *count = opened.count > MAX_NAMES ? 0 : opened.count;
    if (opened.count == 0) {
        *names = calloc(1, sizeof **names);
        status = *names ? HPAC_OK : hpac_fail_memory(sizeof **names);
    } else if (opened.type_class != H5T_STRING || opened.count > MAX_NAMES ||
               opened.element_nbytes > MAX_NAME_NBYTES) {
        status = hpac_hdf5_fail(at, name, "expected a list of names");
    } else {
        status = read_texts(&opened, at, name, names);
    }
    close_attribute(&opened);
    return status;
}

hpac_status hpac_hdf5_read_numbers(hid_t at, const char *name, hid_t type, hsize_t count,
                                   void *values)
{
    attribute opened;
    hpac_status status = HPAC_OK;
    HPAC_TRY(open_attribute(at, name, &opened));
    if (opened.type_class != H5Tget_class(type) || opened.element_nbytes != H5Tget_size(type) ||
        opened.count != count) {
        char text[96];
        snprintf(text, sizeof text, "expected %llu %s of %zu bytes", (unsigned long long)count,
                 H5Tget_class(type) == H5T_FLOAT ? "floats" : "integers", H5Tget_size(type));
        status = hpac_hdf5_fail(at, name, text);
    } else if (H5Aread(opened.id, type, values) < 0) {
        status = hpac_hdf5_fail(at, name, "cannot be read");
    }
    close_attribute(&opened);
    return status;
}

hssize_t hpac_hdf5_count_numbers(hid_t at, const char *name)
{
    attribute opened;
    if (open_attribute(at, name, &opened) != HPAC_OK)
        return -1;
    close_attribute(&opened);
    return (hssize_t)opened.count;
}

static void format_dims(int rank, const hsize_t *dims, char text[128])
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < rank && used < 100; i++)
        used += (size_t)snprintf(text + used, 128 - used, "%s%llu", i ? ", " : "",
                                 (unsigned long long)dims[i]);
}

static hpac_status check_dims(hid_t at, const char *name, hid_t dataset, int rank,
                              const hsize_t *dims)
{
    hsize_t found[H5S_MAX_RANK] = {0};
    hid_t space = H5Dget_space(dataset);
    int found_rank = space >= 0 ? H5Sget_simple_extent_dims(space, found, NULL) : -1;
    if (space >= 0)
        H5Sclose(space);
    if (found_rank == rank && memcmp(found, dims, (size_t)rank * sizeof *dims) == 0)
        return HPAC_OK;
    char is[128], expected[128], text[320];
    format_dims(found_rank, found, is);
    format_dims(rank, dims, expected);
    snprintf(text, sizeof text, "shape (%s), expected (%s)", is, expected);
    return hpac_hdf5_fail(at, name, text);
}

static hsize_t file_nbytes(hid_t object)
{
    hsize_t nbytes = 0;
    hid_t file = H5Iget_file_id(object);
    if (file < 0 || H5Fget_filesize(file, &nbytes) < 0)
        nbytes = 0;
    if (file >= 0)
        H5Fclose(file);
    return nbytes;
}

/* Contiguous in this file and written to its end. Keras writes no other; a dataset in another
 * file, a compressed one or one that only claims a size is not what a model file holds. */
static bool is_whole(hid_t dataset, size_t number_nbytes, int rank, const hsize_t *dims)
{
    hsize_t nbytes = number_nbytes;
    for (int i = 0; i < rank; i++)
        if (__builtin_mul_overflow(nbytes, dims[i], &nbytes))
            return false;
    hid_t creation = H5Dget_create_plist(dataset);
    if (creation < 0)
        return false;
    bool plain = H5Pget_layout(creation) == H5D_CONTIGUOUS && H5Pget_external_count(creation) == 0;
    H5Pclose(creation);
    haddr_t offset = plain ? H5Dget_offset(dataset) : HADDR_UNDEF;
    hsize_t whole_nbytes = file_nbytes(dataset);
    return offset != HADDR_UNDEF && H5Dget_storage_size(dataset) == nbytes &&
           nbytes <= whole_nbytes && offset <= whole_nbytes - nbytes;
}

static hpac_status check_dataset(hid_t at, const char *name, hid_t dataset, int rank,
                                 const hsize_t *dims)
{
    hid_t type = H5Dget_type(dataset);
    size_t nbytes = type >= 0 && H5Tget_class(type) == H5T_FLOAT ? H5Tget_size(type) : 0;
    if (type >= 0)
        H5Tclose(type);
    if (nbytes != 2 && nbytes != 4 && nbytes != 8) /* HDF5 converts them when it reads */
        return hpac_hdf5_fail(at, name, "expected a dataset of float16, float32 or float64");
    hpac_status status = check_dims(at, name, dataset, rank, dims);
    if (status == HPAC_OK && !(in_this_file(at, dataset) && is_whole(dataset, nbytes, rank, dims)))
        status = hpac_hdf5_fail(at, name,
                                "expected an uncompressed, contiguous dataset stored in this file");
    return status;
}

hpac_status hpac_hdf5_read_floats(hid_t at, const char *name, int rank, const hsize_t *dims,
                                  float *values)
{
    hid_t dataset = H5Dopen2(at, name, H5P_DEFAULT);
    if (dataset < 0)
        return hpac_hdf5_fail(at, name, "no such dataset");
    hpac_status status = check_dataset(at, name, dataset, rank, dims);
    if (status == HPAC_OK && values &&
        H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        status = hpac_hdf5_fail(at, name, "cannot be read");
    H5Dclose(dataset);
    return status;
}
