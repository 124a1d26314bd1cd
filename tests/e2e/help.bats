# Help texts, man page and completion agree with the parser.
load helpers
export REPORTS=1 # run_hpac adds no option of its own

# commands: their names, from the help.
commands() {
    "$HPAC" help | awk '/^commands:/ {on = 1; next} on && !NF {exit} on && /^  [a-z]/ {print $1}'
}

# options COMMAND: one line per option, "--out DIR" or "--force", from its help, without letters.
options() {
    "$HPAC" help "$1" | sed 's/^  -[a-z], --/  --/' |
        awk '/^options:/ {on = 1; next} on && !NF {exit}
             on && /^  --/ {print $1, (substr($0, 3 + length($1), 1) == " " && $2 ~ /[A-Z|]/ &&
                                       substr($0, 4 + length($1), 1) != " ") ? $2 : ""}'
}

# complete_words WORD...: sets COMPREPLY as bash does when the last of them is completed.
complete_words() {
    COMP_WORDS=(hpac "$@") COMP_CWORD=$# COMPREPLY=()
    _hpac
}

# assert_completes COMPLETION... -- WORD...: these, in any order (files come as the disk has them).
assert_completes() {
    local expected=() got
    while [[ $1 != -- ]]; do
        expected+=("$1")
        shift
    done
    shift
    complete_words "$@"
    got=$(printf '<%s>\n' "${COMPREPLY[@]}" | sort)
    [[ $got == "$(printf '<%s>\n' "${expected[@]}" | sort)" ]] ||
        fail_with "completing: $*"$'\n'"expected: ${expected[*]@Q}"$'\n'"got: ${COMPREPLY[*]@Q}"
}

load_completion() {
    # shellcheck disable=SC1090
    source <("$HPAC" help --bash-completion)
}

@test "help lists the commands, help COMMAND and COMMAND --help are the same" {
    local command
    [[ $(commands | wc -l) -ge 10 ]] || fail_with "expected ten commands or more: $(commands)"
    run_hpac --help
    assert_exit 0
    [[ $output == "$("$HPAC" help)" ]] || fail_with "--help is not help"
    for command in $(commands); do
        run_hpac help "$command"
        assert_exit 0
        [[ -z $stderr ]] || fail_with "expected nothing on stderr"
        assert_output_has "usage: hpac $command"
        [[ $output == "$("$HPAC" "$command" --help)" ]] || fail_with "$command --help differs"
    done
}

@test "help stays within 80 columns where there is no terminal" {
    local command
    for command in '' $(commands); do
        # shellcheck disable=SC2086 # none without a command
        run_hpac help $command
        run awk 'length > 80 && !/^  hpac |^usage: /' <<<"$output"
        assert_no_output
    done
}

@test "help is as wide as the terminal, from 80 to 100 columns" {
    local width lines
    require_tool script
    for width in 60:80 90:90 200:100; do
        lines=$(script -qec "stty cols ${width%:*}; '$HPAC' help train" /dev/null </dev/null | tr -d '\r')
        [[ $lines == *"usage: hpac train"* ]] || fail_with "no help on a terminal: $lines"
        awk -v most="${width#*:}" 'length > most && !/^  hpac / {exit 1}
            length > longest {longest = length} END {exit longest < most - 12}' <<<"$lines" ||
            fail_with "not ${width#*:} columns of ${width%:*}: $lines"
    done
}

@test "every option of a help text is accepted by the parser" {
    local command option argument count=0
    for command in $(commands); do
        while read -r option argument; do
            count=$((count + 1))
            # All is parsed, and help printed, before anything is done.
            case $argument in
            '') run_hpac "$command" "$option" --help ;;
            *'|'*) run_hpac "$command" "$option" "${argument%%|*}" --help ;;
            *) # 2 may be out of range; then the number is refused, not the option.
                run_hpac "$command" "$option" 2 --help
                [[ $status -eq 0 || $stderr != *"expected an integer"* ]] ||
                    run_hpac "$command" "$option" 64 --help
                ;;
            esac
            assert_exit 0
            assert_output_has "usage: hpac $command"
            [[ -z $argument ]] || { # and it needs its value
                run_hpac "$command" "$option"
                assert_exit 2
                assert_error_has "$option needs a value"
            }
        done < <(options "$command")
    done
    [[ $count -gt 80 ]] || fail_with "only $count options were found"
}

# page NAME...: hpac help NAME... --man as text, after both readers of man pages found no fault.
page() {
    require_tool mandoc
    require_tool groff
    "$HPAC" help "$@" --man >"$TMP/page"
    mandoc -Tlint -Wwarning "$TMP/page" >&2 || fail_with "mandoc has warnings: $*"
    groff -man -ww -Tascii "$TMP/page" >/dev/null 2>"$TMP/groff.log"
    [[ ! -s $TMP/groff.log ]] || fail_with "groff has warnings: $(<"$TMP/groff.log")"
    mandoc -Tascii -Owidth=200 "$TMP/page" | sed 's/.\x08//g' >"$TMP/page.txt"
}

