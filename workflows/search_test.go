package workflows_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"iris/model"
	"iris/workflows"
)

// searchOf reads a search as a request brings it.
func searchOf(t *testing.T, text string) *workflows.Search {
	t.Helper()
	var s workflows.Search
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// resolved is the search of a resolved input.
func resolved(t *testing.T, text string) (workflows.Search, model.Spec) {
	t.Helper()
	in, spec, err := workflows.TrainingInput{
		Model:     "iris",
		Algorithm: model.LogisticRegression,
		Search:    searchOf(t, text),
	}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return *in.Search, spec
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
				in.Search.Metric != workflows.LogLoss {
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
		"unknown metric":    {`"search":{"method":"grid","space":{"l2":[1]},"metric":"auc"}`, "/search/metric"},
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

func TestSearch_refusesUnknownFields(t *testing.T) {
	for _, text := range []string{`{"method":"grid","spaces":{}}`, `{"space":{"l2":{"min":1,"most":2}}}`, `{"space":{"l2":5}}`} {
		var s workflows.Search
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s was read as %+v, want it refused", text, s)
		}
	}
}

func TestCandidates_grid(t *testing.T) {
	s, spec := resolved(t, `{"method":"grid","space":{"tolerance":[0.01,0.1],"l2":[1,2,3]}}`)
	var got []string
	for _, c := range workflows.Candidates(s, spec, 6) {
		got = append(got, string(c.Hyperparameters))
	}
	want := []string{}
	for _, l2 := range []string{"1", "2", "3"} {
		for _, tolerance := range []string{"0.01", "0.1"} {
			want = append(want, `{"l2":`+l2+`,"max_iterations":200,"tolerance":`+tolerance+`}`)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the grid is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestCandidates_random(t *testing.T) {
	s, spec := resolved(
		t,
		`{"method":"random","space":{"l2":{"min":0.001,"max":1000,"log":true},"max_iterations":{"min":1,"max":4},"tolerance":[0.01,0.1]},"budget":200}`,
	)
	drawn := workflows.Candidates(s, spec, 200)
	if again := workflows.Candidates(s, spec, 200); !reflect.DeepEqual(drawn, again) {
		t.Error("the same search drew other candidates")
	}
	if first := workflows.Candidates(s, spec, 10); !reflect.DeepEqual(first, drawn[:10]) {
		t.Error("a smaller budget draws other candidates, want the first of the same")
	}
	spec.Seed++
	if reflect.DeepEqual(drawn[0].Hyperparameters, workflows.Candidates(s, spec, 1)[0].Hyperparameters) {
		t.Error("another seed drew the same")
	}
	small, iterations := 0, map[int]int{}
	for _, c := range drawn {
		var h struct {
			L2         float64 `json:"l2"`
			Iterations int     `json:"max_iterations"`
			Tolerance  float64 `json:"tolerance"`
		}
		if err := json.Unmarshal(
			c.Hyperparameters,
			&h,
		); err != nil || h.L2 < 0.001 || h.L2 > 1000 ||
			h.Tolerance != 0.01 && h.Tolerance != 0.1 {
			t.Fatalf("drew %s (%v), outside of the space", c.Hyperparameters, err)
		}
		if math.Log10(h.L2) < 0 {
			small++
		}
		iterations[h.Iterations]++
	}
	if len(drawn) != 200 || small < 70 || small > 130 {
		t.Errorf("%d of %d are below 1, want about half: that is what log means", small, len(drawn))
	}
	for n := 1; n <= 4; n++ {
		if iterations[n] < 25 || len(iterations) != 4 {
			t.Errorf("iterations %v, want each whole number from 1 to 4 about as often", iterations)
		}
	}
}

func TestCandidates_smallSpaceAndBadCombination(t *testing.T) {
	s, spec := resolved(t, `{"method":"random","space":{"l2":[1,2,3]}}`)
	if drawn := workflows.Candidates(s, spec, 30); len(drawn) != 3 {
		t.Errorf("drew %d of 3 points", len(drawn))
	}
	tree := workflows.TrainingInput{
		Model:     "iris",
		Algorithm: model.DecisionTree,
		Search:    searchOf(t, `{"method":"random","space":{"max_depth":{"min":-1,"max":1}}}`),
	}
	in, spec, err := tree.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	var depths []string
	for _, c := range workflows.Candidates(*in.Search, spec, 30) {
		var h map[string]json.RawMessage
		if err := json.Unmarshal(c.Hyperparameters, &h); err != nil {
			t.Fatal(err)
		}
		depths = append(depths, string(h["max_depth"]))
	}
	slices.Sort(depths)
	if !slices.Equal(depths, []string{"-1", "0", "1"}) {
		t.Errorf("depths %v, want 0 among them: it is for the trial to fail", depths)
	}
}

func TestRungs(t *testing.T) {
	for name, test := range map[string]struct {
		budget, rows, classes int
		want                  []int
	}{
		"plenty of rows":     {30, 10_000, 3, []int{20, 7, 3}},
		"the largest":        {200, 1_000_000, 2, []int{133, 45, 15, 5, 2}},
		"rows for two rungs": {30, 500, 2, []int{22, 8}},
		"few rows":           {30, 112, 3, []int{30}},
		"many classes":       {30, 900, 40, []int{30}},
		"small budget":       {3, 10_000, 3, []int{3}},
		"one trial":          {1, 10_000, 3, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			got := workflows.Rungs(test.budget, test.rows, test.classes)
			total := 0
			for _, n := range got {
				total += n
			}
			if !slices.Equal(got, test.want) || total > test.budget {
				t.Errorf("rungs %v, want %v within %d", got, test.want, test.budget)
			}
		})
	}
	if a, b := workflows.RungShare(0, 3), workflows.RungShare(2, 3); math.Abs(a-1.0/9) > 1e-12 || b != 1 {
		t.Errorf("shares %v and %v, want 1/9 and 1", a, b)
	}
}

func TestCandidates_presetDecidesOnWhatIsNotGiven(t *testing.T) {
	base := model.Spec{Algorithm: model.MLP, Hyperparameters: json.RawMessage(`{"l2":2}`), Seed: 1}
	s := searchOf(t, `{"method":"grid","space":{"preset":["none","10-7-5"]}}`)
	specs := workflows.Candidates(*s, base, 2)
	for i, want := range []string{`"hidden_layers":[100]`, `"hidden_layers":[10,7,5]`} {
		if got := string(specs[i].Hyperparameters); !strings.Contains(got, want) || !strings.Contains(got, `"l2":2,`) {
			t.Errorf("candidate %d is %s, want %s and the l2 of the request", i, got, want)
		}
	}
	in, _, err := workflows.TrainingInput{
		Model:           "iris",
		Algorithm:       model.MLP,
		Hyperparameters: base.Hyperparameters,
		Search:          s,
	}.Resolve()
	if err != nil || string(in.Hyperparameters) != `{"l2":2}` {
		t.Errorf("resolved to %s (%v), want what was given", in.Hyperparameters, err)
	}
}
