package activities

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"iris/internal/dataset"
)

func TestLoggedProfile_staysSmall(t *testing.T) {
	for _, c := range []struct {
		features int
		want     string // a key that the profile has
	}{
		{4, "histogram"},
		{200, "std"},
		{3000, ""},
	} {
		p := dataset.Profile{
			Rows:    1 << 30,
			Classes: []dataset.ClassCount{{Class: "a", Rows: 1 << 29}, {Class: "b", Rows: 1 << 29}},
		}
		for i := range c.features {
			column := dataset.ColumnProfile{Name: fmt.Sprintf("feature_%d", i), Max: 1, Mean: 1.0 / 3, Std: 1.0 / 7}
			for range dataset.MaxBins {
				column.Histogram.Counts = append(column.Histogram.Counts, 1<<25)
			}
			p.Columns = append(p.Columns, column)
		}
		profile := loggedProfile(p)
		encoded, err := json.Marshal(profile)
		if err != nil || len(encoded) > maxLoggedProfile || (c.want == "") != (profile == nil) ||
			!strings.Contains(string(encoded), c.want) {
			t.Errorf(
				"%d features become %d bytes (%v), want at most %d, with %q",
				c.features,
				len(encoded),
				err,
				maxLoggedProfile,
				c.want,
			)
		}
		if c.want == "std" && strings.Contains(string(encoded), "histogram") {
			t.Errorf("%d features keep histograms in %d bytes", c.features, len(encoded))
		}
	}
}