@test "the man page of hpac lists the commands and what they share" {
    local command text
    page
    for text in NAME SYNOPSIS DESCRIPTION COMMANDS ENVIRONMENT 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
        grep -qx "$text" "$TMP/page.txt" || fail_with "no section $text"
    done
    for command in $(commands) config; do
        grep -qE "^ +hpac-$command\([15]\)" "$TMP/page.txt" || fail_with "no hpac-$command"
    done
}

@test "each command has a man page with every option, range and default" {
    local command option argument default
    for command in $(commands); do
        page "$command"
        grep -qE "^ +hpac-$command - " "$TMP/page.txt" || fail_with "$command: no name"
        while read -r option argument; do
            grep -qE -- "^ +(-[a-z], )?$option( |\$)" "$TMP/page.txt" || fail_with "$command: no $option"
            [[ -z $argument ]] || grep -qF -- "$option $argument" "$TMP/page.txt" ||
                fail_with "$command: $option without $argument"
        done < <(options "$command")
        while IFS= read -r default; do
            tr -s ' \n' ' ' <"$TMP/page.txt" | grep -qF -- "; default $default" ||
                fail_with "$command: no default $default"
        done < <("$HPAC" help "$command" | tr -s ' \n' ' ' | grep -oP '\(default \K[^)]*(?=\))' || true)
    done
    page predict
    grep -q 'threads that read images; 0: one per core; in \[0, 256\]; default 0' "$TMP/page.txt" ||
        fail_with "no ranges"
}

# keys: the keys of the configuration in docs/configuration.md, those of layers as model.TYPE.KEY.
keys() {
    awk '/^## model/ {model = 1} model && /^### / {type = "model." $2 "."}
         /^\| `/ {gsub(/`/, "", $2); print (model ? type : "") $2}' docs/configuration.md
}

@test "hpac help config and man hpac-config have every key of docs/configuration.md" {
    local key
    [[ $(keys | wc -l) -gt 45 ]] || fail_with "few keys: $(keys)"
    page config
    run_hpac help config
    assert_exit 0
    for key in $(keys); do
        grep -qE "^  $key( |\$)" <<<"$output" || fail_with "help config: no $key"
        grep -qE "^ +$key\$" "$TMP/page.txt" || fail_with "man page: no $key"
    done
    run awk 'length > 80' <<<"$output"
    assert_no_output
}

@test "hpac help config KEY shows one key, a section, or the keys of a name" {
    run_hpac help config train.batch_size
    assert_exit 0
    assert_output_has "train.batch_size - Images per step."
    assert_output_has "expected  an integer in [1, 65536]"
    assert_output_has "default   200"
    assert_output_has "--set train.batch_size=200"
    [[ $output == "$("$HPAC" help config batch_size)" ]] || fail_with "expected the same by its last name"
    run_hpac help config data.labels
    assert_output_has "none: the key is required"
    run_hpac help config data.split
    assert_output_has "data.split.folds "
    assert_output_has "data.split.seed "
    refute_output_has "data.labels"
    run_hpac help config model
    assert_output_has "- {type: maxpool, size: 2}"
    assert_output_has "model.conv2d.filters "
    run_hpac help config multiplier
    assert_output_has "--set model.N.multiplier="
    run_hpac help config activation # of two types of layers
    assert_output_has "model.conv2d.activation "
    assert_output_has "model.dense.activation "
    run_hpac help config train.epoch
    assert_exit 2
    assert_no_output
    assert_error_has 'unknown key "train.epoch"; did you mean train.epochs?'
    run_hpac help config nothing.like.it
    assert_exit 2
    assert_error_has 'unknown key "nothing.like.it"; see hpac help config'
}

