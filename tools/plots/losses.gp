# The loss per epoch: a run's on its training and validation rows, or several runs' over one another.
#
#     gnuplot -e "csv='losses.csv'; out='losses.png'" tools/plots/losses.gp
#     gnuplot -e "files=2; file1='a/losses.csv'; label1='with dropout'; file2='b/losses.csv'; \
#         label2='without'; out='losses.png'" tools/plots/losses.gp
#
# Variables: out, and csv or files, file1, label1, file2, label2, ..., and if wanted
#     title=''      above the plot
#     prior=0.5416  the loss of the constant prior on the validation rows, as a line
#     best=7        the epoch of the lowest validation loss, to be marked (of one run)
load ARG0[1:strlen(ARG0)-strlen('losses.gp')].'common.gp'
if (!exists('title')) title = ''
if (!exists('prior')) prior = NaN
if (!exists('best')) best = NaN
single = !exists('files')
if (single) { files = 1; file1 = csv; label1 = '' }

has_prior = finite(prior) == prior
has_best = finite(best) == best
last = 1
longest = 0
do for [i=1:files] {
    csv = file(i)
    wanted = 'epoch'
    eval count
    last = max(last, found_max)
    longest = max(longest, strlen(shorten(label(i))))
}
top = title eq '' ? 26 : 46

if (single) {
    eval forget
    do for [name in 'train_loss val_loss'] { wanted = name; eval widen }
    if (has_prior) { low = min(low, prior); high = max(high, prior) }
    entries = 2 + has_prior + has_best
    eval canvas(480, 284 + legend_height(entries, 30))
    eval panel(58, 18, top, 48 + legend_height(entries, 30))
    eval legend(entries, 30)
    eval add_entry('training', curve_line(1, last), curve_mark(1))
    eval add_entry('validation', curve_line(2, last), curve_mark(2))
    ring = "pointtype 6 pointsize 1.4 linewidth 1.5 linecolor rgb 'black'"
    if (has_best) { eval add_entry(sprintf('lowest, in epoch %.0f', best), '', ring) }
    if (has_prior) { eval add_entry(sprintf('constant prior: %.4f', prior), guide, '') }
    eval span_y(low, high)
    eval span_epochs(last)
    below = 'epoch'
    measure = 'loss'
    eval inscribe
    plot csv using 'epoch':(finite(column('train_loss'))) with linespoints linetype 1 \
             dashtype dash(1, last) pointinterval marked(last), \
         csv using 'epoch':(finite(column('val_loss'))) with linespoints linetype 2 \
             dashtype dash(2, last) pointinterval marked(last), \
         csv using (column('epoch') == best ? best : NaN):'val_loss' with points pointtype 6 \
             pointsize 1.4 linewidth 1.5 linecolor rgb 'black', \
         has_prior ? prior : NaN with lines dashtype 3 linewidth 1.5 linecolor rgb dark
    exit
}

eval canvas(480, 458 + legend_height(files + has_prior, longest))
set multiplot
do for [k=1:2] {
    wanted = word('train_loss val_loss', k)
    eval forget
    do for [i=1:files] { csv = file(i); eval widen }
    shows_prior = k == 2 && has_prior
    if (shows_prior) { low = min(low, prior); high = max(high, prior) }
    unset logscale
    eval span_y(low, high)
    eval span_epochs(last)
    if (k == 1) {
        eval panel(58, 18, top, 257 + legend_height(files + has_prior, longest))
        below = ''
        measure = 'training loss'
    } else {
        eval panel(58, 18, 248, 48 + legend_height(files + has_prior, longest))
        title = ''
        below = 'epoch'
        measure = 'validation loss'
        eval legend(files + has_prior, longest)
        do for [i=1:files] { eval add_entry(shorten(label(i)), curve_line(i, last), curve_mark(i)) }
        if (has_prior) { eval add_entry(sprintf('constant prior: %.4f', prior), guide, '') }
    }
    eval inscribe
    plot for [i=1:files] file(i) using 'epoch':(finite(column(wanted))) \
             with linespoints linetype i dashtype dash(i, last) pointinterval marked(last), \
         shows_prior ? prior : NaN with lines dashtype 3 linewidth 1.5 linecolor rgb dark
}
unset multiplot
