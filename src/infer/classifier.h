/* What everything that computes with a classifier shares, so that all of it gives the same bits. */
#ifndef HPAC_INFER_CLASSIFIER_H
#define HPAC_INFER_CLASSIFIER_H

#include <hpac/inference.h>
#include <hpac/network.h>

/* HPAC_OK for a classifier that hpac_classifier_load made and nothing impossible was written to;
 * else INTERNAL. */
hpac_status classifier_check(const hpac_classifier *classifier);

/* The batches of its network. */
hpac_batch_format classifier_batch_format(const hpac_classifier *classifier);

/* Its network for predictions, with its weights. To be destroyed whatever the status. Errors: those
 * of network.h, with the classifier's path. */
hpac_status classifier_create_network(const hpac_classifier *classifier, hpac_device *device,
                                      hpac_network **network);

/* Checks all image files of a set, as hpac_inference_create does (which needs a device with room
 * for the networks), for the first of the classifiers. Errors: DATA, with all missing images
 * listed. */
hpac_status inference_check_images(const hpac_inference_options *options,
                                   const hpac_inference_set *set);

/* The predictor of hpac_classifier_predict. It needs memory only once it predicts. Errors: INTERNAL
 * (memory). */
hpac_status hpac_predictor_create(hpac_predictor **predictor);
void hpac_predictor_destroy(hpac_predictor *predictor); /* NULL is fine */

#endif
