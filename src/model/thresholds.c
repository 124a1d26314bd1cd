/* Thresholds in model files: an attribute beside the targets. */
#include "hdf5_io.h"
#include "model_probe.h"

#include <string.h>

#define ATTRIBUTE "thresholds"

/* ---- reading ---- */

static hpac_status check(const float *thresholds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(thresholds[i] >= 0 && thresholds[i] <= 1))
            return hpac_fail(HPAC_ERR_DATA, "hpac/" ATTRIBUTE ": %g, expected numbers in 0..1",
                             (double)thresholds[i]);
    return HPAC_OK;
}

/* How many there are, 0 without the attribute. */
static hpac_status read_attribute(hid_t file, float thresholds[HPAC_CLASS_COUNT], size_t *count)
{
    hid_t group;
    if (!hpac_hdf5_has_group(file, "hpac"))
        return HPAC_OK;
    hpac_status status = hpac_hdf5_open_group(file, "hpac", &group);
    if (status != HPAC_OK)
        return status;
    if (hpac_hdf5_has_attribute(group, ATTRIBUTE)) {
        hssize_t stored = hpac_hdf5_count_numbers(group, ATTRIBUTE);
        if (stored < 1 || stored > HPAC_CLASS_COUNT) {
            status = hpac_fail(HPAC_ERR_DATA, "hpac/" ATTRIBUTE ": expected 1 to %d numbers",
                               HPAC_CLASS_COUNT);
        } else {
            *count = (size_t)stored;
            status = hpac_hdf5_read_numbers(group, ATTRIBUTE, H5T_IEEE_F32LE, (hsize_t)stored,
                                            thresholds);
        }
        if (status == HPAC_OK)
            status = check(thresholds, *count);
    }
    H5Gclose(group);
    return status;
}

static hpac_status read_file(const char *path, float thresholds[HPAC_CLASS_COUNT], size_t *count)
{
    *count = 0;
    hpac_hdf5_printing printing = hpac_hdf5_silence();
    hid_t file;
    hpac_status status = hpac_hdf5_open(path, "cannot be opened", &file);
    if (status == HPAC_OK) {
        status = read_attribute(file, thresholds, count);
        H5Fclose(file);
    }
    hpac_hdf5_restore(printing);
    return status;
}

/* For hpac_model_probe, which wants to know of this file only whether reading it ends well. */
static hpac_status try_file(const char *path, hpac_model *model)
{
    float thresholds[HPAC_CLASS_COUNT];
    size_t count;
    *model = (hpac_model){0};
    return read_file(path, thresholds, &count);
}

hpac_status hpac_thresholds_load(const char *path, size_t count, float *thresholds, bool *found)
{
    float stored[HPAC_CLASS_COUNT];
    size_t stored_count = 0;
    *found = false;
    hpac_status status = hpac_model_probe(path, try_file);
    if (status == HPAC_OK)
        status = read_file(path, stored, &stored_count);
    if (status == HPAC_OK && stored_count > 0 && stored_count != count)
        status = hpac_fail(HPAC_ERR_DATA,
                           "hpac/" ATTRIBUTE ": %zu numbers, expected %zu, one per target",
                           stored_count, count);
    if (status != HPAC_OK)
        return hpac_fail_within(status, "%s", path);
    *found = stored_count > 0;
    memcpy(thresholds, stored, stored_count * sizeof *stored);
    return HPAC_OK;
}

/* ---- writing ---- */

static hpac_status write_attribute(hid_t file, const float *thresholds, size_t count)
{
    hid_t group;
    if (!hpac_hdf5_has_group(file, "hpac"))
        return hpac_fail(HPAC_ERR_CONFIG, "thresholds are stored in models of hpac only; give "
                                          "them with --threshold");
    hpac_status status = hpac_hdf5_open_group(file, "hpac", &group);
    if (status != HPAC_OK)
        return status;
    if (hpac_hdf5_has_attribute(group, ATTRIBUTE) && H5Adelete(group, ATTRIBUTE) < 0)
        status = hpac_hdf5_fail(group, ATTRIBUTE, "cannot be replaced");
    if (status == HPAC_OK)
        status = hpac_hdf5_write_numbers(group, ATTRIBUTE, H5T_IEEE_F32LE, count, thresholds);
    H5Gclose(group);
    return status;
}

hpac_status hpac_thresholds_save(const char *path, const float *thresholds, size_t count)
{
    hpac_hdf5_printing printing = hpac_hdf5_silence();
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 20, false); /* a copy in memory, which HDF5 never writes back */
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, access);
    H5Pclose(access);
    hpac_status status = HPAC_OK;
    if (file < 0)
        status = hpac_hdf5_fail(H5I_INVALID_HID, "HDF5", "cannot be opened");
    else
        status = write_attribute(file, thresholds, count);
    status = hpac_fail_within(status, "%s", path);
    if (status == HPAC_OK)
        status = hpac_hdf5_write_image(file, path);
    if (file >= 0)
        H5Fclose(file);
    hpac_hdf5_restore(printing);
    return status;
}
