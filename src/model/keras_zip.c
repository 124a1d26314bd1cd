#include "keras_zip.h"

#include <stdio.h>
#include <string.h>
#include <zip.h>

#define MAX_TEXT_NBYTES (UINT64_C(1) << 26)
#define MAX_WEIGHTS_NBYTES (UINT64_C(1) << 33)

bool hpac_is_zip(const char *path)
{
    char begin[4] = "";
    FILE *stream = fopen(path, "rb");
    size_t count = stream ? fread(begin, 1, sizeof begin, stream) : 0;
    if (stream)
        fclose(stream);
    return count == sizeof begin && memcmp(begin, "PK\003\004", sizeof begin) == 0;
}

static void discard(zip_t **archive)
{
    if (*archive)
        zip_discard(*archive);
}

static void close_entry(zip_file_t **entry)
{
    if (*entry)
        zip_fclose(*entry);
}

static hpac_status fail_entry(zip_t *archive, const char *name)
{
    return hpac_fail(HPAC_ERR_DATA, "%s: cannot be read: %s", name, zip_strerror(archive));
}

/* A file of the archive, with a NUL behind it; NULL when there is none. libzip checks its CRC. */
static hpac_status read_entry(zip_t *archive, const char *name, uint64_t max_nbytes, char **bytes,
                              size_t *nbytes)
{
    HPAC_AUTO(close_entry) zip_file_t *entry = NULL;
    HPAC_AUTO_FREE char *read = NULL;
    zip_stat_t about;
    if (zip_name_locate(archive, name, 0) < 0)
        return HPAC_OK;
    if (zip_stat(archive, name, 0, &about) != 0 || !(about.valid & ZIP_STAT_SIZE))
        return fail_entry(archive, name);
    if (about.size > max_nbytes)
        return hpac_fail(HPAC_ERR_DATA, "%s: %llu bytes, expected at most %llu", name,
                         (unsigned long long)about.size, (unsigned long long)max_nbytes);
    entry = zip_fopen(archive, name, 0);
    if (!entry)
        return fail_entry(archive, name);
    HPAC_TRY_NEW(read, about.size + 1);
    if (zip_fread(entry, read, about.size) != (zip_int64_t)about.size)
        return hpac_fail(HPAC_ERR_DATA, "%s: cannot be read: %s", name, zip_file_strerror(entry));
    char beyond; /* the end is where the CRC is checked */
    if (zip_fread(entry, &beyond, 1) != 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: cannot be read: %s", name, zip_file_strerror(entry));
    *nbytes = about.size;
    *bytes = read;
    read = NULL;
    return HPAC_OK;
}

static hpac_status open_image(char *bytes, size_t nbytes, hid_t *file)
{
    HPAC_AUTO_HDF5 hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 20, false);
    if (H5Pset_file_image(access, bytes, nbytes) < 0)
        return hpac_fail_memory(nbytes);
    /* HDF5 first tests whether the name is that of a file: this one never is. */
    *file = H5Fopen("/dev/null/model.weights.h5", H5F_ACC_RDONLY, access);
    return *file >= 0 ? HPAC_OK : hpac_hdf5_fail(*file, "model.weights.h5", "damaged or cut short");
}

hpac_status hpac_keras_zip_open(const char *path, hpac_keras_zip *archive)
{
    int code = 0;
    HPAC_AUTO(discard) zip_t *zip = zip_open(path, ZIP_RDONLY, &code);
    HPAC_AUTO_FREE char *weights = NULL;
    size_t nbytes;
    if (!zip) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        hpac_fail(HPAC_ERR_DATA, "a damaged zip archive: %s", zip_error_strerror(&error));
        zip_error_fini(&error);
        return HPAC_ERR_DATA;
    }
    HPAC_TRY(read_entry(zip, "config.json", MAX_TEXT_NBYTES, &archive->config, &nbytes));
    HPAC_TRY(read_entry(zip, "metadata.json", MAX_TEXT_NBYTES, &archive->metadata, &nbytes));
    HPAC_TRY(read_entry(zip, "model.weights.h5", MAX_WEIGHTS_NBYTES, &weights, &nbytes));
    if (!archive->config || !weights)
        return hpac_fail(HPAC_ERR_DATA,
                         "a zip archive without %s, expected one as Keras writes it "
                         "with model.save(\"name.keras\")",
                         archive->config ? "model.weights.h5" : "config.json");
    return open_image(weights, nbytes, &archive->weights);
}

void hpac_keras_zip_close(hpac_keras_zip *archive)
{
    free(archive->config);
    free(archive->metadata);
    hpac_hdf5_close(&archive->weights);
}
