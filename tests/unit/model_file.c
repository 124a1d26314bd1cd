#include "model_file.h"

#include "base/file.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned char *read_bytes(const char *path, size_t *nbytes)
{
    unsigned char *bytes;
    cr_assert_eq(hpac_file_read(path, 1 << 24, &bytes, nbytes), HPAC_OK, "%s",
                 hpac_error_message());
    return bytes;
}

hid_t open_copy(const char *path)
{
    size_t nbytes;
    unsigned char *bytes = read_bytes(path, &nbytes);
    hid_t file = H5Fopen(scratch_write("bad.h5", bytes, nbytes), H5F_ACC_RDWR, H5P_DEFAULT);
    free(bytes);
    cr_assert_geq(file, 0);
    return file;
}

const char *close_copy(hid_t file)
{
    cr_assert_geq(H5Fclose(file), 0);
    return scratch_path("bad.h5");
}

void write_text(hid_t at, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    if (H5Aexists(at, name) > 0)
        H5Adelete(at, name);
    hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert_geq(H5Awrite(attribute, type, &text), 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

char *read_config(hid_t file)
{
    hid_t attribute = H5Aopen(file, "model_config", H5P_DEFAULT), type = H5Aget_type(attribute);
    char *text = NULL;
    cr_assert_geq(H5Aread(attribute, type, &text), 0);
    H5Tclose(type);
    H5Aclose(attribute);
    return text;
}

const char *with_config(const char *path, const char *from, const char *to)
{
    hid_t file = open_copy(path);
    char *config = read_config(file), *found = strstr(config, from), *edited;
    cr_assert_not_null(found, "%s: no %s in %s", path, from, config);
    cr_assert_gt(
        asprintf(&edited, "%.*s%s%s", (int)(found - config), config, to, found + strlen(from)), 0);
    write_text(file, "model_config", edited);
    free(edited);
    H5free_memory(config);
    return close_copy(file);
}

void assert_refused(const char *path, const char *expected)
{
    hpac_model model;
    memset(&model, 0xAB, sizeof model);
    cr_assert_eq(hpac_model_load(path, &model), HPAC_ERR_DATA, "not refused, or otherwise: %s",
                 expected);
    const char *message = hpac_error_message();
    cr_assert_not_null(strstr(message, path), "%s", message);
    cr_assert_not_null(strstr(message, expected), "message: %s\nexpected in it: %s", message,
                       expected);
    hpac_model zero = {0};
    cr_assert_eq(memcmp(&model, &zero, sizeof zero), 0, "the model was not left zeroed");
}

void read_texts(hid_t at, const char *path, const char *name, char joined[512])
{
    hid_t attribute = H5Aopen_by_name(at, path, name, H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    size_t width = H5Tget_size(type), count = (size_t)H5Sget_simple_extent_npoints(space);
    char *texts = calloc(count + 1, width);
    cr_assert(attribute >= 0 && texts && H5Aread(attribute, type, texts) >= 0, "%s", name);
    *joined = '\0';
    for (size_t i = 0, used = 0; i < count; i++)
        used += (size_t)snprintf(joined + used, 512 - used, "%s%.*s", i > 0 ? " " : "", (int)width,
                                 texts + i * width);
    free(texts);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
}

void assert_same_weights(const hpac_weights *a, const hpac_weights *b, size_t layer_count)
{
    for (size_t i = 0; i < layer_count; i++)
        for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
            const hpac_tensor *x = &a[i].tensors[role], *y = &b[i].tensors[role];
            cr_assert_eq(x->count, y->count);
            if (x->count > 0)
                cr_assert_arr_eq(x->values, y->values, x->count * sizeof(float));
        }
}

hpac_model load_model(const char *path)
{
    hpac_model model;
    cr_assert_eq(hpac_model_load(path, &model), HPAC_OK, "%s: %s", path, hpac_error_message());
    return model;
}
