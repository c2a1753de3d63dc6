package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"

	"iris/model"
	"iris/workflows"
)

// untilWaiting waits until a training waits for approval. Its first timer ends that wait.
func (s *iris) untilWaiting(id string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), awaitTimeout)
	defer cancel()
	events := s.Temporal.GetWorkflowHistory(ctx, id, "", true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			s.t.Fatalf("wait for the approval of %s: %v", id, err)
		}
		if event.GetEventType() == enumspb.EVENT_TYPE_TIMER_STARTED {
			return
		}
	}
	s.t.Fatalf("%s ended without waiting for approval", id)
}

// champion returns the number of the version that the API serves.
func (s *iris) champion(name, row string) string {
	s.t.Helper()
	if err := s.Cache.Refresh(s.t.Context(), name); err != nil {
		s.t.Fatal(err)
	}
	answer := s.call(http.MethodPost, "/"+name+"/predict", "application/json", []byte(row))
	answer.want(s.t, http.StatusOK, nil)
	_, number, _ := strings.Cut(answer.header.Get("Model-Version"), "/")
	return number
}

// TestApproval_andRollback releases as a careful team does: it approves one version, rejects the second, and approves
// and rolls back the third.
func TestApproval_andRollback(t *testing.T) {
	s := start(t)
	const row = `{"x":1,"y":2}`
	data := s.put("given/careful.csv", noisyRows(31, 900))
	in := workflows.TrainingInput{
		Model:      "careful",
		Algorithm:  model.LogisticRegression,
		DatasetURI: data,
		Promote:    workflows.PromoteManual,
		Tags:       map[string]string{"team": "botany"},
	}

	first := s.startTraining("careful-1", in)
	s.untilWaiting(first)
	var watched struct {
		Stage    string                     `json:"stage"`
		Approval *workflows.PendingApproval `json:"approval"`
	}
	s.call(http.MethodGet, "/tasks/careful-1", "", nil).want(t, http.StatusOK, &watched)
	if watched.Stage != "waiting for approval" || watched.Approval == nil ||
		watched.Approval.ModelID != "models:/careful/1" {
		t.Errorf("task %+v, want it to show what it waits for", watched)
	}
	s.call(http.MethodPost, "/careful/predict", "application/json", []byte(row)).
		want(t, http.StatusServiceUnavailable, nil)
	s.call(
		http.MethodPost, "/tasks/careful-1/approve", "application/json",
		[]byte(`{"name":"ada","reason":"a good start"}`),
	).want(t, http.StatusAccepted, nil)
	var result workflows.TrainingResult
	if err := s.await(first, &result); err != nil || result.Gate.Decision != workflows.Promoted {
		t.Fatalf("gate %+v (%v), want it promoted", result.Gate, err)
	}
	if got := s.champion("careful", row); got != "1" {
		t.Errorf("version %s is served after the approval, want 1", got)
	}

	in.Hyperparameters = []byte(`{"l2":0.5}`)
	second := s.startTraining("careful-2", in)
	s.untilWaiting(second)
	s.temporal(
		"workflow",
		"update",
		"execute",
		"--workflow-id",
		"careful-2",
		"--name",
		"reject",
		"--input",
		`{"name":"bob","reason":"too close to the release"}`,
	)
	err := s.await(second, &result)
	if err != nil || result.Gate.Decision != workflows.Rejected ||
		!strings.Contains(result.Gate.Reason, "rejected by bob: too close") {
		t.Fatalf("gate %+v (%v), want bob's rejection", result.Gate, err)
	}
	s.call(
		http.MethodPost, "/tasks/careful-2/approve", "application/json",
		[]byte(`{"name":"ada","reason":"no, take it"}`),
	).want(t, http.StatusConflict, nil)

	var version struct {
		Gate        string            `json:"gate"`
		Description string            `json:"description"`
		Tags        map[string]string `json:"tags"`
	}
	s.call(http.MethodGet, "/careful/versions/2", "", nil).want(t, http.StatusOK, &version)
	if version.Gate != "rejected" || !strings.Contains(version.Description, "Gate: rejected, since rejected by bob") ||
		version.Tags["team"] != "botany" {
		t.Errorf("version %+v, want it to show its rejection", version)
	}

	third := s.startTraining("careful-3", in)
	s.untilWaiting(third)
	s.temporal(
		"workflow",
		"update",
		"execute",
		"--workflow-id",
		"careful-3",
		"--name",
		"approve",
		"--input",
		`{"name":"bob","reason":"now"}`,
	)
	if err := s.await(third, &result); err != nil || result.Gate.Approval == nil || result.Gate.Approval.Name != "bob" {
		t.Fatalf("gate %+v (%v), want bob's approval", result.Gate, err)
	}
	if got := s.champion("careful", row); got != "3" {
		t.Errorf("version %s is served after the approval, want 3", got)
	}

	s.call(http.MethodPost, "/careful/rollback", "application/json", []byte(`{"actor":"ada","reason":"complaints"}`)).
		want(t, http.StatusOK, nil)
	if got := s.champion("careful", row); got != "1" {
		t.Errorf("version %s is served after the rollback, want 1", got)
	}
	var history struct {
		Entries []struct{ From, To, Actor, Reason string }
	}
	s.call(http.MethodGet, "/careful/history", "", nil).want(t, http.StatusOK, &history)
	var actors []string
	for _, e := range history.Entries {
		actors = append(actors, e.From+">"+e.To+" "+e.Actor)
	}
	if got := strings.Join(actors, ", "); got != "3>1 ada, 1>3 bob, >1 ada" {
		t.Errorf("history %s, want the rollback and both approvals, newest first", got)
	}
}

// A model that had only one champion cannot be rolled back.
func TestRollback_nothingBefore(t *testing.T) {
	s := start(t)
	s.train(
		workflows.TrainingInput{
			Model:      "onlyone",
			DatasetURI: s.put("given/onlyone.csv", noisyRows(32, 300)),
			Algorithm:  model.LogisticRegression,
		},
	)
	s.call(http.MethodPost, "/onlyone/rollback", "", nil).want(t, http.StatusConflict, nil)
}
