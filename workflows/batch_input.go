package workflows

import (
	"fmt"

	"iris/internal/objstore"
	"iris/internal/rows"
	"iris/internal/scores"
	"iris/model"
)

// BatchInput asks for the scores of rows that lie in the object store. Fields it does not know are refused.
type BatchInput struct {
	Model   string `json:"model"`
	ModelID string `json:"model_id,omitempty"` // any form registry.Resolve takes; "" is the champion when the batch starts
	// Rows is one object or, with a key that ends in a slash, all objects under it in the order of their keys. One that
	// begins as gzip does is unpacked first.
	Rows   objstore.Ref `json:"rows"`
	Format string       `json:"format,omitempty"` // of the rows: csv, jsonl or parquet; "" is what the key ends in, else csv
	Count  int64        `json:"count,omitempty"`  // rows in it, when known; for the progress

	KeyColumns []string `json:"key_columns,omitempty"` // of the input, written in front of the labels as they stand
	Output     string   `json:"output,omitempty"`      // csv, jsonl or parquet; "" is csv
	LabelsOnly bool     `json:"labels_only,omitempty"` // leaves the probabilities out
	// MaxErrorRatio is the share of bad rows above which the batch fails; nil is no limit, 0 fails it at the first one.
	MaxErrorRatio *float64 `json:"max_error_ratio,omitempty"`
}

// MaxKeyColumns bounds the key columns of a batch.
const MaxKeyColumns = 64

// UnmarshalJSON refuses fields that are not part of the input.
func (in *BatchInput) UnmarshalJSON(data []byte) error {
	type plain BatchInput
	return strict(data, (*plain)(in))
}

// check returns a *model.SpecError naming the field that is wrong.
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
	if len(in.KeyColumns) > MaxKeyColumns {
		return &model.SpecError{
			Pointer: "/key_columns",
			Reason:  fmt.Sprintf("%d columns, want at most %d", len(in.KeyColumns), MaxKeyColumns),
		}
	}
	if r := in.MaxErrorRatio; r != nil && !(*r >= 0 && *r <= 1) {
		return &model.SpecError{Pointer: "/max_error_ratio", Reason: fmt.Sprintf("%v is not a share from 0 to 1", *r)}
	}
	return nil
}

// BatchResult is what a batch prediction leaves behind.
type BatchResult struct {
	Model    string       `json:"model"`
	Version  string       `json:"version"`
	ModelID  string       `json:"model_id"`
	Rows     int64        `json:"rows"`   // scored
	Failed   int64        `json:"failed"` // bad rows, which have no scores
	Shards   int          `json:"shards"`
	Manifest objstore.Ref `json:"manifest"` // activities.Manifest
	Output   objstore.Ref `json:"output"`   // all scores as one object
	Errors   objstore.Ref `json:"errors"`   // which rows are bad, and why; none without them
}
