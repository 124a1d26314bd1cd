/* Running gnuplot on the scripts of tools/plots/. */
#include "plot.h"

#include <hpac/log.h>

#include "base/file.h"
#include "base/installed.h"
#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where gnuplot finds the picture's file open. */
#define PICTURE_FD 3
#define PICTURE_PATH "/dev/fd/3"

#define MESSAGE_NBYTES 1024

hpac_status hpac_plot_init(hpac_plot *plot)
{
    *plot = (hpac_plot){0};
    plot->stream = open_memstream(&plot->text, &plot->nbytes);
    return plot->stream ? HPAC_OK : hpac_fail_memory(BUFSIZ);
}

void hpac_plot_fini(hpac_plot *plot)
{
    if (plot->stream)
        fclose(plot->stream);
    free(plot->text);
}

/* Assigns a string in which only letters and the most harmless characters are themselves; all other
 * bytes are octal escapes, so that none can end the string or mean something in it. Digits are
 * escaped, too: after "\047" they could be read as a part of it. */
static void assign(FILE *stream, const char *name, va_list arguments, const char *prefix,
                   const char *text)
{
    vfprintf(stream, name, arguments);
    fprintf(stream, "=\"%s", prefix);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if ((*c < 0x80 && isalpha(*c)) || strchr(" ._-/", *c))
            fputc(*c, stream);
        else
            fprintf(stream, "\\%03o", *c);
    fputs("\";", stream);
}

void hpac_plot_add_text(hpac_plot *plot, const char *text, const char *name, ...)
{
    va_list arguments;
    va_start(arguments, name);
    assign(plot->stream, name, arguments, "", text);
    va_end(arguments);
}

/* gnuplot takes "< command", "-", "|", "~" and others at the start of a name for more than a name,
 * so that a relative path gets "./" in front. */
void hpac_plot_add_file(hpac_plot *plot, const char *path, const char *name, ...)
{
    va_list arguments;
    va_start(arguments, name);
    assign(plot->stream, name, arguments, *path == '/' ? "" : "./", path);
    va_end(arguments);
}

void hpac_plot_add_number(hpac_plot *plot, double number, const char *name)
{
    if (isfinite(number))
        fprintf(plot->stream, "%s=%.17g;", name, number);
    else
        fprintf(plot->stream, "%s=NaN;", name);
}

static hpac_status find_plot_directory(char directory[PATH_MAX])
{
    const char *wanted = getenv("HPAC_PLOTS");
    if (!wanted || !*wanted)
        return hpac_installed_find("share/hpac/plots", "tools/plots", "common.gp", directory)
                   ? HPAC_OK
                   : hpac_fail(HPAC_ERR_CONFIG,
                               "plot scripts found neither in share/hpac/plots nor in tools/plots "
                               "beside or above the program: set HPAC_PLOTS to their directory");
    const char *prefix = *wanted == '/' ? "" : "./"; /* no option of gnuplot */
    if (snprintf(directory, PATH_MAX, "%s%s", prefix, wanted) < PATH_MAX &&
        hpac_directory_has(directory, "common.gp"))
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG, "HPAC_PLOTS=%s: no plot scripts (common.gp and others) there",
                     wanted);
}

/* Our environment, but with texts in UTF-8 and decimal points whatever the user's locale: without
 * one gnuplot warns about its degree sign in each picture. The caller frees the list, not its
 * texts; NULL when memory is out. */
static char **make_environment(void)
{
    static char locale[] = "LC_ALL=C.UTF-8";
    size_t count = 0, copied = 0;
    while (environ[count])
        count++;
    char **list = calloc(count + 2, sizeof *list);
    for (size_t i = 0; list && i < count; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0)
            list[copied++] = environ[i];
    if (list)
        list[copied] = locale;
    return list;
}

/* Starts gnuplot without a shell and without input; its messages go to descriptor `messages`, and
 * `picture` is its PICTURE_FD. Returns 0 or an errno. */
