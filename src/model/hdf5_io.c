/* Groups, attributes and float datasets of HDF5, with errors that name the object. */
#include "hdf5_io.h"

#include "base/file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* More names than any network has layers, and longer than any name: what a damaged file claims
 * beyond is not believed. */
#define MAX_NAMES 4096
#define MAX_NAME_NBYTES 1024
#define MAX_RANK 4
#define MAX_COUNT 0x1p40

void hpac_hdf5_close(hid_t *id)
{
    if (*id > 0)
        H5Idec_ref(*id);
}

static herr_t copy_reason(unsigned depth, const H5E_error2_t *error, void *reason)
{
    (void)depth;
    if (error->desc)
        snprintf(reason, 256, " (HDF5: %s)", error->desc);
    return 0;
}

hpac_status hpac_hdf5_fail(hid_t at, const char *name, const char *format, ...)
{
    char reason[256] = "", path[512] = "/", text[512];
    va_list arguments;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, copy_reason, reason); /* the last is the innermost */
    if (H5Iget_name(at, path, sizeof path) < 0)
        path[1] = '\0';
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return hpac_fail(HPAC_ERR_DATA, "%s%s%.200s: %s%s", path + 1, path[1] ? "/" : "", name, text,
                     reason);
}

hpac_status hpac_hdf5_open_in_memory(const char *path, hid_t *file)
{
    HPAC_AUTO_HDF5 hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 20, false); /* growing by MiB */
    /* The format of HDF5 1.10, in which groups have no times: that of HDF5 2 would make other bytes
     * every second, which older libraries cannot read. */
    H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST);
    /* HDF5 first tests whether the name of a new file is one: this one never is. */
    *file = path ? H5Fopen(path, H5F_ACC_RDWR, access)
                 : H5Fcreate("/dev/null/model.h5", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    return *file >= 0 ? HPAC_OK : hpac_hdf5_fail(*file, "HDF5", "cannot open");
}

hpac_status hpac_hdf5_write_image(hid_t file, const char *path)
{
    void **image;
    ssize_t nbytes = H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 ? -1 : H5Fget_file_image(file, NULL, 0);
    if (nbytes < 0 || H5Fget_vfd_handle(file, H5P_DEFAULT, (void **)&image) < 0)
        return hpac_hdf5_fail(file, "HDF5", "cannot be built in memory");
    HPAC_AUTO(hpac_file_discard) hpac_file target = {0};
    HPAC_TRY(hpac_file_create(&target, path));
    if (fwrite(*image, (size_t)nbytes, 1, target.stream) != 1)
        return hpac_fail(HPAC_ERR_DATA, "%s: write failed: %s", path, strerror(errno));
    return hpac_file_commit(&target);
}

hpac_status hpac_hdf5_open_file(const char *path, hid_t *file)
{
    if (H5Fis_hdf5(path) <= 0)
        return hpac_fail(HPAC_ERR_DATA,
                         "not an HDF5 file or zip archive, expected one as Keras writes it "
                         "with model.save(\"name.h5\") or \"name.keras\"");
    HPAC_AUTO_HDF5 hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_file_locking(access, false, true);
    *file = H5Fopen(path, H5F_ACC_RDONLY, access);
    return *file >= 0 ? HPAC_OK : hpac_hdf5_fail(*file, "HDF5", "damaged or cut short");
}

hpac_status hpac_hdf5_create_group(hid_t at, const char *name, hid_t *group)
{
    *group = H5Gcreate2(at, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    return *group >= 0 ? HPAC_OK : hpac_hdf5_fail(at, name, "cannot be created");
}

static hpac_status write_attribute(hid_t at, const char *name, hid_t type, hid_t space,
                                   const void *values)
{
    HPAC_AUTO_HDF5 hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, type, values) < 0)
        return hpac_hdf5_fail(at, name, "cannot be written");
    return HPAC_OK;
}

hpac_status hpac_hdf5_write_text(hid_t at, const char *name, const char *text)
{
    HPAC_AUTO_HDF5 hid_t space = H5Screate(H5S_SCALAR);
    HPAC_AUTO_HDF5 hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return write_attribute(at, name, type, space, &text);
}

