/* Running gnuplot: what reaches a script, and the messages when it fails. */
#include "base/file.h"
#include "image/image.h"
#include "render/plot.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory of plots with one script, "own.gp", for HPAC_PLOTS. */
static void use_own_script(const char *script)
{
    scratch_write_text("common.gp", "# nothing\n");
    scratch_write_text("own.gp", script);
    cr_assert_eq(setenv("HPAC_PLOTS", scratch_directory(), 1), 0);
}

static void assert_file_text(const char *path, const char *expected)
{
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(path, 1 << 20, &bytes, &nbytes), HPAC_OK);
    cr_assert(strcmp((char *)bytes, expected) == 0, "got:\n%s\nexpected:\n%s", (char *)bytes,
              expected);
    free(bytes);
}

static void begin(hpac_plot *plot)
{
    cr_assert_eq(hpac_plot_init(plot), HPAC_OK);
}

/* A plot whose one variable is `csv`. */
static void begin_csv(hpac_plot *plot, const char *csv)
{
    begin(plot);
    hpac_plot_add_file(plot, csv, "csv");
}

static const char hostile[] = "\047\047a\047 b\"; print `id`; \\ @x $y \001\n#%d \xC3\xA9 0471'''";

Test(plot, every_byte_of_a_text_reaches_the_script)
{
    use_own_script("set print out\nprint text\nprint sprintf('%.17g', number)\n");
    hpac_plot plot;
    begin(&plot);
    hpac_plot_add_text(&plot, hostile, "te%s", "xt");
    hpac_plot_add_number(&plot, 0.1, "number");
    cr_assert_eq(hpac_plot_draw(&plot, "own", scratch_path("a.png")), HPAC_OK, "%s",
                 hpac_error_message());
    char expected[256];
    snprintf(expected, sizeof expected, "%s\n%s\n", hostile, "0.10000000000000001");
    assert_file_text(scratch_path("a.png"), expected);
    hpac_plot_fini(&plot);
}

/* PNGs depend on the fonts of the machine; an SVG's reader has its own. */
Test(plot, letters_of_any_script_reach_an_svg_unchanged)
{
    static const char label[] = "\xEB\xB0\xB0\xEC\xB9\x98 8 \xE0\xA4\x95 \xF0\x93\x80\x80";
    const char *csv = scratch_write_text("a.csv", "epoch,train_loss,val_loss\n1,2,3\n2,1,2\n");
    hpac_plot plot;
    begin(&plot);
    hpac_plot_add_number(&plot, 1, "files");
    hpac_plot_add_file(&plot, csv, "file%d", 1);
    hpac_plot_add_text(&plot, label, "label%d", 1);
    setenv("HPAC_PLOTS", "", 1);
    cr_assert_eq(hpac_plot_draw(&plot, "losses", scratch_path("a.svg")), HPAC_OK, "%s",
                 hpac_error_message());
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(scratch_path("a.svg"), 1 << 20, &bytes, &nbytes), HPAC_OK);
    cr_assert(strstr((char *)bytes, label), "%s", (char *)bytes);
    free(bytes);
    cr_assert_eq(hpac_plot_draw(&plot, "losses", scratch_path("a.png")), HPAC_OK, "%s",
                 hpac_error_message());
    hpac_plot_fini(&plot);
}

/* Puts a gnuplot first in PATH that is not bound by the limit of this process. */
static void put_unlimited_gnuplot(void)
{
    char path[4096], script[4096];
    snprintf(script, sizeof script,
             "#!/bin/sh\nulimit -S -f unlimited\nPATH='%s' exec gnuplot \"$@\"\n", getenv("PATH"));
    cr_assert_eq(chmod(scratch_write_text("gnuplot", script), 0755), 0);
    snprintf(path, sizeof path, "%s:%s", scratch_directory(), getenv("PATH"));
    setenv("PATH", path, 1);
}

/* What gnuplot draws is in memory first: gnuplot itself exits 0 with half a picture when its disk
 * is full. */
Test(plot, a_full_disk_is_reported_as_one)
{
    const char *csv = scratch_write_text("a.csv", "name,images\nNucleoplasm,3\n");
    hpac_plot plot;
    begin_csv(&plot, csv);
    setenv("HPAC_PLOTS", "", 1);
    put_unlimited_gnuplot();
    int entries = count_entries(scratch_directory());
    const struct rlimit limit = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    hpac_status status = hpac_plot_draw(&plot, "bars", scratch_path("a.png"));
    cr_assert_eq(status, HPAC_ERR_DATA);
    cr_assert(strstr(hpac_error_message(), strerror(EFBIG)), "%s", hpac_error_message());
    cr_assert_eq(count_entries(scratch_directory()), entries);
    hpac_plot_fini(&plot);
}

