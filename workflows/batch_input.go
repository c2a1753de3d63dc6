package workflows

import (
	"encoding/json"

	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/rows"
	"iris/internal/scores"
	"iris/model"
)

// BatchInput is the input of BatchPrediction. Unknown fields are rejected.
type BatchInput struct {
	Model   string `json:"model"`
	ModelID string `json:"model_id,omitempty"` // any form registry.Resolve takes; "" is the champion when the batch starts
	// Rows is one object, or, if the key ends in a slash, all objects under that prefix in the order of their keys.
	// Objects in gzip are unpacked first.
	Rows   objstore.Ref `json:"rows"`
	Format string       `json:"format,omitempty"` // of the rows: csv, jsonl or parquet; "" is by the end of the key, else csv
	Count  int64        `json:"count,omitempty"`  // number of rows, if known; for the progress

	KeyColumns []string `json:"key_columns,omitempty"` // of the input, copied before the labels
	Output     string   `json:"output,omitempty"`      // csv, jsonl or parquet; "" is csv
	LabelsOnly bool     `json:"labels_only,omitempty"` // omits the probabilities
	// CSVSafe puts an apostrophe before each text of a CSV that a spreadsheet would take for a formula: keys, labels, and
	// the list of bad rows.
	CSVSafe bool `json:"csv_safe,omitempty"`
	// MaxErrorRatio is the share of bad rows above which the batch fails. Nil is no limit; 0 fails at the first bad row.
	MaxErrorRatio *float64 `json:"max_error_ratio,omitempty"`
	// OnUnseen says what becomes of a row with a text that is not a level of its feature: "" or other counts the text as
	// one of the rare ones, error makes the row bad.
	OnUnseen string `json:"on_unseen,omitempty"`
	// Threshold is the probability from which on a row is of the positive class of a model of two classes. Nil is the
	// decision of the version.
	Threshold *float64 `json:"threshold,omitempty"`
}

// MaxKeyColumns limits the key columns of a batch.
const MaxKeyColumns = 64

// UnmarshalJSON rejects unknown fields.
func (in *BatchInput) UnmarshalJSON(data []byte) error {
	type plain BatchInput
	return strict(data, (*plain)(in))
}

// check returns a *model.SpecError that points to an invalid field.
func (in BatchInput) check() error {
	if err := model.CheckName(in.Model); err != nil {
		return &model.SpecError{Pointer: "/model", Reason: err.Error()}
	}
	if _, err := rows.FormatOf(in.Format, ""); err != nil {
		return &model.SpecError{Pointer: "/format", Reason: err.Error()}
	}
	if _, err := scores.ParseFormat(in.Output); err != nil {
		return &model.SpecError{Pointer: "/output", Reason: err.Error()}
	}
	if _, reason := dataset.ParseOnUnseen(in.OnUnseen); reason != "" {
		return &model.SpecError{Pointer: "/on_unseen", Reason: reason}
	}
	if err := (model.DecisionRequest{Threshold: in.Threshold}).Check(); err != nil {
		return err
	}
	if len(in.KeyColumns) > MaxKeyColumns {
		return model.NewSpecError("/key_columns", "%d columns, want at most %d", len(in.KeyColumns), MaxKeyColumns)
	}
	if r := in.MaxErrorRatio; r != nil && !(*r >= 0 && *r <= 1) {
		return model.NewSpecError("/max_error_ratio", "%v is not a share from 0 to 1", *r)
	}
	return nil
}

// BatchResult is the result of BatchPrediction.
type BatchResult struct {
	Model    string       `json:"model"`
	Version  string       `json:"version"`
	ModelID  string       `json:"model_id"`
	Rows     int64        `json:"rows"`              // scored
	BadRows  int64        `json:"bad_rows"`          // not scored
	Failed   int64        `json:"failed"`            // the older name of bad_rows
	Unseen   int64        `json:"unseen,omitempty"`  // texts in the scored rows that are not a level of their feature
	Missing  int64        `json:"missing,omitempty"` // missing values in the scored rows
	Shards   int          `json:"shards"`
	Manifest objstore.Ref `json:"manifest"` // a Manifest
	Output   objstore.Ref `json:"output"`   // all scores in one object
	Errors   objstore.Ref `json:"errors"`   // CSV with the reason per bad row; empty if no row is bad
}

// UnmarshalJSON also reads older results, which have only the older name of bad_rows.
func (r *BatchResult) UnmarshalJSON(data []byte) error {
	type plain BatchResult
	if err := json.Unmarshal(data, (*plain)(r)); err != nil {
		return err
	}
	r.BadRows = max(r.BadRows, r.Failed)
	return nil
}
