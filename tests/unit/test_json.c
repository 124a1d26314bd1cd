/* JSON: numbers as short as they read back, and jansson reads the same values. */
#include "render/json.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The text of a value, without the newline. */
static char *text_of(json_t *value)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    cr_assert_not_null(stream);
    cr_assert_eq(hpac_json_write(value, stream), HPAC_OK);
    fclose(stream);
    cr_assert(nbytes > 0 && text[nbytes - 1] == '\n');
    text[nbytes - 1] = '\0';
    return text;
}

static void expect_real(double number, const char *expected)
{
    json_auto_t *value = json_real(number);
    char *text = text_of(value);
    cr_expect_str_eq(text, expected);
    free(text);
}

/* The shortest are those that Python's repr writes; of floats numpy's of a float32. */
Test(json, numbers_are_as_short_as_they_read_back)
{
    expect_real(0.1, "0.1");
    expect_real((double)0.1f, "0.10000000149011612");
    expect_real(hpac_float_decimal(0.1f), "0.1");
    expect_real(hpac_float_decimal(1e-7f), "1e-07");
    expect_real(hpac_float_decimal(1.0f / 3), "0.33333334");
    expect_real(hpac_float_decimal(-FLT_MAX), "-3.4028235e+38");
    expect_real(hpac_float_decimal(0x1p-149f), "1e-45");
    expect_real(539.72926198326149, "539.7292619832615");
    expect_real(0.614673249, "0.614673249");
    expect_real(1.0 / 3, "0.3333333333333333");
    expect_real((double)(1.0f / 3), "0.3333333432674408");
    expect_real(0x1p-12, "0.000244140625");
    expect_real(0.1 + 0.2, "0.30000000000000004");
    expect_real(1, "1.0");
    expect_real(0, "0.0");
    expect_real(100, "100.0");
    expect_real(0.00012, "0.00012");
    expect_real(0.000012, "1.2e-05");
    expect_real(9007199254740993.0, "9007199254740992.0");
    expect_real(1.5e16, "1.5e+16");
    expect_real(-0.5, "-0.5");
    expect_real(1e300, "1e+300");
    expect_real(12345678, "12345678.0");
}

/* An oracle from outside: strtod, over bits of every kind. */
Test(json, every_number_reads_back)
{
    uint64_t bits = 88172645463325252U;
    for (int i = 0; i < 20000; i++) {
        double number;
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        memcpy(&number, &bits, sizeof number);
        if (i % 2)
            number = (double)(float)(int32_t)bits / 65536;
        if (!isfinite(number))
            continue;
        json_auto_t *value = json_real(number);
        char *text = text_of(value);
        cr_assert_eq(strtod(text, NULL), number, "%a: %s", number, text);
        if (i % 2)
            cr_assert_eq((float)hpac_float_decimal((float)number), (float)number, "%a", number);
        free(text);
    }
}

Test(json, the_layout_is_that_of_jansson)
{
    static const char text[] = "{\"a\": [1, 2.5, [], {}, null, true, \"x\\\"\\n\\u00e9\"], "
                               "\"b\": {\"c\": [{\"d\": 1}, {\"e\": false}]}, \"f\": 7}";
    json_auto_t *value = json_loads(text, 0, NULL);
    cr_assert_not_null(value);
    char *own = text_of(value), *expected = json_dumps(value, JSON_INDENT(2));
    cr_expect_str_eq(own, expected);
    free(own);
    free(expected);
}

/* Paths and Ids are bytes; what differs stays different. */
Test(json, any_text_is_a_string)
{
    static const char *const texts[][2] = {
        {"plasma \xc3\xa9", "plasma \xc3\xa9"}, {"a\xff", "a\\xff"}, {"a\xfe\n", "a\\xfe\n"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_auto_t *value = hpac_json_text(texts[i][0]);
        cr_assert_not_null(value);
        cr_expect_str_eq(json_string_value(value), texts[i][1]);
    }
}

Test(json, a_full_disk_is_reported)
{
    FILE *full = fopen("/dev/full", "w");
    cr_assert_not_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    json_auto_t *value = json_pack("{s:f}", "a", 0.5);
    cr_assert_eq(hpac_json_write(value, full), HPAC_ERR_DATA);
    cr_assert_str_eq(hpac_error_message(), "cannot write JSON: No space left on device");
    fclose(full);
}
