/* Running gnuplot on the scripts of tools/plots/. */
#include "plot.h"

#include "glyphs.h"
#include "program.h"

#include <hpac/log.h>

#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How far above the program the scripts are looked for: build/asan/tests/unit is the deepest. */
#define FOLDERS_UP 4

/* ---- finding the scripts ---- */

/* Every folder of plots has common.gp. */
static bool is_plot_folder(const char *folder)
{
    char *common = hpac_path_join(folder, "common.gp");
    bool found = common && hpac_path_exists(common);
    free(common);
    return found;
}

/* Looks in the program's folder and in those above it. The caller's to free; NULL: nowhere. */
static char *find_beside_program(void)
{
    static const char *const places[] = {"share/hpac/plots", "tools/plots"};
    char folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    folder[length > 0 ? length : 0] = '\0';
    for (int up = 0; up < FOLDERS_UP; up++) {
        char *slash = strrchr(folder, '/');
        if (!slash)
            return NULL;
        *slash = '\0';
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            char *place = hpac_path_join(folder, "%s", places[i]);
            if (place && is_plot_folder(place))
                return place;
            free(place);
        }
    }
    return NULL;
}

/* `*folder` is the caller's; NULL on error. */
static hpac_status find_plot_folder(char **folder)
{
    const char *wanted = getenv("HPAC_PLOTS");
    *folder = wanted && *wanted ? strdup(wanted) : find_beside_program();
    if (*folder && is_plot_folder(*folder))
        return HPAC_OK;
    hpac_status status =
        *folder ? hpac_fail(HPAC_ERR_CONFIG,
                            "HPAC_PLOTS=%s: no plot scripts (common.gp and others) there", *folder)
                : hpac_fail(HPAC_ERR_CONFIG,
                            "the plot scripts are neither in share/hpac/plots nor in tools/plots "
                            "beside or above the program: set HPAC_PLOTS to their folder");
    free(*folder);
    *folder = NULL;
    return status;
}

/* ---- the variables, as one line of gnuplot's language ---- */

/* A string in which nothing but letters and the most harmless signs stand for themselves; all other
 * bytes are octal escapes, and none is left that could end the string or mean something in it.
 * Digits are escaped too: after "\047" they could be taken for a part of it. */
static void write_string(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if ((*c < 0x80 && isalpha(*c)) || strchr(" ._-/", *c))
            fputc(*c, stream);
        else
            fprintf(stream, "\\%03o", *c);
    fputc('"', stream);
}

/* gnuplot takes "< command", "-", "|", "~" and others at the start of a name for more than a name.
 */
static void write_path(FILE *stream, const char *path)
{
    char *plain = *path == '/' ? strdup(path) : hpac_path_join(".", "%s", path);
    write_string(stream, plain ? plain : "");
    free(plain);
}

/* What is read by people: a browser finds letters for SVGs itself. */
static void write_words(FILE *stream, const char *text, const char *format)
{
    char *drawable = strcmp(format, "png") == 0 ? report_drawable(text) : NULL;
    write_string(stream, drawable ? drawable : text);
    free(drawable);
}

static void write_variable(FILE *stream, const hpac_plot_variable *variable, const char *format)
{
    fprintf(stream, "%s=", variable->name);
    if (variable->kind == HPAC_PLOT_KIND_FILE)
        write_path(stream, variable->text);
    else if (variable->kind == HPAC_PLOT_KIND_TEXT)
        write_words(stream, variable->text, format);
    else if (isfinite(variable->number))
        fprintf(stream, "%.17g", variable->number);
    else
        fputs("NaN", stream);
    fputc(';', stream);
}

