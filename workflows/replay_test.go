package workflows_test

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/sdk/worker"

	"iris/workflows"
)

// The histories were recorded by `make histories` from end-to-end runs. A workflow that has changed so that it cannot
// go
// on from one of them fails here before it meets a running one.
func TestReplay(t *testing.T) {
	replayer := worker.NewWorkflowReplayer()
	workflows.Register(replayer)
	replayed := map[string]int{}
	err := filepath.WalkDir(filepath.Join("testdata", "history"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".json" {
			return err
		}
		t.Run(strings.TrimSuffix(filepath.ToSlash(path), ".json"), func(t *testing.T) {
			if err := replayer.ReplayWorkflowHistoryFromJSONFile(nil, path); err != nil {
				t.Errorf("the code does not go on from this history: %v", err)
			}
		})
		kind, _, _ := strings.Cut(entry.Name(), "-")
		replayed[kind]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for kind, least := range map[string]int{"training": 8, "batch": 3, "promotion": 2} {
		if replayed[kind] < least {
			t.Errorf("%d histories of a %s were replayed, want at least %d", replayed[kind], kind, least)
		}
	}
}
