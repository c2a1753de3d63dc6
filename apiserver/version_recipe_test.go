package apiserver

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"iris/internal/dataset/datasettest"
	"iris/model"
)

// wide returns a CSV with a number of features.
func wide(features int) []byte {
	var b strings.Builder
	for f := range features {
		fmt.Fprintf(&b, "feature_%03d,", f)
	}
	b.WriteString("label\n")
	for row := range 40 {
		for f := range features {
			fmt.Fprintf(&b, "%d,", (row*7+f)%11)
		}
		fmt.Fprintf(&b, "%c\n", 'a'+row%2)
	}
	return []byte(b.String())
}

// The recipe of a wide version is read from its artifact, and left out if the artifact is damaged.
func TestVersion_recipe(t *testing.T) {
	a := newAPI(t)
	a.addVersion(
		t,
		"weighed",
		datasettest.Iris(),
		model.Spec{ClassWeight: &model.ClassWeight{Of: map[string]float64{"0": 2}}},
	)
	a.addVersion(
		t,
		"wider",
		wide(200),
		model.Spec{Algorithm: model.GaussianNB, ClassWeight: &model.ClassWeight{Balanced: true}},
	)
	broken := a.addVersion(t, "wider", wide(201), model.Spec{Algorithm: model.GaussianNB})

	var v Version
	a.do(t, "GET", "/weighed/versions/1", nil).json(t, 200, &v)
	if w, _ := v.ClassWeight.(map[string]any); w["0"] != 2.0 || v.Hyperparameters["max_iterations"] != 200.0 {
		t.Errorf("got %+v, want weights and hyperparameters", v)
	}
	v = Version{}
	a.do(t, "GET", "/wider/versions/1", nil).json(t, 200, &v)
	if len(v.Features) != 200 || v.Features[7] != "feature_007" || v.ClassWeight != "balanced" ||
		v.Hyperparameters["var_smoothing"] != 1e-9 {
		t.Errorf("got %+v, want 200 features, weights and hyperparameters", v)
	}
	logged, err := a.mlflow.GetLoggedModel(context.Background(), broken.LoggedModelID)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.NewReader("{}")
	err = a.mlflow.PutArtifact(context.Background(), logged.ArtifactURI, "model.json", body, 2, "application/json")
	if err != nil {
		t.Fatal(err)
	}
	v = Version{}
	a.do(t, "GET", "/wider/versions/2", nil).json(t, 200, &v)
	if v.Algorithm != model.GaussianNB || v.Features != nil || v.Hyperparameters != nil {
		t.Errorf("got %+v, want the version without its recipe", v)
	}
}