/* Malloc'ed; NULL when memory is out. */
static char *make_assignments(const hpac_plot *plot, const char *output, const char *format)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (!stream)
        return NULL;
    const hpac_plot_variable out = HPAC_PLOT_FILE("out", output);
    const hpac_plot_variable suffix = HPAC_PLOT_TEXT("format", format);
    write_variable(stream, &out, format);
    write_variable(stream, &suffix, format);
    for (size_t i = 0; i < plot->variable_count; i++)
        write_variable(stream, &plot->variables[i], format);
    bool failed = ferror(stream) != 0;
    if (fclose(stream) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

/* ---- running gnuplot ---- */

/* What gnuplot said, on one line; `text` is empty when it said nothing. */
static void read_words(FILE *said, char *text, size_t nbytes)
{
    rewind(said);
    size_t length = fread(text, 1, nbytes - 1, said);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    text[length] = '\0';
    char *to = text;
    for (const char *from = text; *from; from++) /* runs of white space become one space */
        if (!isspace((unsigned char)*from))
            *to++ = *from;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    *to = '\0';
}

static hpac_status fail_start(int error)
{
    return hpac_fail(HPAC_ERR_CONFIG,
                     "gnuplot, which draws the plots, cannot be started: %s; install it (Debian: "
                     "gnuplot-nox) or do without plots",
                     error == ENOENT ? "it is not in PATH" : strerror(error));
}

/* What it says goes to `said`; `*code` is as report_program_run has it. */
static hpac_status run_gnuplot(char *const *arguments, FILE *said, int *code)
{
    int error = report_program_run(arguments, said, code);
    return error == 0 ? HPAC_OK : fail_start(error);
}

/* `file`: where the picture goes, which must not be empty afterwards. */
static hpac_status run_script(const char *script, char *assignments, const hpac_file *file)
{
    FILE *said = tmpfile();
    if (!said)
        return hpac_fail(HPAC_ERR_CONFIG, "no temporary file can be made: %s", strerror(errno));
    char *path = *script == '/' ? strdup(script) : hpac_path_join(".", "%s", script);
    char *arguments[] = {"gnuplot", "--default-settings", "-e", assignments, path, NULL};
    int code = 0;
    hpac_status status =
        path ? run_gnuplot(arguments, said, &code) : hpac_fail_memory(strlen(script));
    char words[1024];
    read_words(said, words, sizeof words);
    struct stat info;
    bool drawn = fstat(fileno(file->stream), &info) == 0 && info.st_size > 0;
    if (status == HPAC_OK && (code != 0 || !drawn))
        status = hpac_fail(HPAC_ERR_DATA, "%s: gnuplot (%s) failed with exit code %d%s%s",
                           file->path, script, code, *words ? ": " : "", words);
    else if (status == HPAC_OK && *words)
        hpac_log_warning("%s: gnuplot says: %s", file->path, words);
    free(path);
    fclose(said);
    return status;
}

/* ---- the doors ---- */

static hpac_status find_format(const char *path, const char **format)
{
    const char *dot = strrchr(path, '.');
    *format = dot ? dot + 1 : "";
    if (strcmp(*format, "png") == 0 || strcmp(*format, "svg") == 0)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG, "%s: a plot's name ends with .png or .svg", path);
}

static hpac_status find_script(const char *folder, const char *name, char **script)
{
    *script = hpac_path_join(folder, "%s.gp", name);
    if (!*script)
        return hpac_fail_memory(strlen(folder));
    if (hpac_path_exists(*script))
        return HPAC_OK;
    hpac_status status = hpac_fail(HPAC_ERR_CONFIG, "%s: there is no such plot script", *script);
    free(*script);
    *script = NULL;
    return status;
}

hpac_status hpac_plot_draw(const hpac_plot *plot, const char *path)
{
    const char *format;
    char *folder = NULL, *script = NULL, *assignments = NULL;
    hpac_file file = {0};
    hpac_status status = find_format(path, &format);
    if (status == HPAC_OK)
        status = find_plot_folder(&folder);
    if (status == HPAC_OK)
        status = find_script(folder, plot->script, &script);
    if (status == HPAC_OK)
        status = hpac_file_create(&file, path);
    if (status == HPAC_OK) {
        assignments = make_assignments(plot, file.temporary, format);
        status = assignments ? run_script(script, assignments, &file) : hpac_fail_memory(1);
    }
    if (status == HPAC_OK)
        status = hpac_file_commit(&file);
    else
        hpac_file_discard(&file);
    free(assignments);
    free(script);
    free(folder);
    return status;
}

hpac_status hpac_plot_probe(void)
{
    char *folder;
    hpac_status status = find_plot_folder(&folder);
    if (status != HPAC_OK)
        return status;
    free(folder);
    FILE *said = tmpfile();
    if (!said)
        return hpac_fail(HPAC_ERR_CONFIG, "no temporary file can be made: %s", strerror(errno));
    char *arguments[] = {"gnuplot", "--version", NULL};
    int code = 0;
    status = run_gnuplot(arguments, said, &code);
    fclose(said);
    if (status == HPAC_OK && code != 0)
        status = hpac_fail(HPAC_ERR_CONFIG, "gnuplot --version fails with exit code %d", code);
    return status;
}
