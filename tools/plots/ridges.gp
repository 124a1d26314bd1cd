# The density of the predictions of each class: one ridge per class, the first on top.
#
#     gnuplot -e "csv='class_probability_density.csv'; out='ridges.png'" tools/plots/ridges.gp
#
# The first column is the probability, each other one the density of a class; an empty one
# has no ridge.
# Variables: csv, out, and if wanted
#     title=''      above the plot
#     axis='predicted probability'
#     peak=0        the density a ridge of full height has; 0: chosen so that most ridges are high
#                   enough to be seen. Higher ones are cut off there, with their peak as text.
load ARG0[1:strlen(ARG0)-strlen('ridges.gp')].'common.gp'
if (!exists('title')) title = ''
if (!exists('axis')) axis = 'predicted probability'
if (!exists('peak')) peak = 0

wanted = 1
eval count
classes = int(found_columns) - 1
if (classes < 1) {
    print csv.': expected a column of probabilities and one per class'
    exit status 3
}
array name[classes]
array top[classes]
set datafile nocolumnheaders
do for [k=1:classes] {
    stats csv every ::::0 using (name[k] = shorten(strcol(k + 1)), 1) name 'head' nooutput
}
set datafile columnheaders
density(k) = valid(k + 1) ? finite(column(k + 1)) : NaN
longest = 0
do for [k=1:classes] {
    top[k] = 0
    stats csv using (top[k] = density(k) > top[k] ? density(k) : top[k], 1) name 'top' nooutput
    longest = max(longest, strlen(name[k]))
}
lowest = 1e300
highest = 0
do for [k=1:classes] {
    if (top[k] > 0) { lowest = min(lowest, top[k]); highest = max(highest, top[k]) }
}
if (peak <= 0) { peak = highest > 0 ? min(highest, 3 * lowest) : 1 }

row = classes > 12 ? 24 : classes > 5 ? 34 : 60
names_width = 7.3 * longest + 30
head_height = title eq '' ? 26 : 50
eval canvas(max(480, names_width + 330), head_height + row * classes + 56)
eval panel(names_width, 76, head_height, 56)
below = axis
measure = ''
eval inscribe
set label 'peak' at screen 1 - 12 / canvas_width, screen 1 - (head_height - 10) / canvas_height \
    right textcolor rgb dark
set xrange [0:1]
set xtics 0.2
set yrange [classes:0]
unset ytics
do for [k=1:classes] {
    set label name[k] at graph 0, first k - 0.3 right offset -1,0
    set label top[k] == 0 ? 'all equal' : sprintf(top[k] > peak ? '%.3g, cut' : '%.3g', top[k]) \
        at screen 1 - 12 / canvas_width, first k - 0.3 right textcolor rgb dark
}
height(k) = 0.9 * min(density(k), peak) / peak
plot for [k=1:classes] csv using 1:(k - height(k)):(k) with filledcurves \
         linecolor rgb faint(1), \
     for [k=1:classes] csv using 1:(k - height(k)) with lines linetype 1 linewidth 1, \
     for [k=1:classes] k with lines linecolor rgb '#C0C0C0' linewidth 0.5
