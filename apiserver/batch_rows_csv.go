package apiserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

// rowsCSV is an array of rows as the CSV that BatchPrediction reads: the features, and then the keys, none of which is
// a
// feature. Without keys it is never longer than the JSON, which names every feature again in every row.
func rowsCSV(features, keys []string, data []byte) ([]byte, int, error) {
	var out []byte
	for i, name := range slices.Concat(features, keys) {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendCell(out, name)
	}
	out = append(out, '\n')
	texts := newKeyTexts(keys, data)
	count, err := jsonrow.NewDecoder(features).DecodeRows(data, func(x []float64) error {
		for i, v := range x {
			if i > 0 {
				out = append(out, ',')
			}
			out = strconv.AppendFloat(out, v, 'g', -1, 64)
		}
		if len(keys) > 0 {
			var err error
			if out, err = texts.appendNext(out); err != nil {
				return err
			}
		}
		out = append(out, '\n')
		return nil
	})
	return out, count, err
}

// appendCell appends a cell, in quotes where a reader of CSV would take it for something else without, or trim it.
func appendCell(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, ",\"\r\n \t") {
		return append(dst, s...)
	}
	return append(append(append(dst, '"'), strings.ReplaceAll(s, `"`, `""`)...), '"')
}

// keyTexts reads the key columns of rows. It is of use where there are some: it decodes each row once more.
type keyTexts struct {
	keys    []string
	decoder *json.Decoder
	row     int
}

func newKeyTexts(keys []string, data []byte) *keyTexts {
	k := &keyTexts{keys: keys, decoder: json.NewDecoder(bytes.NewReader(data))}
	_, _ = k.decoder.Token() // the bracket; whoever reads the rows finds that there is none
	return k
}

// appendNext appends a cell for each key of the next row, with the comma before it. The row is known to be a good
// object.
func (k *keyTexts) appendNext(dst []byte) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := k.decoder.Decode(&fields); err != nil {
		return dst, fmt.Errorf("decode row %d again: %w", k.row, err)
	}
	for _, key := range k.keys {
		value, there := fields[key]
		text, bad := keyText(value)
		if !there {
			bad = "is missing"
		}
		if bad != "" {
			name := strings.NewReplacer("~", "~0", "/", "~1").Replace(problem.Clip(key))
			return dst, &dataset.RowError{Pointer: "/data/" + strconv.Itoa(k.row) + "/" + name, Reason: bad}
		}
		dst = appendCell(append(dst, ','), text)
	}
	k.row++
	return dst, nil
}

// keyText is the text of a key: that of a string, a number as it is written, true and false. There is none for null.
func keyText(value json.RawMessage) (text, bad string) {
	if len(value) == 0 || string(value) == "null" {
		return "", ""
	}
	switch value[0] {
	case '"':
		if err := json.Unmarshal(value, &text); err != nil {
			return "", "is not a string"
		}
		return text, ""
	case '{', '[':
		return "", "is neither text nor a number"
	}
	return string(value), ""
}
