package workflows

import (
	"cmp"
	"encoding/json"

	"iris/activities"
	"iris/internal/dataset"
	"iris/model"
)

// Findings are what a pass over a dataset found.
type Findings = activities.Findings

// NewFindings returns the findings of a pass.
func NewFindings(s dataset.Summary) *Findings { return activities.NewFindings(s) }

// TrainingResult is the result of Training.
type TrainingResult struct {
	Model         string             `json:"model"`
	Version       string             `json:"version"`
	ModelID       string             `json:"model_id"` // models:/iris/3
	RunID         string             `json:"run_id"`   // in MLflow
	ExperimentID  string             `json:"experiment_id"`
	Algorithm     model.Algorithm    `json:"algorithm"`
	DatasetSHA256 string             `json:"dataset_sha256"`
	Dataset       string             `json:"dataset"` // the older name of dataset_sha256
	TrainRows     int                `json:"train_rows"`
	TestRows      int                `json:"test_rows"`
	Metrics       map[string]float64 `json:"metrics"` // on the held-out rows
	// Intervals holds those of accuracy, log_loss and auc, at 95 %; older results have none.
	Intervals map[string]model.Interval `json:"intervals,omitempty"`
	Decision  *model.Decision           `json:"decision,omitempty"` // nil if labels are the most probable classes
	Gate      Gate                      `json:"gate"`
	Search    *SearchResult             `json:"search,omitempty"` // how the training found its spec
	Data      *Findings                 `json:"data,omitempty"`   // what the dataset is like
}

// setDataset sets the hash under both names.
func (r *TrainingResult) setDataset(sha256 string) { r.DatasetSHA256, r.Dataset = sha256, sha256 }

// UnmarshalJSON also reads older results, which have only the older name of the dataset's hash.
func (r *TrainingResult) UnmarshalJSON(data []byte) error {
	type plain TrainingResult
	if err := json.Unmarshal(data, (*plain)(r)); err != nil {
		return err
	}
	r.setDataset(cmp.Or(r.DatasetSHA256, r.Dataset))
	return nil
}
