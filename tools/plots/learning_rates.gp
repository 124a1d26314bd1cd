# The learning rate of each step.
#
#     gnuplot -e "csv='learning_rates.csv'; out='learning_rates.png'" tools/plots/learning_rates.gp
#
# Variables: out, csv, and if wanted
#     title=''      above the plot
load ARG0[1:strlen(ARG0)-strlen('learning_rates.gp')].'common.gp'
if (!exists('title')) title = ''

wanted = 'step'
eval count
start = found_min
end = found_max
eval forget
wanted = 'learning_rate'
eval widen
low = min(low, 0)
eval canvas(480, 284)
eval panel(70, 18, title eq '' ? 26 : 46, 48)
eval span_y(low, high)
room = end > start ? 0.01 * (end - start) : 1
set xrange [start - room:end + room]
below = 'step'
measure = 'learning rate'
eval inscribe
set xtics step(max(1, end - start), 1)
plot csv using 'step':(finite(column('learning_rate'))) with lines linetype 1 linewidth 2 notitle
