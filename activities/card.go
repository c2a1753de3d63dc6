package activities

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"iris/model"
)

// modelCard tells people what a version is, in Markdown. It lies beside the version's files.
func modelCard(in RegisterModelInput, s model.Spec, outputs []string) []byte {
	var b strings.Builder
	p := func(format string, arguments ...any) { fmt.Fprintf(&b, format, arguments...) }
	p("# %s\n\n", in.ModelName)
	p(
		"A `%s` classifier, trained by iris on %d rows; %d more were held out.\n\n",
		s.Algorithm,
		in.Model.TrainRows,
		in.Model.TestRows,
	)
	p(
		"## Data\n\nSHA-256 `%s`: %d rows, %d features, %d classes. Rows are held out by a hash of their content with seed %d.\n\n",
		in.Dataset.SHA256,
		in.Dataset.Rows,
		in.Dataset.Features,
		in.Dataset.Classes,
		in.Model.Split.Seed,
	)
	p("## On the held-out rows\n\n| metric | value |\n| --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(in.Metrics)) {
		p("| %s | %.6g |\n", name, in.Metrics[name])
	}
	p(
		"\nBeside this file: the metrics of each class (`metrics.json`), the confusion matrix, ROC, precision and recall, calibration, and the\nimportance of the features (`importance.csv`).\n\n",
	)
	p("## Parameters\n\n| parameter | value |\n| --- | --- |\n")
	params := s.Params()
	for _, name := range slices.Sorted(maps.Keys(params)) {
		p("| %s | %s |\n", name, params[name])
	}
	p(
		"\n## Use\n\nOf a data frame with the columns of the signature, `mlflow.pyfunc` makes the columns %s. ",
		codes(outputs),
	)
	p("The file `model.onnx` takes the same as one float64 tensor, `model.json` is what iris itself reads.\n\n")
	p(
		"The probabilities are those of rows like the training rows. A row that is unlike all of them gets an answer as well.\n",
	)
	return []byte(b.String())
}

// codes lists names as code. Those of classes may hold anything, also what ends a line or a quote in Markdown.
func codes(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = "`" + strings.NewReplacer("`", "'", "\n", " ", "\r", " ").Replace(name) + "`"
	}
	return strings.Join(quoted, ", ")
}
