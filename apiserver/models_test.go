package apiserver

import (
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/model"
)

func TestModels(t *testing.T) {
	a := newAPI(t)
	var list struct{ Models []Model }
	a.do(t, "GET", "/models", nil).json(t, 200, &list)
	byName := map[string]Model{}
	for _, m := range list.Models {
		byName[m.Model] = m
	}
	iris := byName[dataset.IrisModel]
	if iris.Champion != "1" || iris.LatestVersion != "2" || len(iris.Features) != 4 || len(iris.Classes) != 3 ||
		iris.Links.MLflow != "http://mlflow.test/#/models/iris?workflowType=machine_learning" {
		t.Errorf("iris is %+v", iris)
	}
	if m := byName[unpromotedModel]; m.Champion != "" || m.LatestVersion != "1" || m.Features != nil {
		t.Errorf("unpromoted is %+v", m)
	}
}

func TestVersions(t *testing.T) {
	a := newAPI(t)
	var list struct {
		Model    string
		Versions []Version
	}
	a.do(t, "GET", "/iris/versions", nil).json(t, 200, &list)
	if list.Model != "iris" || len(list.Versions) != 2 || list.Versions[0].Version != "2" ||
		list.Versions[1].Version != "1" {
		t.Fatalf("got %+v, want versions 2 and 1 of iris", list)
	}
	var one Version
	a.do(t, "GET", "/iris/versions/1", nil).json(t, 200, &one)
	if one.URI != "models:/iris/1" || one.Algorithm != model.LogisticRegression || one.Seed != 0 ||
		one.TestSize != 0.25 ||
		len(one.DatasetSHA256) != 64 || one.Dataset != one.DatasetSHA256 ||
		one.Metrics["accuracy"] != 0.97 ||
		one.RunID == "" ||
		!strings.HasPrefix(one.LoggedModelID, "m-") ||
		one.TaskID != "training-iris-test" ||
		len(one.Aliases) != 1 ||
		one.CreatedAt.IsZero() ||
		one.Links.MLflow != "http://mlflow.test/#/models/iris/versions/1?workflowType=machine_learning" {
		t.Errorf("got %+v", one)
	}
	if one.Hyperparameters["l2"] != 1.0 || len(one.Features) != 4 || len(one.Classes) != 3 || one.LabelColumn == "" ||
		one.ClassWeight != nil ||
		one.SplitSeed != 42 {
		t.Errorf("got %+v, want the spec and the schema", one)
	}
	for _, path := range []string{
		"/iris/versions/99", "/iris/versions/first", "/iris/versions/models:%2Fwine%2F1", "/tulip/versions",
		"/tulip/versions/1", "/tasks%2F/versions", "/models/versions",
	} {
		t.Run(path, func(t *testing.T) { a.do(t, "GET", path, nil).problem(t, 404) })
	}
}
