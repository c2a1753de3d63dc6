package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
)

// threeMembers is an ensemble of three families, with weights that do not add up to 1, and a temperature.
const threeMembers = `{"members":[{"algorithm":"gbdt","hyperparameters":{"num_leaves":7},"weight":3},` +
	`{"algorithm":"gaussian_nb"},{"algorithm":"mlp","hyperparameters":{"epochs":20},"weight":1}],"temperature":1.5}`

func TestEnsemble_isTheWeightedMean(t *testing.T) {
	for name, data := range map[string]*dataset.Table{"plain": load(t, "wine"), "mixed": mixed(400, 3, 1)} {
		t.Run(name, func(t *testing.T) {
			spec := Spec{Algorithm: Ensemble, Hyperparameters: json.RawMessage(threeMembers), Seed: 5}
			m := train(t, data, spec)
			alone := []*Model{
				train(t, data, Spec{Algorithm: GBDT, Hyperparameters: json.RawMessage(`{"num_leaves":7}`), Seed: 5}),
				train(t, data, Spec{Algorithm: GaussianNB, Seed: 5}),
				train(t, data, Spec{Algorithm: MLP, Hyperparameters: json.RawMessage(`{"epochs":20}`), Seed: 5}),
			}
			weights := []float64{.6, .2, .2}
			got, own := make([]float64, 3), make([]float64, 3)
			for r := range data.Rows() {
				want, sum := make([]float64, 3), 0.0
				for i, a := range alone {
					a.Predict(data.Row(r), own)
					for k, p := range own {
						want[k] += weights[i] * p
					}
				}
				for k := range want {
					want[k] = math.Pow(max(want[k], 1e-15), 1/1.5)
					sum += want[k]
				}
				m.Predict(data.Row(r), got)
				for k := range want {
					if math.Abs(got[k]-want[k]/sum) > 1e-12 {
						t.Fatalf("row %d: %v, want %v over %v", r, got, want, sum)
					}
				}
			}
		})
	}
}

// The spec of a model has the hyperparameters that its members chose by the table. It gives the same bytes again.
func TestEnsemble_settledSpecGivesTheSameModel(t *testing.T) {
	wine := load(t, "wine")
	m := train(t, wine, Spec{Algorithm: Ensemble, Hyperparameters: json.RawMessage(threeMembers), Seed: 5})
	if h := string(m.Spec().Hyperparameters); strings.Contains(h, `"n_rounds":"auto"`) {
		t.Errorf("%s, want numbers for what follows the table", h)
	}
	if again := train(t, wine, m.Spec()); !bytes.Equal(encode(t, again), encode(t, m)) {
		t.Error("the settled spec gives another model")
	}
}

func TestEnsemble_oneMember(t *testing.T) {
	wine := load(t, "wine")
	one := func(temperature string) *Model {
		h := `{"members":[{"algorithm":"gaussian_nb"}],"temperature":` + temperature + `}`
		return train(t, wine, Spec{Algorithm: Ensemble, Hyperparameters: json.RawMessage(h)})
	}
	alone, same, softer := train(t, wine, Spec{Algorithm: GaussianNB}), one("1"), one("3")
	p, q := make([]float64, 3), make([]float64, 3)
	for r := range wine.Rows() {
		want := alone.Predict(wine.Row(r), p)
		if got := same.Predict(wine.Row(r), q); got != want || !slices.Equal(p, q) {
			t.Fatalf("row %d: %v, want %v as from the member", r, q, p)
		}
		if got := softer.Predict(wine.Row(r), q); got != want || q[got] > p[got] {
			t.Fatalf("row %d: %v at temperature 3 and %v at 1, want the same class, less sure", r, q, p)
		}
	}
}

