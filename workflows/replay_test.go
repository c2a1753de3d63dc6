package workflows_test

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/sdk/worker"

	"iris/workflows"
)

// histories is the folder of the recorded histories: one folder per release, and "unreleased" for `make histories`.
var histories = filepath.Join("testdata", "history")

// TestReplay replays every recorded history. A changed workflow that cannot continue from one of them fails here,
// before it meets a running task.
func TestReplay(t *testing.T) {
	replayer := worker.NewWorkflowReplayer()
	workflows.Register(replayer)
	replayed := map[string]int{}
	err := filepath.WalkDir(histories, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".json" {
			return err
		}
		t.Run(strings.TrimSuffix(filepath.ToSlash(path), ".json"), func(t *testing.T) {
			if err := replayer.ReplayWorkflowHistoryFromJSONFile(nil, path); err != nil {
				t.Errorf("the workflow cannot continue from this history: %v", err)
			}
		})
		kind, _, _ := strings.Cut(entry.Name(), "-")
		replayed[kind]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for kind, atLeast := range map[string]int{"training": 8, "batch": 3, "promotion": 2, "sweep": 1} {
		if replayed[kind] < atLeast {
			t.Errorf("replayed %d histories of a %s, want at least %d", replayed[kind], kind, atLeast)
		}
	}
}
