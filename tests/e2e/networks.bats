# The networks of configs/ that are more than those of the reference notebooks.

load helpers

setup_file() { small_data --count 10 --test-count 1 --seed 7; }

# Without and with training; as many parameters as the published network has with four channels and
# 28 classes (tools/reference/check_networks.py), moving averages included. Eight images can be memorized:
# in six steps the loss falls to 4 % (the ResNets) up to 45 % (gapnet) of what it was. The model
# that is saved predicts what the training did.
trains() {
    local config=configs/$1.yaml parameters=$2
    local data=(--device cpu --set data.labels="$DATA/train.csv" --set data.images="$DATA/train")
    run_hpac train "$config" "${data[@]}" --dry-run --set train.batch_size=1
    assert_exit 0
    assert_output_has "model: input (256, 256, 4)"
    assert_output_has " $parameters total"
    run_hpac train "$config" "${data[@]}" --dry-run --set 'data.scale={rows: 1, cols: 1}' --set train.batch_size=1
    assert_exit 0
    assert_output_has "model: input (512, 512, 4)"
    run_hpac train "$config" "${data[@]}" --out "$TMP/run" --quiet --set 'data.image={rows: 64, cols: 64}' \
        --set train.epochs=6 --set train.batch_size=8 --set train.schedule.type=constant
    assert_exit 0
    assert_line_count 7 "$TMP/run/batch_losses.csv" # one batch of 8 images per epoch
    awk -F, 'NR == 2 { first = $NF } END { exit !($NF > 0 && $NF < 0.6 * first) }' "$TMP/run/batch_losses.csv" ||
        fail_with "$1 does not learn: $(cat "$TMP/run/batch_losses.csv")"
    assert_line_count 3 "$TMP/run/predictions.csv"
    cut -d, -f1 "$TMP/run/predictions.csv" >"$TMP/ids.csv"
    run_hpac predict "$TMP/run" --device cpu --images "$DATA/train" --ids "$TMP/ids.csv" --out "$TMP/again"
    assert_exit 0
    assert_same "$TMP/run/predictions.csv" "$TMP/again/submission_proba.csv"
    rm -r "$TMP/run" # hundreds of MiB
}

@test "gapnet trains" { trains gapnet 632092; }
@test "resnet18 trains" { trains resnet18 11203612; }
@test "resnet34 trains" { trains resnet34 21319196; }
@test "densenet121 trains" { trains densenet121 7069340; }
@test "efficientnet_b0 trains" { trains efficientnet_b0 4085720; }

# Each complete example of a network, on small images.
@test "the examples of docs/configuration.md are networks" {
    awk -v to="$TMP/" '/^```yaml$/ {file = to (++n) ".yaml"; next} /^```$/ {file = ""} file {print > file}' \
        docs/configuration.md
    local networks=() file
    for file in "$TMP"/*.yaml; do
        grep -q '^model:' "$file" && ! grep -q 'file:' "$file" && networks+=("$file")
    done
    ((${#networks[@]} >= 4)) # the default, inputs, a residual network, squeeze-and-excitation
    for file in "${networks[@]}"; do
        run_hpac train "$file" --device cpu --dry-run --set data.labels="$DATA/train.csv" \
            --set data.images="$DATA/train" --set train.batch_size=4
        assert_exit 0
        assert_output_has " total"
    done
}
