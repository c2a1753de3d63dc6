package report

import (
	"bytes"
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"iris/model"
)

// maxCurves limits the classes in one picture.
const maxCurves = 10

// line is one curve of a picture.
type line struct {
	name   string
	points []model.Point
}

// drawCurves draws the pictures of a model's probabilities, by file name.
func drawCurves(classes []string, c model.Curves) (Files, error) {
	var roc, precisionRecall []line
	for k, class := range classes {
		if c.ROC[k] != nil && len(roc) < maxCurves {
			roc = append(roc, line{fmt.Sprintf("%s, area %.3f", class, c.AUC[k]), c.ROC[k]})
			precisionRecall = append(precisionRecall, line{class, c.PrecisionRecall[k]})
		}
	}
	calibration := line{name: "most probable class"}
	for _, b := range c.Calibration {
		calibration.points = append(calibration.points, model.Point{X: b.Confidence, Y: b.Accuracy})
	}
	diagonal := line{"", []model.Point{{X: 0, Y: 0}, {X: 1, Y: 1}}}
	pictures := Files{}
	for _, p := range []struct {
		file, title, x, y string
		lines             []line
	}{
		{
			"roc.png", "ROC, each class against the others", "false positive rate", "true positive rate",
			append(roc, diagonal),
		},
		{
			"precision_recall.png", "Precision and recall, each class against the others", "recall", "precision",
			precisionRecall,
		},
		{
			"calibration.png", fmt.Sprintf("Calibration, expected error %.3f", c.ECE), "probability", "share that is right",
			[]line{calibration, diagonal},
		},
	} {
		png, err := drawLines(p.title, p.x, p.y, p.lines)
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", p.file, err)
		}
		pictures[p.file] = png
	}
	return pictures, nil
}

// drawLines draws lines in the unit square. A line without a name is dashed and absent from the legend.
func drawLines(title, x, y string, lines []line) ([]byte, error) {
	p := newUnitSquare(title, x, y)
	for i, l := range lines {
		points := make(plotter.XYs, len(l.points))
		for j, at := range l.points {
			points[j] = plotter.XY(at)
		}
		drawn, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		drawn.Color, dots.Color = plotutil.Color(i), plotutil.Color(i)
		if l.name == "" {
			drawn.Dashes = plotutil.Dashes(1)
			p.Add(drawn)
			continue
		}
		p.Add(drawn)
		if len(points) <= 2*maxCurves {
			p.Add(dots) // a line of few points may be hard to see
		}
		p.Legend.Add(l.name, drawn)
	}
	return encodePNG(p, 14*vg.Centimeter, 14*vg.Centimeter)
}

func newUnitSquare(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.Add(plotter.NewGrid())
	return p
}

// encodePNG renders a plot as a PNG.
func encodePNG(p *plot.Plot, width, height vg.Length) ([]byte, error) {
	picture, err := p.WriterTo(width, height, "png")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_, err = picture.WriteTo(&out)
	return out.Bytes(), err
}
