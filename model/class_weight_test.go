package model

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"iris/internal/dataset"
)

// weighers are the families that support class weights.
var weighers = []Algorithm{LogisticRegression, DecisionTree, GBDT, RandomForest, GaussianNB, MLP, Ensemble}

// rare returns a table in which one row in 20 has class b and is hard to separate from the others.
func rare(rows int) *dataset.Table {
	data := noise(rows, 3, 20, 2)
	for r := range data.Y {
		data.Y[r] = min(data.Y[r], 1) ^ 1
	}
	data.Schema.Classes = data.Schema.Classes[:2]
	return data
}

// limits keep learners from memorising the rows.
var limits = map[Algorithm]string{
	DecisionTree: `{"max_depth":3}`,
	RandomForest: `{"max_depth":3,"n_trees":30}`,
	GBDT:         `{"n_rounds":20}`,
	MLP:          `{"epochs":30}`,
	Ensemble: `{"members":[{"algorithm":"gbdt","hyperparameters":{"n_rounds":20}},` +
		`{"algorithm":"logistic_regression"}]}`,
}

// TestSpec_classWeight trains on a rare class. A balanced model of every family finds far more of it, and the weights
// of balanced as numbers give the same model.
func TestSpec_classWeight(t *testing.T) {
	data := rare(2000)
	for _, algorithm := range weighers {
		t.Run(string(algorithm), func(t *testing.T) {
			fit := func(w *ClassWeight) (*Model, float64) {
				m := train(t, data, Spec{Algorithm: algorithm, Hyperparameters: json.RawMessage(limits[algorithm]), ClassWeight: w})
				metrics, err := Evaluate(m, data)
				if err != nil {
					t.Fatal(err)
				}
				return m, metrics.Classes[1].Recall
			}
			_, none := fit(nil)
			balanced, recall := fit(&ClassWeight{Balanced: true})
			if recall < none+.2 || recall < .7 {
				t.Errorf("recall of the rare class %v, balanced %v, want far more", none, recall)
			}
			tolerance := 1e-6
			if algorithm == GBDT || algorithm == Ensemble { // gradients are rounded, which can move a split
				tolerance = .2
			}
			same, _ := fit(&ClassWeight{Of: map[string]float64{"a": 10. / 19, "b": 10}})
			p, q := make([]float64, 2), make([]float64, 2)
			for r := range data.Rows() {
				balanced.Predict(data.Row(r), p)
				same.Predict(data.Row(r), q)
				if math.Abs(p[0]-q[0]) > tolerance {
					t.Fatalf("row %d: %v balanced, %v with the same weights as numbers", r, p, q)
				}
			}
			encoded, err := balanced.Encode()
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := Decode(encoded)
			if err != nil {
				t.Fatal(err)
			}
			decoded.Predict(data.Row(7), q)
			balanced.Predict(data.Row(7), p)
			if p[0] != q[0] || decoded.Spec().ClassWeight == nil || !decoded.Spec().ClassWeight.Balanced {
				t.Errorf("decoded: %v with %+v, want %v with the weights of the spec", q, decoded.Spec().ClassWeight, p)
			}
		})
	}
}

// TestSpec_classWeightOfOne checks that equal weights change nothing.
func TestSpec_classWeightOfOne(t *testing.T) {
	wine := load(t, "wine")
	for _, algorithm := range []Algorithm{LogisticRegression, GBDT, GaussianNB, MLP} {
		spec := Spec{Algorithm: algorithm, Hyperparameters: json.RawMessage(limits[algorithm])}
		plain := train(t, wine, spec)
		spec.ClassWeight = &ClassWeight{Of: map[string]float64{wine.Schema.Classes[0]: 1}}
		weighed := train(t, wine, spec)
		p, q := make([]float64, 3), make([]float64, 3)
		for r := range wine.Rows() {
			plain.Predict(wine.Row(r), p)
			weighed.Predict(wine.Row(r), q)
			if p[0] != q[0] || p[2] != q[2] {
				t.Fatalf("%s, row %d: %v without weights, %v with weights of 1", algorithm, r, p, q)
			}
		}
	}
}

func TestClassWeight_json(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{`"balanced"`, `"balanced"`},
		{` { "b" : 2, "a" : 0.5 } `, `{"a":0.5,"b":2}`},
		{`null`, ``},
		{`"none"`, ""},
		{`1`, ""},
		{`["a"]`, ""},
		{`{"a":"1"}`, ""},
	} {
		var s struct {
			W *ClassWeight `json:"w,omitempty"`
		}
		err := json.Unmarshal([]byte(`{"w":`+test.in+`}`), &s)
		switch {
		case test.in == "null":
			if err != nil || s.W != nil {
				t.Errorf("null gives %v, %v; want none", s.W, err)
			}
		case test.want == "":
			if err == nil {
				t.Errorf("%s gives %+v, want an error", test.in, s.W)
			}
		default:
			got, _ := json.Marshal(s.W)
			if err != nil || string(got) != test.want {
				t.Errorf("%s gives %s, %v; want %s", test.in, got, err, test.want)
			}
		}
	}
}

