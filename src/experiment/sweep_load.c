/* From a sweep's file to its runs, each with its name and configuration; all problems are reported
 * together. */
#include "sweep_internal.h"

#include "base/memory.h"

#include <ctype.h>
#include <string.h>

/* ---- names of runs, which name directories ---- */

/* Longer values are represented by their number among the values of the key. */
#define MAX_VALUE_NBYTES 40

static bool is_name_byte(char byte)
{
    unsigned char code = (unsigned char)byte;
    return code >= 0x80 || isalnum(code) || (code && strchr("._-+=,@%() ", code));
}

/* What the sweep and its report keep in the directory, and what would make it that of a run. */
static bool is_reserved(const char *name)
{
    static const char *const reserved[] = {"sweep.csv", "sweep.yaml", "plots", "report.html",
                                           "run.json"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(name, reserved[i]) == 0)
            return true;
    return false;
}

const char *sweep_name_fault(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > 100)
        return "expected 1 to 100 bytes";
    for (size_t i = 0; i < length; i++)
        if (!is_name_byte(name[i]))
            return "expected letters, digits, spaces and . _ - + = , @ % ( )";
    if (strchr(".- ", name[0]) || strchr(". ", name[length - 1]))
        return "a name cannot begin with a dot, dash or space, or end with a dot or space";
    return is_reserved(name) ? "a sweep or a run writes a file of this name" : NULL;
}

/* Bytes that no name may have become underscores, as do those that separate its parts. */
static void print_safe(const char *text, FILE *name)
{
    for (; *text; text++)
        fputc(is_name_byte(*text) && !strchr(" ,=", *text) ? *text : '_', name);
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* "epochs" of "train.epochs", unless another key of the sweep ends so too. */
static const char *short_key(const sweep_file *file, const char *path)
{
    for (size_t i = 0; i < file->path_count; i++)
        if (strcmp(file->paths[i], path) != 0 &&
            strcmp(last_part(file->paths[i]), last_part(path)) == 0)
            return path;
    return last_part(path);
}

/* A scalar, or a list of scalars joined by +. False: neither, or too long for a name. */
static bool value_text(const hpac_yaml_node *node, char text[MAX_VALUE_NBYTES + 1])
{
    if (node->kind == HPAC_YAML_SCALAR)
        return *node->text &&
               snprintf(text, MAX_VALUE_NBYTES + 1, "%s", node->text) <= MAX_VALUE_NBYTES;
    size_t length = 0;
    for (size_t i = 0; node->kind == HPAC_YAML_LIST && i < node->count; i++) {
        const hpac_yaml_node *item = node->items[i].value;
        if (item->kind != HPAC_YAML_SCALAR || length > MAX_VALUE_NBYTES)
            return false;
        length += (size_t)snprintf(text + length, MAX_VALUE_NBYTES + 1 - length, "%s%s",
                                   i > 0 ? "+" : "", item->text);
    }
    return length > 0 && length <= MAX_VALUE_NBYTES;
}

/* "epochs=5". `number` is the value's among those of its key, from 1. */
static void print_part(const sweep_file *file, const char *path, const hpac_yaml_node *node,
                       size_t number, FILE *name)
{
    char text[MAX_VALUE_NBYTES + 1];
    if (!value_text(node, text))
        snprintf(text, sizeof text, "v%zu", number);
    if (ftell(name) > 0)
        fputc(',', name);
    print_safe(short_key(file, path), name);
    fputc('=', name);
    print_safe(text, name);
}

static hpac_status print_config(const sweep_config *config, FILE *name)
{
    HPAC_AUTO_FREE char *text = NULL;
    if (!config->node)
        return HPAC_OK;
    HPAC_TRY_MEMORY(text = hpac_config_name_of(config->node->text), strlen(config->node->text));
    print_safe(text, name);
    return HPAC_OK;
}

/* One run: an entry and a choice from each list of the grid. */
typedef struct sweep_point {
    const sweep_entry *entry;
    const size_t *choices; /* (grid.count) indices */
} sweep_point;

static hpac_status print_name(const sweep_file *file, const sweep_point *point, FILE *name)
{
    const sweep_entry *entry = point->entry;
    if (entry->name) {
        fputs(entry->name, name);
    } else {
        HPAC_TRY(print_config(&entry->config, name));
        for (size_t i = 0; i < entry->values.count; i++)
            print_part(file, entry->values.items[i].path, entry->values.items[i].node,
                       (size_t)(entry - file->entries) + 1, name);
    }
    for (size_t g = 0; g < file->grid.count; g++) {
        const hpac_config_value *axis = &file->grid.items[g];
        size_t choice = point->choices[g];
        if (axis->node->count > 1)
            print_part(file, axis->path, axis->node->items[choice].value, choice + 1, name);
    }
    return ftell(name) == 0 ? print_config(&file->config, name) : HPAC_OK;
}

/* The name of a run, given or made; malloc'ed. Errors: CONFIG for one that is too long. */
static hpac_status make_name(const sweep_file *file, const sweep_point *point, char **name)
{
    size_t length = 0;
    FILE *stream;
    HPAC_TRY_MEMORY(stream = open_memstream(name, &length), SWEEP_NAME_NBYTES);
    hpac_status status = print_name(file, point, stream);
    if (fclose(stream) != 0)
        return hpac_fail_memory(SWEEP_NAME_NBYTES);
    HPAC_TRY(status);
    if (**name == '.' || **name == '-' || is_reserved(*name)) /* of a configuration's name */
        **name = '_';
    return length < SWEEP_NAME_NBYTES
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_CONFIG,
                           "%s: the name made of the keys that differ is too long for "
                           "a directory; sweep fewer keys at once",
                           file->reader.source.name);
}

