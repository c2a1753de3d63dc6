package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"iris/model"
)

// Card describes a version for people.
type Card struct {
	Model     string
	Spec      model.Spec
	TrainRows int
	TestRows  int
	Seed      uint64                    // of the hold-out
	Metrics   map[string]float64        // on the held-out rows
	Intervals map[string]model.Interval // of some of the metrics
	Outputs   []string                  // columns that mlflow.pyfunc returns; empty if the version has no ONNX file
	Decision  *model.Decision           // nil if labels are the most probable classes

	// The dataset.
	SHA256                  string
	Rows, Features, Classes int
}

// Markdown returns the card as the README.md of the version's folder.
func (c Card) Markdown() []byte {
	var b strings.Builder
	p := func(format string, arguments ...any) { fmt.Fprintf(&b, format, arguments...) }
	p("# %s\n\n", c.Model)
	p(
		"A `%s` classifier, trained by iris on %d rows; %d more were held out.\n\n",
		c.Spec.Algorithm, c.TrainRows, c.TestRows,
	)
	p("## Data\n\nSHA-256 `%s`: %d rows, %d features, %d classes. ", c.SHA256, c.Rows, c.Features, c.Classes)
	p("Rows are held out by a hash of their content with seed %d.\n\n", c.Seed)
	p("## On the held-out rows\n\n| metric | value |\n| --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(c.Metrics)) {
		interval := ""
		if i, ok := c.Intervals[name]; ok {
			interval = fmt.Sprintf(" (95 %%: %.4g to %.4g)", i.Low, i.High)
		}
		p("| %s | %.6g%s |\n", name, c.Metrics[name], interval)
	}
	p(
		"\nFiles beside this one hold the metrics of each class (`metrics.json`), the confusion matrix, ROC, precision\n" +
			"and recall, calibration, and the importance of the features (`importance.csv`).\n\n",
	)
	p("## Parameters\n\n| parameter | value |\n| --- | --- |\n")
	params := c.Spec.Params()
	maps.Copy(params, c.Decision.Params())
	for _, name := range slices.Sorted(maps.Keys(params)) {
		p("| %s | %s |\n", name, params[name])
	}
	if d := c.Decision; d != nil {
		p(
			"\nA row is called %s if its probability is %.4g or more%s.\n",
			codes([]string{d.PositiveClass}),
			d.Threshold,
			c.chosen(),
		)
	}
	p("\n## Use\n\n")
	if len(c.Outputs) > 0 {
		p(
			"`mlflow.pyfunc` takes a data frame with the columns of the signature and returns the columns %s. ",
			codes(c.Outputs),
		)
		p("`model.onnx` takes the same values as one float64 tensor. Iris itself reads `model.json`.\n\n")
	} else {
		p("Iris reads `model.json`. There is no `model.onnx`, because ONNX cannot express the model.\n\n")
	}
	p("The probabilities hold for rows like those of the training data. The model also answers rows unlike all of them.\n")
	return []byte(b.String())
}

// chosen says how the threshold was chosen, "" if it was given.
func (c Card) chosen() string {
	if c.Decision.Metric == "" {
		return ""
	}
	return fmt.Sprintf("; that threshold was best by %s, %.4g, on training rows that the fits held out",
		c.Decision.Metric, c.Decision.Value)
}

// codes lists names as code. A class name may contain anything, including what ends a line or a quote in Markdown.
func codes(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = "`" + strings.NewReplacer("`", "'", "\n", " ", "\r", " ").Replace(name) + "`"
	}
	return strings.Join(quoted, ", ")
}
