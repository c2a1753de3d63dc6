package report

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"iris/model"
)

// maxConfusionClasses limits the classes in the picture of the confusion matrix: with more, its cells are unreadable.
const maxConfusionClasses = 40

// counts presents a confusion matrix as a grid whose first row is at the top.
type counts [][]int

func (c counts) Dims() (columns, rows int)   { return len(c), len(c) }
func (c counts) X(column int) float64        { return float64(column) }
func (c counts) Y(row int) float64           { return float64(row) }
func (c counts) Z(column, row int) float64   { return float64(c[len(c)-1-row][column]) }
func (c counts) text(column, row int) string { return fmt.Sprint(c[len(c)-1-row][column]) }

// drawConfusion draws the confusion matrix: a row per actual class, a column per predicted class.
func drawConfusion(m model.Metrics) ([]byte, error) {
	grid := counts(m.Confusion)
	n := len(grid)
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Confusion matrix, %d held-out rows", m.Rows)
	p.X.Label.Text, p.Y.Label.Text = "predicted", "actual"
	heat := plotter.NewHeatMap(grid, blues())
	if heat.Max == heat.Min {
		heat.Max = heat.Min + 1 // one colour for all avoids a division by zero
	}
	p.Add(heat)
	labels := plotter.XYLabels{}
	columns, rows := make([]plot.Tick, n), make([]plot.Tick, n)
	for i, class := range m.Classes {
		columns[i] = plot.Tick{Value: float64(i), Label: class.Class}
		rows[i] = plot.Tick{Value: float64(n - 1 - i), Label: class.Class}
		for j := range n {
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(i), Y: float64(j)})
			labels.Labels = append(labels.Labels, grid.text(i, j))
		}
	}
	numbers, err := plotter.NewLabels(labels)
	if err != nil {
		return nil, err
	}
	for i := range numbers.TextStyle {
		numbers.TextStyle[i].XAlign, numbers.TextStyle[i].YAlign = -0.5, -0.5
	}
	p.Add(numbers)
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.ConstantTicks(columns), plot.ConstantTicks(rows)
	side := vg.Length(n)*1.8*vg.Centimeter + 5*vg.Centimeter
	return encodePNG(p, side, side)
}

// blues runs from white to a blue light enough for black numbers.
func blues() palette.Palette {
	const steps = 32
	colors := make([]color.Color, steps)
	for i := range colors {
		f := float64(i) / (steps - 1)
		colors[i] = color.RGBA{R: uint8(255 - 150*f), G: uint8(255 - 100*f), B: 255, A: 255}
	}
	return fixed(colors)
}

type fixed []color.Color

func (f fixed) Colors() []color.Color { return f }