/* A problem, reported once with the runs it was found in. */
typedef struct fault {
    char *text;
    size_t first, last, count; /* runs */
} fault;

typedef struct sweep_loader {
    sweep_file file;
    const char *const *sets;
    int set_count;
    hpac_sweep *sweep;
    fault *faults;
    size_t fault_count, fault_capacity;
    char **texts; /* (text_count) configurations of the runs */
    size_t text_count;
} sweep_loader;

static void loader_fini(sweep_loader *loader)
{
    for (size_t i = 0; i < loader->fault_count; i++)
        free(loader->faults[i].text);
    for (size_t i = 0; i < loader->text_count; i++)
        free(loader->texts[i]);
    free(loader->faults);
    free(loader->texts);
    sweep_file_fini(&loader->file);
}

static hpac_status note_fault(sweep_loader *loader, size_t run, const char *text, size_t length)
{
    for (size_t i = 0; i < loader->fault_count; i++) {
        fault *known = &loader->faults[i];
        if (strlen(known->text) == length && memcmp(known->text, text, length) == 0) {
            known->count += known->last != run;
            known->last = run;
            return HPAC_OK;
        }
    }
    char *copy;
    HPAC_TRY_GROW(loader->faults, loader->fault_count, loader->fault_capacity);
    HPAC_TRY_MEMORY(copy = strndup(text, length), length);
    loader->faults[loader->fault_count++] = (fault){copy, run, run, 1};
    return HPAC_OK;
}

/* Notes the message of a CONFIG, or each line of `problems`; other failures are passed on. */
static hpac_status note_failure(sweep_loader *loader, size_t run, hpac_status status,
                                const hpac_problems *problems)
{
    if (status != HPAC_ERR_CONFIG)
        return status;
    if (problems->count == 0)
        return note_fault(loader, run, hpac_error_message(), strlen(hpac_error_message()));
    for (const char *line = problems->text; line && *line;) {
        line++; /* a newline precedes each */
        size_t length = strcspn(line, "\n");
        HPAC_TRY(note_fault(loader, run, line, length));
        line += length;
    }
    return HPAC_OK;
}

