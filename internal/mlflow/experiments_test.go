package mlflow_test

import (
	"net/http"
	"sync"
	"testing"
)

func TestEnsureExperiment_isTheSameEachTime(t *testing.T) {
	w := newWorld(t)
	if id, err := w.EnsureExperiment(t.Context(), w.name); err != nil || id != w.experiment {
		t.Errorf("EnsureExperiment = %q, %v; want %q again", id, err, w.experiment)
	}
}

func TestEnsureExperiment_severalAtOnce(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]int{}
	for range 4 {
		wg.Go(func() {
			id, err := w.EnsureExperiment(t.Context(), w.name+"-shared")
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			ids[id]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Errorf("got the ids %v, want one", ids)
	}
}

func TestEnsureExperiment_restoresADeletedOne(t *testing.T) {
	w := newWorld(t)
	w.raw(t, http.MethodPost, "/api/2.0/mlflow/experiments/delete", `{"experiment_id":"`+w.experiment+`"}`, nil)
	if id, err := w.EnsureExperiment(t.Context(), w.name); err != nil || id != w.experiment {
		t.Fatalf("EnsureExperiment = %q, %v; want %q again", id, err, w.experiment)
	}
	w.run(t) // MLflow opens no run in a deleted experiment
}

func TestEnsureExperiment_somebodyWasFaster(t *testing.T) {
	const missing = `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"not found"}`
	s := newScript(t, map[string][]reply{
		"GET experiments/get-by-name": {
			{404, missing},
			{200, `{"experiment":{"experiment_id":"7","lifecycle_stage":"active"}}`},
		},
		"POST experiments/create": {{400, `{"error_code":"RESOURCE_ALREADY_EXISTS","message":"taken"}`}},
	})
	if id, err := s.client.EnsureExperiment(t.Context(), "iris"); err != nil || id != "7" {
		t.Errorf("EnsureExperiment = %q, %v; want 7", id, err)
	}
}

func TestEnsureExperiment_restoredBySomebodyElse(t *testing.T) {
	s := newScript(t, map[string][]reply{
		"GET experiments/get-by-name": {{200, `{"experiment":{"experiment_id":"7","lifecycle_stage":"deleted"}}`}},
		"POST experiments/restore": {
			{404, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"No Experiment with id=7 exists"}`},
		},
	})
	if id, err := s.client.EnsureExperiment(t.Context(), "iris"); err != nil || id != "7" {
		t.Errorf("EnsureExperiment = %q, %v; want 7", id, err)
	}
}

func TestEnsureExperiment_refused(t *testing.T) {
	s := newScript(t, map[string][]reply{
		"GET experiments/get-by-name": {{403, `{"error_code":"PERMISSION_DENIED","message":"no"}`}},
	})
	_, err := s.client.EnsureExperiment(t.Context(), "iris")
	wantRefusal(t, err, http.StatusForbidden, "get experiment iris: MLflow answers 403 PERMISSION_DENIED: no")
	if got := s.count("POST experiments/create"); got != 0 {
		t.Errorf("%d creates, want none", got)
	}
}
