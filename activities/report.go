package activities

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strconv"

	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/model"
)

// Report is what a version's folder says about the held-out rows: files by name. They are drawn before there is a
// folder,
// and lie in the store until then.
type Report map[string][]byte

// report draws the pictures of a model and lists the importance of its features, over the held-out rows.
func report(
	ctx context.Context,
	m *model.Model,
	metrics model.Metrics,
	held *dataset.Table,
	seed uint64,
) (Report, error) {
	files, err := curvePNGs(m.Schema().Classes, model.NewCurves(m, held))
	if err != nil {
		return nil, err
	}
	importance, err := model.PermutationImportance(ctx, m, held, seed)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(importance, func(a, b model.Importance) int { return cmp.Compare(b.LogLoss, a.LogLoss) })
	if files["importance.png"], err = importancePNG(importance); err != nil {
		return nil, err
	}
	files["importance.csv"] = importanceCSV(importance)
	if files["metrics.json"], err = json.MarshalIndent(metrics, "", " "); err != nil {
		return nil, err
	}
	if len(metrics.Classes) <= maxPlottedClasses {
		if files["confusion_matrix.png"], err = confusionPNG(metrics); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// report reads what EvaluateModel has kept.
func (a *Activities) report(ctx context.Context, ref objstore.Ref) (r Report, err error) {
	err = a.o.Store.GetJSON(ctx, ref.Bucket, ref.Key, &r)
	return r, err
}

// importanceCSV has the feature that matters most first.
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
	_ = w.WriteAll(records) // a buffer takes everything
	return out.Bytes()
}