func TestSpecResolve_ensemble(t *testing.T) {
	const bayes, forest = `{"priors":[],"var_smoothing":1e-9}`, `{"class_weight":"none","max_depth":3,"min_rows_leaf":1,` +
		`"n_trees":100}`
	given := `{"temperature":2.0,"members":[` +
		`{"weight":2e0,"algorithm":"random_forest","hyperparameters":{"max_depth":3}},{"algorithm":"gaussian_nb"}]}`
	want := `{"members":[{"algorithm":"random_forest","hyperparameters":` + forest + `,"weight":2},` +
		`{"algorithm":"gaussian_nb","hyperparameters":` + bayes + `,"weight":1}],"temperature":2}`
	got, err := Spec{Algorithm: Ensemble, Hyperparameters: json.RawMessage(given)}.Resolve()
	if err != nil || string(got.Hyperparameters) != want {
		t.Fatalf("got %s, %v; want %s", got.Hyperparameters, err, want)
	}
	if again, err := got.Resolve(); err != nil || string(again.Hyperparameters) != want {
		t.Errorf("resolved again: %s, %v; want no change", again.Hyperparameters, err)
	}
	if cost, sum := got.Cost(), (Spec{Algorithm: RandomForest}).Cost()+(Spec{Algorithm: GaussianNB}).Cost(); cost != sum {
		t.Errorf("cost %d, want that of the members together, %d", cost, sum)
	}
	params := got.Params()
	if params["members"] != "2 random_forest (max_depth 3), 1 gaussian_nb" || params["temperature"] != "2" ||
		params["algorithm"] != "ensemble" {
		t.Errorf("parameters %q", params)
	}
	many := `{"members":[` + strings.Repeat(`{"algorithm":"logistic_regression","hyperparameters":{"l2":3}},`, 24) +
		`{"algorithm":"gbdt"}]}`
	if s := (Spec{Algorithm: Ensemble, Hyperparameters: json.RawMessage(many)}).Params()["members"]; len(s) > 500 ||
		!strings.HasPrefix(s, "1 logistic_regression, 1 ") {
		t.Errorf("%d characters, %q; want at most 500", len(s), s)
	}
}

func TestSpecResolve_ensembleErrors(t *testing.T) {
	const tree = `{"algorithm":"decision_tree"}`
	for _, test := range []struct{ members, pointer, reason string }{
		{`[]`, "", "1 to 25"},
		{`null`, "", "1 to 25"},
		{`{}`, "", "1 to 25"},
		{`[` + strings.Repeat(tree+",", 25) + tree + `]`, "", "1 to 25"},
		{`[null]`, "/0", "want an object"},
		{`[` + tree + `,1]`, "/1", "want an object"},
		{`[{"weight":1}]`, "/0/algorithm", "missing"},
		{`[` + tree + `,{"algorithm":"svm"}]`, "/1/algorithm", "unknown algorithm"},
		{`[{"algorithm":1}]`, "/0/algorithm", "name of an algorithm"},
		{`[{"algorithm":"auto"}]`, "/0/algorithm", "unknown algorithm"},
		{`[{"algorithm":"ensemble"}]`, "/0/algorithm", "cannot be a member"},
		{`[` + tree + `,{"algorithm":"ensemble","hyperparameters":{"members":[` + tree + `]}}]`, "/1/algorithm", "cannot"},
		{`[{"algorithm":"knn","weight":0}]`, "/0/weight", "from"},
		{`[{"algorithm":"knn","weight":-1}]`, "/0/weight", "from"},
		{`[{"algorithm":"knn","weight":null}]`, "/0/weight", "from"},
		{`[{"algorithm":"knn","weight":1e300}]`, "/0/weight", "from"},
		{`[{"algorithm":"knn","weight":"NaN"}]`, "/0/weight", "from"},
		{`[{"algorithm":"knn","weight":1,"weight":2}]`, "/0/weight", "twice"},
		{`[{"algorithm":"knn","more":1}]`, "/0/more", "unknown"},
		{
			`[` + tree + `,` + tree + `,{"algorithm":"gbdt","hyperparameters":{"learning_rate":7}}]`,
			"/2/hyperparameters/learning_rate", "from 0.001 to 1",
		},
		{`[{"algorithm":"knn","hyperparameters":[]}]`, "/0/hyperparameters", "object"},
	} {
		_, err := Spec{Algorithm: Ensemble, Hyperparameters: json.RawMessage(`{"members":` + test.members + `}`)}.Resolve()
		wrong, ok := errors.AsType[*SpecError](err)
		if !ok || wrong.Pointer != "/hyperparameters/members"+test.pointer || !strings.Contains(wrong.Reason, test.reason) {
			t.Errorf("%s: %v, want %s: …%s…", test.members, err, test.pointer, test.reason)
		}
	}
}

