package apiserver

import (
	"net/http"
	"strings"
	"testing"

	"iris/apiserver/idempotency"
	"iris/apiserver/problem"
	"iris/internal/dataset/datasettest"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/testenv"
)

// forgetAnswers deletes the answers that are kept, as if the process had died before it kept them.
func (a *api) forgetAnswers(t *testing.T) {
	t.Helper()
	for _, key := range a.keys(t, a.Bucket, objstore.IdempotencyPrefix) {
		if err := a.store.Delete(t.Context(), a.Bucket, key); err != nil {
			t.Fatal(err)
		}
	}
}

// wantReplay checks that an answer is the one that the request had before.
func wantReplay(t *testing.T, first, again answer) {
	t.Helper()
	if again.status != first.status || string(again.body) != string(first.body) ||
		again.header.Get("Location") != first.header.Get("Location") ||
		again.header.Get(idempotency.Replayed) != "true" {
		t.Errorf("sent twice it is %s and %s, want the same answer as a replay", first, again)
	}
}

// wantOther checks that a key was used for another request.
func wantOther(t *testing.T, got answer) {
	t.Helper()
	got.problem(t, http.StatusUnprocessableEntity, "another request").
		faultAt(t, problem.Fault{Parameter: idempotency.Header})
}

func TestIdempotencyKey_promotions(t *testing.T) {
	const name = "keyed"
	promotable(t, name)
	a := newAPI(t, freshBucket(t))
	key := "Idempotency-Key: " + testenv.Name()
	history := func() (n int) {
		t.Helper()
		entries, _, err := a.world.registry.History(t.Context(), name, registry.Page{})
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	send := func(method, path, body string) answer {
		t.Helper()
		return a.do(t, method, "/"+name+path, body, jsonType, key)
	}
	before := history()

	promoted := send("PUT", "/champion", `{"version":"2","expected_champion":"1"}`)
	promoted.json(t, http.StatusOK, new(Version))
	wantReplay(t, promoted, send("PUT", "/champion", `{"version":"2","expected_champion":"1"}`))
	wantOther(t, send("PUT", "/champion", `{"version":"1"}`))
	a.forgetAnswers(t)
	send("PUT", "/champion", `{"version":"2","expected_champion":"1"}`).json(t, http.StatusOK, new(Version))
	if n := history() - before; n != 1 {
		t.Errorf("a promotion sent three times has %d entries", n)
	}

	rolledBack := send("POST", "/rollback", "") // the key belongs to another path
	var v Version
	rolledBack.json(t, http.StatusOK, &v)
	wantReplay(t, rolledBack, send("POST", "/rollback", ""))
	a.forgetAnswers(t)
	send("POST", "/rollback", "").json(t, http.StatusOK, &v)
	wantOther(t, send("POST", "/rollback", "{}"))
	if n := history() - before; n != 2 || v.Version != "1" {
		t.Errorf("after a rollback sent three times there are %d entries, and version %s is the champion", n, v.Version)
	}

	// Later promotions of the model do not hide an earlier one.
	a.promoted(t, name, `{"version":"2"}`).json(t, http.StatusOK, new(Version))
	a.forgetAnswers(t)
	send("POST", "/rollback", "").json(t, http.StatusOK, &v)
	if n := history() - before; n != 3 {
		t.Errorf("there are %d entries, want 3: the rollback was sent again", n)
	}
}

func TestIdempotencyKey_errorsAreNotKept(t *testing.T) {
	const name = "keyed-mended"
	promotable(t, name)
	a := newAPI(t, freshBucket(t))
	key := "Idempotency-Key: " + testenv.Name()
	for body, status := range map[string]int{
		`{"version":"99"}`: 404, `{"version":2}`: 422, `{"version":"2","expected_champion":"7"}`: 409,
	} {
		a.do(t, "PUT", "/"+name+"/champion", body, jsonType, key).problem(t, status)
	}
	a.do(t, "PUT", "/"+name+"/champion", `{"version":"2"}`, jsonType, key).json(t, http.StatusOK, new(Version))
	a.do(t, "PUT", "/"+name+"/champion", `{"version":"1"}`, jsonType, "Idempotency-Key: ü").
		problem(t, http.StatusUnprocessableEntity, "255")
}

func TestIdempotencyKey_verdicts(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	const good = `{"name":"ada","reason":"I looked"}`
	for _, verb := range []string{"approve", "reject"} {
		t.Run(verb, func(t *testing.T) {
			id := "training-iris-keyed-" + verb
			a.waiting(t, id)
			key := "Idempotency-Key: " + testenv.Name()
			send := func(body string) answer { return a.do(t, "POST", "/tasks/"+id+"/"+verb, body, jsonType, key) }
			first := send(good)
			first.json(t, http.StatusAccepted, new(taskView))
			wantReplay(t, first, send(good))
			wantOther(t, send(`{"name":"bob","reason":"I as well"}`))
			a.forgetAnswers(t)
			send(good).json(t, http.StatusAccepted, new(taskView))
			a.forgetAnswers(t)
			send(`{"name":"bob","reason":"I as well"}`).problem(t, http.StatusConflict, "given already")

			a.do(t, "DELETE", "/tasks/"+id, nil)
			a.wait(t, id)
			a.forgetAnswers(t)
			send(good).json(t, http.StatusAccepted, new(taskView)) // Temporal remembers the verdict
			a.forgetAnswers(t)
			send(`{"name":"bob","reason":"I as well"}`).problem(t, http.StatusConflict, "not waiting")
		})
	}
}

func TestIdempotencyKey_datasets(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	wine := string(datasettest.Wine())
	key := "Idempotency-Key: " + testenv.Name()
	asForm := func() (body, contentType string) { return formWith(formPart{"file", "wine.csv", "", wine}) }
	send := func(query, body, contentType string) answer {
		t.Helper()
		return a.do(t, "POST", "/datasets"+query, body, contentType, key)
	}
	form, formType := asForm()
	first := send("?name=wine&tag=a:b", form, formType)
	first.json(t, http.StatusCreated, new(DatasetUploaded))
	digest := strings.TrimPrefix(first.header.Get("Location"), "/datasets/")
	a.do(t, "PATCH", "/datasets/"+digest, `{"remove_names":["wine"]}`, jsonType).json(t, 200, new(DatasetDetails))

	form, formType = asForm() // has another boundary
	wantReplay(t, first, send("?tag=a:b&name=wine", form, formType))
	wantReplay(t, first, send("?name=wine&tag=a:b", wine, csvType))
	var now DatasetDetails
	a.do(t, "GET", "/datasets/"+digest, nil).json(t, 200, &now)
	if len(now.Names) != 0 {
		t.Errorf("the replay has given the dataset the names %v again", now.Names)
	}
	wantOther(t, send("?name=other", wine, csvType))
	wantOther(t, send("?name=wine&tag=a:b", string(datasettest.BreastCancer()), csvType))
	if keys := a.keys(t, a.Bucket, objstore.DatasetsPrefix("")); len(keys) != 2 {
		t.Errorf("in the store: %v, want one dataset and its view", keys)
	}
	if keys := a.keys(t, a.Bucket, objstore.UploadsPrefix); len(keys) != 0 {
		t.Errorf("left behind: %v", keys)
	}
	a.forgetAnswers(t)
	send("?name=wine&tag=a:b", wine, csvType).json(t, http.StatusCreated, new(DatasetUploaded))
}