# schema: the same from the tables that configurations are read by, whether they have a help text or not.
schema() {
    grep -ohE '"(data|train|device)\.[a-z_.0-9]+"' src/config/config_schema.c | tr -d '"'
    sed -nE 's/^    \{"([a-z_]+)", &?.*/train.layers.N.\1/p' src/config/config_layers.c
    sed -nE '/definition_keys\[\]/,/^}/s/^    \{"([a-z_]+)", .*/blocks.NAME.\1/p' src/config/config_blocks.c
    awk '/^const hpac_layer_row hpac_layer_rows/ {rows = 1}
         rows && /^        \.name = / {gsub(/[",]/, ""); type = $3
                                       print "model." type}
         rows && match($0, /KEY\(("[a-z_]+"|NULL), "[a-z_]+"/) {
             split(substr($0, RSTART, RLENGTH), parts, ", "); gsub(/"/, "", parts[2])
             print "model." type "." parts[2]}' src/net/layer_table.c
    printf '%s\n' model blocks model.file model.layers model.type model.block model.block.{PARAMETER,name,inputs} \
        model.{add,dense}.{name,inputs}
}

@test "hpac help config describes every key of the schema, every section, and every last name" {
    local key
    [[ $(schema | wc -l) -gt 120 ]] || fail_with "few keys: $(schema)"
    for key in $(schema | sort -u); do
        run_hpac help config "$key"
        assert_exit 0
        [[ $output == "$key - "* ]] || fail_with "help config $key: $output"
        [[ $key == model || $output == *"in a file:"* ]] || fail_with "no example of $key"
    done
    for key in $(schema | sed -E 's/.*\.//' | sort -u) $(schema | grep -F . | sed -E 's/\.[^.]*$//' | sort -u); do
        run_hpac help config "$key"
        assert_exit 0
        [[ -n $output ]] || fail_with "nothing about $key"
    done
}

@test "hpac help config suggests what a misspelled key stands for" {
    local key
    for key in train.schedule.kind:train.schedule.type train.shedule:train.schedule block5:blocks modell:model \
        lr:learning_rate conv2:conv2d model.conv2d.filter:model.conv2d.filters trian.epochs:train.epochs \
        train.layers.mach:train.layers.N.match; do
        run_hpac help config "${key%%:*}"
        assert_exit 2
        assert_error_has "unknown key \"${key%%:*}\"; did you mean ${key#*:}?"
    done
    run_hpac help config data.split.stem
    assert_exit 2
    assert_error_has "data.split has folds, repeats, seed, method, fold"
}

@test "hpac help config knows the names that messages about layers have" {
    assert_same <("$HPAC" help config model.12.filters) <("$HPAC" help config model.conv2d.filters)
    assert_same <("$HPAC" help config blocks.residual.layers.2.filters) <("$HPAC" help config filters)
    assert_same <("$HPAC" help config train.layers.3.match) <("$HPAC" help config train.layers.N.match)
    assert_same <("$HPAC" help config train.layers.match) <("$HPAC" help config train.layers.N.match)
    assert_same <("$HPAC" help config model.12) <("$HPAC" help config model)
    assert_same <("$HPAC" help config blocks.residual.layers.2) <("$HPAC" help config blocks.NAME.layers)
    assert_same <("$HPAC" help config blocks.residual) <("$HPAC" help config blocks.NAME)
}

@test "the completion offers every command, and every option of each" {
    local command
    require_tool shellcheck
    load_completion
    run shellcheck <("$HPAC" help --bash-completion)
    [[ $status -eq 0 ]] || fail_with "shellcheck"
    mapfile -t expected < <(commands; printf -- '--help\n--version\n')
    assert_completes "${expected[@]}" -- ''
    assert_completes train -- tr
    assert_completes train -- help tr
    assert_completes config -- help co
    assert_completes train.epochs -- help config train.ep
    assert_completes -- help train tr
    for command in $(commands); do
        mapfile -t expected < <(options "$command" | cut -d ' ' -f 1)
        assert_completes "${expected[@]}" -- "$command" --
    done
}

@test "the completion offers words, files and directories" {
    load_completion
    mkdir "$TMP/place" && cd "$TMP/place"
    mkdir 'a directory' runs
    touch one.yaml two.yaml model.h5 train.csv 'with blank.csv' other.txt
    assert_completes auto cpu cuda -- train one.yaml --device ''
    assert_completes cpu cuda -- train --device = c
    assert_completes fail skip -- predict --on-bad-image ''
    assert_completes all -- train --fold a
    assert_completes 'a directory' runs one.yaml two.yaml -- train ''
    assert_completes 'a directory' runs model.h5 -- evaluate ''
    assert_completes model.h5 -- info mo
    assert_completes train.csv -- split --labels t
    assert_completes 'with blank.csv' -- split --labels wi
    assert_completes 'with blank.csv' -- split --labels 'with\ b'
    assert_completes 'with blank.csv' -- split --labels '"with b'
    assert_completes 'a directory' runs -- train --out ''
    assert_completes runs -- train --out = r
    assert_completes 'a directory' runs -- train one.yaml -o ''
    assert_completes --out -- train one.yaml -q --ou
    # There is no second configuration: options.
    complete_words train one.yaml ''
    [[ ${COMPREPLY[0]} == --* ]] || fail_with "expected options: ${COMPREPLY[*]}"
    # No completion of numbers, of options as values, and for unknown commands.
    assert_completes -- predict --batch-size ''
    assert_completes -- predict --batch-size=
    assert_completes -- nonsense ''
}

@test "the completion offers class names with blanks, and lists of classes" {
    load_completion
    assert_completes 'Rods\ \&\ rings' -- explore --company R
    assert_completes 'Plasma\ membrane' -- explore --company 'Plasma\ m'
    assert_completes 'Plasma membrane' -- explore --company '"Plasma m'
    assert_completes 'Rods & rings' -- explore --company "'Rod"
    assert_completes 'Lysosomes,Endosomes' 'Lysosomes,Endoplasmic\ reticulum' -- \
        explore --classes Lysosomes,Endo
    assert_completes 'Lysosomes, Rods & rings' -- explore --classes '"Lysosomes, Ro'
    assert_completes 'Rods\ \&\ rings,Aggresome' -- explore --classes 'Rods\ \&\ rings,Agg'
    # Each once; after an = only the class, since bash replaces the part after it.
    assert_completes -- explore --classes Aggresome,Agg
    assert_completes 'Plasma\ membrane' -- evaluate --classes = Plas
    complete_words explore --company ''
    [[ ${#COMPREPLY[@]} -eq 28 ]] || fail_with "expected 28 classes: ${COMPREPLY[*]@Q}"
}

@test "the completion offers the keys of a configuration, and their values" {
    local key
    load_completion
    assert_completes train.batch_size= -- train c.yaml --set train.batch_s
    assert_completes false true -- train c.yaml --set train.shuffle =
    assert_completes true -- train c.yaml --set train.shuffle = t
    assert_completes 'train.shuffle=true' -- train c.yaml --set train.shuffle=t # not split at =
    assert_completes auto -- train c.yaml --set data.workers = a
    assert_completes -- train c.yaml --set train.epochs = ''
    complete_words train c.yaml --set ''
    for key in $(sed -nE 's/^\| `((data|train|device)\.[a-z_.]+)` .*/\1/p' docs/configuration.md); do
        [[ " ${COMPREPLY[*]} " == *" $key= "* ]] || fail_with "--set $key is not offered"
    done
    assert_completes model.file= -- train c.yaml --set model.f
}

@test "the completion needs nothing but bash, and defines no names but its own" {
    "$HPAC" help --bash-completion >"$TMP/hpac.bash"
    # shellcheck disable=SC2016
    run env -i bash --norc -uc 'load() { source "$1"; }
        before=$(compgen -A variable; compgen -A function)
        load "$1" # as the package does: in a function
        COMP_WORDS=(hpac train --device cp) COMP_CWORD=3
        _hpac
        echo "${COMPREPLY[*]}"
        complete -p hpac
        unset COMP_WORDS COMP_CWORD COMPREPLY
        comm -13 <(sort <<<"$before") <({ compgen -A variable; compgen -A function; } | sort) |
            grep -v "^_hpac\|^before$\|^_$\|^PIPESTATUS$\|^BASH_" || true' - "$TMP/hpac.bash"
    [[ $status -eq 0 && $output == $'cpu\ncomplete -F _hpac hpac' ]] ||
        fail_with "expected cpu, and no names that do not begin with _hpac"
}

@test "an unknown command or option is named, with the nearest" {
    run_hpac help trian
    assert_exit 2
    assert_no_output
    assert_error_has 'unknown command "trian"; did you mean train?'
    run_hpac eval
    assert_exit 2
    assert_error_has 'did you mean evaluate?'
    run_hpac help nonsense
    assert_exit 2
    assert_error_has 'unknown command "nonsense"; see hpac help'
    run_hpac train configs/demo.yaml --devise=cpu
    assert_exit 2
    assert_error_has "train: unknown option --devise; did you mean --device?"
    run_hpac train configs/demo.yaml --quiet=yes
    assert_exit 2
    assert_error_has "--quiet takes no value"
    run_hpac train configs/demo.yaml --nothing-like-it
    assert_exit 2
    assert_error_has "train: unknown option --nothing-like-it; see hpac train --help"
    run_hpac predict model.h5 --images . --ids x.csv --empty none
    assert_exit 2
    assert_error_has '--empty: expected blank or argmax, not "none"'
    run_hpac doctor --seed 1 --seed 2
    assert_exit 2
    assert_error_has "doctor: duplicate option --seed"
    run_hpac help train predict
    assert_exit 2
    assert_error_has 'unexpected argument "predict"'
    run_hpac help train --bash-completion
    assert_exit 2
    assert_error_has "excludes"
    run_hpac help config train.epochs --man
    assert_exit 2
    assert_error_has "exclude each other"
}

@test "help on a full disk is an error" {
    local arguments
    for arguments in help --help --version -V 'help train' 'help config' 'train --help' 'help --man' 'help --bash-completion'; do
        # shellcheck disable=SC2086
        run --separate-stderr bash -c '"$0" "$@" >/dev/full' "$HPAC" $arguments
        assert_exit 3
        assert_error_has "cannot write to standard output"
    done
}
