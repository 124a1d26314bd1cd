# The gnuplot scripts, run by hand as their heads show: pictures of one, three and 28 classes, and of
# runs of every length, that a reader can read; words where there is nothing to draw.
load helpers
load browser

# draw SCRIPT PICTURE VARIABLES: fails when gnuplot does, or says anything.
draw() {
    run --separate-stderr gnuplot --default-settings -e "out='$2'; $3" "$PLOTS/$1.gp"
    [[ $status -eq 0 && -z $stderr && -z $output ]] || fail_with "$1.gp fails" || return 1
    assert_file "$2"
    case $2 in
    *.png) [[ $(head -c 4 "$2" | tail -c 3) == PNG ]] || fail_with "no PNG: $2" ;;
    *) grep -q '</svg>' "$2" || fail_with "no complete SVG: $2" ;;
    esac
}

# draw_both NAME SCRIPT VARIABLES: $TMP/NAME.png and $TMP/NAME.svg, which goes into $drawn.
draw_both() {
    draw "$2" "$TMP/$1.png" "$3" || return 1
    draw "$2" "$TMP/$1.svg" "$3" || return 1
    drawn+=("$TMP/$1.svg")
}

assert_words() { grep -qF ">$2<" "$1" || grep -qF " $2<" "$1" || fail_with "not in $1: $2"; }

setup() {
    helpers_setup
    require_tool gnuplot
    PLOTS=$ROOT/tools/plots
    export LC_ALL=C.UTF-8 # elsewhere gnuplot warns of its degree sign
    drawn=()
}

# The names of the first $1 classes of the competition, a line each.
class_names() {
    printf '%s\n' Nucleoplasm "Nuclear membrane" Nucleoli "Nucleoli fibrillar center" \
        "Nuclear speckles" "Nuclear bodies" "Endoplasmic reticulum" "Golgi apparatus" Peroxisomes \
        Endosomes Lysosomes "Intermediate filaments" "Actin filaments" "Focal adhesion sites" \
        Microtubules "Microtubule ends" "Cytokinetic bridge" "Mitotic spindle" \
        "Microtubule organizing center" Centrosome "Lipid droplets" "Plasma membrane" \
        "Cell junctions" Mitochondria Aggresome Cytosol "Cytoplasmic bodies" "Rods & rings" |
        head -n "$1"
}

# Tables of a run with $2 epochs of four batches and $3 classes, in the directory $1.
make_run() {
    mkdir -p "$1"
    awk -v epochs="$2" -v directory="$1" 'BEGIN {
        losses = directory "/losses.csv"; metrics = directory "/metrics.csv"; batches = directory "/batch_losses.csv"
        print "epoch,train_loss,val_loss" >losses
        print "epoch,train_accuracy,val_accuracy,val_all_zero_accuracy,train_f1_mean,val_f1_min,val_f1_max,val_f1_mean" >metrics
        print "step,batch_losses" >batches
        for (e = 1; e <= epochs; e++) {
            printf "%d,%.9g,%.9g\n", e, 0.3 + 0.4 / e, 0.4 + 0.2 / e >losses
            printf "%d,%g,%g,0.8,%g,%g,%g,%g\n", e, 1 - 0.5 / (e + 1), 0.9 - 0.2 / e, 1 - 1 / (e + 1), 0.1, 0.7, 0.4 >metrics
            for (b = 1; b <= 4; b++)
                printf "%d,%.9g\n", 4 * e - 4 + b, 0.3 + 0.4 / e + b / 50 >batches
        }
    }'
    class_names "$3" | awk -v directory="$1" '{
        heads = heads "," $0; cells = cells ",%g"; names[NR] = $0
    }
    END {
        summary = directory "/class_summary.csv"; densities = directory "/class_probability_density.csv"
        print "class,support,ones_percent,prediction_mean,prediction_std,precision,recall,f1" >summary
        print "probability" heads >densities
        for (k = 1; k <= NR; k++)
            printf "%s,%d,%g,%g,%g,0.5,0.5,%g\n", names[k], 10 * k, k, k / 30, k / 90, k / 40 >summary
        for (x = 0; x <= 1.0001; x += 0.05) {
            printf "%g", x >densities
            for (k = 1; k <= NR; k++)
                printf k == 2 ? "," : ",%g", exp(-(x - k / 30) ^ 2 * 50 * k) * 2 * sqrt(k) >densities
            printf "\n" >densities
        }
    }'
    printf 'from,to,count,density\n0,0.5,3,1.5\n0.5,1,1,0.5\n' >"$1/probability_histogram.csv"
    printf 'probability,density\n0,1\n0.5,1.2\n1,0.7\n' >"$1/probability_density.csv"
    printf 'label,count,percent\n0,3,75\n1,1,25\n' >"$1/label_shares.csv"
}

