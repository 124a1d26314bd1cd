/* Evaluations as tables: for the terminal, JSON, CSV. */
#include "evaluation.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "render/table.h"

#include <math.h>

static const hpac_column summary_columns[] = {HPAC_COLUMN_TEXT("model", NULL),
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
                                              HPAC_COLUMN_REAL("sample_f1", NULL, 4)};

static const hpac_column class_columns[] = {HPAC_COLUMN_TEXT("class", NULL),
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
                                            HPAC_COLUMN_REAL("threshold", "p >", 3)};

#define COUNT(columns) (sizeof(columns) / sizeof *(columns))
#define NUMBER HPAC_NUMBER_CELL

enum { SUMMARY, CLASSES, TABLE_COUNT };
typedef hpac_table evaluation_tables[TABLE_COUNT];

static void fini_tables(evaluation_tables *tables)
{
    for (size_t i = 0; i < TABLE_COUNT; i++)
        hpac_table_fini(&(*tables)[i]);
}

/* The metrics of the set, one row, and one row per class. */
static void fill_tables(const hpac_evaluation *evaluation, const hpac_evaluation_title *title,
                        hpac_table *tables)
{
    const hpac_f1_summary *f1 = &evaluation->f1;
    hpac_table_init(&tables[SUMMARY], "evaluation", "Evaluation", summary_columns,
                    COUNT(summary_columns));
    hpac_table_add_row(&tables[SUMMARY],
                       HPAC_CELLS(HPAC_TEXT_CELL(title->model), HPAC_TEXT_CELL(title->set),
                                  NUMBER(evaluation->images), NUMBER(evaluation->loss),
                                  NUMBER(evaluation->prior_loss), NUMBER(evaluation->accuracy),
                                  NUMBER(evaluation->all_zero_accuracy), NUMBER(f1->min),
                                  NUMBER(f1->max), NUMBER(f1->mean), NUMBER(f1->std),
                                  NUMBER(evaluation->micro_f1), NUMBER(evaluation->sample_f1)));
    hpac_table_init(&tables[CLASSES], "class_evaluation", "Classes", class_columns,
                    COUNT(class_columns));
    for (size_t t = 0; t < evaluation->target_count; t++) {
        const hpac_class_evaluation *class = &evaluation->classes[t];
        hpac_table_add_row(
            &tables[CLASSES],
            HPAC_CELLS(HPAC_TEXT_CELL(hpac_class_names[evaluation->targets[t]]),
                       NUMBER(class->support), NUMBER(class->counts.tp), NUMBER(class->counts.fp),
                       NUMBER(class->counts.fn), NUMBER(class->precision), NUMBER(class->recall),
                       NUMBER(class->f1), NUMBER(class->average_precision), NUMBER(class->roc_auc),
                       NUMBER(class->mean), NUMBER(class->std),
                       NUMBER(hpac_float_decimal(class->threshold))));
    }
}

/* In eight columns. */
static const char *loss_text(double loss, char text[16])
{
    if (isnan(loss))
        snprintf(text, 16, "%8s", "-");
    else
        snprintf(text, 16, "%8.4f", loss);
    return text;
}

hpac_status hpac_evaluation_print(const hpac_evaluation *evaluation,
                                  const hpac_evaluation_title *title, FILE *stream)
{
    HPAC_AUTO(fini_tables) evaluation_tables tables = {0};
    const hpac_f1_summary *f1 = &evaluation->f1;
    char loss[16], prior[16];
    fill_tables(evaluation, title, tables);
    fprintf(stream,
            "%s\n%s: %zu images\n"
            "  loss     %s   constant prior %s\n"
            "  accuracy %8.4f   all zero       %8.4f\n"
            "  F1       %8.4f   over the classes: min %.4f, max %.4f, std %.4f\n"
            "  micro F1 %8.4f   sample F1      %8.4f\n\n",
            title->model, title->set, evaluation->images, loss_text(evaluation->loss, loss),
            loss_text(evaluation->prior_loss, prior), evaluation->accuracy,
            evaluation->all_zero_accuracy, f1->mean, f1->min, f1->max, f1->std,
            evaluation->micro_f1, evaluation->sample_f1);
    return hpac_table_print(&tables[CLASSES], 0, stream);
}

hpac_status hpac_evaluation_print_json(const hpac_evaluation *evaluation,
                                       const hpac_evaluation_title *title, FILE *stream)
{
    HPAC_AUTO(fini_tables) evaluation_tables tables = {0};
    fill_tables(evaluation, title, tables);
    return hpac_tables_write_json(tables, TABLE_COUNT, stream);
}

hpac_status hpac_evaluation_write(const hpac_evaluation *evaluation,
                                  const hpac_evaluation_title *title, const char *directory)
{
    HPAC_TRY(hpac_directory_create(directory));
    HPAC_AUTO(fini_tables) evaluation_tables tables = {0};
    fill_tables(evaluation, title, tables);
    HPAC_TRY(hpac_table_write_csv(&tables[SUMMARY], directory, "evaluation.csv"));
    return hpac_table_write_csv(&tables[CLASSES], directory, "class_evaluation.csv");
}
