package apiserver

import (
	"slices"
	"strconv"
	"strings"

	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/internal/jsonrow"
	"iris/internal/rows"
)

// rowsCSV writes an array of JSON rows as the CSV that a batch reads: the features, then the keys that are not
// features. Each row is decoded once, and a number that is already as short as it can be is copied. Without keys the
// CSV
// is never longer than the JSON, which names every feature in every row.
func rowsCSV(columns rows.Columns, data []byte) ([]byte, int, error) {
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
	count, err := jsonrow.NewDecoder(columns.Features).DecodeRawRows(data, keys,
		func(x []float64, raw *jsonrow.RawRow) error {
			for i, number := range raw.Numbers {
				if i > 0 {
					out = append(out, ',')
				}
				out = jsonrow.AppendShortest(out, number, x[i])
			}
			for i, value := range raw.Others {
				text, reason := keyText(value)
				if reason != "" {
					at := "/data/" + strconv.Itoa(row) + "/" + dataset.PointerToken(problem.Clip(keys[i]))
					return &dataset.RowError{Pointer: at, Reason: reason}
				}
				out = appendCell(append(out, ','), text)
			}
			out = append(out, '\n')
			row++
			return nil
		})
	return out, count, err
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