static void report_fault(sweep_loader *loader, const fault *found)
{
    const hpac_sweep *sweep = loader->sweep;
    hpac_problems *problems = &loader->file.reader.problems;
    const char *first = sweep->runs[found->first].name;
    if (found->count == sweep->run_count)
        hpac_problems_add(problems, "%s", found->text);
    else if (found->count == 1)
        hpac_problems_add(problems, "%s (run %s)", found->text, first);
    else
        hpac_problems_add(problems, "%s (run %s and %zu more)", found->text, first,
                          found->count - 1);
}

static hpac_status assemble(sweep_loader *loader, const sweep_point *point,
                            const sweep_config *from, hpac_problems *problems, hpac_config *config)
{
    const sweep_values *set = &loader->file.set, *own = &point->entry->values;
    const sweep_values *grid = &loader->file.grid;
    HPAC_AUTO_FREE hpac_config_value *values = NULL; /* later ones override earlier ones */
    HPAC_AUTO_FREE char *text = NULL;
    char place[HPAC_YAML_PLACE_NBYTES];
    size_t count = set->count + own->count, nbytes;
    HPAC_TRY_NEW(values, count + grid->count + 1);
    for (size_t i = 0; i < count; i++)
        values[i] = i < set->count ? set->items[i] : own->items[i - set->count];
    for (size_t g = 0; g < grid->count; g++)
        values[count++] = (hpac_config_value){grid->items[g].path,
                                              grid->items[g].node->items[point->choices[g]].value};
    HPAC_TRY(hpac_fail_within(hpac_config_read_file("configuration", from->path, &text, &nbytes),
                              "%s", hpac_yaml_place(from->node, place)));
    const hpac_config_parts parts = {.document = from->path,
                                     .text = text,
                                     .nbytes = nbytes,
                                     .values = values,
                                     .value_count = (int)count,
                                     .sets = loader->sets,
                                     .set_count = loader->set_count,
                                     .expand = true};
    return hpac_config_assemble(&parts, problems, config);
}

static hpac_status make_run(sweep_loader *loader, const sweep_point *point, size_t number)
{
    const sweep_file *file = &loader->file;
    const sweep_config *config = point->entry->config.node ? &point->entry->config : &file->config;
    hpac_sweep_run *run = &loader->sweep->runs[number];
    hpac_problems problems = {0};
    HPAC_TRY(note_failure(loader, number, make_name(file, point, &run->name), &problems));
    if (!config->path)
        return HPAC_OK; /* reported already */
    hpac_status status = assemble(loader, point, config, &problems, &run->config);
    status = note_failure(loader, number, status, &problems);
    free(problems.text);
    return status;
}

static hpac_status count_runs(const sweep_file *file, size_t *count)
{
    *count = file->entry_count;
    for (size_t g = 0; g < file->grid.count && *count <= HPAC_SWEEP_MAX_RUNS; g++)
        *count *= file->grid.items[g].node->count;
    return *count <= HPAC_SWEEP_MAX_RUNS
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_CONFIG, "%s: more than %d runs; expected at most %d",
                           file->reader.source.name, HPAC_SWEEP_MAX_RUNS, HPAC_SWEEP_MAX_RUNS);
}

/* Every entry with every combination of the grid, the last key changing fastest. */
static hpac_status make_runs(sweep_loader *loader)
{
    const sweep_file *file = &loader->file;
    HPAC_AUTO_FREE size_t *choices = NULL;
    HPAC_TRY_NEW(choices, file->grid.count + 1);
    HPAC_TRY_NEW(loader->sweep->runs, loader->sweep->run_count);
    for (size_t run = 0; run < loader->sweep->run_count; run++) {
        size_t entry = run;
        for (size_t g = file->grid.count; g-- > 0;) {
            size_t values = file->grid.items[g].node->count;
            choices[g] = entry % values;
            entry /= values;
        }
        HPAC_TRY(make_run(loader, &(sweep_point){&file->entries[entry], choices}, run));
    }
    return HPAC_OK;
}

