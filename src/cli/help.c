/* Help texts for the terminal. */
#include "help.h"

#include "wrap.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_LEFT 26 /* the widest left column; longer entries have a line of their own */

const char help_title[] = "train, evaluate and apply classifiers for the Human Protein Atlas";

const cli_note help_exit_codes[] = {
    {"0", "done"},
    {"1", "internal error: a bug, or out of memory"},
    {"2", "usage or configuration"},
    {"3", "data: a file is missing or damaged, or cannot be written"},
    {"4", "device: not usable, or out of memory"},
    {"5", "a non-finite loss, gradient or weight; the last good checkpoint is kept"},
    {"130", "interrupted; the work is saved, or the files are removed"},
    {0},
};

const cli_note help_environment[] = {
    {"HPAC_CPU",
     "avx512, avx2 or portable: limits the instruction sets of the CPU device, of resizing "
     "and of oneDNN; by default the best of the processor"},
    {"OMP_NUM_THREADS",
     "with device.threads: auto, the number of compute threads, at most one per core"},
    {"HPAC_PLOTS", "directory of the gnuplot scripts, if they are not in share/hpac/plots or "
                   "tools/plots beside or above the program"},
    {"TERM, NO_COLOR", "with TERM=dumb or NO_COLOR, progress is printed in lines and not as a bar"},
    {"GOMP_SPINCOUNT, OMP_WAIT_POLICY",
     "how OpenMP's threads wait for one another; if neither is set, hpac sets GOMP_SPINCOUNT to "
     "1000, so that waiting threads leave the cores to those that read images"},
    {0},
};

/* The terminal's width, in [80, 100]. */
static int width_of(FILE *stream)
{
    struct winsize size;
    int file = fileno(stream);
    if (file < 0 || isatty(file) != 1 || ioctl(file, TIOCGWINSZ, &size) != 0)
        return 80;
    return size.ws_col < 80 ? 80 : size.ws_col > 100 ? 100 : size.ws_col;
}

static void print_wrapped(const char *text, int indent, FILE *stream)
{
    fprintf(stream, "%*s", indent, "");
    wrap_text(text, (wrap_layout){width_of(stream), indent, indent}, stream);
}

/* Two columns: the left one `left_width` wide. */
static void print_row(const char *left, const char *right, int left_width, FILE *stream)
{
    int indent = left_width + 4, column = (int)strlen(left) + 2;
    fprintf(stream, "  %s", left);
    if (column + 2 > indent) {
        fputc('\n', stream);
        column = 0;
    }
    fprintf(stream, "%*s", indent - column, "");
    wrap_text(right, (wrap_layout){width_of(stream), indent, indent}, stream);
}

/* The width of the left column with one more row. */
static int widened(int width, const char *left)
{
    int length = (int)strlen(left);
    return length > width && length <= MAX_LEFT ? length : width;
}

static void print_notes(const char *title, const cli_note *notes, FILE *stream)
{
    int width = 0;
    if (!notes || !notes->name)
        return;
    fprintf(stream, "\n%s:\n", title);
    for (const cli_note *note = notes; note->name; note++)
        width = widened(width, note->name);
    for (const cli_note *note = notes; note->name; note++)
        print_row(note->name, note->text, width, stream);
}

void help_print_overview(FILE *stream)
{
    int width = 0;
    fprintf(stream, "hpac %s - %s\n\nusage: hpac COMMAND [options]\n\ncommands:\n", HPAC_VERSION,
            help_title);
    for (int i = 0; cli_commands[i]; i++)
        width = widened(width, cli_commands[i]->name);
    for (int i = 0; cli_commands[i]; i++)
        print_row(cli_commands[i]->name, cli_commands[i]->summary, width, stream);
    print_notes("exit codes", help_exit_codes, stream);
    print_notes("environment", help_environment, stream);
    fputc('\n', stream);
    print_wrapped(
        "hpac COMMAND --help lists a command's options, man hpac all of them, hpac --version "
        "prints the version. Results go to standard output, messages to standard error.",
        0, stream);
}

/* ---- a command ---- */

static void write_left(const cli_option *option, char *left, size_t nbytes)
{
    snprintf(left, nbytes, "--%s%s%s", option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
}

static void print_option(const cli_option *option, int width, FILE *stream)
{
    char left[128], right[512];
    write_left(option, left, sizeof left);
    snprintf(right, sizeof right, "%s%s%s%s", option->help, option->fallback ? " (default " : "",
             option->fallback ? option->fallback : "", option->fallback ? ")" : "");
    print_row(left, right, width, stream);
}

static void print_options(const cli_command *command, FILE *stream)
{
    int width = 0;
    for (const cli_option *option = command->options; option->name; option++) {
        char left[128];
        write_left(option, left, sizeof left);
        width = widened(width, left);
    }
    fputs("\noptions:\n", stream);
    for (const cli_option *option = command->options; option->name; option++)
        print_option(option, width, stream);
    print_option(&cli_help_option, width, stream);
}

static void print_examples(const cli_command *command, FILE *stream)
{
    if (!command->examples)
        return;
    fputs("\nexamples:\n", stream);
    for (const cli_note *example = command->examples; example->name; example++) {
        fprintf(stream, "  %s\n", example->name);
        print_wrapped(example->text, 6, stream);
    }
}

void help_print_command(const cli_command *command, FILE *stream)
{
    fprintf(stream, "hpac %s - ", command->name);
    wrap_text(command->summary, (wrap_layout){width_of(stream), 0, (int)strlen(command->name) + 8},
              stream);
    fprintf(stream, "\nusage: hpac %s%s%s", command->name, *command->operands ? " " : "",
            command->operands);
    for (const cli_option *option = command->options; option->name; option++)
        if (option->required)
            fprintf(stream, " --%s %s", option->name, option->argument);
    fputs(" [options]\n\n", stream);
    print_wrapped(command->description, 0, stream);
    print_options(command, stream);
    print_notes("files", command->files, stream);
    print_examples(command, stream);
}
