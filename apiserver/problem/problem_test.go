package problem

import (
	"strings"
	"testing"
)

func TestClip(t *testing.T) {
	for _, s := range []string{
		strings.Repeat("x", 1000), strings.Repeat("ü", 1000), strings.Repeat("日", 1000), "x" + strings.Repeat("😀", 1000),
	} {
		got := Clip(s)
		if len(got) > 90 || !strings.HasSuffix(got, "…") || !strings.HasPrefix(s, strings.TrimSuffix(got, "…")) {
			t.Errorf("%.10s… became %q", s, got)
		}
	}
	if got := Clip("short"); got != "short" {
		t.Errorf("got %q", got)
	}
}