/* Refuses run b if it is the same as an earlier one. */
static void refuse_same(sweep_loader *loader, size_t b)
{
    const hpac_sweep_run *runs = loader->sweep->runs;
    hpac_problems *problems = &loader->file.reader.problems;
    const char *document = loader->file.reader.source.name;
    for (size_t a = 0; a < b; a++) {
        bool same_text = strcmp(loader->texts[a], loader->texts[b]) == 0;
        bool same_name = strcmp(runs[a].name, runs[b].name) == 0;
        if (same_text)
            hpac_problems_add(problems, "%s: runs %zu and %zu (%s, %s) are the same configuration",
                              document, a + 1, b + 1, runs[a].name, runs[b].name);
        else if (same_name)
            hpac_problems_add(problems,
                              "%s: runs %zu and %zu have the same name %s; give them names",
                              document, a + 1, b + 1, runs[a].name);
        if (same_text || same_name)
            return;
    }
}

static hpac_status check_distinct(sweep_loader *loader)
{
    HPAC_TRY_NEW(loader->texts, loader->sweep->run_count);
    for (size_t b = 0; b < loader->sweep->run_count; b++) {
        HPAC_TRY(hpac_config_text(&loader->sweep->runs[b].config, &loader->texts[b]));
        loader->text_count++;
        refuse_same(loader, b);
    }
    return HPAC_OK;
}

static hpac_status add_keys(hpac_sweep *sweep, const sweep_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        const char *path = values->items[i].path;
        size_t k = 0;
        while (k < sweep->key_count && strcmp(sweep->keys[k], path) != 0)
            k++;
        if (k < sweep->key_count)
            continue;
        HPAC_TRY_GROW(sweep->keys, sweep->key_count, sweep->key_capacity);
        HPAC_TRY_MEMORY(sweep->keys[k] = strdup(path), strlen(path));
        sweep->key_count++;
    }
    return HPAC_OK;
}

static hpac_status load(sweep_loader *loader, const char *path)
{
    hpac_sweep *sweep = loader->sweep;
    sweep_file *file = &loader->file;
    size_t nbytes;
    HPAC_TRY(hpac_config_read_file("sweep", path, &sweep->text, &nbytes));
    HPAC_TRY(sweep_file_read(file, path, sweep->text, nbytes));
    HPAC_TRY(count_runs(file, &sweep->run_count));
    HPAC_TRY(make_runs(loader));
    for (size_t i = 0; i < loader->fault_count; i++)
        report_fault(loader, &loader->faults[i]);
    if (file->reader.problems.count == 0)
        HPAC_TRY(check_distinct(loader));
    for (size_t e = 0; e < file->entry_count; e++)
        HPAC_TRY(add_keys(sweep, &file->entries[e].values));
    HPAC_TRY(add_keys(sweep, &file->grid));
    HPAC_TRY(hpac_problems_finish(&file->reader.problems, HPAC_ERR_CONFIG, "%s", path));
    HPAC_TRY_MEMORY(sweep->name = hpac_config_name_of(path), strlen(path));
    return HPAC_OK;
}

hpac_status hpac_sweep_load(const char *path, const char *const *sets, int set_count,
                            hpac_sweep *sweep)
{
    *sweep = (hpac_sweep){0};
    HPAC_AUTO(loader_fini)
    sweep_loader loader = {.sets = sets, .set_count = set_count, .sweep = sweep};
    hpac_status status = load(&loader, path);
    if (status != HPAC_OK)
        hpac_sweep_fini(sweep);
    return status;
}

void hpac_sweep_fini(hpac_sweep *sweep)
{
    for (size_t i = 0; sweep->runs && i < sweep->run_count; i++) {
        free(sweep->runs[i].name);
        hpac_config_fini(&sweep->runs[i].config);
    }
    for (size_t i = 0; i < sweep->key_count; i++)
        free(sweep->keys[i]);
    free(sweep->runs);
    free(sweep->keys);
    free(sweep->name);
    free(sweep->text);
    *sweep = (hpac_sweep){0};
}
