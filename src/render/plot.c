/* Running gnuplot on the scripts of tools/plots/. */
#include "plot.h"

#include <hpac/log.h>

#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* How far above the program the scripts are looked for: build/asan/tests/unit is the deepest. */
#define LEVELS_UP 4

/* Where gnuplot finds the picture's file open. */
#define PICTURE_FD 3
#define PICTURE_PATH "/dev/fd/3"

/* ---- finding the scripts ---- */

/* Every directory of plots has common.gp. */
static bool is_plot_directory(const char *directory)
{
    return hpac_directory_has(directory, "common.gp");
}

/* Looks in the program's directory and in those above it. The caller's to free; NULL: nowhere. */
static char *find_beside_program(void)
{
    static const char *const candidates[] = {"share/hpac/plots", "tools/plots"};
    char directory[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", directory, sizeof directory - 1);
    directory[length > 0 ? length : 0] = '\0';
    for (int up = 0; up < LEVELS_UP; up++) {
        char *slash = strrchr(directory, '/');
        if (!slash)
            return NULL;
        *slash = '\0';
        for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
            char *path = hpac_path_join(directory, "%s", candidates[i]);
            if (path && is_plot_directory(path))
                return path;
            free(path);
        }
    }
    return NULL;
}

/* `*directory` is the caller's; NULL on error. */
static hpac_status find_plot_directory(char **directory)
{
    const char *wanted = getenv("HPAC_PLOTS");
    *directory = wanted && *wanted ? strdup(wanted) : find_beside_program();
    if (*directory && is_plot_directory(*directory))
        return HPAC_OK;
    hpac_status status =
        *directory
            ? hpac_fail(HPAC_ERR_CONFIG,
                        "HPAC_PLOTS=%s: no plot scripts (common.gp and others) there", *directory)
            : hpac_fail(HPAC_ERR_CONFIG,
                        "plot scripts found neither in share/hpac/plots nor in tools/plots "
                        "beside or above the program: set HPAC_PLOTS to their directory");
    free(*directory);
    *directory = NULL;
    return status;
}

/* `*script` is the caller's; NULL on error. */
static hpac_status find_script(const char *name, char **script)
{
    char *directory;
    HPAC_TRY(find_plot_directory(&directory));
    if (asprintf(script, "%s%s/%s.gp", *directory == '/' ? "" : "./", directory, name) < 0)
        *script = NULL;
    free(directory);
    if (!*script)
        return hpac_fail_memory(strlen(name));
    if (hpac_path_exists(*script))
        return HPAC_OK;
    hpac_status status = hpac_fail(HPAC_ERR_CONFIG, "%s: no such plot script", *script);
    free(*script);
    *script = NULL;
    return status;
}

/* ---- lists of variables ---- */

/* Takes name and text over; NULL: memory is out, but for the text of a number. */
static void add_variable(hpac_plot_variables *all, hpac_plot_variable one, char *name, char *text)
{
    hpac_plot_variable *list = realloc(all->list, (all->count + 1) * sizeof *list);
    if (list)
        all->list = list;
    bool complete = list && name && (text || one.kind == HPAC_PLOT_KIND_NUMBER);
    if (complete) {
        one.name = name;
        one.text = text;
        list[all->count++] = one;
        return;
    }
    free(name);
    free(text);
    all->status = hpac_fail_memory(sizeof *list);
}

static char *format_name(const char *format, va_list arguments)
{
    char *name = NULL;
    return vasprintf(&name, format, arguments) < 0 ? NULL : name;
}

void hpac_plot_add_text(hpac_plot_variables *all, const char *text, const char *name, ...)
{
    va_list arguments;
    va_start(arguments, name);
    add_variable(all, (hpac_plot_variable){.kind = HPAC_PLOT_KIND_TEXT},
                 format_name(name, arguments), strdup(text));
    va_end(arguments);
}

void hpac_plot_add_file(hpac_plot_variables *all, char *path, const char *name, ...)
{
    va_list arguments;
    va_start(arguments, name);
    add_variable(all, (hpac_plot_variable){.kind = HPAC_PLOT_KIND_FILE},
                 format_name(name, arguments), path);
    va_end(arguments);
}

