/* The man page, in the man macros, which groff and mandoc both read. */
#include "help.h"
#include "wrap.h"

#include <limits.h>
#include <string.h>

/* ---- text ---- */

/* A character that means something to roff as the one that shows it. */
static void put_letter(char letter, FILE *stream)
{
    static const struct {
        char letter;
        const char *shown;
    } special[] = {{'\\', "\\(rs"}, {'-', "\\-"},   {'\'', "\\(aq"},
                   {'`', "\\(ga"},  {'^', "\\(ha"}, {'~', "\\(ti"}};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (special[i].letter == letter) {
            fputs(special[i].shown, stream);
            return;
        }
    fputc(letter, stream);
}

/* A dot at the beginning of a line would make a request of it. */
static void put_word(const char *word, size_t length, FILE *stream)
{
    if (*word == '.')
        fputs("\\&", stream);
    for (size_t i = 0; i < length; i++)
        put_letter(word[i], stream);
}

static void put(const char *text, FILE *stream)
{
    put_word(text, strlen(text), stream);
}

static void print_text(const char *text, FILE *stream)
{
    wrap_text(text, &(wrap_layout){.width = 78, .paragraph = ".PP\n", .put = put_word}, stream);
}

/* The same inside of a list, whose indentation paragraphs keep. */
static void print_item_text(const char *text, FILE *stream)
{
    wrap_text(text, &(wrap_layout){.width = 78, .paragraph = ".IP\n", .put = put_word}, stream);
}

static void put_bold(const char *text, FILE *stream)
{
    fputs("\\fB", stream);
    put(text, stream);
    fputs("\\fR", stream);
}

static void put_italic(const char *text, FILE *stream)
{
    fputs("\\fI", stream);
    put(text, stream);
    fputs("\\fR", stream);
}

static void print_notes(const cli_note *notes, FILE *stream)
{
    for (const cli_note *note = notes; note->name; note++) {
        fputs(".TP\n", stream);
        put_bold(note->name, stream);
        fputc('\n', stream);
        print_item_text(note->text, stream);
    }
}

/* ---- commands ---- */

static void print_usage(const cli_command *command, FILE *stream)
{
    fputs("\\fBhpac ", stream);
    put(command->name, stream);
    fputs("\\fR", stream);
    if (*command->operands) {
        fputc(' ', stream);
        put_italic(command->operands, stream);
    }
    for (const cli_option *option = command->options; option->name; option++)
        if (option->required) {
            fputs(" \\fB\\-\\-", stream);
            put(option->name, stream);
            fputs("\\fR ", stream);
            put_italic(option->argument, stream);
        }
    fputs(" [\\fIoptions\\fR]\n", stream);
}

/* What the table knows beside the help text. */
static void write_facts(const cli_option *option, char *facts, size_t nbytes)
{
    size_t length = 0;
    facts[0] = '\0';
    if (option->kind == CLI_NUMBER && option->maximum < INT_MAX)
        length += (size_t)snprintf(facts, nbytes, "; %lld..%lld", option->minimum, option->maximum);
    else if (option->kind == CLI_NUMBER)
        length += (size_t)snprintf(facts, nbytes, "; %lld or more", option->minimum);
    if (option->required)
        snprintf(facts + length, nbytes - length, "; required");
    else if (option->fallback)
        snprintf(facts + length, nbytes - length, "; default %s", option->fallback);
}

static void print_option(const cli_option *option, FILE *stream)
{
    char facts[256], text[768];
    fputs(".TP\n\\fB\\-\\-", stream);
    put(option->name, stream);
    fputs("\\fR", stream);
    if (option->argument) {
        fputc(' ', stream);
        put_italic(option->argument, stream);
    }
    fputc('\n', stream);
    write_facts(option, facts, sizeof facts);
    snprintf(text, sizeof text, "%s%s", option->help, facts);
    print_item_text(text, stream);
}

static void print_command(const cli_command *command, FILE *stream)
{
    fputs(".SS hpac ", stream);
    put(command->name, stream);
    fputc('\n', stream);
    print_usage(command, stream);
    fputs(".PP\n", stream);
    print_text(command->description, stream);
    for (const cli_option *option = command->options; option->name; option++)
        print_option(option, stream);
    print_option(&cli_help_option, stream);
}

/* ---- sections ---- */

static void print_head(FILE *stream)
{
    fprintf(stream,
            ".\\\" Made by hpac help --man from its option table.\n"
            ".TH HPAC 1 %s \"hpac %s\" \"User Commands\"\n.SH NAME\nhpac \\- ",
            HPAC_DATE, HPAC_VERSION);
    put(help_title, stream);
    fputs("\n.SH SYNOPSIS\n", stream);
    for (int i = 0; cli_commands[i]; i++) {
        print_usage(cli_commands[i], stream);
        fputs(".br\n", stream);
    }
    fputs("\\fBhpac\\fR \\fB\\-\\-help\\fR | \\fB\\-\\-version\\fR\n", stream);
}

static void print_description(FILE *stream)
{
    fputs(".SH DESCRIPTION\n", stream);
    print_text(
        "hpac trains convolutional networks on the images of the Human Protein Atlas: which of 28 "
        "cell compartments does a protein, stained green in a fluorescence image, light up? It "
        "turns a folder of PNG files and a label file into a trained model, metrics, plots and a "
        "submission, on the CPU or on an NVIDIA GPU.\n\n"
        "Label files are CSV with the columns Id and Target, the numbers of an image's classes "
        "with blanks between them. The channels of an image are <Id>_green.png (the protein), "
        "<Id>_blue.png (nuclei), <Id>_red.png (microtubules) and <Id>_yellow.png (endoplasmic "
        "reticulum). A configuration lists those the network sees, or counts the first n of "
        "them.\n\n"
        "Results go to the standard output, messages to the standard error. Options may be "
        "shortened as long as they stay unambiguous, and stand before or behind operands; "
        "--option=value is "
        "--option value. Files are written whole or not at all: an interrupted command leaves no "
        "half file.",
        stream);
}

static void print_files(FILE *stream)
{
    bool first = true;
    fputs(".SH FILES\n", stream);
    for (int i = 0; cli_commands[i]; i++) {
        if (!cli_commands[i]->files)
            continue;
        fprintf(stream, "%sWritten by \\fBhpac ", first ? "" : ".PP\n");
        put(cli_commands[i]->name, stream);
        fputs("\\fR:\n", stream);
        print_notes(cli_commands[i]->files, stream);
        first = false;
    }
}

static void print_examples(FILE *stream)
{
    fputs(".SH EXAMPLES\n", stream);
    for (int i = 0; cli_commands[i]; i++)
        if (cli_commands[i]->examples)
            print_notes(cli_commands[i]->examples, stream);
}

void help_print_man_page(FILE *stream)
{
    print_head(stream);
    print_description(stream);
    fputs(".SH COMMANDS\n", stream);
    for (int i = 0; cli_commands[i]; i++)
        print_command(cli_commands[i], stream);
    print_files(stream);
    fputs(".SH ENVIRONMENT\n", stream);
    print_notes(help_environment, stream);
    fputs(".SH EXIT STATUS\n", stream);
    print_notes(help_exit_codes, stream);
    print_examples(stream);
    fputs(".SH SEE ALSO\n.BR gnuplot (1),\n.BR h5dump (1),\n.BR nvidia\\-smi (1)\n", stream);
}
