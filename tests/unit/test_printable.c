/* Text for terminals and logs. */
#include "base/printable.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void assert_printable(const char *text, const char *expected)
{
    char *printable = hpac_printable(text);
    cr_expect_str_eq(printable, expected);
    free(printable);
}

Test(printable, visible_text_is_unchanged)
{
    assert_printable("", "");
    assert_printable("a b~\tc\nd", "a b~\tc\nd");
    assert_printable("\xc2\xa0\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80",
                     "\xc2\xa0\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80");
}

Test(printable, control_characters_are_escaped)
{
    assert_printable("\033[31mred\033]0;owned\007", "\\x1b[31mred\\x1b]0;owned\\x07");
    assert_printable("a\rb\bc\177", "a\\x0db\\x08c\\x7f");
}

/* U+009B begins a control sequence as ESC [ does, in UTF-8 and as a byte alone. */
Test(printable, c1_controls_are_escaped)
{
    assert_printable("\xc2\x9b"
                     "31m \xc2\x80 \xc2\x9f",
                     "\\u009b31m \\u0080 \\u009f");
    assert_printable("\x9b"
                     "31m",
                     "\\x9b31m");
}

Test(printable, invisible_and_bidirectional_characters_are_escaped)
{
    assert_printable("a\xe2\x80\xae"
                     "b\xe2\x81\xa6"
                     "c",
                     "a\\u202eb\\u2066c");
    assert_printable("\xef\xbb\xbfId\xe2\x80\x8b\xe2\x80\xa8\xd8\x9c",
                     "\\ufeffId\\u200b\\u2028\\u061c");
    assert_printable("\xf3\xa0\x81\x81", "\\U000e0041");
    assert_printable("\xc2\xac \xc2\xad \xc2\xae", "\xc2\xac \\u00ad \xc2\xae");
}

/* Table 3-7 of the Unicode standard: overlong forms, surrogates, beyond U+10FFFF, cut sequences. */
Test(printable, bytes_that_are_no_utf8_are_escaped)
{
    assert_printable("\xc0\xaf", "\\xc0\\xaf");
    assert_printable("\xc1\x9b", "\\xc1\\x9b");
    assert_printable("\xe0\x82\x9b", "\\xe0\\x82\\x9b");
    assert_printable("\xed\xa0\x80", "\\xed\\xa0\\x80");
    assert_printable("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
    assert_printable("\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80");
    assert_printable("\xff z \xe4\xb8", "\\xff z \\xe4\\xb8");
    assert_printable("\xe4z", "\\xe4z");
}

Test(printable, longest_escapes_have_their_space)
{
    char text[1001], *printable;
    memset(text, 1, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    printable = hpac_printable(text);
    cr_assert_eq(strlen(printable), 4000);
    free(printable);
}

Test(printable, a_stream_is_written_as_a_whole)
{
    char written[64] = "";
    FILE *to = fmemopen(written, sizeof written, "w");
    hpac_printable_stream printable;
    cr_assert_eq(hpac_printable_open(&printable), HPAC_OK);
    fprintf(printable.stream, "layer %s\n", "\033[2J");
    cr_assert_eq(hpac_printable_close(&printable, to), HPAC_OK);
    fclose(to);
    cr_assert_str_eq(written, "layer \\x1b[2J\n");
}
