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
	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/registry"
	"iris/model"
	"iris/workflows"
)

// promotable makes a model of two versions, the first of them the champion.
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
	return a.do(t, "PUT", "/"+name+"/champion", body, "Content-Type: application/json")
}

// encoding/json would take a field in any case.
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
	const asJSON = "application/json"
	foreign := must(a.mlflow.CreateVersion(t.Context(), mlflow.NewVersion{
		Name:          "refused",
		LoggedModelID: must(a.world.registry.Resolve(t.Context(), "refused", "2")).LoggedModelID,
		RunID:         strings.Repeat("f", 32),
	}))
	for _, test := range []struct {
		name, path, body, contentType string
		status                        int
		fault                         *problem.Fault
		want                          string
	}{
		{name: "an unknown version", body: `{"version":"99"}`, status: 404, fault: &problem.Fault{Pointer: "/version"}, want: "99"},
		{name: "no version", body: `{"version":"the best"}`, status: 422, fault: &problem.Fault{Pointer: "/version"}},
		{name: "a version of another model", body: `{"version":"models:/wine/1"}`, status: 422, fault: &problem.Fault{Pointer: "/version"}},
		{name: "a version that Iris did not make", body: `{"version":"` + foreign.Version + `"}`, status: 422, fault: &problem.Fault{Pointer: "/version"}, want: "not registered by Iris"},
		{name: "a number", body: `{"version":2}`, status: 422, fault: &problem.Fault{Pointer: "/version"}},
		{name: "nothing", body: `{}`, status: 422, want: "version"},
		{name: "an empty version", body: `{"version":""}`, status: 422, fault: &problem.Fault{Pointer: "/version"}},
		{name: "an unknown field", body: `{"version":"2","force":true}`, status: 422, fault: &problem.Fault{Pointer: "/force"}},
		{name: "a long reason", body: `{"version":"2","reason":"` + strings.Repeat("x", 2001) + `"}`, status: 422, fault: &problem.Fault{Pointer: "/reason"}},
		{name: "a list", body: `[]`, status: 422},
		{name: "an empty body", body: ``, status: 400},
		{name: "broken JSON", body: `{"version":`, status: 400},
		{name: "trailing bytes", body: `{"version":"2"}}`, status: 400},
		{name: "another type", body: `version=2`, contentType: "application/x-www-form-urlencoded", status: 415},
		{name: "far too much", body: `{"version":"` + strings.Repeat("x", httpio.MaxSmall) + `"}`, status: 413},
		{name: "an unknown model", path: "/tulip/champion", body: `{"version":"1"}`, status: 404, want: "tulip"},
		{name: "a reserved name", path: "/models/champion", body: `{"version":"1"}`, status: 404},
		{name: "another champion", body: `{"version":"2","expected_champion":"2"}`, status: 409, want: "is 1"},
		{name: "no champion expected", body: `{"version":"2","expected_champion":""}`, status: 409, want: "is 1"},
		{name: "a parameter", path: "/refused/champion?force=1", body: `{"version":"2"}`, status: 422, fault: &problem.Fault{Parameter: "force"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := a.do(
				t,
				"PUT",
				cmp.Or(test.path, "/refused/champion"),
				test.body,
				"Content-Type: "+cmp.Or(test.contentType, asJSON),
			)
			p := got.problem(t, test.status, test.want)
			if test.fault != nil {
				p.faultAt(t, *test.fault)
			}
		})
	}
	if served := a.cache.Champion("refused"); served.Version.Number != "1" {
		t.Errorf("version %s is served after requests that were all refused", served.Version.Number)
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
	t.Run("and comes", func(t *testing.T) {
		block()
		done := make(chan answer, 1)
		go func() { done <- a.promoted(t, "queued", `{"version":"2"}`) }()
		for a.started.Load() < 3 { // it has been turned away at least twice
			if t.Context().Err() != nil {
				t.Fatal("it was never tried")
			}
		}
		if err := a.temporal.CancelWorkflow(t.Context(), workflows.PromotionID("queued"), ""); err != nil {
			t.Fatal(err)
		}
		if got := <-done; got.status != 200 {
			t.Errorf("got %s, want 200", got)
		}
	})
	t.Run("and does not come", func(t *testing.T) {
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
		t.Errorf("the promotion that nobody finished is %s, want REVOKED", task.State)
	}
}

// huma would cancel a handler five seconds after it has read a body.
func TestChampion_mayTakeLongerThanReadingTheBody(t *testing.T) {
	a := newAPI(t)
	for _, path := range a.Server.api.OpenAPI().Paths {
		if op := path.Put; op != nil && op.BodyReadTimeout >= 0 {
			t.Errorf("%s has a timeout of %s for its body, which ends its handler", op.Path, op.BodyReadTimeout)
		}
	}
}

func TestModels(t *testing.T) {
	a := newAPI(t)
	var list struct{ Models []Model }
	a.do(t, "GET", "/models", nil).json(t, 200, &list)
	byName := map[string]Model{}
	for _, m := range list.Models {
		byName[m.Model] = m
	}
	iris := byName[dataset.IrisModel]
	if iris.Champion != "1" || iris.LatestVersion != "2" || len(iris.Features) != 4 || len(iris.Classes) != 3 ||
		iris.Links.MLflow != "http://mlflow.test/#/models/iris?workflowType=machine_learning" {
		t.Errorf("iris is %+v", iris)
	}
	if m := byName[unpromotedModel]; m.Champion != "" || m.LatestVersion != "1" || m.Features != nil {
		t.Errorf("unpromoted is %+v", m)
	}
}

func TestVersions(t *testing.T) {
	a := newAPI(t)
	var list struct {
		Model    string
		Versions []Version
	}
	a.do(t, "GET", "/iris/versions", nil).json(t, 200, &list)
	if list.Model != "iris" || len(list.Versions) != 2 || list.Versions[0].Version != "2" ||
		list.Versions[1].Version != "1" {
		t.Fatalf("got %+v, want versions 2 and 1 of iris", list)
	}
	var one Version
	a.do(t, "GET", "/iris/versions/1", nil).json(t, 200, &one)
	if one.URI != "models:/iris/1" || one.Algorithm != model.LogisticRegression || one.Seed != 0 ||
		one.TestSize != 0.25 ||
		len(one.DatasetSHA256) != 64 || one.Dataset != one.DatasetSHA256 ||
		one.Metrics["accuracy"] != 0.97 ||
		one.RunID == "" ||
		!strings.HasPrefix(one.LoggedModelID, "m-") ||
		one.TaskID != "training-iris-test" ||
		len(one.Aliases) != 1 ||
		one.CreatedAt.IsZero() ||
		one.Links.MLflow != "http://mlflow.test/#/models/iris/versions/1?workflowType=machine_learning" {
		t.Errorf("got %+v", one)
	}
	if one.Hyperparameters["l2"] != 1.0 || len(one.Features) != 4 || len(one.Classes) != 3 || one.LabelColumn == "" ||
		one.ClassWeight != nil ||
		one.SplitSeed != 42 {
		t.Errorf("got %+v, want the spec and the schema", one)
	}
	for _, path := range []string{"/iris/versions/99", "/iris/versions/first", "/iris/versions/models:%2Fwine%2F1", "/tulip/versions", "/tulip/versions/1", "/tasks%2F/versions", "/models/versions"} {
		t.Run(path, func(t *testing.T) { a.do(t, "GET", path, nil).problem(t, 404) })
	}
}
