package model

import (
	"slices"
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	tests := []struct {
		name, model string
		ok          bool
	}{
		{"the bundled model", "iris", true},
		{"one letter", "a", true},
		{"one digit", "7", true},
		{"hyphens inside and at the end", "red-wine-", true},
		{"63 characters", strings.Repeat("a", 63), true},
		{"starts with a reserved word", "predict2", true},
		{"empty", "", false},
		{"64 characters", strings.Repeat("a", 64), false},
		{"hyphen first", "-iris", false},
		{"upper case", "Iris", false},
		{"underscore", "red_wine", false},
		{"dot", "openapi.json", false},
		{"slash", "a/b", false},
		{"space", "red wine", false},
		{"newline at the end", "iris\n", false},
		{"not ASCII", "größe", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := CheckName(test.model); (err == nil) != test.ok {
				t.Errorf("CheckName(%q) = %v, want ok: %t", test.model, err, test.ok)
			}
		})
	}
}

func TestCheckName_quotesLittleOfALongName(t *testing.T) {
	err := CheckName(strings.Repeat("x", 10_000))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("CheckName of 10,000 letters = %.400v, want a short error", err)
	}
}

func TestClip_withinALetter(t *testing.T) {
	if got, want := clip("x"+strings.Repeat("ü", 100)), "x"+strings.Repeat("ü", 39)+"…"; got != want {
		t.Errorf("clipped to %q, want %q", got, want)
	}
}

func TestReservedNames(t *testing.T) {
	want := strings.Fields(
		"predict training tasks models datasets algorithms docs openapi schemas healthz readyz health " +
			"metrics ping version invocations v1 v2 static api",
	)
	slices.Sort(want)
	got := ReservedNames()
	if !slices.Equal(got, want) {
		t.Errorf("ReservedNames() = %q, want %q", got, want)
	}
	for _, name := range got {
		if err := CheckName(name); err == nil || !strings.Contains(err.Error(), "reserved") {
			t.Errorf("CheckName(%q) = %v, want it to be reserved", name, err)
		}
	}
	got[0] = "changed"
	if ReservedNames()[0] == "changed" {
		t.Error("a caller can change the reserved names")
	}
}
