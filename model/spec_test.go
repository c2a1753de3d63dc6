package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestSpecResolve(t *testing.T) {
	network := func(layers string, epochs int, preset string) string {
		return fmt.Sprintf(
			`{"activation":"relu","batch_size":64,"dropout":0,"early_stopping":"auto","epochs":%d,"hidden_layers":%s,"l2":1,`+
				`"learning_rate":0.003,"patience":10,"preset":%q,"tolerance":0.0005,"validation_size":0.1}`,
			epochs,
			layers,
			preset,
		)
	}
	const standard = `{"l2":1,"max_iterations":200,"tolerance":0.000001}`
	tests := []struct {
		name            string
		algorithm       Algorithm
		hyperparameters string
		wantAlgorithm   Algorithm
		want            string
	}{
		{"nothing given", "", "", LogisticRegression, standard},
		{"null", LogisticRegression, "null", LogisticRegression, standard},
		{"empty object", LogisticRegression, " {} ", LogisticRegression, standard},
		{
			"some given, in any order",
			LogisticRegression,
			`{"tolerance":0.01, "l2":0}`,
			LogisticRegression,
			`{"l2":0,"max_iterations":200,"tolerance":0.01}`,
		},
		{
			"one spelling per number",
			LogisticRegression,
			`{"l2":-0.0,"max_iterations":5e1,"tolerance":1E-3}`,
			LogisticRegression,
			`{"l2":0,"max_iterations":50,"tolerance":0.001}`,
		},
		{
			"highest",
			LogisticRegression,
			`{"l2":1e6,"max_iterations":10000,"tolerance":0.1}`,
			LogisticRegression,
			`{"l2":1000000,"max_iterations":10000,"tolerance":0.1}`,
		},
		{
			"lowest",
			LogisticRegression,
			`{"l2":0,"max_iterations":1,"tolerance":1e-12}`,
			LogisticRegression,
			`{"l2":0,"max_iterations":1,"tolerance":1e-12}`,
		},
		{"tree", DecisionTree, "", DecisionTree, `{"criterion":"gini","max_depth":-1}`},
		{"forest", RandomForest, "", RandomForest, `{"class_weight":"none","max_depth":-1,"min_rows_leaf":1,"n_trees":100}`},
		{
			"gbdt",
			GBDT,
			`{"n_rounds":80,"max_depth":6}`,
			GBDT,
			`{"class_weight":"none","early_stopping_rounds":"auto","feature_share":0.5,"l2":1,"learning_rate":"auto",` +
				`"max_depth":6,"min_child_weight":0.001,"min_rows_leaf":"auto","n_rounds":80,"num_leaves":"auto","row_share":1,` +
				`"validation_share":"auto"}`,
		},
		{
			"gbdt of an artifact before the values auto",
			GBDT,
			`{"class_weight":"none","early_stopping_rounds":10,"feature_share":0.5,"l2":1,"learning_rate":0.2,"max_depth":-1,` +
				`"min_child_weight":0.001,"min_rows_leaf":10,"n_rounds":60,"num_leaves":63,"row_share":1,"validation_share":0.1}`,
			GBDT,
			`{"class_weight":"none","early_stopping_rounds":10,"feature_share":0.5,"l2":1,"learning_rate":0.2,"max_depth":-1,` +
				`"min_child_weight":0.001,"min_rows_leaf":10,"n_rounds":60,"num_leaves":63,"row_share":1,"validation_share":0.1}`,
		},
		{"an array", GaussianNB, `{"priors":[1,2.50, 3e0]}`, GaussianNB, `{"priors":[1,2.5,3],"var_smoothing":1e-9}`},
		{"network", MLP, "", MLP, network("[100]", 200, "none")},
		{"preset", MLP, `{"preset":"10-7-5"}`, MLP, network("[10,7,5]", 700, "10-7-5")},
		{"preset, changed", MLP, `{"epochs":9,"preset":"10-7-5"}`, MLP, network("[10,7,5]", 9, "10-7-5")},
		{"no hidden layer", MLP, `{"hidden_layers":[]}`, MLP, network("[]", 200, "none")},
		{"an empty array", GaussianNB, `{"priors":[ ]}`, GaussianNB, `{"priors":[],"var_smoothing":1e-9}`},
		{
			"tree, given",
			DecisionTree,
			`{"criterion":"entropy","max_depth":100}`,
			DecisionTree,
			`{"criterion":"entropy","max_depth":100}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := Spec{Algorithm: test.algorithm, Hyperparameters: json.RawMessage(test.hyperparameters), Seed: 7}
			got, err := spec.Resolve()
			if err != nil {
				t.Fatal(err)
			}
			if got.Algorithm != test.wantAlgorithm || string(got.Hyperparameters) != test.want || got.Seed != 7 {
				t.Errorf("got %s %s seed %d, want %s %s seed 7",
					got.Algorithm, got.Hyperparameters, got.Seed, test.wantAlgorithm, test.want)
			}
			again, err := got.Resolve()
			if err != nil || string(again.Hyperparameters) != test.want {
				t.Errorf("resolved again: %s, %v; want no change", again.Hyperparameters, err)
			}
		})
	}
}

func TestSpecResolve_error(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	tests := []struct {
		name                     string
		algorithm                Algorithm
		hyperparameters, pointer string
		reason                   string // a part of it
	}{
		{"unknown algorithm", "svm", "", "/algorithm", list(Algorithms())},
		{"long algorithm", Algorithm(long), "", "/algorithm", "unknown"},
		{"an array", "", `[]`, "/hyperparameters", "object"},
		{"a string", "", `"l2"`, "/hyperparameters", "object"},
		{"broken at the start", "", `{{`, "/hyperparameters", "JSON"},
		{"broken first byte", "", `?`, "/hyperparameters", "JSON"},
		{"broken value", "", `{"l2":?}`, "/hyperparameters", "JSON"},
		{"broken name", "", `{"l2":1,5:1}`, "/hyperparameters", "JSON"},
		{"cut short", "", `{"l2":1`, "/hyperparameters", "JSON"},
		{"something after the object", "", `{"l2":1} 2`, "/hyperparameters", "follows"},
		{"unknown name", "", `{"L2":1}`, "/hyperparameters/L2", "l2, max_iterations, tolerance"},
		{"unknown name to escape", "", `{"a/b~c":1}`, "/hyperparameters/a~1b~0c", "unknown"},
		{"empty name", "", `{"":1}`, "/hyperparameters/", "unknown"},
		{"long name", "", `{"` + long + `":1}`, "/hyperparameters/" + long[:80] + "…", "unknown"},
		{"another family's", "", `{"max_depth":3}`, "/hyperparameters/max_depth", "unknown"},
		{"given twice", "", `{"l2":1,"l2":1}`, "/hyperparameters/l2", "twice"},
		{"first of several", "", `{"l2":1,"tolerance":9,"x":1}`, "/hyperparameters/tolerance", "from 1e-12 to 0.1"},
		{"number as a string", "", `{"l2":"1"}`, "/hyperparameters/l2", "number"},
		{"number as null", "", `{"l2":null}`, "/hyperparameters/l2", "number"},
		{"number as true", "", `{"l2":true}`, "/hyperparameters/l2", "number"},
		{"number as an object", "", `{"l2":{}}`, "/hyperparameters/l2", "number"},
		{"number too large for a float", "", `{"l2":1e999}`, "/hyperparameters/l2", "number"},
		{"number too low", "", `{"l2":-0.1}`, "/hyperparameters/l2", "from 0 to 1000000"},
		{"number too high", "", `{"l2":1e7}`, "/hyperparameters/l2", "from 0 to 1000000"},
		{"whole number with a fraction", "", `{"max_iterations":1.5}`, "/hyperparameters/max_iterations", "whole"},
		{"whole number too low", "", `{"max_iterations":0}`, "/hyperparameters/max_iterations", "from 1 to 10000"},
		{"whole number too high", "", `{"max_iterations":10001}`, "/hyperparameters/max_iterations", "from 1 to 10000"},
		{"whole number beyond int64", "", `{"max_iterations":1e300}`, "/hyperparameters/max_iterations", "whole"},
		{"whole number as null", "", `{"max_iterations":null}`, "/hyperparameters/max_iterations", "whole"},
		{"tolerance too low", "", `{"tolerance":1e-13}`, "/hyperparameters/tolerance", "number"},
		{"depth 0, which golearn cannot handle", DecisionTree, `{"max_depth":0}`, "/hyperparameters/max_depth", "or -1"},
		{"no trees", RandomForest, `{"n_trees":0}`, "/hyperparameters/n_trees", "from 1 to 2000"},
		{"a word that is not auto", GBDT, `{"n_rounds":"AUTO"}`, "/hyperparameters/n_rounds", "from 1 to 10000, or auto"},
		{"auto where it is not known", GBDT, `{"l2":"auto"}`, "/hyperparameters/l2", "from 0 to 1000000"},
		{"a share above all", GBDT, `{"row_share":1.1}`, "/hyperparameters/row_share", "from 0.01 to 1"},
		{"depth below -1", DecisionTree, `{"max_depth":-2}`, "/hyperparameters/max_depth", "or -1"},
		{"depth too high", DecisionTree, `{"max_depth":101}`, "/hyperparameters/max_depth", "from 1 to 100"},
		{"unknown criterion", DecisionTree, `{"criterion":"GINI"}`, "/hyperparameters/criterion", "gini, entropy"},
		{"criterion as a number", DecisionTree, `{"criterion":1}`, "/hyperparameters/criterion", "gini, entropy"},
		{"an array as a number", GaussianNB, `{"priors":1}`, "/hyperparameters/priors", "want an array of at most 1000"},
		{"an array as null", GaussianNB, `{"priors":null}`, "/hyperparameters/priors", "want an array"},
		{
			"an array too long",
			GaussianNB,
			`{"priors":[` + strings.Repeat("1,", 1000) + `1]}`,
			"/hyperparameters/priors",
			"at most 1000",
		},
		{"a value of an array", GaussianNB, `{"priors":[1,0]}`, "/hyperparameters/priors/1", "from 1e-09 to 1000000000"},
		{"a null in an array", GaussianNB, `{"priors":[null]}`, "/hyperparameters/priors/0", "number"},
		{"a unit too many", MLP, `{"hidden_layers":[10,1001]}`, "/hyperparameters/hidden_layers/1", "from 1 to 1000"},
		{"half a unit", MLP, `{"hidden_layers":[2.5]}`, "/hyperparameters/hidden_layers/0", "whole"},
		{"layers without end", MLP, `{"hidden_layers":[1,1,1,1,1,1]}`, "/hyperparameters/hidden_layers", "at most 5"},
		{"unknown preset", MLP, `{"preset":"10-7"}`, "/hyperparameters/preset", "none, 10-7-5"},
		{"criterion as null", DecisionTree, `{"criterion":null}`, "/hyperparameters/criterion", "gini, entropy"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Spec{Algorithm: test.algorithm, Hyperparameters: json.RawMessage(test.hyperparameters)}.Resolve()
			var specErr *SpecError
			if !errors.As(err, &specErr) {
				t.Fatalf("got %v, %v, want a *SpecError", got, err)
			}
			if specErr.Pointer != test.pointer || !strings.Contains(specErr.Reason, test.reason) {
				t.Errorf("got %q: %q, want %q: …%s…", specErr.Pointer, specErr.Reason, test.pointer, test.reason)
			}
			if len(err.Error()) > 400 {
				t.Errorf("the error has %d bytes, want it short", len(err.Error()))
			}
		})
	}
}

func TestSpecParams(t *testing.T) {
	tests := []struct {
		name string
		spec Spec
		want map[string]string
	}{
		{"defaults", Spec{Seed: 42}, map[string]string{
			"algorithm": "logistic_regression", "seed": "42", "l2": "1", "max_iterations": "200", "tolerance": "1e-06",
		}},
		{
			"tree, highest seed",
			Spec{Algorithm: DecisionTree, Hyperparameters: json.RawMessage(`{"max_depth":3}`), Seed: 1<<64 - 1},
			map[string]string{
				"algorithm": "decision_tree", "seed": "18446744073709551615", "criterion": "gini", "max_depth": "3",
			},
		},
		{"an array", Spec{Algorithm: GaussianNB, Hyperparameters: json.RawMessage(`{"priors":[1, 2]}`)}, map[string]string{
			"algorithm": "gaussian_nb", "seed": "0", "priors": "[1,2]", "var_smoothing": "1e-09",
		}},
		{"does not resolve", Spec{Algorithm: "svm"}, map[string]string{"algorithm": "svm", "seed": "0"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.spec.Params(); !maps.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestAlgorithms(t *testing.T) {
	want := []Algorithm{DecisionTree, Ensemble, GaussianNB, GBDT, KNN, LogisticRegression, MLP, RandomForest}
	if got := Algorithms(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
