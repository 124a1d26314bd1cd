/* Feeds any bytes to the label reader: it either refuses them with a message, or what it hands out
 * keeps the promises of labels.h and survives being written and read again. */
#include <hpac/labels.h>

#include "base/csv.h"

#include "input.h"

#include <stdbool.h>
#include <string.h>

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void check_refusal(const hpac_labels *labels)
{
    require(*hpac_error_message() != '\0', "a refusal has a message");
    require(!labels->ids && !labels->masks && labels->count == 0, "nothing is left on error");
}

static void check_rows(const hpac_labels *labels, bool with_masks)
{
    require(labels->count > 0, "a good file has rows");
    require(!labels->masks == !with_masks, "masks are there when asked for");
    for (size_t i = 0; i < labels->count; i++) {
        require(*labels->ids[i] != '\0', "no Id is empty");
        require(!strchr(labels->ids[i], '/'), "no Id holds a slash");
        if (with_masks)
            require(labels->masks[i] && labels->masks[i] < 1u << HPAC_CLASS_COUNT,
                    "every row has classes, known ones");
    }
}

static const char *write_again(const hpac_labels *labels)
{
    char *text = NULL;
    size_t nbytes;
    FILE *out = open_memstream(&text, &nbytes);
    fputs("Target,Id\n", out);
    for (size_t i = 0; i < labels->count; i++) {
        for (int c = HPAC_CLASS_COUNT - 1; c >= 0; c--)
            if (labels->masks[i] >> c & 1)
                fprintf(out, "%d ", c);
        fputc(',', out);
        hpac_csv_write_cell(out, labels->ids[i]);
        fputc('\n', out);
    }
    fclose(out);
    const char *path = fuzz_file((const uint8_t *)text, nbytes);
    free(text);
    return path;
}

static void check_same(const hpac_labels *a, const hpac_labels *b)
{
    require(a->count == b->count, "as many rows when read again");
    for (size_t i = 0; i < a->count; i++) {
        require(strcmp(a->ids[i], b->ids[i]) == 0, "the same Id when read again");
        require(a->masks[i] == b->masks[i], "the same classes when read again");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    const char *path = fuzz_file(bytes, nbytes);
    hpac_labels ids, labels, again;
    if (hpac_ids_read_csv(path, &ids) == HPAC_OK)
        check_rows(&ids, false);
    else
        check_refusal(&ids);
    if (hpac_labels_read_csv(path, &labels) == HPAC_OK) {
        check_rows(&labels, true);
        require(ids.count == labels.count, "a label file is a list of Ids too");
        require(hpac_labels_read_csv(write_again(&labels), &again) == HPAC_OK, "reads again");
        check_same(&labels, &again);
        hpac_labels_fini(&again);
    } else {
        check_refusal(&labels);
    }
    hpac_labels_fini(&labels);
    hpac_labels_fini(&ids);
    return 0;
}
