package activities

import (
	"strings"
	"testing"

	"iris/internal/dataset"
)

func TestNewFindings_areBounded(t *testing.T) {
	s := dataset.Summary{Schema: dataset.Schema{Label: "kind"}, LabelReason: "it is the last one"}
	for range 4096 {
		s.Warnings = append(s.Warnings, dataset.Warning{
			Column: strings.Repeat("ü", 500), Message: strings.Repeat("ü", 500),
		})
	}
	f := NewFindings(s)
	if len(f.Warnings) != maxWarnings || f.More != 4096-maxWarnings || f.LabelReason != "it is the last one" {
		t.Errorf("%d warnings and %d more, %q", len(f.Warnings), f.More, f.LabelReason)
	}
	if more := f.With(s.Warnings[:3]); more.More != f.More+3 || len(more.Warnings) != maxWarnings {
		t.Errorf("%d warnings and %d more with three more", len(more.Warnings), more.More)
	}
	for _, w := range f.Warnings {
		if len(w.Message) > maxWarning+3 || len(w.Column) > maxWarning+3 {
			t.Fatalf("a message of %d bytes about a column of %d", len(w.Message), len(w.Column))
		}
	}
}
