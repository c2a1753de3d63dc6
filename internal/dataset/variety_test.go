package dataset_test

import (
	"errors"
	"strings"
	"testing"

	"iris/internal/dataset"
)

func TestCheckVariety(t *testing.T) {
	for name, test := range map[string]struct {
		csv       string
		validated bool
		want      string // "" if the dataset is good
	}{
		"all rows are equal":           {"x,label\n1,a\n1,b\n1,a\n1,b\n", false, "at least 2 different rows"},
		"a row of each class, twice":   {"x,label\n1,a\n1,a\n2,b\n2,b\n", false, "at least 2 different rows"},
		"zero and minus zero":          {"x,label\n0,a\n-0,a\n2,b\n2,b\n", false, "at least 2 different rows"},
		"two of each":                  {"x,label\n1,a\n2,a\n3,b\n4,b\n", false, ""},
		"two of each, cross-validated": {"x,label\n1,a\n2,a\n3,b\n4,b\n", true, "at least 3"},
		"three of each":                {"x,label\n1,a\n2,a\n3,a\n4,b\n5,b\n6,b\n", true, ""},
		"three classes":                {"x,label\n1,a\n2,a\n3,b\n4,b\n5,c\n6,c\n", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			summary, err := dataset.Scan(strings.NewReader(test.csv), dataset.ScanOptions{})
			if err != nil {
				t.Fatal(err)
			}
			options := dataset.ScanOptions{Schema: &summary.Schema}
			err = dataset.CheckVariety(strings.NewReader(test.csv), options, test.validated)
			var row *dataset.RowError
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (!errors.As(err, &row) || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want a RowError with %q", err, test.want)
			}
		})
	}
}
