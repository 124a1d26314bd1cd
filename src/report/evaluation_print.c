/* Evaluations as text, JSON and CSV. */
#include <hpac/evaluation.h>

#include <hpac/csv.h>
#include <hpac/file.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

/* ---- text ---- */

/* A measure in `width` columns. */
static void print_measure(FILE *stream, int width, double value)
{
    if (isnan(value))
        fprintf(stream, "%*s", width, "-");
    else
        fprintf(stream, "%*.4f", width, value);
}

static void print_summary(const hpac_evaluation *evaluation, FILE *stream)
{
    const hpac_f1_summary *f1 = &evaluation->f1;
    fputs("  loss     ", stream);
    print_measure(stream, 8, evaluation->loss);
    fputs("   constant prior ", stream);
    print_measure(stream, 8, evaluation->prior_loss);
    fprintf(stream, "\n  accuracy %8.4f   all zero       %8.4f\n", evaluation->accuracy,
            evaluation->all_zero_accuracy);
    fprintf(stream, "  F1       %8.4f   over the classes: min %.4f, max %.4f, std %.4f\n", f1->mean,
            f1->min, f1->max, f1->std);
    fprintf(stream, "  micro F1 %8.4f   sample F1      %8.4f\n", evaluation->micro_f1,
            evaluation->sample_f1);
}

static void print_class(const hpac_class_evaluation *class, const char *name, FILE *stream)
{
    fprintf(stream, "  %-29s%7llu%7llu%7llu%7llu", name, (unsigned long long)class->support,
            (unsigned long long)class->true_positives, (unsigned long long)class->false_positives,
            (unsigned long long)class->false_negatives);
    const double measures[] = {class->precision, class->recall, class->f1, class->average_precision,
                               class->roc_auc,   class->mean,   class->std};
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
        print_measure(stream, 7, measures[i]);
    print_measure(stream, 7, (double)class->threshold);
    fputc('\n', stream);
}

void hpac_evaluation_print(const hpac_evaluation *evaluation, const hpac_evaluation_title *title,
                           FILE *stream)
{
    fprintf(stream, "%s\n%s: %zu images\n", title->model, title->set, evaluation->images);
    print_summary(evaluation, stream);
    fprintf(stream, "\n  %-29s%7s%7s%7s%7s%7s%7s%7s%7s%7s%7s%7s%7s\n", "class", "images", "tp",
            "fp", "fn", "prec", "recall", "F1", "AP", "AUC", "mean", "std", "p >");
    for (int t = 0; t < evaluation->target_count; t++)
        print_class(&evaluation->classes[t], hpac_class_names[evaluation->targets[t]], stream);
}

/* ---- JSON ---- */

/* Takes note of memory that ran out, so that one check at the end is enough. */
typedef struct json_writer {
    json_t *object;
    bool failed;
} json_writer;

static void put(json_writer *writer, const char *key, json_t *value)
{
    if (json_object_set_new(writer->object, key, value) != 0)
        writer->failed = true;
}

static void put_measure(json_writer *writer, const char *key, double value)
{
    put(writer, key, isnan(value) ? json_null() : json_real(value));
}

static void put_count(json_writer *writer, const char *key, uint64_t value)
{
    put(writer, key, json_integer((json_int_t)value));
}

static json_t *class_object(const hpac_class_evaluation *class, int number, bool *failed)
{
    json_writer writer = {.object = json_object()};
    put(&writer, "class", json_string(hpac_class_names[number]));
    put_count(&writer, "number", (uint64_t)number);
    put_count(&writer, "support", class->support);
    put_count(&writer, "true_positives", class->true_positives);
    put_count(&writer, "false_positives", class->false_positives);
    put_count(&writer, "false_negatives", class->false_negatives);
    put_measure(&writer, "precision", class->precision);
    put_measure(&writer, "recall", class->recall);
    put_measure(&writer, "f1", class->f1);
    put_measure(&writer, "average_precision", class->average_precision);
    put_measure(&writer, "roc_auc", class->roc_auc);
    put_measure(&writer, "mean", class->mean);
    put_measure(&writer, "std", class->std);
    put_measure(&writer, "threshold", (double)class->threshold);
    *failed = *failed || writer.failed;
    return writer.object;
}

