package registry_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"iris/internal/registry"
	"iris/internal/testenv"
)

func TestRecordGate(t *testing.T) {
	w := newWorld(t)
	c := w.Candidate(1)
	c.Tags = map[string]string{"team": "botany"}
	if _, err := w.Register(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ decision, reason, sentence string }{
		{"waiting_for_approval", "the model had no champion", "waiting for approval, since the model had no champion"},
		{"promoted", "approved by ada", "promoted, since approved by ada"},
		{"promoted", "approved by ada", "promoted, since approved by ada"},
	} {
		if err := w.RecordGate(t.Context(), w.Model, "1", test.decision, test.reason); err != nil {
			t.Fatal(err)
		}
		v, err := w.Resolve(t.Context(), w.Model, "1")
		if err != nil || v.Gate != test.decision || v.GateReason != test.reason ||
			v.Description != "a test\n\nGate: "+test.sentence {
			t.Errorf("got %+v (%v), want %+v", v, err, test)
		}
		if len(v.Tags) != 1 || v.Tags["team"] != "botany" {
			t.Errorf("tags %v, want only that of the request", v.Tags)
		}
	}
}

func TestRecordGate_refuses(t *testing.T) {
	w := newWorld(t)
	w.MustRegister(1)
	if err := w.RecordGate(t.Context(), w.Model, "9", "kept", "x"); !errors.Is(err, registry.ErrNotExist) {
		t.Errorf("an unknown version: %v, want ErrNotExist", err)
	}
	if err := w.RecordGate(t.Context(), "../x", "1", "kept", "x"); !errors.Is(err, registry.ErrBadReference) {
		t.Errorf("a bad name: %v, want ErrBadReference", err)
	}
	// MLflow fails from one of the requests on.
	for step := range 4 {
		requests := 0
		w.LabProxy.Decide(func(*http.Request) testenv.Fate {
			if requests++; requests > step {
				return testenv.Refuse
			}
			return testenv.Pass
		})
		if err := w.RecordGate(t.Context(), w.Model, "1", "kept", "x"); !errors.Is(err, registry.ErrUnavailable) {
			t.Errorf("without MLflow from request %d on: %v, want ErrUnavailable", step+1, err)
		}
	}
}

func TestRegister_refusesReservedTags(t *testing.T) {
	w := newWorld(t)
	c := w.Candidate(1)
	c.Tags = map[string]string{"iris.gate": "promoted"}
	if _, err := w.Register(t.Context(), c); err == nil || !strings.Contains(err.Error(), "iris.gate") {
		t.Errorf("got %v, want an error that names the tag", err)
	}
}
