package apiserver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Small tables as people have them are taken for a training, or refused with words that say what to do.
func TestTraining_tables(t *testing.T) {
	a := newAPI(t)
	refused := map[string]string{
		"continuous-label": "looks like a number to be estimated, not a class",
		"max":              "is not a finite number from -1e150 to 1e150",
		"intcols":          "header=true",
		"score-missing":    "class",
	}
	dropped := map[string]int{"rare-class": 1, "missing-label": 1}
	warned := map[string]string{
		"id-column": "id", "label-first": "label", "empty-column": "empty", "pandas-index": "index",
		"label-blanks": "merged_labels", "float-labels": "merged_labels",
	}
	files, err := filepath.Glob("../internal/dataset/testdata/tables/*.csv")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d tables (%v)", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".csv")
		t.Run(name, func(t *testing.T) {
			csv, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := a.do(t, "POST", "/table-"+name+"/training", string(csv), csvType)
			if words := refused[name]; words != "" {
				got.problem(t, 422, words)
				return
			}
			var accepted Accepted
			got.json(t, 202, &accepted)
			d := accepted.Data
			if d == nil || d.LabelColumn == "" || d.LabelReason == "" || d.Rows == 0 || d.DroppedRows != dropped[name] {
				t.Errorf("%+v, want the class column and why, rows, and %d dropped ones", d, dropped[name])
			}
			codes := ""
			for _, w := range d.Warnings {
				codes += w.Code + " "
			}
			if want := warned[name]; !strings.Contains(codes, want) {
				t.Errorf("warnings %q, want %s", codes, want)
			}
		})
	}
}