@test "one, three and 28 classes are drawn legibly" {
    local classes directory
    for classes in 1 3 28; do
        directory=$TMP/$classes
        make_run "$directory" 2 "$classes"
        draw_both "ridges$classes" ridges "csv='$directory/class_probability_density.csv'; title='Ridges'"
        draw_both "ranges$classes" ranges "csv='$directory/class_summary.csv'"
        draw_both "bars$classes" bars "csv='$directory/class_summary.csv'; names='class'; \
            values='ones_percent'; axis='percent'; number='%.2f'; title='Ones'"
        class_names "$classes" >"$TMP/names"
        {
            paste -sd , "$TMP/names" | sed 's/^/,/'
            sed "s/\$/$(yes , | head -n "$classes" | tr -d '\n' | sed 's/,/,0.5/g')/" "$TMP/names"
        } >"$TMP/table.csv"
        draw_both "heatmap$classes" heatmap "csv='$TMP/table.csv'"
    done
    assert_words "$TMP/ridges28.svg" "Rods &amp; rings"
    assert_words "$TMP/ridges28.svg" "all equal"
    assert_words "$TMP/ranges28.svg" "Microtubule organizing center"
    assert_reads_well "${drawn[@]}"
}

@test "runs of one epoch and of 200 are drawn legibly" {
    local epochs directory quantity
    for epochs in 1 8 200; do
        directory=$TMP/$epochs
        make_run "$directory" "$epochs" 3
        draw_both "losses$epochs" losses "csv='$directory/losses.csv'; prior=0.55; best=$epochs; title='Loss'"
        draw_both "batch_losses$epochs" batch_losses "csv='$directory/batch_losses.csv'; last=800"
        for quantity in accuracy f1; do
            draw_both "$quantity$epochs" metrics "csv='$directory/metrics.csv'; quantity='$quantity'"
        done
    done
    draw_both histogram histogram "csv='$TMP/1/probability_histogram.csv'; \
        curve='$TMP/1/probability_density.csv'"
    draw_both alone histogram "csv='$TMP/1/probability_histogram.csv'"
    draw_both shares columns "csv='$TMP/1/label_shares.csv'; places='label'; values='percent'"
    assert_words "$TMP/losses8.svg" "lowest, in epoch 8"
    assert_words "$TMP/losses1.svg" "constant prior: 0.5500"
    assert_reads_well "${drawn[@]}"
}

@test "twelve runs with long names are drawn over one another legibly" {
    local variables="files=12;" name run
    for run in {1..12}; do
        make_run "$TMP/$run" $((run * 4)) 1
        name="sweep/a_very_long_name/train.batch_size=64,train.optimizer.learning_rate=0.$run"
        variables+=" file$run='$TMP/$run/TABLE.csv'; label$run='$name';"
    done
    draw_both losses losses "${variables//TABLE/losses} prior=0.5"
    draw_both batch_losses batch_losses "${variables//TABLE/batch_losses}"
    draw_both accuracy metrics "${variables//TABLE/metrics}"
    draw_both f1 metrics "${variables//TABLE/metrics} quantity='f1'"
    [[ $(grep -o 'learning_rate=0.[0-9]*<' "$TMP/f1.svg" | sort -u | wc -l) -eq 12 ]] ||
        fail_with "the names are equal"
    assert_reads_well "${drawn[@]}"
}

@test "the runs of a sweep do not overlap, and those without results are left out" {
    {
        printf 'run,state,steps,elapsed_s,final_val_f1_mean\nfirst_failed,failed,,,\n'
        for run in {1..30}; do
            printf 'batch_size=%d epochs=%d dropout=0.5,finished,%d,%d,0.%d\n' $((run % 4)) \
                "$run" $((run * run * 100)) $((run % 4)) $((run % 3 + 3))
        done
    } >"$TMP/sweep.csv"
    draw_both tradeoff tradeoff "csv='$TMP/sweep.csv'; title='F1 and time'; yaxis='mean F1'"
    draw_both logarithmic tradeoff "csv='$TMP/sweep.csv'; x='steps'; logx=1; xaxis='update steps'"
    head -n 3 "$TMP/sweep.csv" >"$TMP/one.csv"
    draw_both one tradeoff "csv='$TMP/one.csv'"
    ! grep -q first_failed "$TMP/tradeoff.svg" || fail_with "a run without figures is drawn"
    [[ $(grep -c 'dropout=0.5<' "$TMP/tradeoff.svg") -eq 30 ]] || fail_with "not 30 names"
    assert_reads_well "${drawn[@]}"
}

@test "the color of a run's point goes by its row or style, not by its height" {
    printf 'run,elapsed_s,final_val_f1_mean\nlow,1,0.1\nhigh,2,0.9\nmid,3,0.5\n' >"$TMP/sweep.csv"
    marks() { sed -n "s/.*#gpPt.*color='\(.*\)'.*/\1/p" "$TMP/marks.svg" | tail -n 3 | tr -d '\n '; }
    local blue='rgb(0,114,178)' orange='rgb(213,94,0)' green='rgb(0,158,115)'
    draw_both marks tradeoff "csv='$TMP/sweep.csv'"
    [[ $(marks) == "$orange$green$blue" ]] || fail_with "high, mid and low are $(marks)"
    draw_both marks tradeoff "csv='$TMP/sweep.csv'; style1=3; style2=1; style3=2"
    [[ $(marks) == "$blue$orange$green" ]] || fail_with "high, mid and low are $(marks)"
}