hpac_status hpac_hdf5_write_names(hid_t at, const char *name, const char *const *names,
                                  size_t count)
{
    size_t width = 1;
    for (size_t i = 0; i < count; i++)
        width = strlen(names[i]) > width ? strlen(names[i]) : width;
    HPAC_AUTO_FREE char *block = NULL;
    HPAC_TRY_NEW(block, (count + 1) * width);
    for (size_t i = 0; i < count; i++)
        memcpy(block + i * width, names[i], strlen(names[i]));
    HPAC_AUTO_HDF5 hid_t space = H5Screate_simple(1, &(hsize_t){count}, NULL);
    HPAC_AUTO_HDF5 hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, width);
    H5Tset_strpad(type, H5T_STR_NULLPAD); /* what h5py calls a byte string: 'S12' */
    return write_attribute(at, name, type, space, block);
}

hpac_status hpac_hdf5_write_numbers(hid_t at, const char *name, hid_t type, size_t count,
                                    const void *values)
{
    HPAC_AUTO_HDF5 hid_t space =
        count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &(hsize_t){count}, NULL);
    return write_attribute(at, name, type, space, values);
}

hpac_status hpac_hdf5_write_floats(hid_t at, const char *name, size_t rank, const size_t *dims,
                                   const float *values)
{
    hsize_t extent[MAX_RANK];
    for (size_t i = 0; i < rank; i++)
        extent[i] = dims[i];
    HPAC_AUTO_HDF5 hid_t space = H5Screate_simple((int)rank, extent, NULL);
    HPAC_AUTO_HDF5 hid_t link = H5Pcreate(H5P_LINK_CREATE);
    HPAC_AUTO_HDF5 hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_create_intermediate_group(link, 1);
    H5Pset_obj_track_times(creation, false); /* the same model makes the same bytes */
    HPAC_AUTO_HDF5 hid_t dataset =
        H5Dcreate2(at, name, H5T_IEEE_F32LE, space, link, creation, H5P_DEFAULT);
    if (dataset < 0 ||
        H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        return hpac_hdf5_fail(at, name, "cannot be written");
    return HPAC_OK;
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
    if (!in_this_file(at, *group))
        return hpac_hdf5_fail(at, name, "a link into another file, expected a group");
    return HPAC_OK;
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
    hpac_hdf5_close(&opened->space);
    hpac_hdf5_close(&opened->type);
    hpac_hdf5_close(&opened->id);
}

/* Whether a file can hold that many bytes of an attribute: a damaged type may have any size. */
static bool is_in_file(const attribute *opened)
{
    HPAC_AUTO_HDF5 hid_t file = H5Iget_file_id(opened->id);
    hsize_t file_nbytes;
    return H5Fget_filesize(file, &file_nbytes) >= 0 &&
           opened->count <= file_nbytes / opened->element_nbytes;
}

static hpac_status open_attribute(hid_t at, const char *name, attribute *opened)
{
    opened->id = H5Aopen(at, name, H5P_DEFAULT);
    if (opened->id < 0)
        return hpac_hdf5_fail(at, name, "no such attribute");
    opened->type = H5Aget_type(opened->id);
    opened->space = H5Aget_space(opened->id);
    opened->type_class = H5Tget_class(opened->type);
    opened->element_nbytes = H5Tget_size(opened->type);
    hssize_t count = H5Sget_simple_extent_npoints(opened->space);
    opened->count = (size_t)count;
    /* Of a type or space that could not be read they are these, too. */
    if (opened->type_class == H5T_NO_CLASS || opened->element_nbytes == 0 || count < 0 ||
        !is_in_file(opened))
        return hpac_hdf5_fail(at, name, "a damaged attribute");
    return HPAC_OK;
}

static hpac_status read_variable_texts(const attribute *opened, char **texts)
{
    HPAC_AUTO_HDF5 hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5Tget_cset(opened->type));
    HPAC_AUTO_FREE char **read = NULL;
    HPAC_TRY_NEW(read, opened->count + 1);
    if (H5Aread(opened->id, type, read) < 0)
        return HPAC_ERR_DATA;
    bool copied = true;
    for (size_t i = 0; i < opened->count; i++) {
        texts[i] = read[i] ? strdup(read[i]) : NULL;
        copied = copied && (texts[i] || !read[i]);
    }
    if (H5Dvlen_reclaim(type, opened->space, H5P_DEFAULT, read) < 0)
        return HPAC_ERR_DATA;
    return copied ? HPAC_OK : hpac_fail_memory(opened->count);
}

static hpac_status read_fixed_texts(const attribute *opened, char **texts)
{
    size_t width = opened->element_nbytes;
    HPAC_AUTO_FREE char *packed = NULL;
    HPAC_TRY_NEW(packed, (opened->count + 1) * width);
    if (H5Aread(opened->id, opened->type, packed) < 0)
        return HPAC_ERR_DATA;
    for (size_t i = 0; i < opened->count; i++)
        HPAC_TRY_MEMORY(texts[i] = strndup(packed + i * width, width), width);
    return HPAC_OK;
}

