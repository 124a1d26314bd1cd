/* Pages: escaping, pictures, tables, failures that are remembered. */
#include "base/file.h"
#include "render/page.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The header of a PNG 300 wide and two more bytes; the page looks at nothing else. */
static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0,    0, 0, 13,
                                    'I',  'H', 'D', 'R', 0,    0,    1,    0x2C, 0,    0, 0, 10,
                                    8,    2,   0,   0,   0,    0x81, 0x9D, 0xF4, 0xBD, 0, 0};

static hpac_page *begin(void)
{
    hpac_page *page;
    cr_assert_eq(hpac_page_create(scratch_path("a.html"), "A & B <\"'>", &page), HPAC_OK);
    return page;
}

static void render(hpac_page *page, const char *text, hpac_page_insert insert)
{
    hpac_page_render(page, (hpac_template){text, text + strlen(text)}, insert, NULL);
}

/* Ends the page and returns its text, the caller's. */
static char *text_of(hpac_page *page)
{
    cr_assert_eq(hpac_page_commit(page), HPAC_OK, "%s", hpac_error_message());
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(scratch_path("a.html"), 1 << 20, &bytes, &nbytes), HPAC_OK);
    return (char *)bytes;
}

static void assert_has(const char *text, const char *part)
{
    cr_assert(strstr(text, part), "not in the page: %s\n%s", part, text);
}

Test(page, values_are_escaped)
{
    hpac_page *page = begin();
    hpac_page_set(page, "script", "<script>alert(1)</script> {{title}}");
    hpac_page_set(page, "bytes", "%d %% of %s", 5, "\xC3\xA9 \xFF \xC0\x80 \xED\xA0\x80 \x01");
    hpac_page_set(page, "yaml", "a: {b: 1}\n  c & d\n");
    render(page, "<b>{{script}}</b><p>{{bytes}}</p>\n<pre>{{yaml}}</pre>", NULL);
    char *text = text_of(page);
    assert_has(text, "<title>A &amp; B &lt;&quot;&#39;&gt;</title>");
    assert_has(text, "<b>&lt;script&gt;alert(1)&lt;/script&gt; {{title}}</b>");
    assert_has(text, "<p>5 % of \xC3\xA9 &#xFFFD; &#xFFFD;&#xFFFD; &#xFFFD;&#xFFFD;&#xFFFD; "
                     "&#xFFFD;</p>");
    assert_has(text, "<pre>a: {b: 1}\n  c &amp; d\n</pre>");
    assert_has(text, "</html>\n");
    free(text);
}

static void insert_name(void *user, hpac_page *page, const char *part)
{
    (void)user;
    hpac_page_set(page, "part", "[%s]", part);
    render(page, "{{part}}", NULL);
}

Test(page, sections_are_rendered_where_their_value_is_set)
{
    hpac_page *page = begin();
    hpac_page_set(page, "yes", "1");
    hpac_page_set(page, "empty", "was set");
    hpac_page_set(page, "empty", "%s", "");
    render(page,
           "<i>{{?yes}}a{{?empty}}b{{yes}}{{>no part}}{{/}}{{^empty}}c{{/}}{{/}}{{^yes}}d{{/}}"
           "{{?unset}}e{{/}}{{^unset}}f{{unset}}{{/}}{{>a part}}</i>",
           insert_name);
    char *text = text_of(page);
    assert_has(text, "<i>acf[a part]</i>");
    free(text);
}

/* Expected digits: Python's base64.b64encode. */
Test(page, pictures_are_inside)
{
    for (size_t nbytes = 33; nbytes <= 35; nbytes++) {
        char name[16];
        snprintf(name, sizeof name, "%zu.png", nbytes);
        scratch_write(name, png, nbytes);
    }
    hpac_page *page = begin();
    hpac_page_picture(page, scratch_path("33.png"), "\"Bars\" & more");
    hpac_page_photograph(page, scratch_path("34.png"), "a cell");
    hpac_page_photograph(page, scratch_path("35.png"), "a cell");
    char *text = text_of(page);
    assert_has(text, "<img alt=\"&quot;Bars&quot; &amp; more\" width=\"150\" "
                     "style=\"min-width:125px\" src=\"data:image/png;base64,"
                     "iVBORw0KGgoAAAANSUhEUgAAASwAAAAKCAIAAACBnfS9\">");
    assert_has(text, "<img alt=\"a cell\" width=\"300\" src=\"data:image/png;base64,"
                     "iVBORw0KGgoAAAANSUhEUgAAASwAAAAKCAIAAACBnfS9AA==\">");
    assert_has(text, "CAIAAACBnfS9AAA=\">");
    cr_assert(!strstr(text, "http"));
    free(text);
}

Test(page, four_headings_are_listed_on_top)
{
    hpac_page *page = begin();
    render(page, "{{#few}}\n{{?none}}{{#hidden}}{{/}}{{#few}}\n{{#few}}\n", NULL);
    char *text = text_of(page);
    cr_assert(!strstr(text, "<nav"));
    free(text);

    page = begin();
    render(page, "{{#other}}\n{{#A &amp; B}}\n{{#c}}\n{{#d}}\n", NULL);
    text = text_of(page);
    assert_has(text, "</h1>\n<nav aria-label=\"Contents\">\n<a href=\"#part1\">other</a>\n"
                     "<a href=\"#part2\">A &amp; B</a>\n");
    assert_has(text, "<a href=\"#part4\">d</a>\n</nav>\n<h2 id=\"part1\">other</h2>\n"
                     "<h2 id=\"part2\">A &amp; B</h2>\n");
    free(text);
}

Test(page, tables_have_their_rows)
{
    static const hpac_column columns[] = {HPAC_COLUMN_TEXT("name", "class"),
                                          HPAC_COLUMN_REAL("f1", NULL, 3)};
    hpac_table table;
    hpac_table_init(&table, "t", "F1 <a class>", columns, 2);
    hpac_table_add_text(&table, "Rods & rings");
    hpac_table_add_real(&table, 0.5);
    hpac_table_add_text(&table, "Cytosol");
    hpac_table_add_real(&table, NAN);
    hpac_page *page = begin();
    hpac_page_table(page, &table, 0);
    hpac_page_table(page, &table, 1);
    char *text = text_of(page);
    assert_has(text, "<caption>F1 &lt;a class&gt;</caption>\n<thead><tr><th>class</th>"
                     "<th class=\"number\">f1</th></tr></thead>\n<tbody>\n"
                     "<tr><td>Rods &amp; rings</td><td class=\"number\">0.500</td></tr>\n"
                     "<tr><td>Cytosol</td><td class=\"number\">-</td></tr>\n</tbody>");
    assert_has(text, "(the first 1 of 2)</caption>");
    free(text);
    hpac_table_fini(&table);
}

Test(page, the_first_failure_is_returned_at_the_end)
{
    scratch_write_text("a.txt", "no picture");
    hpac_page *page = begin();
    hpac_page_picture(page, scratch_path("a.txt"), "none");
    hpac_page_picture(page, scratch_path("missing.png"), "none");
    render(page, "text", NULL);
    hpac_fail(HPAC_ERR_CONFIG, "something else");
    cr_assert_eq(hpac_page_commit(page), HPAC_ERR_DATA);
    cr_assert(strstr(hpac_error_message(), "a.txt: "), "%s", hpac_error_message());
    cr_assert_eq(count_entries(scratch_directory()), 1);
}