void hpac_plot_add_number(hpac_plot_variables *all, double number, const char *name)
{
    add_variable(all, (hpac_plot_variable){.kind = HPAC_PLOT_KIND_NUMBER, .number = number},
                 strdup(name), NULL);
}

hpac_status hpac_plot_draw_variables(const char *script, hpac_plot_variables *all, const char *path)
{
    const hpac_plot plot = {script, all->list, all->count};
    hpac_status status = path ? all->status : hpac_fail_memory(1);
    if (status == HPAC_OK)
        status = hpac_plot_draw(&plot, path);
    for (size_t i = 0; i < all->count; i++) {
        free((char *)all->list[i].name);
        free((char *)all->list[i].text);
    }
    free(all->list);
    *all = (hpac_plot_variables){0};
    return status;
}

/* ---- the variables, as one line of gnuplot's language ---- */

/* A string in which only letters and the most harmless characters are themselves; all other bytes
 * are octal escapes, so that none can end the string or mean something in it. Digits are escaped,
 * too: after "\047" they could be read as a part of it. */
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

/* gnuplot takes "< command", "-", "|", "~" and others at the start of a name for more than a name,
 * so that a relative path gets "./" in front. */
static void write_path(FILE *stream, const char *path)
{
    char *plain = *path == '/' ? strdup(path) : hpac_path_join(".", "%s", path);
    write_string(stream, plain ? plain : "");
    free(plain);
}

static void write_variable(FILE *stream, const hpac_plot_variable *variable)
{
    fprintf(stream, "%s=", variable->name);
    if (variable->kind == HPAC_PLOT_KIND_FILE)
        write_path(stream, variable->text);
    else if (variable->kind == HPAC_PLOT_KIND_TEXT)
        write_string(stream, variable->text);
    else if (isfinite(variable->number))
        fprintf(stream, "%.17g", variable->number);
    else
        fputs("NaN", stream);
    fputc(';', stream);
}

/* Malloc'ed; NULL when memory is out. */
static char *make_assignments(const hpac_plot *plot, const char *format)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (!stream)
        return NULL;
    fprintf(stream, "out='%s';format='%s';", PICTURE_PATH, format);
    for (size_t i = 0; i < plot->variable_count; i++)
        write_variable(stream, &plot->variables[i]);
    bool failed = ferror(stream) != 0;
    if (fclose(stream) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

/* ---- running gnuplot ---- */

/* Our environment, but with texts in UTF-8 and decimal points whatever the user's locale: without
 * one gnuplot warns about its degree sign in each picture. The caller frees the list, not its
 * texts; NULL when memory is out. */
static char **make_environment(void)
{
    static char locale[] = "LC_ALL=C.UTF-8";
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **list = calloc(count + 2, sizeof *list);
    if (!list)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0)
            list[kept++] = environ[i];
    list[kept] = locale;
    return list;
}

/* Starts gnuplot without a shell and without input; its messages go to descriptor `messages`, and
 * `picture` is its PICTURE_FD. Returns 0 or an errno. */
static int spawn(char *const *arguments, int picture, int messages, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    char **environment = make_environment();
    int error = environment ? posix_spawn_file_actions_init(&actions) : ENOMEM;
    if (error != 0) {
        free(environment);
        return error;
    }
    error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, messages, STDOUT_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, messages, STDERR_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, picture, PICTURE_FD);
    if (error == 0)
        error = posix_spawnp(child, arguments[0], &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    return error;
}

