package apiserver

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"iris/apiserver/idempotency"
	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/internal/rows"
	"iris/internal/scores"
	"iris/workflows"
)

// batchRequest gathers the options of a batch from the query and from JSON.
type batchRequest struct {
	requestFields
	in       workflows.BatchInput
	dataPath string
	key      string // that makes the request idempotent, "" for none
	modelID  string // as sent, before it is resolved to a version
}

func newBatchRequest(modelName string) *batchRequest {
	return &batchRequest{requestFields: newRequestFields("a batch"), in: workflows.BatchInput{Model: modelName}}
}

// parameters are the parameters of the query: the options of a batch whose rows are a file.
func (b *batchRequest) parameters() map[string]queryParameter {
	in := &b.in
	return map[string]queryParameter{
		"model_id":    {set: func(values []string) error { in.ModelID = values[0]; return nil }},
		"key_columns": {repeated: true, set: func(values []string) error { in.KeyColumns = values; return nil }},
		"output":      {set: func(values []string) error { in.Output = values[0]; return nil }},
		"labels_only": {set: func(values []string) (err error) {
			in.LabelsOnly, err = strconv.ParseBool(values[0])
			return explain(err, "is neither true nor false")
		}},
		"csv_safe": {set: func(values []string) (err error) {
			in.CSVSafe, err = strconv.ParseBool(values[0])
			return explain(err, "is neither true nor false")
		}},
		"on_unseen": {set: func(values []string) error { in.OnUnseen = values[0]; return nil }},
		"threshold": {set: func(values []string) (err error) { in.Threshold, err = parseNumber(values[0]); return err }},
		"max_error_ratio": {set: func(values []string) (err error) {
			in.MaxErrorRatio, err = parseNumber(values[0])
			return err
		}},
	}
}

// readJSON reads the JSON of a batch and returns its rows, nil for none. If strict is false, unknown fields are
// skipped, as they are in a row.
func (b *batchRequest) readJSON(data []byte, strict bool) ([]byte, error) {
	body, err := parseBatchBody(data)
	if err != nil {
		return nil, err
	}
	if body.ModelID != "" {
		if err := b.place("model_id", "model_id"); err != nil {
			return nil, err
		}
		b.in.ModelID = body.ModelID
	}
	targets := map[string]any{
		"key_columns": &b.in.KeyColumns, "output": &b.in.Output, "labels_only": &b.in.LabelsOnly, "csv_safe": &b.in.CSVSafe,
		"max_error_ratio": &b.in.MaxErrorRatio, "on_unseen": &b.in.OnUnseen, "data_path": &b.dataPath,
		"format": &b.in.Format, "threshold": &b.in.Threshold,
	}
	for _, m := range body.Others {
		target, known := targets[m.Name]
		switch {
		case known:
			err = b.setJSON(m.Name, m.Name, m.Value, target)
		case strict:
			err = b.unknownMember(m.Name)
		}
		if err != nil {
			return nil, err
		}
	}
	return body.Data, nil
}

// readPart reads the part `request` of a form: all options, but not the rows, which are the part `file`.
func (b *batchRequest) readPart(r io.Reader) error {
	body, err := readRequestPart(r)
	if err != nil {
		return err
	}
	data, err := b.readJSON(body, true)
	if err != nil {
		return err
	}
	if data != nil {
		return problem.Invalid(problem.Fault{
			Pointer: "/data", Detail: "does not belong in a form: send the part `file`",
		})
	}
	return nil
}

// maxKeyName is in bytes, as for every column.
const maxKeyName = 256

// check checks the fields that need no model, and writes their words as the workflow knows them.
func (b *batchRequest) check() error {
	output, err := scores.ParseFormat(b.in.Output)
	if err != nil {
		return b.refuse("output", err)
	}
	b.in.Output = string(output)
	b.in.Format = foldWord(b.in.Format, []string{string(scores.CSV), string(scores.JSONL), string(scores.Parquet)})
	if _, err := rows.FormatOf(b.in.Format, ""); err != nil {
		return b.refuse("format", err)
	}
	if _, given := b.places["format"]; given && b.dataPath == "" {
		return b.refuse("format", errors.New("is that of data_path, which is not given"))
	}
	onUnseen, reason := dataset.ParseOnUnseen(b.in.OnUnseen)
	if reason != "" {
		return b.refuse("on_unseen", errors.New(reason))
	}
	b.in.OnUnseen = string(onUnseen)
	if ratio := b.in.MaxErrorRatio; ratio != nil && !(*ratio >= 0 && *ratio <= 1) {
		return b.refuse("max_error_ratio", errors.New("must be from 0 to 1"))
	}
	if n := len(b.in.KeyColumns); n > workflows.MaxKeyColumns {
		return b.refuse("key_columns", fmt.Errorf("%d columns, at most %d are passed through", n, workflows.MaxKeyColumns))
	}
	for _, name := range b.in.KeyColumns {
		if name == "" || len(name) > maxKeyName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			return b.refuse("key_columns", fmt.Errorf("%q is not a name of a column", problem.Clip(name)))
		}
	}
	return nil
}

// checkLayout checks the columns of the results of a model with these classes.
func (b *batchRequest) checkLayout(classes []string) error {
	l := scores.Layout{
		Format:        scores.Format(b.in.Output),
		Keys:          b.in.KeyColumns,
		Classes:       classes,
		Probabilities: !b.in.LabelsOnly,
	}
	if err := l.Check(); err != nil {
		return b.refuse("key_columns", err)
	}
	return nil
}

// fingerprint returns the hash of the request: the options as sent, and the rows.
func (b *batchRequest) fingerprint() (string, error) {
	in := b.in
	in.ModelID = b.modelID // the champion may have changed since the request was first sent
	data := in.Rows.SHA256
	if b.dataPath != "" {
		data = b.dataPath
	}
	in.Rows.Bucket, in.Rows.Key, in.Rows.Size, in.Rows.SHA256, in.Rows.ETag = "", "", 0, data, ""
	return idempotency.Fingerprint(in)
}
