/* Help texts for the terminal. */
#include "cli.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Widths of left columns; longer entries have a line of their own. */
enum { COMMAND_WIDTH = 10, CODE_WIDTH = 3, VARIABLE_WIDTH = 15, OPTION_WIDTH = 26 };

const char help_title[] = "train, evaluate and apply classifiers for the Human Protein Atlas";

const cli_note help_exit_codes[] = {
    {"0", "done"},
    {"1", "internal error: a bug, or out of memory"},
    {"2", "usage or configuration error"},
    {"3", "data: a file is missing or damaged, or cannot be written"},
    {"4", "device: not usable, or out of memory"},
    {"5", "a non-finite loss, gradient or weight; the last good checkpoint is retained"},
    {"130", "interrupted; the work is saved, or partial files are removed"},
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
    {"HPAC_CUDA_LIBRARIES",
     "directories of NVIDIA's libraries, separated by colons, if they are neither where the system "
     "looks nor in a Python environment or CUDA toolkit (VIRTUAL_ENV, CONDA_PREFIX, CUDA_HOME)"},
    {"TERM, NO_COLOR", "with TERM=dumb or NO_COLOR, progress is printed in lines and not as a bar"},
    {"GOMP_SPINCOUNT, OMP_WAIT_POLICY",
     "how OpenMP's threads wait for one another; if neither is set, hpac sets GOMP_SPINCOUNT to "
     "1000, so that waiting threads leave the cores to those that read images"},
    {0},
};

/* The terminal's width, in [80, 100]. */
static size_t width_of(FILE *stream)
{
    struct winsize size;
    int file = fileno(stream);
    if (file < 0 || isatty(file) != 1 || ioctl(file, TIOCGWINSZ, &size) != 0)
        return 80;
    return size.ws_col < 80 ? 80 : size.ws_col > 100 ? 100 : size.ws_col;
}

/* The words of a text, in lines that are indented so far; the first begins at `column`. */
void help_wrap(const char *text, size_t indent, size_t column, FILE *stream)
{
    size_t width = width_of(stream), start = column;
    for (size_t length; (length = strcspn(text, " ")) > 0; text += strspn(text, " ")) {
        if (column > start && column + 1 + length > width) {
            fprintf(stream, "\n%*s", (int)indent, "");
            column = start = indent;
        } else if (column > start) {
            fputc(' ', stream);
            column++;
        }
        fwrite(text, 1, length, stream);
        column += length;
        text += length;
    }
    fputc('\n', stream);
}

/* Two columns: the left one `left_width` wide. */
void help_print_row(const char *left, const char *right, size_t left_width, FILE *stream)
{
    size_t indent = left_width + 4;
    fprintf(stream, "  %-*s", (int)left_width + 2, left);
    if (strlen(left) > left_width)
        fprintf(stream, "\n%*s", (int)indent, "");
    help_wrap(right, indent, indent, stream);
}

static void print_notes(const char *title, const cli_note *notes, size_t left_width, FILE *stream)
{
    if (notes->name)
        fprintf(stream, "\n%s:\n", title);
    for (const cli_note *note = notes; note->name; note++)
        help_print_row(note->name, note->text, left_width, stream);
}

void help_print_overview(FILE *stream)
{
    int length = fprintf(stream, "hpac %s - ", hpac_version());
    help_wrap(help_title, 0, (size_t)length, stream);
    fputs("\nusage: hpac COMMAND [options]\n\ncommands:\n", stream);
    for (size_t i = 0; cli_commands[i]; i++)
        help_print_row(cli_commands[i]->name, cli_commands[i]->summary, COMMAND_WIDTH, stream);
    print_notes("exit codes", help_exit_codes, CODE_WIDTH, stream);
    print_notes("environment", help_environment, VARIABLE_WIDTH, stream);
    fputc('\n', stream);
    help_wrap(
        "hpac COMMAND --help lists a command's options, hpac help config the keys of a "
        "configuration, hpac --version prints the version. The same is in the man pages hpac, "
        "hpac-COMMAND and hpac-config. Results go to standard output, messages to standard error.",
        0, 0, stream);
}

static void print_option(const cli_option *option, FILE *stream)
{
    char left[128], right[512], letter[] = {'-', cli_letter(option), ',', ' ', '\0'};
    snprintf(left, sizeof left, "%s--%s%s%s", letter[1] ? letter : "", option->name,
             option->argument ? " " : "", option->argument ? option->argument : "");
    snprintf(right, sizeof right, option->fallback ? "%s (default %s)" : "%s", option->help,
             option->fallback);
    help_print_row(left, right, OPTION_WIDTH, stream);
}

void help_print_command(const cli_command *command, FILE *stream)
{
    int length = fprintf(stream, "hpac %s - ", command->name);
    help_wrap(command->summary, 0, (size_t)length, stream);
    fprintf(stream, "\nusage: hpac %s%s%s", command->name, *command->operands ? " " : "",
            command->operands);
    for (const cli_option *option = command->options; option->name; option++)
        if (option->required)
            fprintf(stream, " --%s %s", option->name, option->argument);
    fputs(" [options]\n\n", stream);
    help_wrap(command->description, 0, 0, stream);
    fputs("\noptions:\n", stream);
    for (const cli_option *option = command->options; option->name; option++)
        print_option(option, stream);
    print_option(&cli_help_option, stream);
    print_notes("files", command->files, OPTION_WIDTH, stream);
    if (command->examples->name)
        fputs("\nexamples:\n", stream);
    for (const cli_note *example = command->examples; example->name; example++) {
        fprintf(stream, "  %s\n      ", example->name);
        help_wrap(example->text, 6, 6, stream);
    }
}