func TestEnsemble_classWeight(t *testing.T) {
	with := func(members string) (Spec, error) {
		return Spec{
			Algorithm: Ensemble, Hyperparameters: json.RawMessage(members), ClassWeight: &ClassWeight{Balanced: true},
		}.Resolve()
	}
	for members, want := range map[string]string{
		`{"members":[{"algorithm":"gbdt"},{"algorithm":"knn"}]}`: "/class_weight: member 1, knn: knn cannot weigh classes",
		`{"members":[{"algorithm":"gbdt","hyperparameters":{"class_weight":"none"}}]}`: "/class_weight: member 0, gbdt: is " +
			"given, and as a hyperparameter as well: give one of them",
		`{"members":[{"algorithm":"gbdt","hyperparameters":{"l2":-1}}]}`: "/hyperparameters/members/0/hyperparameters/l2: " +
			"want a number from 0 to 1000000",
	} {
		if _, err := with(members); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", members, err, want)
		}
	}
	for _, members := range []string{``, `{}`, threeMembers} {
		spec, err := with(members)
		if err != nil || strings.Contains(string(spec.Hyperparameters), "class_weight") {
			t.Fatalf("%s: %s, %v; want the members without class_weight", members, spec.Hyperparameters, err)
		}
		if again, err := spec.Resolve(); err != nil || !bytes.Equal(again.Hyperparameters, spec.Hyperparameters) {
			t.Errorf("resolved again: %s, %v; want no change", again.Hyperparameters, err)
		}
	}
}

