package apiserver

import (
	"cmp"
	"net/http"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/mlflow"
	"iris/internal/registry"
	"iris/model"
	"iris/workflows"
)

// promotable makes a model with two versions. The first is the champion.
func promotable(t *testing.T, name string) {
	t.Helper()
	w := theWorld(t)
	for range 2 {
		w.addVersion(t, name, []byte("a,b,class\n1,2,x\n2,1,x\n8,9,y\n9,8,y\n"), model.Spec{})
	}
	w.promote(t, name, "1")
}

func (a *api) promoted(t *testing.T, name, body string) answer {
	t.Helper()
	return a.do(t, "PUT", "/"+name+"/champion", body, jsonType)
}

// encoding/json accepts fields in any case.
func TestChampion_fieldsInAnotherCaseAreUnknown(t *testing.T) {
	a := newAPI(t)
	for body, fault := range map[string]string{
		`{"version":"1","Actor":"ada"}`:           "/Actor",
		`{"version":"1","EXPECTED_CHAMPION":"1"}`: "/EXPECTED_CHAMPION",
		`{"version":"1","Version":"2"}`:           "/Version",
	} {
		a.promoted(t, "iris", body).problem(t, 422).faultAt(t, problem.Fault{Pointer: fault})
	}
	if got := a.started.Load(); got != 0 {
		t.Errorf("%d promotions were started", got)
	}
}

func TestChampion_isServedBeforeTheAnswer(t *testing.T) {
	promotable(t, "promoted")
	a := newAPI(t)
	for _, test := range []struct{ name, body, version string }{
		{"by number", `{"version":"2"}`, "2"},
		{"by name", `{"version":"models:/promoted/1","actor":"ada","reason":"it was better"}`, "1"},
		{"as expected", `{"version":"2","expected_champion":"1"}`, "2"},
		{"the champion itself", `{"version":"models:/promoted@champion"}`, "2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var v Version
			a.promoted(t, "promoted", test.body).json(t, 200, &v)
			if v.Model != "promoted" || v.Version != test.version ||
				!strings.Contains(strings.Join(v.Aliases, " "), registry.ChampionAlias) {
				t.Errorf("got %+v, want version %s as the champion", v, test.version)
			}
			got := a.do(t, "POST", "/promoted/predict", `{"a":1,"b":2}`)
			if served := got.header.Get("Model-Version"); served != "promoted/"+test.version {
				t.Errorf("%q is served", served)
			}
		})
	}
	history, _, err := a.world.registry.History(t.Context(), "promoted", registry.Page{})
	if err != nil {
		t.Fatal(err)
	}
	var actors []string
	for _, entry := range history {
		actors = append(actors, entry.Actor)
	}
	if got := strings.Join(actors, " "); !strings.Contains(got, "ada") || !strings.Contains(got, defaultActor) {
		t.Errorf("actors in the history: %s", got)
	}
}

