/* Prints the probability of each class for one image, given as the PNG files of its channels:
 *
 *     cc -o predict predict.c $(pkg-config --cflags --libs hpac)
 *     ./predict runs/improved/model.h5 Id_green.png [Id_blue.png [Id_red.png [Id_yellow.png]]]
 */
#include <hpac/inference.h>
#include <hpac/log.h>
#include <stdio.h>

static void print_line(void *user, hpac_log_level level, const char *line)
{
    (void)user;
    fprintf(stderr, "%s%s\n", level == HPAC_LOG_INFO ? "" : "warning: ", line);
}

static hpac_status predict(const char *model, const hpac_image_files *image)
{
    hpac_classifier classifier;
    float probabilities[HPAC_CLASS_COUNT];
    HPAC_TRY(hpac_classifier_load(model, NULL, &classifier));
    hpac_status status = hpac_classifier_predict_files(&classifier, image, 1, probabilities);
    for (size_t t = 0; status == HPAC_OK && t < classifier.model.target_count; t++)
        printf("%.9g %s\n", probabilities[t], hpac_class_names[classifier.model.targets[t]]);
    hpac_classifier_fini(&classifier);
    return status;
}

int main(int argc, char **argv)
{
    hpac_image_files image = {{NULL}};
    for (int i = 2; i < argc && i < 2 + HPAC_MAX_CHANNELS; i++)
        image.channels[i - 2] = argv[i];
    hpac_log_set_callback(print_line, NULL);
    hpac_status status = argc > 2 ? predict(argv[1], &image)
                                  : hpac_fail(HPAC_ERR_CONFIG, "usage: predict MODEL FILE...");
    if (status != HPAC_OK)
        fprintf(stderr, "predict: %s\n", hpac_error_message());
    return status;
}
