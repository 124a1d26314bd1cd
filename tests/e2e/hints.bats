# Habits of other tools: what hpac understands, and what it says to what it does not.
load helpers

setup_file() { small_models 1 --count 30 --test-count 3 --seed 4; }

# hinted TEXT ARG...: a usage error that has the text
hinted() {
    run_hpac "${@:2}"
    assert_exit 2
    assert_no_output
    assert_error_has "$1"
}

@test "an option that is a key of the configuration is hinted as --set" {
    local train=(train "$MADE/small.yaml" --out "$TMP/out")
    hinted "unknown option --epochs; did you mean --set train.epochs=3?" "${train[@]}" --epochs 3
    hinted "did you mean --set train.epochs=3?" "${train[@]}" --epochs=3
    hinted "did you mean --set train.batch_size=64?" "${train[@]}" --batch-size 64
    hinted "did you mean --set train.batch_size=64?" "${train[@]}" --batch_size 64
    hinted "did you mean --set train.optimizer.learning_rate=1e-3?" "${train[@]}" --lr 1e-3
    hinted "did you mean --set train.optimizer.rho=0.9?" "${train[@]}" --rho 0.9
    hinted "did you mean --set data.split.seed=1 or --set train.seed=1?" "${train[@]}" --seed 1
    hinted "did you mean --set train.epochs=3?" "${train[@]}" --epoch 3
    hinted "did you mean --set train.epochs=3?" "${train[@]}" --train.epochs 3
    hinted "did you mean --set train.shuffle=true?" "${train[@]}" --shuffle
    hinted "did you mean --set train.shuffle=true?" train --shuffle "$MADE/small.yaml"
    hinted "did you mean --set train.epochs=VALUE?" "${train[@]}" --epochs
    hinted "did you mean --set 'data.targets=Plasma membrane'?" "${train[@]}" --targets "Plasma membrane"
    hinted "did you mean --set 'data.targets=[1, 2]'?" "${train[@]}" --classes "[1, 2]"
    hinted "did you mean --set data.labels=VALUE?" "${train[@]}" --labels "it's.csv"
    hinted "did you mean --set train.epochs=3?" sweep "$MADE/small.yaml" --epochs 3
    hinted 'unexpected argument "train.epochs=3"; did you mean --set train.epochs=3?' \
        "${train[@]}" train.epochs=3
    hinted 'unexpected argument "other=3"; see' "${train[@]}" other=3
    hinted 'unexpected argument "train.csv"; did you mean --labels train.csv?' explore train.csv
    hinted 'unexpected argument "train.csv"; see' "${train[@]}" train.csv
    assert_no_file "$TMP/out"
}

@test "an option of other tools is hinted by its name here" {
    hinted "did you mean --device cuda?" train "$MADE/small.yaml" --gpu
    hinted "did you mean --out DIR?" train "$MADE/small.yaml" --output-dir "$TMP/out"
    hinted "did you mean --force?" train "$MADE/small.yaml" --overwrite
    # What is near, or the beginning of an option, is preferred; evaluate has no --set.
    hinted "did you mean --device?" train "$MADE/small.yaml" --devise cpu
    hinted "unknown option --epochs; see" evaluate "$MADE/run" --epochs 3
}

@test "the directory of a run is not its configuration" {
    mkdir "$TMP/old"
    cp "$MADE/small.yaml" "$TMP/old/config.yaml"
    hinted "$TMP/old is a directory; did you mean its configuration, $TMP/old/config.yaml?" train "$TMP/old"
    cd "$TMP"
    hinted "old is a directory; did you mean its configuration, old/config.yaml?" train old
}

@test "an empty argument, that of an unset variable, is a usage error" {
    hinted 'train: expected CONFIG, not ""' train "" --out "$TMP/out"
    hinted 'predict: expected MODEL, not ""' predict "" --images . --ids . --out "$TMP/out"
    hinted 'report: expected RUN [RUN...], not ""' report "$MADE/run" ""
}

