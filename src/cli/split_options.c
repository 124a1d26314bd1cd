/* The options of a split. */
#include "split_options.h"

bool split_options_read(const cli_arguments *arguments, hpac_split_options *split)
{
    const bool folds = cli_text(arguments, "folds") != NULL,
               repeats = cli_text(arguments, "repeats") != NULL,
               seed = cli_text(arguments, "seed") != NULL;
    int method = cli_choice(arguments, "method");
    *split = (hpac_split_options){
        .folds = folds ? (int)cli_number(arguments, "folds") : 3,
        .repeats = repeats ? (int)cli_number(arguments, "repeats") : 1,
        .seed = seed ? (uint32_t)cli_number(arguments, "seed") : 0,
        .method = method >= 0 ? (hpac_split_method)method : HPAC_SPLIT_KFOLD,
    };
    return folds || repeats || seed || method >= 0;
}
