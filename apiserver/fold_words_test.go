package apiserver

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"iris/apiserver/problem"
	"iris/internal/testenv"
	"iris/workflows"
)

const asJSON = "Content-Type: application/json"

// Every field whose value is one of a list of words takes the word in upper and lower case, wherever it is sent, and
// the task gets the word as the list has it.
func TestWords_ofATraining(t *testing.T) {
	a := newAPI(t)
	inForm := func(request string) [2]string {
		body, header := form(part{"request", request})
		return [2]string{body, header}
	}
	word := map[string]func(workflows.TrainingInput) string{
		"algorithm":    func(in workflows.TrainingInput) string { return string(in.Algorithm) },
		"promote":      func(in workflows.TrainingInput) string { return string(in.Promote) },
		"class_weight": func(in workflows.TrainingInput) string { return string(must(json.Marshal(in.ClassWeight))) },
		"method":       func(in workflows.TrainingInput) string { return string(in.Search.Method) },
		"metric":       func(in workflows.TrainingInput) string { return string(in.Search.Metric) },
		"criterion":    func(in workflows.TrainingInput) string { return valueOf(in.Hyperparameters, "class_weight") },
		"members":      func(in workflows.TrainingInput) string { return string(in.Hyperparameters) },
	}
	const search = `{"algorithm":"logistic_regression",` +
		`"search":{"method":"Random","metric":"ACCURACY","space":{"l2":[1,2]}}}`
	for _, test := range []struct {
		name, query string
		send        [2]string // body and header
		want        map[string]string
	}{
		{name: "parameters", query: "?algorithm=Decision_Tree&promote=NEVER&class_weight=Balanced", want: map[string]string{
			"algorithm": "decision_tree", "promote": "never", "class_weight": `"balanced"`,
		}},
		{name: "auto", query: "?algorithm=AUTO", want: map[string]string{"algorithm": "auto"}},
		{
			name: "JSON", send: [2]string{`{"algorithm":"GBDT","promote":"Manual","class_weight":"BALANCED"}`, asJSON},
			want: map[string]string{"algorithm": "gbdt", "promote": "manual", "class_weight": `"balanced"`},
		},
		{
			name: "members", send: [2]string{`{"algorithm":"Ensemble","hyperparameters":{"members":[{"weight":2,` +
				`"algorithm":"KNN","hyperparameters":{"weights":"Distance"}}]}}`, asJSON},
			want: map[string]string{
				"algorithm": "ensemble",
				"members": `{"members":[{"algorithm":"knn","hyperparameters":{"k":5,"scaling":"standard",` +
					`"weights":"distance"},"weight":2}],"temperature":1}`,
			},
		},
		{
			name: "a form", send: inForm(`{"algorithm":"Random_Forest","promote":"AUTO"}`),
			want: map[string]string{"algorithm": "random_forest", "promote": "auto"},
		},
		{
			name: "a search", send: [2]string{search, asJSON},
			want: map[string]string{"method": "random", "metric": "accuracy"},
		},
		{
			name: "a search in a form", send: inForm(search),
			want: map[string]string{"method": "random", "metric": "accuracy"},
		},
		{
			name: "a hyperparameter",
			send: [2]string{`{"algorithm":"gbdt","hyperparameters":{"class_weight":"Balanced"}}`, asJSON},
			want: map[string]string{"criterion": "balanced"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := a.do(t, "POST", "/iris/training"+test.query, test.send[0], cmp.Or(test.send[1], "X-None: x"))
			in := a.inputOf(t, a.accepted(t, got))
			for field, want := range test.want {
				if got := word[field](in); got != want {
					t.Errorf("%s is %q, want %q", field, got, want)
				}
			}
		})
	}
}

func TestWords_ofABatch(t *testing.T) {
	a := newAPI(t)
	ref := must(a.store.Put(t.Context(), a.Bucket, testenv.Name()+".csv", strings.NewReader(irisCSV), -1, ""))
	inForm := func(request string, more ...formPart) [2]string {
		body, header := formWith(append([]formPart{{"request", "", "", request}}, more...)...)
		return [2]string{body, header}
	}
	stored := `{"data_path":"` + ref.URI() + `","format":"CSV","output":"JSONL"}`
	for _, test := range []struct {
		name, query    string
		send           [2]string
		format, output string
	}{
		{"a parameter", "?output=CSV", [2]string{twoRows, asJSON}, "csv", "csv"},
		{"JSON", "", [2]string{strings.Replace(twoRows, "{", `{"output":"Parquet",`, 1), asJSON}, "csv", "parquet"},
		{"JSON and objects", "", [2]string{stored, asJSON}, "csv", "jsonl"},
		{"a form", "", inForm(`{"output":"CSV"}`, formPart{"file", "", "", irisCSV}), "csv", "csv"},
		{"a form and objects", "", inForm(stored), "csv", "jsonl"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var accepted Accepted
			a.do(t, "POST", "/iris/predict/batch"+test.query, test.send[0], test.send[1]).json(t, 202, &accepted)
			if in, _ := a.batchInput(t, accepted.TaskID); in.Format != test.format || in.Output != test.output {
				t.Errorf("format %q and output %q, want %q and %q", in.Format, in.Output, test.format, test.output)
			}
		})
	}
	t.Run("one request, spelt twice", func(t *testing.T) {
		key := "Idempotency-Key: " + testenv.Name()
		var first, second Accepted
		a.do(t, "POST", "/iris/predict/batch", stored, asJSON, key).json(t, 202, &first)
		lower := strings.NewReplacer("CSV", "csv", "JSONL", "jsonl").Replace(stored)
		a.do(t, "POST", "/iris/predict/batch", lower, asJSON, key).json(t, 202, &second)
		if first != second {
			t.Errorf("tasks %v and %v, want one", first, second)
		}
	})
}

func TestWords_ofTheListOfTasks(t *testing.T) {
	a := newAPI(t)
	const id = "training-iris-of-a-word"
	a.world.start(t, id, "nobody", workflows.TrainingType, workflows.TrainingInput{Model: "iris"}, memo("iris"))
	for _, kind := range []string{"Training", "training", "TRAINING"} {
		var page struct {
			Tasks []taskView
			Next  string `json:"next_page_token"`
		}
		listed := func(view taskView) bool { return view.TaskID == id }
		for !slices.ContainsFunc(page.Tasks, listed) { // the list lags behind the start by some milliseconds
			if t.Context().Err() != nil {
				t.Fatalf("%s is not listed for type=%s", id, kind)
			}
			a.do(t, "GET", "/tasks?type="+kind+"&prefix="+url.QueryEscape(id), nil).json(t, 200, &page)
		}
	}
	a.do(t, "GET", "/tasks?type=Other", nil).problem(t, 422).faultAt(t, problem.Fault{Parameter: "type"})
}

// valueOf is a string of a JSON object.
func valueOf(object json.RawMessage, name string) string {
	var fields map[string]any
	if err := json.Unmarshal(object, &fields); err != nil {
		return err.Error()
	}
	s, _ := fields[name].(string)
	return s
}
