/* Evaluations as tables: for the terminal, JSON, CSV. */
#include "evaluation.h"

#include "base/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const hpac_column summary_columns[] = {
    HPAC_COLUMN_TEXT("model", NULL),
    HPAC_COLUMN_TEXT("set", NULL),
    HPAC_COLUMN_INTEGER("images", NULL),
    HPAC_COLUMN_REAL("loss", NULL, 4),
    HPAC_COLUMN_REAL("prior_loss", NULL, 4),
    HPAC_COLUMN_REAL("accuracy", NULL, 4),
    HPAC_COLUMN_REAL("all_zero_accuracy", NULL, 4),
    HPAC_COLUMN_REAL("f1_min", NULL, 4),
    HPAC_COLUMN_REAL("f1_max", NULL, 4),
    HPAC_COLUMN_REAL("f1_mean", NULL, 4),
    HPAC_COLUMN_REAL("f1_std", NULL, 4),
    HPAC_COLUMN_REAL("micro_f1", NULL, 4),
    HPAC_COLUMN_REAL("sample_f1", NULL, 4),
};

static const hpac_column class_columns[] = {
    HPAC_COLUMN_TEXT("class", NULL),
    HPAC_COLUMN_INTEGER("support", "images"),
    HPAC_COLUMN_INTEGER("true_positives", "tp"),
    HPAC_COLUMN_INTEGER("false_positives", "fp"),
    HPAC_COLUMN_INTEGER("false_negatives", "fn"),
    HPAC_COLUMN_REAL("precision", "prec", 3),
    HPAC_COLUMN_REAL("recall", NULL, 3),
    HPAC_COLUMN_REAL("f1", "F1", 3),
    HPAC_COLUMN_REAL("average_precision", "AP", 3),
    HPAC_COLUMN_REAL("roc_auc", "AUC", 3),
    HPAC_COLUMN_REAL("mean", NULL, 3),
    HPAC_COLUMN_REAL("std", NULL, 3),
    HPAC_COLUMN_REAL("threshold", "p >", 3),
};

#define COUNT(columns) (sizeof(columns) / sizeof *(columns))

static void fill_summary(const hpac_evaluation *evaluation, const hpac_evaluation_title *title,
                         hpac_table *table)
{
    const hpac_f1_summary *f1 = &evaluation->f1;
    hpac_table_init(table, "evaluation", "Evaluation", summary_columns, COUNT(summary_columns));
    hpac_table_add_row(
        table,
        HPAC_CELLS(HPAC_TEXT_CELL(title->model), HPAC_TEXT_CELL(title->set),
                   HPAC_NUMBER_CELL(evaluation->images), HPAC_NUMBER_CELL(evaluation->loss),
                   HPAC_NUMBER_CELL(evaluation->prior_loss), HPAC_NUMBER_CELL(evaluation->accuracy),
                   HPAC_NUMBER_CELL(evaluation->all_zero_accuracy), HPAC_NUMBER_CELL(f1->min),
                   HPAC_NUMBER_CELL(f1->max), HPAC_NUMBER_CELL(f1->mean), HPAC_NUMBER_CELL(f1->std),
                   HPAC_NUMBER_CELL(evaluation->micro_f1),
                   HPAC_NUMBER_CELL(evaluation->sample_f1)));
}

static void add_class(const char *name, const hpac_class_evaluation *class, hpac_table *table)
{
    hpac_table_add_row(
        table, HPAC_CELLS(HPAC_TEXT_CELL(name), HPAC_NUMBER_CELL(class->support),
                          HPAC_NUMBER_CELL(class->counts.tp), HPAC_NUMBER_CELL(class->counts.fp),
                          HPAC_NUMBER_CELL(class->counts.fn), HPAC_NUMBER_CELL(class->precision),
                          HPAC_NUMBER_CELL(class->recall), HPAC_NUMBER_CELL(class->f1),
                          HPAC_NUMBER_CELL(class->average_precision),
                          HPAC_NUMBER_CELL(class->roc_auc), HPAC_NUMBER_CELL(class->mean),
                          HPAC_NUMBER_CELL(class->std), HPAC_NUMBER_CELL(class->threshold)));
}

void hpac_evaluation_tables(const hpac_evaluation *evaluation, const hpac_evaluation_title *title,
                            hpac_table *summary, hpac_table *classes)
{
    fill_summary(evaluation, title, summary);
    hpac_table_init(classes, "class_evaluation", "Classes", class_columns, COUNT(class_columns));
    for (size_t t = 0; t < evaluation->target_count; t++)
        add_class(hpac_class_names[evaluation->targets[t]], &evaluation->classes[t], classes);
}

/* ---- the terminal ---- */

/* In eight columns. */
static void print_measure(FILE *stream, double value)
{
    if (isnan(value))
        fprintf(stream, "%8s", "-");
    else
        fprintf(stream, "%8.4f", value);
}

static void print_summary(const hpac_evaluation *evaluation, FILE *stream)
{
    const hpac_f1_summary *f1 = &evaluation->f1;
    fputs("  loss     ", stream);
    print_measure(stream, evaluation->loss);
    fputs("   constant prior ", stream);
    print_measure(stream, evaluation->prior_loss);
    fprintf(stream, "\n  accuracy %8.4f   all zero       %8.4f\n", evaluation->accuracy,
            evaluation->all_zero_accuracy);
    fprintf(stream, "  F1       %8.4f   over the classes: min %.4f, max %.4f, std %.4f\n", f1->mean,
            f1->min, f1->max, f1->std);
    fprintf(stream, "  micro F1 %8.4f   sample F1      %8.4f\n\n", evaluation->micro_f1,
            evaluation->sample_f1);
}

hpac_status hpac_evaluation_print(const hpac_evaluation *evaluation,
                                  const hpac_evaluation_title *title, FILE *stream)
{
    hpac_table summary, classes;
    hpac_evaluation_tables(evaluation, title, &summary, &classes);
    fprintf(stream, "%s\n%s: %zu images\n", title->model, title->set, evaluation->images);
    print_summary(evaluation, stream);
    hpac_status status = hpac_table_print(&classes, 0, stream);
    hpac_table_fini(&summary);
    hpac_table_fini(&classes);
    return status;
}

/* ---- JSON, CSV ---- */

hpac_status hpac_evaluation_print_json(const hpac_evaluation *evaluation,
                                       const hpac_evaluation_title *title, FILE *stream)
{
    hpac_table tables[2];
    hpac_evaluation_tables(evaluation, title, &tables[0], &tables[1]);
    hpac_status status = hpac_tables_write_json(tables, 2, stream);
    hpac_table_fini(&tables[0]);
    hpac_table_fini(&tables[1]);
    return status;
}

hpac_status hpac_evaluation_write(const hpac_evaluation *evaluation,
                                  const hpac_evaluation_title *title, const char *folder)
{
    HPAC_TRY(hpac_directory_create(folder));
    hpac_table summary, classes;
    hpac_evaluation_tables(evaluation, title, &summary, &classes);
    hpac_status status = hpac_table_write_csv(&summary, folder, "evaluation.csv");
    if (status == HPAC_OK)
        status = hpac_table_write_csv(&classes, folder, "class_evaluation.csv");
    hpac_table_fini(&summary);
    hpac_table_fini(&classes);
    return status;
}