func TestSpecResolve_classWeight(t *testing.T) {
	balanced := &ClassWeight{Balanced: true}
	of := func(label string, v float64) *ClassWeight { return &ClassWeight{Of: map[string]float64{label: v}} }
	for _, test := range []struct {
		name            string
		algorithm       Algorithm
		hyperparameters string
		weight          *ClassWeight
		pointer, reason string
	}{
		{"knn", KNN, "", balanced, "/class_weight", "cannot weigh"},
		{"entropy", DecisionTree, `{"criterion":"entropy"}`, balanced, "/class_weight", "gini"},
		{"priors as well", GaussianNB, `{"priors":[1,2]}`, balanced, "/class_weight", "priors"},
		{"hyperparameter as well", GBDT, `{"class_weight":"balanced"}`, balanced, "/class_weight", "one of them"},
		{"the other hyperparameter", RandomForest, `{"class_weight":"none"}`, balanced, "/class_weight", "one of them"},
		{"empty", LogisticRegression, "", &ClassWeight{}, "/class_weight", "empty"},
		{"zero", LogisticRegression, "", of("a/b", 0), "/class_weight/a~1b", "from 0.001 to 1000"},
		{"not a number", LogisticRegression, "", of("a", math.NaN()), "/class_weight/a", "from 0.001"},
		{"too much", MLP, "", of("a", 1001), "/class_weight/a", "to 1000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Spec{
				Algorithm:       test.algorithm,
				Hyperparameters: json.RawMessage(test.hyperparameters),
				ClassWeight:     test.weight,
			}.Resolve()
			wrong, ok := errors.AsType[*SpecError](err)
			if !ok || wrong.Pointer != test.pointer || !strings.Contains(wrong.Reason, test.reason) {
				t.Errorf("error %v, want %s: … %s …", err, test.pointer, test.reason)
			}
		})
	}
	forest := Spec{Algorithm: RandomForest, ClassWeight: balanced}
	resolved, err := forest.Resolve()
	if err != nil || strings.Contains(string(resolved.Hyperparameters), "class_weight") {
		t.Errorf("resolved %s, %v; want the weights only once", resolved.Hyperparameters, err)
	}
	if _, err := resolved.Resolve(); err != nil {
		t.Errorf("resolved again: %v", err)
	}
	if got := forest.Params()["class_weight"]; got != "balanced" {
		t.Errorf("parameter class_weight %q, want balanced", got)
	}
	if got := (Spec{ClassWeight: of("a", 2)}).Params()["class_weight"]; got != `{"a":2}` {
		t.Errorf("parameter class_weight %q, want the object", got)
	}
}

func TestClassWeight_Check(t *testing.T) {
	s := dataset.Iris()
	for _, test := range []struct{ json, pointer string }{
		{`"balanced"`, ""},
		{`{"setosa":2}`, ""},
		{`{"Iris-setosa":2}`, ""}, // an alias
		{`{"rose":2}`, "/class_weight/rose"},
		{`{"setosa":2,"Iris-setosa":3}`, "/class_weight/setosa"},
	} {
		var w ClassWeight
		if err := json.Unmarshal([]byte(test.json), &w); err != nil {
			t.Fatal(err)
		}
		err := w.Check(s)
		if wrong, ok := errors.AsType[*SpecError](err); ok != (test.pointer != "") || ok && wrong.Pointer != test.pointer {
			t.Errorf("%s: error %v, want one at %q", test.json, err, test.pointer)
		}
	}
	data := rare(2000)
	for _, algorithm := range weighers {
		spec := Spec{Algorithm: algorithm, ClassWeight: &ClassWeight{Of: map[string]float64{"z": 2}}}
		_, err := Train(t.Context(), data, spec, nil)
		if wrong, ok := errors.AsType[*SpecError](err); !ok || wrong.Pointer != "/class_weight/z" {
			t.Errorf("%s: error %v, want one at /class_weight/z", algorithm, err)
		}
	}
}

func TestDecisionTree_prepareWeights(t *testing.T) {
	for _, weights := range [][]float64{{1}, {1, 0}, {1, math.NaN()}} {
		tree := &decisionTree{Leaves: [][]int{{1, 2}}, ClassWeights: weights}
		if err := tree.prepare(1, 2); err == nil {
			t.Errorf("weights %v of two classes are accepted", weights)
		}
	}
}