@test "a list of --set that the shell has split is shown in quotes" {
    hinted "put it in quotes: --set 'data.targets=[Nucleoplasm, Plasma membrane, Cytosol]'" \
        train "$MADE/small.yaml" --set 'data.targets=[Nucleoplasm,' 'Plasma membrane,' 'Cytosol]'
    hinted "put it in quotes: --set 'data.test={images: t, ids: i}'" \
        train --set='data.test={images:' t, ids: 'i}' "$MADE/small.yaml"
    hinted "invalid YAML" train "$MADE/small.yaml" --set 'data.targets=[Nucleoplasm'
}

@test "--set takes lists without brackets, names in any case, and none for what is optional" {
    run_hpac train "$MADE/small.yaml" --dry-run --device cpu \
        --set data.targets=nucleoplasm,CYTOSOL --set "data.test={images: nowhere, ids: nowhere.csv}" \
        --set data.test=none
    assert_exit 0
    assert_output_has "2, sigmoid"
    hinted 'unknown class "cytosoll"; did you mean "Cytosol"?' \
        train "$MADE/small.yaml" --dry-run --set data.targets=cytosoll
}

@test "classes and channels of options are in any case, too" {
    run_hpac explore --labels "$DATA/train.csv" --company "plasma membrane"
    assert_exit 0
    assert_output_has "Plasma membrane"
    hinted '--company: unknown class "plasma membrain"; did you mean "Plasma membrane"?' \
        explore --labels "$DATA/train.csv" --company "plasma membrain"
}

@test "-h, -o, -q, -V, version, --help COMMAND" {
    run_hpac --version
    local version=$output option
    for option in -V version; do
        run_hpac "$option"
        assert_exit 0
        [[ $output == "$version" ]] || fail_with "expected $version"
    done
    run_hpac help split
    local help=$output
    for option in '--help split' '-h split' 'split -h' 'split --help'; do
        # shellcheck disable=SC2086 # two words
        run_hpac $option
        assert_exit 0
        [[ $output == "$help" ]] || fail_with "expected the help of split"
    done
    assert_output_has "-o, --out DIR"
    for option in $("$HPAC" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
        run_hpac "$option" -h
        assert_exit 0
        assert_output_has "usage: hpac $option"
    done
    hinted 'unknown command "trian"; did you mean train?' --help trian
    run_hpac split -q --labels "$DATA/train.csv" -o "$TMP/folds"
    assert_exit 2 # split has no --quiet
    assert_error_has "unknown option -q"
    run_hpac split --labels "$DATA/train.csv" -o"$TMP/folds"
    assert_exit 0
    assert_file "$TMP/folds/fold0_train.csv"
    run_hpac train "$MADE/small.yaml" -q --device cpu --set train.epochs=1 -o "$TMP/run"
    assert_exit 0
    [[ $output == "$TMP/run" && -z $stderr ]] || fail_with "expected the directory alone"
    hinted "-o needs a value" split --labels "$DATA/train.csv" -o
}

@test "a relative path that cannot be opened is shown absolute" {
    cd "$TMP"
    local directory
    directory=$(pwd -P)
    hinted "configs/nowhere.yaml: cannot open: No such file or directory (full path: $directory/configs/nowhere.yaml)" \
        train configs/nowhere.yaml
    local -A commands=(
        [labels.csv]="explore --labels labels.csv"
        [images]="explore --labels $DATA/train.csv --images images"
        [model.h5]="info model.h5"
        [other.h5]="evaluate other.h5 --labels a --images b"
        [nowhere]="train $MADE/small.yaml --dry-run --set data.images=nowhere"
    )
    for path in "${!commands[@]}"; do
        # shellcheck disable=SC2086 # words
        run_hpac ${commands[$path]}
        assert_exit 3
        assert_error_has "(full path: $directory/$path)"
    done
    run_hpac report runs
    assert_exit 2
    assert_error_has "(full path: $directory/runs)"
}
