/* Help texts for the terminal. */
#include "help.h"

#include "wrap.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LEFT_MOST 26 /* the widest left column; what is longer has a line of its own */

const char help_title[] = "train, measure and apply classifiers for the Human Protein Atlas";

const cli_note help_exit_codes[] = {
    {"0", "done"},
    {"1", "internal error: a bug, or memory is out"},
    {"2", "usage or configuration"},
    {"3", "data: a file that is missing, damaged, or cannot be written"},
    {"4", "device: not usable, or its memory is too small"},
    {"5", "a number that is not finite; the last good checkpoint is kept"},
    {"130", "interrupted, and what was begun is saved or taken back"},
    {0},
};

const cli_note help_environment[] = {
    {"HPAC_PLOTS", "folder of the gnuplot scripts, where they are not in share/hpac/plots or "
                   "tools/plots beside or above the program"},
    {"GOMP_SPINCOUNT, OMP_WAIT_POLICY",
     "how compute threads wait for one another, as OpenMP has it; with neither, hpac sets "
     "GOMP_SPINCOUNT to 1000, so that threads that wait leave the cores to those that read images"},
    {0},
};

/* 80 to 100 columns, as the terminal has them. */
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
    const wrap_layout layout = {width_of(stream), indent, indent, "\n", NULL};
    fprintf(stream, "%*s", indent, "");
    wrap_text(text, &layout, stream);
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
    const wrap_layout layout = {width_of(stream), indent, indent, "\n", NULL};
    wrap_text(right, &layout, stream);
}

/* The width of the left column when a row of this one is in it. */
static int widened(int width, const char *left)
{
    int length = (int)strlen(left);
    return length > width && length <= LEFT_MOST ? length : width;
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
        "hpac COMMAND --help tells a command's options, man hpac all of them, hpac --version the "
        "version. Results go to the standard output, messages to the standard error.",
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
    const wrap_layout head = {.width = width_of(stream), .column = (int)strlen(command->name) + 8};
    wrap_text(command->summary, &head, stream);
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