@test "missing cells and losses over many powers of ten are drawn without a warning" {
    printf 'epoch,train_loss,val_loss\n1,10,9\n2,nan,0.5\n3,0.01,\n4,1e-6,inf\n' >"$TMP/losses.csv"
    printf 'epoch,train_loss,val_loss\n1,0.5,0.5\n2,0.5,0.5\n' >"$TMP/constant.csv"
    printf 'step,batch_losses\n1,0.5\n2,nan\n3,\n4,0.25\n' >"$TMP/batches.csv"
    draw_both losses losses "csv='$TMP/losses.csv'"
    draw_both constant losses "csv='$TMP/constant.csv'"
    draw_both batches batch_losses "csv='$TMP/batches.csv'; window=2"
    assert_words "$TMP/losses.svg" "1e-06"
    assert_reads_well "${drawn[@]}"
}

@test "the running mean is the mean of the last batches" {
    # Sums of 0.1, 0.2, ...: the mean of k-3 .. k is (k - 1.5) / 10; of three, from the first shown on.
    seq 12 | awk 'BEGIN {print "step,batch_losses"} {print $1 "," $1 / 10}' >"$TMP/batches.csv"
    run gnuplot --default-settings -e "csv='$TMP/batches.csv'; out='$TMP/a.png'; window=4; last=10" \
        tools/plots/batch_losses.gp -e 'print $curve1'
    [[ $status -eq 0 ]] || fail_with "batch_losses.gp fails"
    [[ $(awk -F ' , ' 'NF == 4 {printf "%g:%g ", $1, $4}' <<<"$output") == \
        "3:0.2 4:0.25 5:0.35 6:0.45 7:0.55 8:0.65 9:0.75 10:0.85 11:0.95 12:1.05 " ]] ||
        fail_with "other means"
}

@test "a hundred thousand batches make a small picture" {
    seq 100000 | awk 'BEGIN {print "step,batch_losses"} {print $1 "," 0.3 + sin($1) / 10}' \
        >"$TMP/batch_losses.csv"
    draw_both batches batch_losses "csv='$TMP/batch_losses.csv'"
    [[ $(stat -c %s "$TMP/batches.svg") -lt 1000000 ]] || fail_with "an SVG of more than a megabyte"
    assert_words "$TMP/batches.svg" "min and max of 100"
    assert_reads_well "${drawn[@]}"
}

@test "a table without data gives a message and no picture" {
    printf '' >"$TMP/empty.csv"
    printf 'epoch,step,train_loss,val_loss,batch_losses,class,label,learning_rate\n' >"$TMP/header.csv"
    printf 'a,b\nx,y\n' >"$TMP/others.csv"
    local script file
    for script in losses batch_losses learning_rates metrics histogram ridges ranges tradeoff bars columns heatmap; do
        for file in empty header others missing; do
            [[ $script.$file != heatmap.others ]] || continue # any table will do
            run --separate-stderr gnuplot --default-settings \
                -e "csv='$TMP/$file.csv'; out='$TMP/a.png'" "$PLOTS/$script.gp"
            [[ $status -ne 0 && $stderr == *"$file.csv"* ]] || fail_with "$script.gp draws $file.csv"
            assert_no_file "$TMP/a.png"
        done
    done
    printf 'probability\n0\n1\n' >"$TMP/no_class.csv"
    run gnuplot --default-settings -e "csv='$TMP/no_class.csv'; out='$TMP/a.png'" "$PLOTS/ridges.gp"
    [[ $status -ne 0 && $output == *"one per class"* ]] || fail_with "a ridge of no class"
    run gnuplot --default-settings -e "csv='a.csv'; out='$TMP/a.png'; quantity='f2'" "$PLOTS/metrics.gp"
    [[ $status -ne 0 && $output == *"expected accuracy or f1"* ]] || fail_with "a quantity of its own"
}

@test "the installed scripts draw in any directory, by hand and through the program" {
    env -u MAKEFLAGS -u MAKELEVEL make -s install PREFIX="$TMP/usr" >"$TMP/make.log" 2>&1 ||
        fail_with "$(<"$TMP/make.log")"
    PLOTS=$TMP/usr/share/hpac/plots
    local script
    for script in tools/plots/*.gp; do
        assert_same "$script" "$PLOTS/${script##*/}"
    done
    make_run "$TMP/run" 3 3
    cd "$TMP/run"
    draw losses losses.png "csv='losses.csv'"
    cd "$PLOTS"
    run gnuplot -e "csv='$TMP/run/losses.csv'; out='$TMP/here.png'" losses.gp
    assert_file "$TMP/here.png"
    cd /
    printf 'Id,Target\na,0\nb,0 25\n' >"$TMP/labels.csv"
    run env -u HPAC_PLOTS "$TMP/usr/bin/hpac" explore --labels "$TMP/labels.csv" --out "$TMP/out"
    [[ $status -eq 0 ]] || fail_with "the installed program does not explore"
    assert_file "$TMP/out/plots/class_counts.png"
}