/* The message of gnuplot's on one line; "" for none. */
static void read_message(int messages, char *text, size_t nbytes)
{
    ssize_t length = pread(messages, text, nbytes - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    char *to = text;
    for (const char *from = text; *from; from++) /* runs of white space become one space */
        if (!isspace((unsigned char)*from))
            *to++ = *from;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    to -= to > text && to[-1] == ' ';
    *to = '\0';
}

#define MESSAGE_NBYTES 1024

/* A file in memory, so that neither a full disk nor an unwritable /tmp is met while gnuplot, which
 * does not report one, is writing. */
static hpac_status open_memory(const char *name, int *fd)
{
    *fd = memfd_create(name, MFD_CLOEXEC);
    return *fd >= 0 ? HPAC_OK
                    : hpac_fail(HPAC_ERR_INTERNAL, "memfd_create failed: %s", strerror(errno));
}

/* Runs gnuplot to its end. `*code` is its exit code, or 128 + the signal that ended it. */
static hpac_status run_gnuplot(char *const *arguments, int picture, char message[MESSAGE_NBYTES],
                               int *code)
{
    int messages, state = 0;
    HPAC_TRY(open_memory("gnuplot-messages", &messages));
    pid_t child;
    int error = spawn(arguments, picture, messages, &child);
    while (error == 0 && waitpid(child, &state, 0) < 0)
        error = errno == EINTR ? 0 : errno;
    *code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
    read_message(messages, message, MESSAGE_NBYTES);
    close(messages);
    if (error == 0)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "gnuplot, which draws the plots, cannot be started: %s; install it (Debian: "
                     "gnuplot-nox) or do without plots",
                     error == ENOENT ? "it is not in PATH" : strerror(error));
}

/* ---- drawing ---- */

static hpac_status find_format(const char *path, const char **format)
{
    const char *dot = strrchr(path, '.');
    *format = dot ? dot + 1 : "";
    if (strcmp(*format, "png") == 0 || strcmp(*format, "svg") == 0)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG, "%s: expected a name that ends in .png or .svg", path);
}

/* Copies the picture into its file. */
static hpac_status save(int picture, const char *path)
{
    hpac_file file;
    HPAC_TRY(hpac_file_create(&file, path));
    char bytes[1 << 16];
    off_t at = 0;
    for (ssize_t nbytes; (nbytes = pread(picture, bytes, sizeof bytes, at)) > 0; at += nbytes)
        fwrite(bytes, 1, (size_t)nbytes, file.stream);
    return hpac_file_commit(&file);
}

static hpac_status draw(const char *script, char *assignments, int picture, const char *path)
{
    char *copy = strdup(script), message[MESSAGE_NBYTES];
    if (!copy)
        return hpac_fail_memory(strlen(script));
    char *arguments[] = {"gnuplot", "--default-settings", "-e", assignments, copy, NULL};
    int code = 0;
    hpac_status status = run_gnuplot(arguments, picture, message, &code);
    free(copy);
    HPAC_TRY(status);
    if (code != 0 || lseek(picture, 0, SEEK_END) <= 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: gnuplot (%s) failed with exit code %d%s%s", path,
                         script, code, *message ? ": " : "", message);
    if (*message)
        hpac_log_warning("%s: gnuplot: %s", path, message);
    return save(picture, path);
}

hpac_status hpac_plot_draw(const hpac_plot *plot, const char *path)
{
    const char *format;
    char *script;
    HPAC_TRY(find_format(path, &format));
    HPAC_TRY(find_script(plot->script, &script));
    int picture = -1;
    char *assignments = make_assignments(plot, format);
    hpac_status status = assignments ? open_memory("picture", &picture) : hpac_fail_memory(1);
    if (status == HPAC_OK)
        status = draw(script, assignments, picture, path);
    if (picture >= 0)
        close(picture);
    free(assignments);
    free(script);
    return status;
}

hpac_status hpac_plot_probe(void)
{
    char *directory, message[MESSAGE_NBYTES];
    HPAC_TRY(find_plot_directory(&directory));
    free(directory);
    char *arguments[] = {"gnuplot", "--version", NULL};
    int code = 0;
    HPAC_TRY(run_gnuplot(arguments, STDERR_FILENO, message, &code));
    return code == 0 ? HPAC_OK
                     : hpac_fail(HPAC_ERR_CONFIG, "gnuplot --version failed with exit code %d: %s",
                                 code, message);
}
