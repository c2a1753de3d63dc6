package scores_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"iris/internal/scores"
)

func TestGuard(t *testing.T) {
	for cell, want := range map[string]string{
		"":              "",
		"=1+1":          "'=1+1",
		"=HYPERLINK(1)": "'=HYPERLINK(1)",
		`=A,"b"`:        `"'=A,""b"""`,
		"@SUM(A1)":      "'@SUM(A1)",
		"+49 30 1234":   "'+49 30 1234",
		"-cmd|' /C'!A0": "'-cmd|' /C'!A0",
		"\tx":           "\"'\tx\"",
		"\rx":           "\"'\rx\"",
		"-5":            "-5",
		"+1.5e3":        "+1.5e3",
		"a=b":           "a=b",
		"it's":          "it's",
		"'tis":          "'tis",
		"'=x":           "''=x",
		"'-5":           "''-5",
		"'":             "'",
	} {
		if got := string(scores.Guard(nil, []byte(cell))); got != want {
			t.Errorf("%q becomes %s, want %s", cell, got, want)
		}
	}
}

// Guarded text is read back as it was before, so the pages of a result show what the input had.
func TestLayout_csvSafe(t *testing.T) {
	l := scores.Layout{
		Format: scores.CSV, Keys: []string{"=id"}, Classes: []string{"=yes", "-1", "no"}, Probabilities: true, CSVSafe: true,
	}
	var file bytes.Buffer
	w, err := l.NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	want := []scores.Row{
		{Keys: []string{"=1+1"}, Label: 0, Probabilities: []float64{1, 0, 0}},
		{Keys: []string{"'=x"}, Label: 1, Probabilities: []float64{0, 1, 0}},
		{Keys: []string{"-7"}, Label: 2, Probabilities: []float64{0, 0, 1}},
	}
	for _, row := range want {
		if err := w.Write([][]byte{[]byte(row.Keys[0])}, row.Label, row.Probabilities); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const text = "'=1+1,'=yes,1,0,0\n''=x,-1,0,1,0\n-7,no,0,0,1\n"
	if file.String() != text || string(l.Header()) != "'=id,label,p_=yes,p_-1,p_no\n" {
		t.Errorf("wrote %s%s, want %s", l.Header(), &file, text)
	}
	r, err := l.NewLineReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range want {
		var got scores.Row
		if err := r.Read(&got); err != nil || !reflect.DeepEqual(got, row) {
			t.Errorf("read %+v (%v), want %+v", got, err, row)
		}
	}
	if err := r.Read(new(scores.Row)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v after the last row, want io.EOF", err)
	}
}
