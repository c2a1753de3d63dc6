package workflows_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"iris/internal/search"
	"iris/model"
	"iris/workflows"
)

// searchOf decodes a search from the text of a request.
func searchOf(t *testing.T, text string) *search.Request {
	t.Helper()
	var s search.Request
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

func TestSearch_defaults(t *testing.T) {
	for name, test := range map[string]struct {
		text                  string
		budget, folds, cvFold int
	}{
		"random":        {`{"method":"random","space":{"l2":{"min":0.1,"max":1}}}`, 30, 5, 5},
		"halving":       {`{"method":"halving","space":{"l2":[1]},"budget":7,"folds":3}`, 7, 3, 5},
		"grid, its own": {`{"method":"grid","space":{"l2":[1,2,3],"tolerance":[0.1,0.01]}}`, 6, 5, 5},
	} {
		t.Run(name, func(t *testing.T) {
			in, _, err := workflows.TrainingInput{
				Model:     "iris",
				Algorithm: model.LogisticRegression,
				Search:    searchOf(t, test.text),
			}.Resolve()
			if err != nil {
				t.Fatal(err)
			}
			if *in.Search.Budget != test.budget || *in.Search.Folds != test.folds || *in.CVFolds != test.cvFold ||
				*in.Repeats != 1 ||
				in.Search.Metric != search.LogLoss {
				t.Errorf("resolved to %+v, want budget %d, %d folds, log_loss", in.Search, test.budget, test.folds)
			}
			again, _, err := in.Resolve()
			if err != nil || !reflect.DeepEqual(again, in) {
				t.Errorf("resolved again: %+v (%v), want no change", again, err)
			}
			encoded, err := json.Marshal(in)
			if err != nil {
				t.Fatal(err)
			}
			var back workflows.TrainingInput
			if err := json.Unmarshal(encoded, &back); err != nil || !reflect.DeepEqual(*back.Search, *in.Search) {
				t.Errorf("%s came back as %+v (%v)", encoded, back.Search, err)
			}
		})
	}
}

func TestSearch_refusals(t *testing.T) {
	big := "[" + strings.TrimSuffix(strings.Repeat("1,", 201), ",") + "]"
	tests := map[string]struct {
		in      string // of a training of iris
		pointer string
	}{
		"unknown method":    {`"search":{"method":"bayes","space":{"l2":[1]}}`, "/search/method"},
		"no method":         {`"search":{"space":{"l2":[1]}}`, "/search/method"},
		"unknown metric":    {`"search":{"method":"grid","space":{"l2":[1]},"metric":"gini"}`, "/search/metric"},
		"empty space":       {`"search":{"method":"grid","space":{}}`, "/search/space"},
		"no space":          {`"search":{"method":"grid"}`, "/search/space"},
		"unknown parameter": {`"search":{"method":"grid","space":{"a/b":[1]}}`, "/search/space/a~1b"},
		"long parameter": {
			`"search":{"method":"grid","space":{"` + strings.Repeat("x", 500) + `":[1]}}`,
			"/search/space/" + strings.Repeat("x", 80) + "…",
		},
		"cut within a letter": {
			`"search":{"method":"grid","space":{"x` + strings.Repeat("ü", 300) + `":[1]}}`,
			"/search/space/x" + strings.Repeat("ü", 39) + "…",
		},
		"no values":       {`"search":{"method":"random","space":{"l2":[]}}`, "/search/space/l2"},
		"bad value":       {`"search":{"method":"random","space":{"l2":[1,-1]}}`, "/search/space/l2/1"},
		"range in a grid": {`"search":{"method":"grid","space":{"l2":{"min":1,"max":2}}}`, "/search/space/l2"},
		"no max":          {`"search":{"method":"random","space":{"l2":{"min":1}}}`, "/search/space/l2"},
		"empty range":     {`"search":{"method":"random","space":{"l2":{"min":1,"max":1}}}`, "/search/space/l2/max"},
		"log of 0": {
			`"search":{"method":"random","space":{"l2":{"min":0,"max":1,"log":true}}}`,
			"/search/space/l2/min",
		},
		"min out of range": {`"search":{"method":"random","space":{"l2":{"min":-1,"max":1}}}`, "/search/space/l2/min"},
		"max out of range": {`"search":{"method":"random","space":{"l2":{"min":1,"max":1e7}}}`, "/search/space/l2/max"},
		"half an iteration": {
			`"search":{"method":"random","space":{"max_iterations":{"min":1.5,"max":7}}}`,
			"/search/space/max_iterations/min",
		},
		"range of words": {
			`"algorithm":"decision_tree","search":{"method":"random","space":{"criterion":{"min":1,"max":2}}}`,
			"/search/space/criterion",
		},
		"budget of none":       {`"search":{"method":"random","space":{"l2":[1]},"budget":0}`, "/search/budget"},
		"large budget":         {`"search":{"method":"random","space":{"l2":[1]},"budget":201}`, "/search/budget"},
		"grid over its budget": {`"search":{"method":"grid","space":{"l2":[1,2,3]},"budget":2}`, "/search/space"},
		"grid over any budget": {`"search":{"method":"grid","space":{"l2":` + big + `}}`, "/search/space"},
		"one fold":             {`"search":{"method":"random","space":{"l2":[1]},"folds":1}`, "/search/folds"},
		"many cv_folds":        {`"cv_folds":21`, "/cv_folds"},
		"no repeats":           {`"repeats":0`, "/repeats"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := workflows.TrainingInput{Algorithm: model.LogisticRegression}
			if err := json.Unmarshal([]byte(`{"model":"iris",`+test.in+`}`), &in); err != nil {
				t.Fatal(err)
			}
			_, _, err := in.Resolve()
			var wrong *model.SpecError
			if !errors.As(err, &wrong) || wrong.Pointer != test.pointer || wrong.Reason == "" {
				t.Errorf("refused with %v, want the pointer %s", err, test.pointer)
			}
		})
	}
}

func TestSearch_leavesTheRequestAlone(t *testing.T) {
	in := workflows.TrainingInput{
		Model:     "iris",
		Algorithm: model.LogisticRegression,
		Search:    searchOf(t, `{"method":"random","space":{"max_iterations":{"min":1,"max":9}}}`),
	}
	got, _, err := in.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	if !got.Search.Space["max_iterations"].Range.Integer || in.Search.Space["max_iterations"].Range.Integer ||
		in.Search.Budget != nil {
		t.Errorf("resolved %+v from %+v, want whole numbers in the first only", got.Search, in.Search)
	}
}

// A search keeps the hyperparameters as given, because the presets it tries decide on the others.
func TestSearch_keepsTheGivenHyperparameters(t *testing.T) {
	in, _, err := workflows.TrainingInput{
		Model:           "iris",
		Algorithm:       model.MLP,
		Hyperparameters: json.RawMessage(`{"l2":2}`),
		Search:          searchOf(t, `{"method":"grid","space":{"preset":["none","10-7-5"]}}`),
	}.Resolve()
	if err != nil || string(in.Hyperparameters) != `{"l2":2}` {
		t.Errorf("resolved to %s (%v), want what was given", in.Hyperparameters, err)
	}
}
