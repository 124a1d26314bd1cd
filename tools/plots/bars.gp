# Bars lying one below the other, in the order of the rows, each with its number.
#
#     gnuplot -e "csv='class_counts.csv'; out='class_counts.png'" tools/plots/bars.gp
#
# Variables: csv, out, and if wanted
#     names='name'     the column with the names
#     values='images'  the column with the numbers, 0 or more; an empty one has no bar
#     title=''         above the plot
#     axis=values      below the axis
#     number='%.0f'    how a bar's number is written
#     bar=colour(1)    the bars' colour
load ARG0[1:strlen(ARG0)-strlen('bars.gp')].'common.gp'
if (!exists('names')) names = 'name'
if (!exists('values')) values = 'images'
if (!exists('title')) title = ''
if (!exists('axis')) axis = values
if (!exists('number')) number = '%.0f'
if (!exists('bar')) bar = colour(1)

# The number of rows, the largest number, the longest name.
longest = 0
width_of(name) = (longest = strlen(name) > longest ? strlen(name) : longest, 1)
stats csv using (width_of(strcol(names)), column(values)) name 'bars' nooutput
rows = bars_records + bars_invalid

height = 90 + 18 * rows
eval canvas(480, height)
set lmargin 0.85 * longest + 2
set rmargin 9
set tmargin 2.5
set label title at screen 0.5, screen 1 - 18.0 / height center # over the names, too, or it may be cut off
set xlabel axis
most = bars_max > 0 ? bars_max : 1
set xrange [0:most]
set xtics step(most, number eq '%.0f')
set yrange [rows - 0.5:-0.5]
set ytics scale 0
unset key
set grid noytics
plot csv using (column(values) / 2):0:(column(values) / 2):(0.38):ytic(strcol(names)) \
         with boxxyerror linecolor rgb bar, \
     csv using (column(values)):0:(sprintf(number, column(values))) \
         with labels left offset 0.5,0
