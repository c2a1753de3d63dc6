// Package report draws and writes what the folder of a version shows about its held-out rows: pictures, tables and the
// model card. It does not fit models or store files.
package report

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"iris/internal/dataset"
	"iris/model"
)

// Files holds the files of a report by name.
type Files map[string][]byte

// Draw measures a model on the held-out rows and returns the metrics, the pictures and the importance of the features.
// The seed shuffles the columns whose importance it measures. The same arguments give the same files.
func Draw(
	ctx context.Context,
	m *model.Model,
	metrics model.Metrics,
	held *dataset.Table,
	seed uint64,
) (Files, error) {
	files, err := drawCurves(m.Schema().Classes, model.NewCurves(m, held))
	if err != nil {
		return nil, err
	}
	importance, err := model.PermutationImportance(ctx, m, held, seed)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(importance, func(a, b model.Importance) int { return cmp.Compare(b.LogLoss, a.LogLoss) })
	if files["importance.png"], err = drawImportance(importance); err != nil {
		return nil, err
	}
	files["importance.csv"] = importanceCSV(importance)
	if files["metrics.json"], err = json.MarshalIndent(metrics, "", " "); err != nil {
		return nil, err
	}
	if len(metrics.Classes) <= maxConfusionClasses {
		if files["confusion_matrix.png"], err = drawConfusion(metrics); err != nil {
			return nil, err
		}
	}
	return files, nil
}