func TestChampion_badRequests(t *testing.T) {
	promotable(t, "refused")
	a := newAPI(t)
	foreign := must(a.mlflow.CreateVersion(t.Context(), mlflow.NewVersion{
		Name:          "refused",
		LoggedModelID: must(a.world.registry.Resolve(t.Context(), "refused", "2")).LoggedModelID,
		RunID:         strings.Repeat("f", 32),
	}))
	field := func(name string) *problem.Fault { return &problem.Fault{Pointer: "/" + name} }
	for _, test := range []struct {
		name, path, body, contentType string
		status                        int
		fault                         *problem.Fault
		want                          string
	}{
		{name: "an unknown version", body: `{"version":"99"}`, status: 404, fault: field("version"), want: "99"},
		{name: "not a version", body: `{"version":"the best"}`, status: 422, fault: field("version")},
		{name: "a version of another model", body: `{"version":"models:/wine/1"}`, status: 422, fault: field("version")},
		{
			name: "a version of another program", body: `{"version":"` + foreign.Version + `"}`,
			status: 422, fault: field("version"), want: "not registered by Iris",
		},
		{name: "a number", body: `{"version":2}`, status: 422, fault: field("version")},
		{name: "nothing", body: `{}`, status: 422, want: "version"},
		{name: "an empty version", body: `{"version":""}`, status: 422, fault: field("version")},
		{name: "an unknown field", body: `{"version":"2","force":true}`, status: 422, fault: field("force")},
		{
			name: "a long reason", body: `{"version":"2","reason":"` + strings.Repeat("x", 2001) + `"}`,
			status: 422, fault: field("reason"),
		},
		{
			name: "NUL in the reason", body: `{"version":"2","reason":"\u0000"}`, status: 422, fault: field("reason"),
			want: "NUL",
		},
		{name: "an actor of null", body: `{"version":"2","actor":null}`, status: 422, fault: field("actor"), want: "null"},
		{name: "a list", body: `[]`, status: 422},
		{name: "an empty body", body: ``, status: 400},
		{name: "broken JSON", body: `{"version":`, status: 400},
		{name: "trailing bytes", body: `{"version":"2"}}`, status: 400},
		{name: "another type", body: `version=2`, contentType: csvType, status: 415},
		{name: "a large body", body: `{"version":"` + strings.Repeat("x", httpio.MaxSmall) + `"}`, status: 413},
		{name: "an unknown model", path: "/tulip/champion", body: `{"version":"1"}`, status: 404, want: "tulip"},
		{name: "a reserved name", path: "/models/champion", body: `{"version":"1"}`, status: 404},
		{name: "another champion", body: `{"version":"2","expected_champion":"2"}`, status: 409, want: "is 1"},
		{name: "no champion expected", body: `{"version":"2","expected_champion":""}`, status: 409, want: "is 1"},
		{
			name: "a parameter", path: "/refused/champion?force=1", body: `{"version":"2"}`,
			status: 422, fault: &problem.Fault{Parameter: "force"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := a.do(
				t,
				"PUT",
				cmp.Or(test.path, "/refused/champion"),
				test.body,
				cmp.Or(test.contentType, jsonType),
			)
			p := got.problem(t, test.status, test.want)
			if test.fault != nil {
				p.faultAt(t, *test.fault)
			}
		})
	}
	if served := a.cache.Champion("refused"); served.Version.Number != "1" {
		t.Errorf("version %s is served, want 1: all requests were refused", served.Version.Number)
	}
}

func TestChampion_waitsForItsTurn(t *testing.T) {
	promotable(t, "queued")
	a := newAPI(t)
	block := func() {
		t.Helper()
		in := workflows.PromotionInput{Model: "queued", Version: "2", Actor: "test", Reason: blocks}
		a.world.start(t, workflows.PromotionID("queued"), workflows.TaskQueue, workflows.PromotionType, in, memo("queued"))
		a.await(t, workflows.PromotionID("queued"), enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
	}
	t.Run("that comes", func(t *testing.T) {
		block()
		done := make(chan answer, 1)
		go func() { done <- a.promoted(t, "queued", `{"version":"2"}`) }()
		for a.started.Load() < 3 { // it was refused at least twice
			if t.Context().Err() != nil {
				t.Fatal("no further attempt")
			}
		}
		if err := a.temporal.CancelWorkflow(t.Context(), workflows.PromotionID("queued"), ""); err != nil {
			t.Fatal(err)
		}
		if got := <-done; got.status != 200 {
			t.Errorf("got %s, want 200", got)
		}
	})
	t.Run("that does not come", func(t *testing.T) {
		block()
		a.models.promotionTimeout = 500 * time.Millisecond
		a.promoted(t, "queued", `{"version":"1"}`).problem(t, http.StatusConflict, "still running", "/tasks/promotion-queued")
		if served := a.cache.Champion("queued"); served.Version.Number != "2" {
			t.Errorf("version %s is served", served.Version.Number)
		}
	})
}

func TestChampion_promotionFails(t *testing.T) {
	promotable(t, "failing")
	a := newAPI(t)
	a.promoted(t, "failing", `{"version":"2","reason":"fail"}`).problem(t, 500, "/tasks/promotion-failing")
	if !strings.Contains(a.log.String(), "line 7") {
		t.Errorf("the cause was not logged: %s", a.log)
	}
	a.models.promotionTimeout = time.Second
	got := a.promoted(t, "failing", `{"version":"2","reason":"block"}`)
	got.problem(t, http.StatusServiceUnavailable, "asked to stop")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	a.wait(t, workflows.PromotionID("failing"))
	if task := a.getTask(t, workflows.PromotionID("failing")); task.State != workflows.Revoked {
		t.Errorf("the abandoned promotion is %s, want REVOKED", task.State)
	}
}

// By default huma cancels a handler five seconds after it has read the body.
func TestChampion_mayTakeLongerThanReadingTheBody(t *testing.T) {
	a := newAPI(t)
	for _, path := range a.router.api.OpenAPI().Paths {
		if op := path.Put; op != nil && op.BodyReadTimeout >= 0 {
			t.Errorf("%s has a read timeout of %s, which ends its handler", op.Path, op.BodyReadTimeout)
		}
	}
}
