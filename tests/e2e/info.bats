# hpac info: files of Keras, files that are no models.
load helpers

@test "info shows a file of Keras 3" {
    run_hpac info tests/golden/keras3_sequential.h5
    assert_exit 0
    assert_output_has "tests/golden/keras3_sequential.h5: written by Keras 3."
    assert_output_has "model: input (10, 9, 2)"
    assert_output_has "    1  conv2d  3, 3x2, relu (8, 8, 3)                  39"
    assert_output_has "    2  maxpool 2x3          (4, 2, 3)                   0"
    assert_output_has "    6  dense   3, sigmoid   (3)                        51"
    assert_output_has "                                                      490 total"
    assert_output_has "classes: 3, not named in the file"
    assert_output_has "configuration: not in the file"
    refute_output_has "training:"
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
}

@test "info shows a file of Keras 2" {
    run_hpac info tests/golden/keras2_functional.h5
    assert_exit 0
    assert_output_has "written by Keras 2.15.0"
    assert_output_has "   2  relu "
}

@test "info shows what a file of Keras has for training only" {
    run_hpac info tests/golden/keras3_frozen_regularized.h5
    assert_exit 0
    assert_output_has "for training in Keras only, not taken from the file: frozen layers, regularizers or constraints"
    run_hpac info tests/golden/keras3_float64.h5
    assert_exit 0
    refute_output_has "not supported by hpac"
}

@test "info refuses what is not a model" {
    run_hpac info "$TMP/missing.h5"
    assert_exit 3
    assert_error_has "$TMP/missing.h5: cannot open: No such file or directory"
    assert_no_output

    echo "Id,Target" >"$TMP/text.h5"
    run_hpac info "$TMP/text.h5"
    assert_exit 3
    assert_error_has "$TMP/text.h5: not an HDF5 file"

    head -c 9000 tests/golden/keras3_sequential.h5 >"$TMP/short.h5"
    run_hpac info "$TMP/short.h5"
    assert_exit 3
    assert_error_has "$TMP/short.h5: HDF5: damaged or cut short"

    run_hpac info "$TMP"
    assert_exit 2
    assert_error_has "$TMP: no run: expected run.json"

    : >"$TMP/unreadable.h5"
    chmod 000 "$TMP/unreadable.h5"
    run_hpac_without_privilege info "$TMP/unreadable.h5"
    assert_exit 3
    assert_error_has "Permission denied"
}

@test "info takes exactly one file" {
    run_hpac info
    assert_exit 2
    assert_error_has "expected MODEL"
    run_hpac info a.h5 b.h5
    assert_exit 2
}

# Trained from a file whose layers are frozen and regularized, which hpac neither freezes nor decays.
@test "info shows the state of a training, and its configuration" {
    run_hpac synth --count 24 --test-count 1 --size 64 --seed 3 --balance --out "$TMP/data"
    assert_exit 0
    cat >"$TMP/tiny.yaml" <<END
data:
  labels: $TMP/data/train.csv
  images: $TMP/data/train
  targets: [Cytosol, Nucleoplasm, Plasma membrane]
  channels: 2
  image: {rows: 10, cols: 9}
  scale: {rows: 1, cols: 1}
model:
  - {type: conv2d, filters: 3, kernel: 3, activation: relu}
  - {type: flatten}
  - {type: dense, units: 8, activation: relu}
  - {type: dense, units: classes, activation: sigmoid}
train: {epochs: 2, batch_size: 8, seed: 77, initial_model: tests/golden/keras3_frozen_regularized.h5}
END
    run_hpac train "$TMP/tiny.yaml" --device cpu --quiet --no-report --out "$TMP/run"
    assert_exit 0
    assert_error_has "keras3_frozen_regularized.h5: has layers with trainable=False, which hpac does not take from a file"
    assert_error_has "has regularizers or constraints, which hpac does not take from a file"
    run_hpac info "$TMP/run/resume.h5" --config
    assert_exit 0
    assert_output_has "resume.h5: written by hpac "
    assert_output_has "  25  Cytosol"
    assert_output_has "   0  Nucleoplasm"
    assert_output_has "training: 2 epochs, 4 steps, "
    assert_output_has "seed 77"
    assert_output_has "best validation loss "
    assert_output_has "optimizer adadelta: learning rate 1, rho 0.95, epsilon 1e-07"
    assert_output_has "[Cytosol, Nucleoplasm, Plasma membrane]"

    run_hpac info "$TMP/run/model.h5"
    assert_exit 0
    refute_output_has "training:"
    assert_output_has "configuration: in the file"

    run_hpac info "$TMP/run/resume.h5" --json --config
    assert_exit 0
    python3 - "$output" <<'CHECK'
import json, sys
found = json.loads(sys.argv[1])
assert [(row["class"], row["name"], row["threshold"]) for row in found["classes"]] == [
    (25, "Cytosol", None), (0, "Nucleoplasm", None), (21, "Plasma membrane", None)]
training = found["training"][0]
assert training["epochs"] == 2 and training["steps"] == 4 and training["seed"] == "77"
assert training["best_val_loss"] > 0 and abs(training["rho"] - 0.95) < 1e-6
assert "[Cytosol, Nucleoplasm, Plasma membrane]" in found["configuration"][0]["yaml"]
CHECK
}

@test "info --json has what info prints" {
    run_hpac info tests/golden/keras3_sequential.h5 --json
    assert_exit 0
    [[ -z $stderr ]] || fail_with "expected nothing on stderr"
    python3 - "$output" <<'CHECK'
import json, sys
found = json.loads(sys.argv[1])
assert list(found) == ["model", "layers", "classes"], found
assert found["model"][0]["parameters"] == 490 and found["model"][0]["outputs"] == 3
assert [(row["layer"], row["parameters"]) for row in found["layers"]] == [
    ("conv2d", 39), ("maxpool", 0), ("dropout", 0), ("flatten", 0), ("dense", 400), ("dense", 51)]
assert found["layers"][1] == {"layer": "maxpool", "options": "2x3", "output_rows": 4,
                              "output_cols": 2, "channels": 3, "parameters": 0}
assert found["classes"] == []
CHECK
}

# HDF5 1.10 reads without end where an object of a heap claims a negative size.
@test "a killed program leaves no process that reads a damaged file" {
    local at bad=$TMP/bad.h5
    "$HPAC" synth --count 24 --size 64 --balance --out "$TMP/data" --quiet >/dev/null
    DATA=$TMP/data small_config >"$TMP/small.yaml"
    run_hpac train "$TMP/small.yaml" --device cpu --quiet --set train.epochs=1 --out "$TMP/run"
    assert_exit 0
    cp "$TMP/run/model.h5" "$bad"
    at=$(grep -abo GCOL "$bad" | head -n 1 | cut -d: -f1)
    printf '\xf0\xff\xff\xff\xff\xff\xff\xff' |
        dd of="$bad" bs=1 seek=$((at + 24)) conv=notrunc status=none
    start_hpac info "$bad"
    local child='' wait=0
    until child=$(pgrep -P "$HPAC_PID") || ! kill -0 "$HPAC_PID" 2>/dev/null || ((wait++ > 200)); do
        sleep 0.05
    done
    kill -KILL "$HPAC_PID" 2>/dev/null || true
    wait_hpac
    for ((wait = 0; wait < 100; wait++)); do
        [[ -n $child && -d /proc/$child ]] || return 0
        sleep 0.05
    done
    kill "$child"
    fail_with "process $child goes on"
}
