# Columns side by side over an integer, each with its height above it.
#
#     gnuplot -e "csv='labels_per_image.csv'; out='labels_per_image.png'" tools/plots/columns.gp
#
# Variables: csv, out, and if wanted
#     places='labels'    the column with the integers below
#     values='percent'   the column with the heights, 0 or more
#     title=''           above the plot
#     xaxis=places       below the axis
#     yaxis=values       beside the other one
#     number='%.2f'      how a column's height is written
#     bar=color(1)      the columns' color
load ARG0[1:strlen(ARG0)-strlen('columns.gp')].'common.gp'
if (!exists('places')) places = 'labels'
if (!exists('values')) values = 'percent'
if (!exists('title')) title = ''
if (!exists('xaxis')) xaxis = places
if (!exists('yaxis')) yaxis = values
if (!exists('number')) number = '%.2f'
if (!exists('bar')) bar = color(1)

wanted = places
eval count
first = found_min
last = found_max
wanted = values
eval count

eval canvas(480, 280)
eval panel(58, 18, title eq '' ? 26 : 46, 48)
below = xaxis
measure = yaxis
eval inscribe
set xrange [first - 0.6:last + 0.6]
set yrange [0:found_max > 0 ? 1.12 * found_max : 1]
set xtics scale 0 (sprintf('%.0f', first) first)
set xtics add 1
set boxwidth 0.7
set grid noxtics
plot csv using (column(places)):(column(values)) with boxes linecolor rgb bar, \
     csv using (column(places)):(column(values)):(sprintf(number, column(values))) \
         with labels offset 0,0.7
