package search

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"iris/model"
)

// request decodes a request.
func request(t *testing.T, text string) *Request {
	t.Helper()
	var r Request
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// resolved decodes and resolves a request for the defaults of an algorithm, which it returns too.
func resolved(t *testing.T, algorithm model.Algorithm, text string) (Request, model.Spec) {
	t.Helper()
	spec, err := model.Spec{Algorithm: algorithm, Seed: seed}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	r, err := request(t, text).Resolve(spec, DefaultCVFolds)
	if err != nil {
		t.Fatal(err)
	}
	return *r, spec
}

func TestRequest_refusesUnknownFields(t *testing.T) {
	for _, text := range []string{
		`{"method":"grid","spaces":{}}`, `{"space":{"l2":{"min":1,"most":2}}}`, `{"space":{"l2":5}}`,
	} {
		var r Request
		if err := json.Unmarshal([]byte(text), &r); err == nil {
			t.Errorf("%s was read as %+v, want it refused", text, r)
		}
	}
}

func TestCandidates_grid(t *testing.T) {
	r, spec := resolved(t, model.LogisticRegression, `{"method":"grid","space":{"tolerance":[0.01,0.1],"l2":[1,2,3]}}`)
	var got []string
	for _, c := range r.candidates(spec, 6) {
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
	r, spec := resolved(
		t,
		model.LogisticRegression,
		`{"method":"random","space":{"l2":{"min":0.001,"max":1000,"log":true},"max_iterations":{"min":1,"max":4},`+
			`"tolerance":[0.01,0.1]},"budget":200}`,
	)
	drawn := r.candidates(spec, 200)
	if again := r.candidates(spec, 200); !reflect.DeepEqual(drawn, again) {
		t.Error("the same search drew other candidates")
	}
	if first := r.candidates(spec, 10); !reflect.DeepEqual(first, drawn[:10]) {
		t.Error("a smaller budget draws other candidates, want the first of the same")
	}
	spec.Seed++
	if reflect.DeepEqual(drawn[0].Hyperparameters, r.candidates(spec, 1)[0].Hyperparameters) {
		t.Error("another seed drew the same")
	}
	small, iterations := 0, map[int]int{}
	for _, c := range drawn {
		var h struct {
			L2         float64 `json:"l2"`
			Iterations int     `json:"max_iterations"`
			Tolerance  float64 `json:"tolerance"`
		}
		err := json.Unmarshal(c.Hyperparameters, &h)
		if err != nil || h.L2 < 0.001 || h.L2 > 1000 || h.Tolerance != 0.01 && h.Tolerance != 0.1 {
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
	r, spec := resolved(t, model.LogisticRegression, `{"method":"random","space":{"l2":[1,2,3]}}`)
	if drawn := r.candidates(spec, 30); len(drawn) != 3 {
		t.Errorf("drew %d of 3 points", len(drawn))
	}
	tree, spec := resolved(t, model.DecisionTree, `{"method":"random","space":{"max_depth":{"min":-1,"max":1}}}`)
	var depths []string
	for _, c := range tree.candidates(spec, 30) {
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

func TestCandidates_presetDecidesOnWhatIsNotGiven(t *testing.T) {
	base := model.Spec{Algorithm: model.MLP, Hyperparameters: json.RawMessage(`{"l2":2}`), Seed: 1}
	r := request(t, `{"method":"grid","space":{"preset":["none","10-7-5"]}}`)
	specs := r.candidates(base, 2)
	for i, want := range []string{`"hidden_layers":[100]`, `"hidden_layers":[10,7,5]`} {
		if got := string(specs[i].Hyperparameters); !strings.Contains(got, want) || !strings.Contains(got, `"l2":2,`) {
			t.Errorf("candidate %d is %s, want %s and the l2 of the request", i, got, want)
		}
	}
}
