package workflows_test

import (
	"strings"
	"testing"

	"iris/workflows"
)

func TestKeyedTrainingID(t *testing.T) {
	id := workflows.KeyedTrainingID("iris", "a key")
	if !strings.HasPrefix(id, "training-iris-key-") || id != workflows.KeyedTrainingID("iris", "a key") {
		t.Errorf("the id of a key is %s, want training-iris-key-… and the same each time", id)
	}
}

func TestKeyedBatchID(t *testing.T) {
	id := workflows.KeyedBatchID("iris", "a key")
	if !strings.HasPrefix(id, "batch-iris-key-") || id != workflows.KeyedBatchID("iris", "a key") {
		t.Errorf("the id of a key is %s, want batch-iris-key-… and the same each time", id)
	}
	if id == workflows.KeyedBatchID("iris", "another key") ||
		strings.TrimPrefix(id, "batch-iris-") == strings.TrimPrefix(workflows.KeyedBatchID("wine", "a key"), "batch-wine-") {
		t.Error("two keys, or two models, have the same id")
	}
}
