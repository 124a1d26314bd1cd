# How often each probability is predicted: bars of a histogram, and a smooth density over them.
#
#     gnuplot -e "csv='probability_histogram.csv'; curve='probability_density.csv'; \
#         out='probabilities.png'" tools/plots/histogram.gp
#
# The bars' file has the columns from, to, density; the curve's has probability, density. Both
# enclose an area of 1.
# Variables: csv, out, and if wanted
#     curve='...'   the file of the density; absent: bars alone
#     title=''      above the plot
#     xaxis='predicted probability'
load ARG0[1:strlen(ARG0)-strlen('histogram.gp')].'common.gp'
if (!exists('title')) title = ''
if (!exists('xaxis')) xaxis = 'predicted probability'
has_curve = exists('curve')
if (!has_curve) curve = csv

do for [column_name in 'from to'] { wanted = column_name; eval count }
wanted = 'density'
eval count
highest = found_max
if (has_curve) {
    bars = csv
    csv = curve
    eval count
    csv = bars
    highest = max(highest, found_max)
}

eval canvas(480, 270 + (has_curve ? legend_height(2, 20) : 0))
eval panel(58, 18, title eq '' ? 26 : 46, 48 + (has_curve ? legend_height(2, 20) : 0))
eval legend(2, 20)
set xrange [0:1]
set xtics 0.1
set yrange [0:highest > 0 ? 1.05 * highest : 1]
below = xaxis
measure = 'density'
eval inscribe
set style fill solid 1.0 border rgb '#FFFFFF'
if (has_curve) {
    eval add_entry('histogram', sprintf(band, color(6)), '')
    eval add_entry('smooth density', 'linetype 2 linewidth 2', '')
}
plot csv using ((column('from') + column('to')) / 2):(finite(column('density'))): \
         (column('to') - column('from')) with boxes linewidth 0.5 linecolor rgb color(6), \
     for [i=1:has_curve] curve using 1:(finite(column(2))) with lines linetype 2 linewidth 2
