package apiserver

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/internal/jsonrow"
	"iris/internal/rows"
)

// rowsCSV writes an array of JSON rows as the CSV that a batch reads: the features, then the keys that are not
// features. Each row is decoded once, and a number that is already as short as it can be is copied. Without keys the
// CSV is never longer than the JSON, which names every feature in every row.
func rowsCSV(columns rows.Columns, schema dataset.Schema, data []byte) ([]byte, int, error) {
	isFeature := func(key string) bool { return slices.Contains(columns.Features, key) }
	keys := slices.DeleteFunc(slices.Clone(columns.Keys), isFeature)
	var out []byte
	for i, name := range slices.Concat(columns.Features, keys) {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendCell(out, name)
	}
	out = append(out, '\n')
	row := 0
	count, err := jsonrow.NewCellDecoder(columns.Features, columns.Cells).DecodeRawRows(data, keys,
		func(x []float64, raw *jsonrow.RawRow) error {
			start := len(out)
			for i, value := range raw.Values {
				if i > 0 {
					out = append(out, ',')
				}
				if columns.Cells == nil {
					out = jsonrow.AppendShortest(out, value, x[i])
				} else {
					out = appendFeature(out, schema.Column(i), value, x[i])
				}
			}
			for i, value := range raw.Others {
				text, reason := keyText(value)
				if reason != "" {
					at := "/data/" + strconv.Itoa(row) + "/" + dataset.PointerToken(problem.Clip(keys[i]))
					return &dataset.RowError{Pointer: at, Reason: reason}
				}
				out = appendCell(append(out, ','), text)
			}
			if len(out) == start {
				out = append(out, `""`...) // an empty line is not a row
			}
			out = append(out, '\n')
			row++
			return nil
		})
	return out, count, err
}

// appendFeature appends the cell of a feature whose value was read as x. A batch reads the cell as x again.
func appendFeature(dst []byte, c dataset.Column, value []byte, x float64) []byte {
	switch {
	case math.IsNaN(x):
		return dst
	case c.Kind == dataset.Categorical && int(x) < len(c.Levels):
		return appendCell(dst, c.Levels[int(x)])
	case c.Kind == dataset.Categorical:
		text, _ := keyText(value) // the decoder has accepted it
		return appendCell(dst, text)
	case c.Kind == dataset.Datetime && value[0] == '"', c.Kind == dataset.Text:
		text, _ := keyText(value)
		return appendCell(dst, text)
	case c.Kind == dataset.Datetime:
		const day = 24 * time.Hour
		at := time.Unix(0, 0).UTC().AddDate(0, 0, int(math.Floor(x)))
		at = at.Add(time.Duration((x - math.Floor(x)) * float64(day)).Round(time.Microsecond))
		return at.AppendFormat(dst, "2006-01-02T15:04:05.999999")
	case value[0] != '"' && value[0] != 't' && value[0] != 'f':
		return jsonrow.AppendShortest(dst, value, x)
	}
	return strconv.AppendFloat(dst, x, 'g', -1, 64)
}

// appendCell appends a cell. It quotes a cell that a reader of CSV would otherwise split or trim.
func appendCell(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, ",\"\r\n \t") {
		return append(dst, s...)
	}
	return append(append(append(dst, '"'), strings.ReplaceAll(s, `"`, `""`)...), '"')
}

// keyText returns the text of a key: a string without its quotes, a number or a truth value as it is written, and
// nothing for null. The reason says why a value has no text.
func keyText(value []byte) (text, reason string) {
	switch {
	case value == nil:
		return "", "is missing"
	case string(value) == "null":
		return "", ""
	case value[0] == '{', value[0] == '[':
		return "", "is neither text nor a number"
	case value[0] != '"':
		return string(value), ""
	}
	s := jsonrow.Scanner{Data: value}
	decoded, err := s.Text()
	if err != nil {
		return "", "is not a string" // cannot happen: the decoder has read it
	}
	return string(decoded.Decode(nil)), ""
}

// batchBody is the JSON of a batch. Its rows are not decoded yet, because that needs the schema of the model.
type batchBody struct {
	ModelID string   // as sent, "" when absent
	Data    []byte   // the value of "data" for jsonrow.Decoder.DecodeRawRows, a part of the document; nil when absent
	Others  []member // in the order of the document
}

// member is a field of a JSON object, not decoded yet.
type member struct {
	Name  string
	Value []byte
}

// parseBatchBody reads {"model_id": "…", "data": […], …}. Every field may be absent. Errors are those of
// jsonrow.Decoder.
func parseBatchBody(data []byte) (batchBody, error) {
	s := jsonrow.Scanner{Data: data}
	s.Space()
	body, err := scanBatchBody(&s)
	if err == nil {
		err = s.End()
	}
	if err != nil {
		if syntax := jsonrow.Check(data); syntax != nil {
			err = syntax
		}
		return batchBody{}, err
	}
	return body, nil
}

func scanBatchBody(s *jsonrow.Scanner) (batchBody, error) {
	var body batchBody
	if s.Peek() != '{' {
		return body, &dataset.RowError{Reason: s.Kind() + ", want an object"}
	}
	s.Pos++
	named := false
	for first := true; ; first = false {
		name, ok, err := s.Member(first)
		if err != nil || !ok {
			return body, err
		}
		switch name := string(name.Decode(nil)); name {
		case "model_id":
			if named {
				return body, &dataset.RowError{Pointer: "/model_id", Reason: "given twice"}
			}
			if s.Peek() != '"' {
				return body, &dataset.RowError{Pointer: "/model_id", Reason: s.Kind() + ", want a string"}
			}
			id, err := s.Text()
			if err != nil {
				return body, err
			}
			body.ModelID, named = string(id.Decode(nil)), true
		case "data":
			if body.Data != nil {
				return body, &dataset.RowError{Pointer: "/data", Reason: "given twice"}
			}
			if body.Data, err = skipValue(s); err != nil {
				return body, err
			}
		default:
			value, err := skipValue(s)
			if err != nil {
				return body, err
			}
			body.Others = append(body.Others, member{Name: name, Value: value})
		}
	}
}

// skipValue returns the text of the value of a member.
func skipValue(s *jsonrow.Scanner) ([]byte, error) {
	start := s.Pos
	if err := s.Skip(1); err != nil {
		return nil, err
	}
	return s.Data[start:s.Pos], nil
}