static void put_all(json_writer *writer, const hpac_evaluation *evaluation,
                    const hpac_evaluation_title *title)
{
    put(writer, "model", json_string(title->model));
    put(writer, "set", json_string(title->set));
    put_count(writer, "images", evaluation->images);
    put_measure(writer, "loss", evaluation->loss);
    put_measure(writer, "prior_loss", evaluation->prior_loss);
    put_measure(writer, "accuracy", evaluation->accuracy);
    put_measure(writer, "all_zero_accuracy", evaluation->all_zero_accuracy);
    put_measure(writer, "f1_min", evaluation->f1.min);
    put_measure(writer, "f1_max", evaluation->f1.max);
    put_measure(writer, "f1_mean", evaluation->f1.mean);
    put_measure(writer, "f1_std", evaluation->f1.std);
    put_measure(writer, "micro_f1", evaluation->micro_f1);
    put_measure(writer, "sample_f1", evaluation->sample_f1);
    json_t *classes = json_array();
    for (int t = 0; t < evaluation->target_count; t++)
        if (json_array_append_new(classes, class_object(&evaluation->classes[t],
                                                        evaluation->targets[t], &writer->failed)) !=
            0)
            writer->failed = true;
    put(writer, "classes", classes);
}

hpac_status hpac_evaluation_print_json(const hpac_evaluation *evaluation,
                                       const hpac_evaluation_title *title, FILE *stream)
{
    json_writer writer = {.object = json_object()};
    put_all(&writer, evaluation, title);
    char *text =
        writer.failed ? NULL : json_dumps(writer.object, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(writer.object);
    if (!text)
        return hpac_fail(HPAC_ERR_INTERNAL, "the evaluation cannot be made JSON: out of memory, or "
                                            "a path that is not UTF-8");
    fprintf(stream, "%s\n", text);
    free(text);
    return HPAC_OK;
}

/* ---- CSV ---- */

static void write_measures(FILE *stream, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (isnan(values[i]))
            fputc(',', stream);
        else
            fprintf(stream, ",%.9g", values[i]);
    fputc('\n', stream);
}

static void write_summary_rows(const hpac_evaluation *evaluation, FILE *stream)
{
    fputs("images,loss,prior_loss,accuracy,all_zero_accuracy,f1_min,f1_max,f1_mean,f1_std,"
          "micro_f1,sample_f1\n",
          stream);
    fprintf(stream, "%zu", evaluation->images);
    const double measures[] = {evaluation->loss,     evaluation->prior_loss,
                               evaluation->accuracy, evaluation->all_zero_accuracy,
                               evaluation->f1.min,   evaluation->f1.max,
                               evaluation->f1.mean,  evaluation->f1.std,
                               evaluation->micro_f1, evaluation->sample_f1};
    write_measures(stream, measures, sizeof measures / sizeof *measures);
}

static void write_class_rows(const hpac_evaluation *evaluation, FILE *stream)
{
    fputs("class,support,true_positives,false_positives,false_negatives,precision,recall,f1,"
          "average_precision,roc_auc,mean,std,threshold\n",
          stream);
    for (int t = 0; t < evaluation->target_count; t++) {
        const hpac_class_evaluation *class = &evaluation->classes[t];
        hpac_csv_write_cell(stream, hpac_class_names[evaluation->targets[t]]);
        fprintf(stream, ",%llu,%llu,%llu,%llu", (unsigned long long)class->support,
                (unsigned long long)class->true_positives,
                (unsigned long long)class->false_positives,
                (unsigned long long)class->false_negatives);
        const double measures[] = {
            class->precision, class->recall, class->f1,  class->average_precision,
            class->roc_auc,   class->mean,   class->std, (double)class->threshold};
        write_measures(stream, measures, sizeof measures / sizeof *measures);
    }
}

static hpac_status write_file(const hpac_evaluation *evaluation, const char *folder,
                              const char *name, void (*write_rows)(const hpac_evaluation *, FILE *))
{
    char *path = hpac_path_join(folder, "%s", name);
    if (!path)
        return hpac_fail_memory(0);
    hpac_file file;
    hpac_status status = hpac_file_create(&file, path);
    free(path);
    if (status != HPAC_OK)
        return status;
    write_rows(evaluation, file.stream);
    return hpac_file_commit(&file);
}

hpac_status hpac_evaluation_write(const hpac_evaluation *evaluation, const char *folder)
{
    hpac_status status = hpac_folder_create(folder);
    if (status == HPAC_OK)
        status = write_file(evaluation, folder, "evaluation.csv", write_summary_rows);
    if (status == HPAC_OK)
        status = write_file(evaluation, folder, "class_evaluation.csv", write_class_rows);
    return status;
}
