package registry_test

import (
	"encoding/json"
	"testing"
	"time"

	"iris/internal/registry"
)

// The input of the workflow keeps its form, and the recorded inputs of activities can still be read.
func TestPromotion_JSON(t *testing.T) {
	request := registry.Promotion{
		Model:    "iris",
		Version:  "2",
		Expected: new("1"),
		Actor:    "ada",
		Reason:   "better",
		TaskID:   "t",
	}
	encoded, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	// Workers of 0.1.0 read "expected".
	const want = `{"model":"iris","version":"2","expected_champion":"1","actor":"ada","reason":"better","expected":"1"}`
	if string(encoded) != want {
		t.Errorf("encoded as %s, want %s", encoded, want)
	}
	for _, text := range []string{
		`{"model":"iris","version":"2","expected":"1","actor":"ada","at":"2026-11-23T12:00:00Z"}`,
		`{"model":"iris","version":"2","expected_champion":"1","actor":"ada","at":"2026-11-23T12:00:00Z"}`,
	} {
		var got registry.Promotion
		err := json.Unmarshal([]byte(text), &got)
		if err != nil || got.Expected == nil || *got.Expected != "1" || got.Version != "2" ||
			!got.At.Equal(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)) {
			t.Errorf("%s is read as %+v (%v), want version 2 over champion 1", text, got, err)
		}
	}
	var got registry.Promotion
	err = json.Unmarshal([]byte(`{"model":"iris","version":"2","actor":"ada"}`), &got)
	if err != nil || got.Expected != nil {
		t.Errorf("read %+v (%v), want any champion accepted", got, err)
	}
}