// A member that does not suit the table is named.
func TestEnsemble_suits(t *testing.T) {
	h := `{"members":[{"algorithm":"knn"},{"algorithm":"gbdt","hyperparameters":{"monotone":{"nosuch":1}}}]}`
	spec := Spec{Algorithm: Ensemble, Hyperparameters: json.RawMessage(h)}
	const want = "/hyperparameters/members/1/hyperparameters/monotone"
	iris := load(t, "iris")
	_, trained := Train(t.Context(), iris, spec, nil)
	for _, err := range []error{spec.Suits(iris.Schema), trained} {
		wrong, ok := errors.AsType[*SpecError](err)
		if !ok || !strings.HasPrefix(wrong.Pointer, want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestEnsemble_progress(t *testing.T) {
	_, reports := trainReported(
		t,
		load(t, "wine"),
		Spec{Algorithm: Ensemble, Hyperparameters: json.RawMessage(threeMembers)},
	)
	last := Progress{}
	members := map[int]bool{}
	for _, p := range reports {
		if p.Total != 300 || p.Iteration < last.Iteration || p.Iteration > p.Total {
			t.Fatalf("%+v after %+v, want steps of 300 in their order", p, last)
		}
		members[(p.Iteration-1)/100] = true
		last = p
	}
	if len(members) != 3 {
		t.Errorf("reports of %d members, want 3", len(members))
	}
}

// The fit of a later member ends when the context does.
func TestEnsemble_cancelledInALaterMember(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := `{"members":[{"algorithm":"gaussian_nb"},{"algorithm":"mlp","hyperparameters":{"epochs":10000}}]}`
	reports := 0
	_, err := Train(ctx, load(t, "wine"), Spec{Algorithm: Ensemble, Hyperparameters: json.RawMessage(h)}, func(Progress) {
		if reports++; reports == 3 { // the first is that of gaussian_nb
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestFitMemory_ensemble(t *testing.T) {
	size := Size{Rows: 100_000, Features: 20, Classes: 2, Processors: 2}
	of := func(algorithms ...string) int64 {
		var members []string
		for _, a := range algorithms {
			members = append(members, fmt.Sprintf(`{"algorithm":%q}`, a))
		}
		h := `{"members":[` + strings.Join(members, ",") + `]}`
		return FitMemory(Spec{Algorithm: Ensemble, Hyperparameters: json.RawMessage(h)}, size)
	}
	forest := FitMemory(Spec{Algorithm: RandomForest}, size)
	if one := of("random_forest"); one != forest {
		t.Errorf("one forest: %d bytes, want %d as without an ensemble", one, forest)
	}
	trees := int64(100 * forestTreeRow * size.Rows)
	if two := of("random_forest", "random_forest"); two != forest+trees {
		t.Errorf("two forests: %d bytes, want those of one and of the trees of the other, %d", two, forest+trees)
	}
	if small, alone := of("gaussian_nb", "gbdt"), FitMemory(Spec{Algorithm: GBDT}, size); small < alone ||
		small > alone+alone/10 {
		t.Errorf("gbdt and a small member: %d bytes, want little more than %d", small, alone)
	}
}

// Each member of an ensemble has a design of its own on a mixed table, and the ensemble has none.
func TestDecode_badDesignOfAMember(t *testing.T) {
	data := mixed(400, 2, 1)
	for _, test := range []struct {
		name   string
		change func(m *Model, members []*Model)
		want   string
	}{
		{"no design", func(_ *Model, of []*Model) { of[1].design = nil }, "member 1: a design"},
		{"a column too few", func(_ *Model, of []*Model) {
			of[0].design.Columns = of[0].design.Columns[1:]
		}, "member 0: design: 8 columns of 9 features"},
		{"that of the other", func(_ *Model, of []*Model) { of[0].design = of[1].design }, "member 0: gbdt: "},
		{"one of the ensemble", func(m *Model, of []*Model) { m.design = of[0].design }, "a design is missing"},
		{"a plain schema", func(m *Model, _ []*Model) { m.schema.Columns = nil }, "member 0: a design"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := train(t, data, Spec{Algorithm: Ensemble})
			test.change(m, m.scorer.(*ensemble).members)
			if _, err := Decode(encode(t, m)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestONNX_ensemble(t *testing.T) {
	operators := func(h string) (list []string) {
		f := encodeONNX(t, train(t, load(t, "iris"), Spec{Algorithm: Ensemble, Hyperparameters: json.RawMessage(h)}))
		f.checkFlow(t)
		for _, n := range f.nodes {
			list = append(list, n.operator)
		}
		return list
	}
	end := []string{"ArgMax", "Gather", "Split"}
	linear := []string{"Sub", "Div", "Clip", "Gemm", "Softmax"}
	const member = `{"algorithm":"logistic_regression"}`
	for h, want := range map[string][]string{
		`{"members":[` + member + `]}`: slices.Concat(linear, end),
		`{"members":[` + member + `,` + member + `],"temperature":2}`: slices.Concat(linear, []string{"Mul"}, linear,
			[]string{"Mul", "Add", "Max", "Log", "Div", "Softmax"}, end),
	} {
		if got := operators(h); !slices.Equal(got, want) {
			t.Errorf("%s: operators %v, want %v", h, got, want)
		}
	}
}

func TestEnsemble_withAThreshold(t *testing.T) {
	data := load(t, "breast_cancer")
	m, err := train(t, data, Spec{Algorithm: Ensemble}).WithThreshold(.9)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := Decode(encode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	p := make([]float64, 2)
	for r := range data.Rows() {
		if want, got := m.Predict(
			data.Row(r),
			p,
		), decoded.Predict(
			data.Row(r),
			p,
		); got != want ||
			(got == 1) != (p[1] >= .9) {
			t.Fatalf("row %d: class %d, %d before Decode, of %v", r, got, want, p)
		}
	}
	f := encodeONNX(t, m)
	f.checkFlow(t)
}
