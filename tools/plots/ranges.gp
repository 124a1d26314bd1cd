# The mean of each class with the standard deviation to either side of it, in the order of the rows.
#
#     gnuplot -e "csv='class_summary.csv'; out='ranges.png'" tools/plots/ranges.gp
#
# Variables: csv, out, and if wanted
#     names='class'             the column with the names
#     means='prediction_mean'   that of the means, in 0..1
#     spreads='prediction_std'  that of the standard deviations
#     title=''                  above the plot
#     axis='mean ± standard deviation of the prediction'   below the axis
load ARG0[1:strlen(ARG0)-strlen('ranges.gp')].'common.gp'
if (!exists('names')) names = 'class'
if (!exists('means')) means = 'prediction_mean'
if (!exists('spreads')) spreads = 'prediction_std'
if (!exists('title')) title = ''
if (!exists('axis')) axis = 'mean ± standard deviation of the prediction'

wanted = spreads
eval count
wanted = means
eval count
eval names_of
height = 64 + 18 * rows
eval canvas(names_width + 360, height + (title eq '' ? 0 : 24))
eval panel(names_width, 18, title eq '' ? 8 : 32, 48)
below = axis
measure = ''
eval inscribe
set xrange [0:1]
set xtics 0.2
set yrange [rows - 0.5:-0.5]
set ytics scale 0
bound(x) = x < 0 ? 0 : x > 1 ? 1 : x
plot csv using (column(means)):0:(bound(column(means) - column(spreads))): \
         (bound(column(means) + column(spreads))):ytic(shorten(strcol(names))) \
         with xerrorbars linetype 1 linewidth 2 pointsize 0.9