Test(plot, file_names_are_never_interpreted)
{
    static const char *const names[] = {"| touch touched",        "< touch touched",  "-", "~", "+",
                                        "a'b\"c `touch touched`", "$(touch touched)", "@x"};
    setenv("HPAC_PLOTS", "", 1);
    cr_assert_eq(chdir(scratch_directory()), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        scratch_write_text(names[i], "name,images\nNucleoplasm,3\nRods & rings,1\n");
        hpac_plot plot;
        begin_csv(&plot, names[i]);
        char picture[64];
        snprintf(picture, sizeof picture, "%s.png", names[i]);
        cr_assert_eq(hpac_plot_draw(&plot, "bars", picture), HPAC_OK, "%s: %s", names[i],
                     hpac_error_message());
        size_t rows, cols;
        cr_assert_eq(hpac_png_probe(picture, &rows, &cols), HPAC_OK, "%s", hpac_error_message());
        cr_assert_eq(cols, 960);
        hpac_plot_fini(&plot);
    }
    cr_assert(!hpac_path_exists("touched"));
}

Test(plot, the_suffix_selects_the_format)
{
    const char *csv = scratch_write_text("a.csv", "name,images\nRods & rings,1\n");
    hpac_plot plot;
    begin_csv(&plot, csv);
    hpac_plot_add_text(&plot, "under_score & <more>", "title");
    cr_assert_eq(hpac_plot_draw(&plot, "bars", scratch_path("a.svg")), HPAC_OK, "%s",
                 hpac_error_message());
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(scratch_path("a.svg"), 1 << 20, &bytes, &nbytes), HPAC_OK);
    cr_assert(strstr((char *)bytes, "<svg"));
    cr_assert(strstr((char *)bytes, "under_score &amp; &lt;more>"));
    free(bytes);
    cr_assert_eq(hpac_plot_draw(&plot, "bars", scratch_path("a.pdf")), HPAC_ERR_CONFIG);
    hpac_plot_fini(&plot);
}

Test(plot, a_failing_script_is_reported_with_gnuplots_message)
{
    use_own_script("plot 'there/is/none.csv'\n");
    hpac_plot plot;
    begin(&plot);
    cr_assert_eq(hpac_plot_draw(&plot, "own", scratch_path("a.png")), HPAC_ERR_DATA);
    cr_assert(strstr(hpac_error_message(), "there/is/none.csv"), "%s", hpac_error_message());
    cr_assert(strstr(hpac_error_message(), "own.gp"));
    cr_assert(!hpac_path_exists(scratch_path("a.png")));
    cr_assert_eq(count_entries(scratch_directory()), 2);
    hpac_plot_fini(&plot);
}

Test(plot, a_script_that_draws_nothing_fails)
{
    use_own_script("x = 1\n");
    hpac_plot plot;
    begin(&plot);
    cr_assert_eq(hpac_plot_draw(&plot, "own", scratch_path("a.png")), HPAC_ERR_DATA);
    cr_assert_eq(count_entries(scratch_directory()), 2);
    hpac_plot_fini(&plot);
}

Test(plot, what_is_missing_is_named)
{
    hpac_plot plot;
    begin(&plot);
    cr_assert_eq(hpac_plot_draw(&plot, "no_such_plot", scratch_path("a.png")), HPAC_ERR_CONFIG);
    cr_assert(strstr(hpac_error_message(), "no_such_plot.gp"));
    cr_assert_eq(hpac_plot_probe(), HPAC_OK, "%s", hpac_error_message());
    setenv("HPAC_PLOTS", scratch_directory(), 1);
    cr_assert_eq(hpac_plot_probe(), HPAC_ERR_CONFIG);
    cr_assert(strstr(hpac_error_message(), "HPAC_PLOTS"));
    setenv("HPAC_PLOTS", "", 1);
    setenv("PATH", scratch_directory(), 1);
    cr_assert_eq(hpac_plot_probe(), HPAC_ERR_CONFIG);
    cr_assert(strstr(hpac_error_message(), "gnuplot-nox"));
    hpac_plot_fini(&plot);
}