/* texts: (count + 1) zeroed. */
static hpac_status read_texts(hid_t at, const char *name, const attribute *opened, char **texts)
{
    hpac_status status = H5Tis_variable_str(opened->type) > 0 ? read_variable_texts(opened, texts)
                                                              : read_fixed_texts(opened, texts);
    if (status == HPAC_ERR_DATA)
        return hpac_hdf5_fail(at, name, "cannot be read");
    HPAC_TRY(status);
    if (hpac_names_count(texts) < opened->count)
        return hpac_hdf5_fail(at, name, "an empty reference, expected a string");
    return HPAC_OK;
}

hpac_status hpac_hdf5_read_text(hid_t at, const char *name, char **text)
{
    HPAC_AUTO(close_attribute) attribute opened = {0};
    HPAC_TRY(open_attribute(at, name, &opened));
    if (opened.type_class != H5T_STRING || opened.count != 1)
        return hpac_hdf5_fail(at, name, "expected one string");
    char *texts[2] = {NULL, NULL};
    hpac_status status = read_texts(at, name, &opened, texts);
    *text = texts[0];
    return status;
}

static hpac_status read_list(hid_t at, const char *name, char ***names)
{
    HPAC_AUTO(close_attribute) attribute opened = {0};
    HPAC_TRY(open_attribute(at, name, &opened));
    if (opened.count > 0 && (opened.type_class != H5T_STRING || opened.count > MAX_NAMES ||
                             opened.element_nbytes > MAX_NAME_NBYTES))
        return hpac_hdf5_fail(at, name, "expected a list of names");
    HPAC_TRY_NEW(*names, opened.count + 1);
    return opened.count > 0 ? read_texts(at, name, &opened, *names) : HPAC_OK;
}

/* Moves the names of `more` behind the others. */
static hpac_status move_names(char ***names, char **more)
{
    size_t count = *names ? hpac_names_count(*names) : 0, added = more ? hpac_names_count(more) : 0;
    if (!more)
        return HPAC_OK;
    char **grown = realloc(*names, (count + added + 1) * sizeof *grown);
    HPAC_TRY_MEMORY(grown, (count + added + 1) * sizeof *grown);
    *names = grown;
    memcpy(grown + count, more, (added + 1) * sizeof *grown);
    more[0] = NULL;
    return HPAC_OK;
}

hpac_status hpac_hdf5_read_names(hid_t at, const char *name, char ***names)
{
    char part[64];
    snprintf(part, sizeof part, "%s0", name);
    if (H5Aexists(at, name) > 0 || H5Aexists(at, part) <= 0)
        return read_list(at, name, names);
    for (int i = 0; H5Aexists(at, part) > 0; snprintf(part, sizeof part, "%s%d", name, ++i)) {
        HPAC_AUTO(hpac_names_free) char **more = NULL;
        HPAC_TRY(read_list(at, part, &more));
        HPAC_TRY(move_names(names, more));
        if (*names && hpac_names_count(*names) > MAX_NAMES)
            return hpac_hdf5_fail(at, name, "expected a list of names");
    }
    return HPAC_OK;
}

size_t hpac_names_count(char *const *names)
{
    size_t count = 0;
    while (names[count])
        count++;
    return count;
}

void hpac_names_free(char ***names)
{
    for (char **name = *names; name && *name; name++)
        free(*name);
    free(*names);
}

static const char *class_name(H5T_class_t type_class)
{
    if (type_class == H5T_FLOAT)
        return "floats";
    return type_class == H5T_INTEGER ? "integers" : "values";
}

hpac_status hpac_hdf5_read_numbers(hid_t at, const char *name, hid_t type, size_t count,
                                   void *values)
{
    HPAC_AUTO(close_attribute) attribute opened = {0};
    HPAC_TRY(open_attribute(at, name, &opened));
    if (opened.type_class != H5Tget_class(type) || opened.element_nbytes != H5Tget_size(type) ||
        opened.count != count)
        return hpac_hdf5_fail(at, name, "%zu %s of %zu bytes, expected %zu %s of %zu bytes",
                              opened.count, class_name(opened.type_class), opened.element_nbytes,
                              count, class_name(H5Tget_class(type)), H5Tget_size(type));
    if (H5Aread(opened.id, type, values) < 0)
        return hpac_hdf5_fail(at, name, "cannot be read");
    return HPAC_OK;
}

