package mlflow_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"iris/internal/mlflow"
)

// version registers a new logged model of a run.
func (w world) version(t *testing.T, run mlflow.Run) mlflow.ModelVersion {
	t.Helper()
	logged := w.loggedModel(t, "model", run)
	return must(w.CreateVersion(t.Context(), mlflow.NewVersion{
		Name: w.name, LoggedModelID: logged.ID, RunID: run.ID, Description: "first", Tags: map[string]string{"seed": "42"},
	}))(t)
}

func (w world) registered(t *testing.T) mlflow.RegisteredModel {
	t.Helper()
	for _, m := range must(w.RegisteredModels(t.Context()))(t) {
		if m.Name == w.name {
			return m
		}
	}
	t.Fatalf("model %s is not in the list", w.name)
	return mlflow.RegisteredModel{}
}

func TestEnsureRegisteredModel(t *testing.T) {
	w := newWorld(t)
	_, err := w.GetRegisteredModel(t.Context(), w.name)
	wantError(t, err, mlflow.ErrNotExist, "get registered model "+w.name)
	for _, description := range []string{"first", "second"} {
		tags := map[string]string{"by": description}
		if err := w.EnsureRegisteredModel(t.Context(), w.name, description, tags); err != nil {
			t.Fatal(err)
		}
	}
	for name, got := range map[string]mlflow.RegisteredModel{
		"in the list": w.registered(t), "by name": must(w.GetRegisteredModel(t.Context(), w.name))(t),
	} {
		if got.Description != "first" || got.Tags["by"] != "first" || len(got.Aliases) != 0 || len(got.LatestVersions) != 0 {
			t.Errorf("%s: %+v, want the first description and tag, and no versions", name, got)
		}
		if age := time.Since(got.Created); age < 0 || age > time.Hour {
			t.Errorf("%s: created at %s, want a moment ago", name, got.Created)
		}
	}
	err = w.EnsureRegisteredModel(t.Context(), "a/b", "", nil)
	wantRefusal(t, err, http.StatusBadRequest, "registered model a/b")
}

func TestEnsureRegisteredModel_somebodyWasFaster(t *testing.T) {
	s := newScript(t, map[string][]reply{
		"GET registered-models/get":     {{404, `{"error_code":"RESOURCE_DOES_NOT_EXIST"}`}},
		"POST registered-models/create": {{400, `{"error_code":"RESOURCE_ALREADY_EXISTS"}`}},
	})
	if err := s.client.EnsureRegisteredModel(t.Context(), "iris", "", nil); err != nil {
		t.Error(err)
	}
}

func TestVersions(t *testing.T) {
	w := newWorld(t)
	if err := w.EnsureRegisteredModel(t.Context(), w.name, "", nil); err != nil {
		t.Fatal(err)
	}
	run, another := w.run(t), w.run(t)
	var all []mlflow.ModelVersion
	for i := range 11 { // sorted as text, 10 would come before 9
		r := run
		if i == 5 {
			r = another
		}
		all = append(all, w.version(t, r))
	}
	first := all[0]
	if first.Name != w.name || first.Version != "1" || first.RunID != run.ID || first.Description != "first" ||
		first.Tags["seed"] != "42" {
		t.Errorf("CreateVersion = %+v, want version 1 of %s", first, w.name)
	}
	if first.Source != "models:/"+first.LoggedModelID || len(first.LoggedModelID) != 34 {
		t.Errorf("source %s and model %s, want those of the logged model", first.Source, first.LoggedModelID)
	}
	if age := time.Since(first.Created); age < 0 || age > time.Hour {
		t.Errorf("created at %s, want a moment ago", first.Created)
	}
	got := must(w.GetVersion(t.Context(), w.name, "11"))(t)
	if got.LoggedModelID != all[10].LoggedModelID || got.RunID != run.ID {
		t.Errorf("GetVersion = %+v, want %+v", got, all[10])
	}
	if latest := w.registered(t).LatestVersions; len(latest) != 1 || latest[0].Version != "11" {
		t.Errorf("latest versions %+v, want 11 alone", latest)
	}
	_, err := w.GetVersion(t.Context(), w.name, "12")
	wantError(t, err, mlflow.ErrNotExist, "get version 12 of model "+w.name)
	_, err = w.CreateVersion(t.Context(), mlflow.NewVersion{Name: w.name + "-none", LoggedModelID: first.LoggedModelID})
	wantError(t, err, mlflow.ErrNotExist, "create version of model "+w.name+"-none")

	for name, test := range map[string]struct {
		filter string
		want   []string
	}{
		"of the model":  {"name = '" + w.name + "'", []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}},
		"of a run":      {"run_id = '" + another.ID + "'", []string{"6"}},
		"of both":       {"run_id='" + another.ID + "' and name='" + w.name + "'", []string{"6"}},
		"of no run":     {"run_id = 'none'", nil},
		"by its source": {"source_path = '" + first.Source + "'", []string{"1"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, v := range must(w.SearchVersions(t.Context(), test.filter))(t) {
				got = append(got, v.Version)
				if v.LoggedModelID == "" || v.Tags["seed"] != "42" {
					t.Errorf("found %+v, want its model and tags", v)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("found versions %v, want %v", got, test.want)
			}
		})
	}
	if got := must(w.SearchVersions(t.Context(), ""))(t); len(got) < 11 {
		t.Errorf("an empty filter finds %d versions, want all", len(got))
	}
	recent := func(since time.Time) (numbers []string) {
		for _, v := range must(w.RecentVersions(t.Context(), since))(t) {
			if v.Name == w.name {
				numbers = append(numbers, v.Version)
			}
		}
		return numbers
	}
	if got := recent(all[0].Created); len(got) != 11 || got[0] != "1" || got[10] != "11" {
		t.Errorf("versions since the first: %v, want 1 to 11", got)
	}
	if got := recent(all[10].Created.Add(time.Millisecond)); len(got) != 0 {
		t.Errorf("versions after the last: %v, want none", got)
	}
	_, err = w.SearchVersions(t.Context(), "no filter")
	wantRefusal(t, err, http.StatusBadRequest, "search versions")
}

