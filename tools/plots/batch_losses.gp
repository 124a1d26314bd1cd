# The loss per batch: each one faint, and the mean of those just before it.
#
#     gnuplot -e "csv='batch_losses.csv'; last=800; out='batch_losses.png'" tools/plots/batch_losses.gp
#     gnuplot -e "files=2; file1='a/batch_losses.csv'; label1='with dropout'; \
#         file2='b/batch_losses.csv'; label2='without'; out='batch_losses.png'" \
#         tools/plots/batch_losses.gp
#
# Variables: out, csv or files, file1, label1, file2, label2, ..., and if wanted
#     last=0        the last so many batches of each run; 0: all
#     window=0      batches in a mean; 0: a twentieth of those shown
#     title=''      above the plot
load ARG0[1:strlen(ARG0)-strlen('batch_losses.gp')].'common.gp'
if (!exists('last')) last = 0
if (!exists('window')) window = 0
if (!exists('title')) title = ''
single = !exists('files')
if (single) { files = 1; file1 = csv; label1 = '' }

# The first step shown of each run and its number of rows, and the max number of steps shown.
array first[files]
array rows[files]
shown = 1
start = 1e300
end = 1
longest = 0
do for [i=1:files] {
    csv = file(i)
    wanted = 'batch_losses'
    eval count
    wanted = 'step'
    eval count
    rows[i] = found_records
    first[i] = last > 0 && found_max - last + 1 > found_min ? found_max - last + 1 : found_min
    shown = found_max - first[i] + 1 > shown ? found_max - first[i] + 1 : shown
    start = first[i] < start ? first[i] : start
    end = found_max > end ? found_max : end
    longest = max(longest, strlen(shorten(label(i))))
}
window = window > 0 ? int(window) : shown >= 40 ? int(shown / 20) : 1

# The mean of the last `window` losses, of a quarter as many where it begins; those that are missing
# do not count.
array kept[window]
begin(row) = row == 0 ? (seen = 0, total = 0) : 0
mean(x) = x != x ? NaN : (slot = seen % window + 1, \
    total = total + x - (seen >= window ? kept[slot] : 0), kept[slot] = x, seen = seen + 1, \
    4 * seen < window ? NaN : total / min(seen, window))
# Where a pixel has several batches, their min and max loss are drawn instead of each.
crowd = ceil(shown / 1000.0)
running_min(row, x) = (lower = row % crowd == 0 || !(lower <= x) ? x : lower)
running_max(row, x) = (upper = row % crowd == 0 || !(upper >= x) ? x : upper)
ends(row, of) = row % crowd == crowd - 1 || row == of - 1
lower = NaN
upper = NaN

eval forget
do for [i=1:files] {
    eval sprintf('set table $curve%d separator comma', i)
    plot file(i) using (begin(int(column(0))), column('step')): \
             (running_min(int(column(0)), finite(column('batch_losses')))): \
             (running_max(int(column(0)), finite(column('batch_losses')))): \
             (mean(finite(column('batch_losses')))) \
             with table if (column('step') >= first[i] && ends(int(column(0)), rows[i]))
    unset table
}
curve(i) = '$curve'.i
set datafile nocolumnheaders
do for [i=1:files] {
    do for [k=2:3] {
        set autoscale
        stats curve(i) using (column(k)) name 'found' nooutput
        low = found_min < low ? found_min : low
        high = found_max > high ? found_max : high
    }
}

entries = single ? 1 + (window > 1 || crowd > 1) : files
longest = single ? 30 : longest
eval canvas(480, 284 + legend_height(entries, longest))
eval panel(58, 26, title eq '' ? 26 : 46, 48 + legend_height(entries, longest))
eval legend(entries, longest)
eval span_y(low, high)
room = shown > 1 ? 0.01 * shown : 1
set xrange [start - room:end + room]
below = 'step'
measure = 'loss per batch'
eval inscribe
set xtics step(shown, 1)
averaged = window > 1 ? sprintf('mean of %d', window) : 'each batch'
range = crowd > 1 ? sprintf('min and max of %d', crowd) : 'each batch'
has_range = window > 1 || crowd > 1
marks_shown = !single || shown <= 24
if (single && has_range) {
    eval add_entry(range, crowd > 1 ? sprintf(band, faint(1)) : sprintf("linecolor rgb '%s'", faint(1)), '')
}
do for [i=1:files] {
    eval add_entry(single ? averaged : shorten(label(i)), sprintf('linetype %d linewidth 2', i), \
                   marks_shown ? curve_mark(i) : '')
}
plot for [i=1:has_range && crowd > 1 ? files : 0] curve(i) using 1:2:3 with filledcurves \
         fillcolor rgb faint(i), \
     for [i=1:has_range && crowd == 1 ? files : 0] curve(i) using 1:2 with lines linewidth 0.75 \
         linecolor rgb faint(i), \
     for [i=1:files] curve(i) using 1:4 with linespoints linetype i linewidth 2 \
         pointsize marks_shown ? 0.5 : 0 pointinterval marks_shown ? marked(shown / crowd) : 1
