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
#     bar=color(1)    the bars' color
load ARG0[1:strlen(ARG0)-strlen('bars.gp')].'common.gp'
if (!exists('names')) names = 'name'
if (!exists('values')) values = 'images'
if (!exists('title')) title = ''
if (!exists('axis')) axis = values
if (!exists('number')) number = '%.0f'
if (!exists('bar')) bar = color(1)

wanted = values
eval count
highest = found_max > 0 ? found_max : 1
eval names_of
top = title eq '' ? 8 : 40
eval canvas(max(480, names_width + 280), 50 + top + 18 * rows)
eval panel(names_width, 64, top, 50)
below = axis
measure = ''
eval inscribe
set xrange [0:highest]
set xtics step(highest, number eq '%.0f')
set yrange [rows - 0.5:-0.5]
set ytics scale 0
set grid noytics
plot csv using (column(values) / 2):0:(column(values) / 2):(0.38):ytic(shorten(strcol(names))) \
         with boxxyerror linecolor rgb bar, \
     csv using (column(values)):0:(sprintf(number, column(values))) \
         with labels left offset 0.5,0