func TestVersion_tagsAndDescription(t *testing.T) {
	w := newWorld(t)
	if err := w.EnsureRegisteredModel(t.Context(), w.name, "", nil); err != nil {
		t.Fatal(err)
	}
	v := w.version(t, w.run(t))
	for range 2 { // the second call changes nothing
		if err := w.SetVersionTag(t.Context(), w.name, v.Version, "artifact.sha256", "ü"); err != nil {
			t.Fatal(err)
		}
		if err := w.UpdateVersion(t.Context(), w.name, v.Version, "second"); err != nil {
			t.Fatal(err)
		}
	}
	got := must(w.GetVersion(t.Context(), w.name, v.Version))(t)
	want := map[string]string{"seed": "42", "artifact.sha256": "ü"}
	if !maps.Equal(got.Tags, want) || got.Description != "second" {
		t.Errorf("got %+v, want the tags %v and the second description", got, want)
	}
	err := w.SetVersionTag(t.Context(), w.name, "9", "a", "b")
	wantError(t, err, mlflow.ErrNotExist, "tag version 9 of model "+w.name)
	err = w.UpdateVersion(t.Context(), w.name, "9", "x")
	wantError(t, err, mlflow.ErrNotExist, "update version 9 of model "+w.name)
}

func TestAliases(t *testing.T) {
	w := newWorld(t)
	_, err := w.GetAlias(t.Context(), w.name, "champion")
	wantError(t, err, mlflow.ErrNotExist, "get alias champion of model "+w.name)
	if err := w.EnsureRegisteredModel(t.Context(), w.name, "", nil); err != nil {
		t.Fatal(err)
	}
	_, err = w.GetAlias(t.Context(), w.name, "champion")
	wantError(t, err, mlflow.ErrNotExist, "get alias champion of model "+w.name)

	run := w.run(t)
	v1, v2 := w.version(t, run), w.version(t, run)
	set := func(alias, version string) {
		t.Helper()
		if err := w.SetAlias(t.Context(), w.name, alias, version); err != nil {
			t.Fatal(err)
		}
	}
	set("champion", v1.Version)
	set("champion", v2.Version)
	set("previous", v2.Version)
	got := must(w.GetAlias(t.Context(), w.name, "champion"))(t)
	slices.Sort(got.Aliases)
	if got.Version != v2.Version || got.LoggedModelID != v2.LoggedModelID ||
		!slices.Equal(got.Aliases, []string{"champion", "previous"}) {
		t.Errorf("GetAlias = %+v, want version %s with both aliases", got, v2.Version)
	}
	set("previous", v1.Version)
	if got, want := w.registered(t).Aliases, map[string]string{"champion": "2", "previous": "1"}; !maps.Equal(got, want) {
		t.Errorf("aliases in the list %v, want %v", got, want)
	}
	for range 2 { // the second call finds no alias
		if err := w.DeleteAlias(t.Context(), w.name, "champion"); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := w.registered(t).Aliases, map[string]string{"previous": "1"}; !maps.Equal(got, want) {
		t.Errorf("aliases after the delete %v, want %v", got, want)
	}
	err = w.SetAlias(t.Context(), w.name, "champion", "9")
	wantError(t, err, mlflow.ErrNotExist, "set alias champion of model "+w.name)
	wantError(t, w.DeleteAlias(t.Context(), w.name+"-none", "champion"), mlflow.ErrNotExist, "delete alias champion")
}

func TestGetAlias_otherRefusals(t *testing.T) {
	s := newScript(t, map[string][]reply{
		"GET registered-models/alias": {
			{400, `{"error_code":"INVALID_PARAMETER_VALUE","message":"Missing value for required parameter 'alias'."}`},
		},
	})
	_, err := s.client.GetAlias(t.Context(), "iris", "")
	wantRefusal(t, err, http.StatusBadRequest, "Missing value for required parameter 'alias'")
}

func TestVersion_fromAnotherSource(t *testing.T) {
	for _, source := range []string{
		"s3://bucket/model", "runs:/abc/model", "models:/iris/3", "mlflow-artifacts:/1/abc/artifacts/model",
	} {
		s := newScript(t, map[string][]reply{
			"GET model-versions/get": {
				{200, fmt.Sprintf(`{"model_version":{"name":"iris","version":3,"source":%q,"creation_timestamp":null}}`, source)},
			},
		})
		got := must(s.client.GetVersion(t.Context(), "iris", "3"))(t)
		if got.LoggedModelID != "" || got.Source != source || got.Version != "3" || !got.Created.IsZero() {
			t.Errorf("GetVersion = %+v, want version 3 from %s without a logged model", got, source)
		}
	}
}