static int spawn(char *const *arguments, int picture, int messages, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    HPAC_AUTO_FREE char **environment = make_environment();
    if (!environment || posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    bool added =
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
        posix_spawn_file_actions_adddup2(&actions, messages, STDOUT_FILENO) == 0 &&
        posix_spawn_file_actions_adddup2(&actions, messages, STDERR_FILENO) == 0 &&
        posix_spawn_file_actions_adddup2(&actions, picture, PICTURE_FD) == 0;
    int error =
        added ? posix_spawnp(child, arguments[0], &actions, NULL, arguments, environment) : ENOMEM;
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* The message of gnuplot's on one line; "" for none. */
static void read_message(int messages, char text[MESSAGE_NBYTES])
{
    ssize_t length = pread(messages, text, MESSAGE_NBYTES - 1, 0);
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

/* A file in memory, so that neither a full disk nor an unwritable /tmp is met while gnuplot, which
 * does not report one, is writing. */
static hpac_status open_memory(const char *name, int *fd)
{
    *fd = memfd_create(name, MFD_CLOEXEC);
    return *fd >= 0 ? HPAC_OK
                    : hpac_fail(HPAC_ERR_INTERNAL, "memfd_create failed: %s", strerror(errno));
}

/* The gnuplot that is installed with the program, as in a bundle, or that of the PATH. */
static void find_gnuplot(char program[PATH_MAX])
{
    char directory[PATH_MAX];
    if (!hpac_installed_find("libexec/hpac", "libexec/hpac", "gnuplot", directory) ||
        snprintf(program, PATH_MAX, "%s/gnuplot", directory) >= PATH_MAX)
        snprintf(program, PATH_MAX, "gnuplot");
}

/* Runs gnuplot to its end. `*code` is its exit code, or 128 + the signal that ended it. */
static hpac_status run_gnuplot(char *const *arguments, int picture, char message[MESSAGE_NBYTES],
                               int *code)
{
    HPAC_AUTO(hpac_descriptor_close) int messages = -1;
    HPAC_TRY(open_memory("gnuplot-messages", &messages));
    pid_t child;
    int state = 0, error = spawn(arguments, picture, messages, &child);
    while (error == 0 && waitpid(child, &state, 0) < 0)
        error = errno == EINTR ? 0 : errno;
    *code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
    read_message(messages, message);
    if (error == 0)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "gnuplot, which draws the plots, cannot be started: %s; install it (Debian: "
                     "gnuplot-nox) or do without plots",
                     error == ENOENT ? "it is not in PATH" : strerror(error));
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

hpac_status hpac_plot_draw(hpac_plot *plot, const char *script, const char *path)
{
    const char *dot = strrchr(path, '.');
    if (!dot || (strcmp(dot, ".png") != 0 && strcmp(dot, ".svg") != 0))
        return hpac_fail(HPAC_ERR_CONFIG, "%s: expected a name that ends in .png or .svg", path);
    char directory[PATH_MAX], gnuplot[PATH_MAX], message[MESSAGE_NBYTES];
    find_gnuplot(gnuplot);
    HPAC_TRY(find_plot_directory(directory));
    HPAC_AUTO_FREE char *file = hpac_path_join(directory, "%s.gp", script);
    if (!file || ferror(plot->stream) || fflush(plot->stream) != 0)
        return hpac_fail_memory(plot->nbytes);
    if (!hpac_path_exists(file))
        return hpac_fail(HPAC_ERR_CONFIG, "%s: no such plot script", file);
    HPAC_AUTO(hpac_descriptor_close) int picture = -1;
    HPAC_TRY(open_memory("picture", &picture));
    char target[64];
    snprintf(target, sizeof target, "out='%s';format='%s';", PICTURE_PATH, dot + 1);
    char *arguments[] = {gnuplot, "--default-settings", "-e", target, "-e", plot->text, file, NULL};
    int code = 0;
    HPAC_TRY(run_gnuplot(arguments, picture, message, &code));
    if (code != 0 || lseek(picture, 0, SEEK_END) <= 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: gnuplot (%s) failed with exit code %d%s%s", path, file,
                         code, *message ? ": " : "", message);
    if (*message)
        hpac_log_warning("%s: gnuplot: %s", path, message);
    return save(picture, path);
}

hpac_status hpac_plot_probe(void)
{
    char directory[PATH_MAX], gnuplot[PATH_MAX], message[MESSAGE_NBYTES];
    find_gnuplot(gnuplot);
    HPAC_TRY(find_plot_directory(directory));
    char *arguments[] = {gnuplot, "--version", NULL};
    int code = 0;
    HPAC_TRY(run_gnuplot(arguments, STDERR_FILENO, message, &code));
    return code == 0 ? HPAC_OK
                     : hpac_fail(HPAC_ERR_CONFIG, "gnuplot --version failed with exit code %d: %s",
                                 code, message);
}