static void format_dims(size_t rank, const hsize_t *dims, char text[128])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < rank && used < 100; i++)
        used += (size_t)snprintf(text + used, 128 - used, "%s%llu", i ? ", " : "",
                                 (unsigned long long)dims[i]);
}

static hpac_status check_dims(hid_t at, const char *name, hid_t dataset, size_t rank,
                              const hsize_t *dims)
{
    hsize_t found[H5S_MAX_RANK] = {0};
    HPAC_AUTO_HDF5 hid_t space = H5Dget_space(dataset);
    int found_rank = H5Sget_simple_extent_dims(space, found, NULL);
    if (found_rank == (int)rank && memcmp(found, dims, rank * sizeof *dims) == 0)
        return HPAC_OK;
    char is[128], expected[128];
    format_dims(found_rank > 0 ? (size_t)found_rank : 0, found, is);
    format_dims(rank, dims, expected);
    return hpac_hdf5_fail(at, name, "shape (%s), expected (%s)", is, expected);
}

hpac_status hpac_hdf5_read_shape(hid_t at, const char *name, size_t *rank, size_t dims[4])
{
    hsize_t extent[H5S_MAX_RANK] = {0};
    HPAC_AUTO_HDF5 hid_t dataset = H5Dopen2(at, name, H5P_DEFAULT);
    if (dataset < 0)
        return hpac_hdf5_fail(at, name, "no such dataset");
    HPAC_AUTO_HDF5 hid_t space = H5Dget_space(dataset);
    int found = H5Sget_simple_extent_dims(space, extent, NULL);
    if (found < 1 || found > MAX_RANK)
        return hpac_hdf5_fail(at, name, "%d dimensions, expected 1 to %d", found, MAX_RANK);
    *rank = (size_t)found;
    double count = 1;
    for (size_t i = 0; i < *rank; i++)
        count *= (double)(dims[i] = extent[i]);
    return count < MAX_COUNT ? HPAC_OK : hpac_hdf5_fail(at, name, "more than 2^40 values");
}

/* Contiguous in this file and written to its end. Keras writes no other; a dataset in another
 * file, a compressed one or one that only claims a size is not what a model file holds. */
static bool is_whole(hid_t dataset, hsize_t nbytes)
{
    HPAC_AUTO_HDF5 hid_t creation = H5Dget_create_plist(dataset);
    HPAC_AUTO_HDF5 hid_t file = H5Iget_file_id(dataset);
    hsize_t file_nbytes;
    if (H5Pget_layout(creation) != H5D_CONTIGUOUS || H5Pget_external_count(creation) != 0 ||
        H5Fget_filesize(file, &file_nbytes) < 0)
        return false;
    haddr_t offset = H5Dget_offset(dataset);
    return offset != HADDR_UNDEF && H5Dget_storage_size(dataset) == nbytes &&
           nbytes <= file_nbytes && offset <= file_nbytes - nbytes;
}

hpac_status hpac_hdf5_read_floats(hid_t at, const char *name, size_t rank, const size_t *dims,
                                  float **values)
{
    hsize_t count = 1, extent[MAX_RANK];
    for (size_t i = 0; i < rank; i++)
        count *= extent[i] = dims[i];
    HPAC_AUTO_HDF5 hid_t dataset = H5Dopen2(at, name, H5P_DEFAULT);
    if (dataset < 0)
        return hpac_hdf5_fail(at, name, "no such dataset");
    HPAC_AUTO_HDF5 hid_t type = H5Dget_type(dataset);
    size_t nbytes = H5Tget_class(type) == H5T_FLOAT ? H5Tget_size(type) : 0;
    if (nbytes != 2 && nbytes != 4 && nbytes != 8) /* HDF5 converts them when it reads */
        return hpac_hdf5_fail(at, name, "expected a dataset of float16, float32 or float64");
    HPAC_TRY(check_dims(at, name, dataset, rank, extent));
    if (!in_this_file(at, dataset) || !is_whole(dataset, count * nbytes))
        return hpac_hdf5_fail(at, name,
                              "expected an uncompressed, contiguous dataset stored in this file");
    HPAC_AUTO_FREE float *read = NULL;
    HPAC_TRY_NEW(read, count);
    if (H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, read) < 0)
        return hpac_hdf5_fail(at, name, "cannot be read");
    *values = read;
    read = NULL;
    return HPAC_OK;
}
