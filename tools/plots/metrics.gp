# Accuracy or F1 per epoch: a run's, or several runs' over one another.
#
#     gnuplot -e "csv='metrics.csv'; quantity='f1'; out='f1.png'" tools/plots/metrics.gp
#     gnuplot -e "files=2; file1='a/metrics.csv'; label1='with dropout'; file2='b/metrics.csv'; \
#         label2='without'; quantity='accuracy'; out='accuracy.png'" tools/plots/metrics.gp
#
# Variables: out, csv or files, file1, label1, file2, label2, ..., and if wanted
#     quantity='accuracy'   of all labels, beside that of predicting all zeros; or
#              'f1'         of the classes: min to max as a band, their mean as a line
#     title=''              above the plot
#     zeros=0               no line of all zeros, which several runs share only when they
#                           are evaluated on the same labels
# Of several runs the curves are those of the validation rows, for 'f1' the mean over the classes.
load ARG0[1:strlen(ARG0)-strlen('metrics.gp')].'common.gp'
if (!exists('quantity')) quantity = 'accuracy'
if (!exists('title')) title = ''
if (!exists('zeros')) zeros = 1
if (quantity ne 'accuracy' && quantity ne 'f1') {
    print 'quantity='''.quantity.''': expected accuracy or f1'
    exit status 2
}
single = !exists('files')
if (single) { files = 1; file1 = csv; label1 = '' }
is_f1 = quantity eq 'f1'
has_zeros = !is_f1 && zeros
curve = is_f1 ? 'f1_mean' : 'accuracy'

last = 1
longest = 0
eval forget
do for [i=1:files] {
    csv = file(i)
    wanted = 'val_'.curve
    eval widen
    if (has_zeros) { wanted = 'val_all_zero_accuracy'; eval widen }
    if (single) { wanted = 'train_'.curve; eval widen }
    if (single && is_f1) { do for [name in 'val_f1_min val_f1_max'] { wanted = name; eval widen } }
    wanted = 'epoch'
    eval count
    last = max(last, found_max)
    longest = max(longest, strlen(shorten(label(i))))
}

entries = single ? 2 + (is_f1 || has_zeros) : files + has_zeros
longest = single ? 40 : longest > 15 ? longest : 15
eval canvas(480, 284 + legend_height(entries, longest))
eval panel(58, 18, title eq '' ? 26 : 46, 48 + legend_height(entries, longest))
eval legend(entries, longest)
# A little above nothing is not much.
if (is_f1) { high = max(high, 0.1) }
eval span_share(low, high)
eval span_epochs(last)
below = 'epoch'
measure = !is_f1 ? 'accuracy' : single ? 'F1' : 'mean F1'
eval inscribe

zeros_line = 'linetype 7 linewidth 2 dashtype 3'
if (single && is_f1) {
    eval add_entry('validation, min to max of the classes', sprintf(band, faint(2)), '')
    eval add_entry('training, mean of the classes', curve_line(1, last), curve_mark(1))
    eval add_entry('validation, mean of the classes', curve_line(2, last), curve_mark(2))
    plot csv using 'epoch':(finite(column('val_f1_min'))):(finite(column('val_f1_max'))) \
             with filledcurves linecolor rgb faint(2), \
         for [i=1:last == 1] csv using 'epoch':(finite(column('val_f1_min'))):(0): \
             (column('val_f1_max') - column('val_f1_min')) \
             with vectors nohead linewidth 6 linecolor rgb faint(2), \
         csv using 'epoch':(finite(column('train_f1_mean'))) with linespoints linetype 1 \
             dashtype dash(1, last) pointinterval marked(last), \
         csv using 'epoch':(finite(column('val_f1_mean'))) with linespoints linetype 2 \
             dashtype dash(2, last) pointinterval marked(last)
    exit
}
if (single) {
    eval add_entry('training', curve_line(1, last), curve_mark(1))
    eval add_entry('validation', curve_line(2, last), curve_mark(2))
    if (has_zeros) { eval add_entry('all zeros, validation', zeros_line, '') }
    plot csv using 'epoch':(finite(column('train_accuracy'))) with linespoints linetype 1 \
             dashtype dash(1, last) pointinterval marked(last), \
         csv using 'epoch':(finite(column('val_accuracy'))) with linespoints linetype 2 \
             dashtype dash(2, last) pointinterval marked(last), \
         csv using 'epoch':(has_zeros ? finite(column('val_all_zero_accuracy')) : NaN) with linespoints linetype 7 \
             linewidth 2 dashtype 3 pointtype 2 pointsize last > 1 ? 0 : 0.7
    exit
}
do for [i=1:files] { eval add_entry(shorten(label(i)), curve_line(i, last), curve_mark(i)) }
if (has_zeros) { eval add_entry('all zeros', zeros_line, '') }
plot for [i=1:files] file(i) using 'epoch':(finite(column('val_'.curve))) \
         with linespoints linetype i dashtype dash(i, last) pointinterval marked(last), \
     for [i=1:has_zeros ? files : 0] file(i) \
         using 'epoch':(finite(column('val_all_zero_accuracy'))) with linespoints linetype 7 \
         linewidth 2 dashtype 3 pointtype 2 pointsize last > 1 ? 0 : 0.7
