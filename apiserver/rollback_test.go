package apiserver

import (
	"cmp"
	"net/http"
	"strings"
	"testing"

	"iris/internal/registry"
	"iris/model"
	"iris/workflows"
)

func (a *api) rolledBack(t *testing.T, name string, body any) answer {
	t.Helper()
	return a.do(t, "POST", "/"+name+"/rollback", body, jsonType)
}

func TestRollback_restoresThePreviousChampion(t *testing.T) {
	promotable(t, "rolled")
	a := newAPI(t)
	a.promoted(t, "rolled", `{"version":"2"}`).json(t, 200, new(Version))
	for _, test := range []struct {
		name, version string
		body          any
	}{
		{"with a reason", "1", `{"actor":"ada","reason":"it drifts"}`},
		{"without a body", "2", nil},
		{"with an empty object", "1", `{}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var v Version
			a.rolledBack(t, "rolled", test.body).json(t, 200, &v)
			if v.Version != test.version || !strings.Contains(strings.Join(v.Aliases, " "), registry.ChampionAlias) {
				t.Errorf("got %+v, want version %s as the champion", v, test.version)
			}
			if served := a.cache.Champion("rolled"); served.Version.Number != test.version {
				t.Errorf("version %s is served", served.Version.Number)
			}
		})
	}
	var history struct {
		Model         string
		Entries       []HistoryEntry
		NextPageToken string `json:"next_page_token"`
	}
	a.do(t, "GET", "/rolled/history", nil).json(t, 200, &history)
	if history.Model != "rolled" || len(history.Entries) != 5 || history.NextPageToken != "" {
		t.Fatalf("got %+v, want five entries on one page", history)
	}
	if e := history.Entries[2]; e.From != "2" || e.To != "1" || e.Actor != "ada" || e.Reason != "it drifts" ||
		e.At.IsZero() {
		t.Errorf("entry %+v, want ada's rollback from 2 to 1", e)
	}
	if e := history.Entries[0]; e.Actor != defaultActor || e.Reason != "rollback from version 2" {
		t.Errorf("entry %+v, want the reason rollback", e)
	}
}

func TestRollback_badRequests(t *testing.T) {
	promotable(t, "unrolled")
	a := newAPI(t)
	broken := "unrollable"
	promotable(t, broken)
	a.promoted(t, broken, `{"version":"2"}`).json(t, 200, new(Version))
	if err := a.mlflow.SetVersionTag(t.Context(), broken, "1", "iris.split", "?"); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 201)
	for _, test := range []struct {
		name, model, body, contentType string
		status                         int
		want                           string
	}{
		{name: "no champion before", model: "unrolled", status: 409, want: "no version with the alias previous"},
		{name: "no champion at all", model: unpromotedModel, status: 409, want: "nothing to roll back to"},
		{name: "a damaged version before", model: broken, status: 422, want: "damaged"},
		{name: "an unknown model", model: "tulip", status: 404, want: "tulip"},
		{name: "a reserved name", model: "models", status: 404},
		{name: "an unknown field", model: "unrolled", body: `{"version":"1"}`, status: 422, want: "/version"},
		{name: "a long actor", model: "unrolled", body: `{"actor":"` + long + `"}`, status: 422, want: "/actor"},
		{name: "a list", model: "unrolled", body: `[]`, status: 422},
		{name: "broken JSON", model: "unrolled", body: `{`, status: 400},
		{name: "another type", model: "unrolled", body: `x`, contentType: csvType, status: 415},
	} {
		t.Run(test.name, func(t *testing.T) {
			a.do(t, "POST", "/"+test.model+"/rollback", test.body, cmp.Or(test.contentType, jsonType)).
				problem(t, test.status, test.want)
		})
	}
	if served := a.cache.Champion("unrolled"); served.Version.Number != "1" {
		t.Errorf("version %s is served, want 1: all requests were refused", served.Version.Number)
	}
}

// A rollback changes nothing if another promotion happened after it looked up the champion.
func TestRollback_otherPromotionFirst(t *testing.T) {
	promotable(t, "raced")
	a := newAPI(t)
	theWorld(t).addVersion(t, "raced", []byte("a,b,class\n1,2,x\n2,1,x\n8,9,y\n9,8,y\n"), model.Spec{})
	a.promoted(t, "raced", `{"version":"2"}`).json(t, 200, new(Version))
	_, err := a.models.promote(
		t.Context(),
		workflows.PromotionInput{Model: "raced", Version: "1", Expected: new("1"), Actor: "test"},
	)
	p := problemOf(err)
	if p.Status != http.StatusConflict || !strings.Contains(p.Detail, "the champion of raced is 2") {
		t.Errorf("got %+v, want 409 naming the champion", p)
	}
}

func TestHistory_pages(t *testing.T) {
	promotable(t, "storied")
	a := newAPI(t)
	for _, version := range []string{"2", "1", "2"} {
		a.promoted(t, "storied", `{"version":"`+version+`"}`).json(t, 200, new(Version))
	}
	var to []string
	eachPage(t, a, "/storied/history?page_size=3", func(page struct{ Entries []HistoryEntry }) {
		for _, e := range page.Entries {
			to = append(to, e.To)
		}
	})
	if got := strings.Join(to, " "); got != "2 1 2 1" {
		t.Errorf("got %s, want the four promotions, newest first", got)
	}
	for name, path := range map[string]string{
		"a token of another list": "/iris/history?page_token=" + pageToken("history of storied", []byte("x")),
		"not a token":             "/storied/history?page_token=hello",
		"a negative size":         "/storied/history?page_size=-1",
		"an unknown parameter":    "/storied/history?order=up",
	} {
		t.Run(name, func(t *testing.T) { a.do(t, "GET", path, nil).problem(t, 422) })
	}
	a.do(t, "GET", "/tulip/history", nil).problem(t, 404, "tulip")
}
