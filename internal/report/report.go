// Package report draws and writes what the folder of a version shows about its held-out rows: pictures, tables and the
// model card. It does not fit models or store files.
package report

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"iris/internal/dataset"
	"iris/model"
)

// Files holds the files of a report by name.
type Files map[string][]byte

// Draw measures a model on the held-out rows and returns the metrics, the pictures and the importance of the features.
// The seed shuffles the columns whose importance it measures. The same arguments give the same files. A part that
// cannot be drawn is left out, and failed has its error by its name; err is only about ctx.
func Draw(
	ctx context.Context,
	m *model.Model,
	metrics model.Metrics,
	held *dataset.Table,
	seed uint64,
) (files Files, failed map[string]error, err error) {
	files, failed = Files{}, map[string]error{}
	for name, draw := range map[string]func() (Files, error){
		"curves": func() (Files, error) {
			return drawCurves(m.Schema().Classes, model.NewCurves(m, held))
		},
		"importance of the features": func() (Files, error) { return importance(ctx, m, held, seed) },
		"metrics.json": func() (Files, error) {
			return one("metrics.json")(json.MarshalIndent(metrics, "", " "))
		},
		"confusion matrix": func() (Files, error) {
			if len(metrics.Classes) > maxConfusionClasses {
				return nil, nil
			}
			return one("confusion_matrix.png")(drawConfusion(metrics))
		},
	} {
		drawn, err := survive(draw)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			failed[name] = err
			continue
		}
		maps.Copy(files, drawn)
	}
	return files, failed, nil
}

// importance measures and draws the importance of the features.
func importance(ctx context.Context, m *model.Model, held *dataset.Table, seed uint64) (Files, error) {
	measured, err := model.PermutationImportance(ctx, m, held, seed)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(measured, func(a, b model.Importance) int { return cmp.Compare(b.LogLoss, a.LogLoss) })
	files, err := one("importance.png")(drawImportance(measured))
	if err != nil {
		return nil, err
	}
	files["importance.csv"] = importanceCSV(measured)
	return files, nil
}

// one returns a function that makes a file of its content.
func one(name string) func([]byte, error) (Files, error) {
	return func(content []byte, err error) (Files, error) {
		if err != nil {
			return nil, err
		}
		return Files{name: content}, nil
	}
}

// survive turns a panic into an error: the package that draws panics on numbers that it cannot place.
func survive(draw func() (Files, error)) (files Files, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("draw: panic: %v", r)
		}
	}()
	return draw()
}
