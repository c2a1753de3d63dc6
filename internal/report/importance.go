package report

import (
	"bytes"
	"encoding/csv"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"iris/model"
)

// maxBars limits the features in the bar chart.
const maxBars = 40

// drawImportance draws the most important features as bars, the first at the top. The slice must be sorted.
func drawImportance(sorted []model.Importance) ([]byte, error) {
	sorted = sorted[:min(len(sorted), maxBars)]
	values, names := make(plotter.Values, len(sorted)), make([]string, len(sorted))
	for i, f := range sorted {
		values[len(sorted)-1-i], names[len(sorted)-1-i] = f.LogLoss, f.Feature
	}
	bars, err := plotter.NewBarChart(values, 0.4*vg.Centimeter)
	if err != nil {
		return nil, err
	}
	bars.Horizontal, bars.Color = true, plotutil.Color(2)
	p := plot.New()
	p.Title.Text, p.X.Label.Text = "Permutation importance", "increase of the log loss"
	p.Add(bars)
	p.NominalY(names...)
	return encodePNG(p, 18*vg.Centimeter, vg.Length(len(sorted))*0.7*vg.Centimeter+4*vg.Centimeter)
}

// importanceCSV writes the importance of every feature, in the order given.
func importanceCSV(sorted []model.Importance) []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	records := [][]string{{"feature", "log_loss_increase", "accuracy_decrease"}}
	for _, f := range sorted {
		records = append(
			records,
			[]string{f.Feature, strconv.FormatFloat(f.LogLoss, 'g', 6, 64), strconv.FormatFloat(f.Accuracy, 'g', 6, 64)},
		)
	}
	_ = w.WriteAll(records) // a buffer accepts every write
	return out.Bytes()
}
