package activities

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"maps"
	"slices"
	"strconv"

	"iris/internal/dataset"
	"iris/model"
)

// logReport adds to a run the pictures of the probabilities and the importance of the features, over the held-out rows.
func (a *Activities) logReport(ctx context.Context, in EvaluateModelInput, m *model.Model, held *dataset.Table) error {
	files, err := curvePNGs(m.Schema().Classes, model.NewCurves(m, held))
	if err != nil {
		return err
	}
	importance, err := model.PermutationImportance(ctx, m, held, in.Model.Split.Seed)
	if err != nil {
		return err
	}
	slices.SortStableFunc(importance, func(a, b model.Importance) int { return cmp.Compare(b.LogLoss, a.LogLoss) })
	if files["importance.png"], err = importancePNG(importance); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := a.logFile(ctx, in.Run, name, files[name], "image/png"); err != nil {
			return err
		}
	}
	return a.logFile(ctx, in.Run, "importance.csv", importanceCSV(importance), "text/csv")
}

// importanceCSV has the feature that matters most first.
func importanceCSV(sorted []model.Importance) []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	records := [][]string{{"feature", "log_loss_increase", "accuracy_decrease"}}
	for _, f := range sorted {
		records = append(records, []string{f.Feature, strconv.FormatFloat(f.LogLoss, 'g', 6, 64), strconv.FormatFloat(f.Accuracy, 'g', 6, 64)})
	}
	_ = w.WriteAll(records) // a buffer takes everything
	return out.Bytes()
}
