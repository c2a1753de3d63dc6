package registry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/registry/registrytest"
	"iris/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// world is a registrytest.World with assertions.
type world struct {
	*registrytest.World
	t *testing.T
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{registrytest.New(t), t}
}

// alias returns the number of the version that an alias names, "" if the alias does not exist.
func (w *world) alias(name string) string {
	w.t.Helper()
	mv, err := w.Lab.GetAlias(w.t.Context(), w.Model, name)
	if err != nil && !errors.Is(err, mlflow.ErrNotExist) {
		w.t.Fatal(err)
	}
	return mv.Version
}

// deleteIndex makes the bucket one of version 0.1.0.
func (w *world) deleteIndex() {
	w.t.Helper()
	if err := w.Store.Delete(w.t.Context(), w.Bucket, objstore.ChampionsKey); err != nil {
		w.t.Fatal(err)
	}
}

func TestNew_namesWhatIsMissing(t *testing.T) {
	lab, store := new(mlflow.Client), new(objstore.Store)
	for _, test := range []struct {
		name    string
		options registry.Options
		want    string
	}{
		{"no MLflow", registry.Options{Store: store, Bucket: "iris"}, "MLflow"},
		{"no store", registry.Options{MLflow: lab, Bucket: "iris"}, "Store"},
		{"no bucket", registry.Options{MLflow: lab, Store: store}, "Bucket"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := registry.New(test.options); err == nil || !strings.Contains(err.Error(), test.want+" is missing") {
				t.Errorf("got %v, want %s is missing", err, test.want)
			}
		})
	}
}

func TestModels_listsIrisBeforeAnythingIsTrained(t *testing.T) {
	w := newWorld(t)
	infos, err := w.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(infos, registry.Info{Name: "iris"}) {
		t.Errorf("got %+v, want it to contain iris without a version", infos)
	}
	if versions, err := w.Versions(t.Context(), "iris"); err != nil || versions == nil || len(versions) != 0 {
		t.Errorf("versions of iris: got %v, %v; want an empty list", versions, err)
	}
	got, err := w.Schema(t.Context(), "iris")
	if err != nil || !got.SameFeatures(dataset.Iris()) || !got.SameClasses(dataset.Iris()) {
		t.Errorf("schema of iris: got %+v, %v; want the bundled one", got, err)
	}
	if _, err := w.Champion(t.Context(), "iris"); !errors.Is(err, registry.ErrNotExist) {
		t.Errorf("champion of iris: got %v, want ErrNotExist", err)
	}
	entries, _, err := w.History(t.Context(), "iris", registry.Page{})
	if err != nil || entries == nil || len(entries) != 0 {
		t.Errorf("history of iris: got %v, %v; want an empty list", entries, err)
	}
}

func TestModels_namesChampionAndLatest(t *testing.T) {
	w := newWorld(t)
	if err := w.Lab.EnsureRegisteredModel(t.Context(), "Not_Ours-"+w.Model, "", nil); err != nil {
		t.Fatal(err)
	}
	w.MustRegister(1)
	w.MustRegister(2)
	w.MustPromote("1", 0)
	// MLflow lists a latest version for each of its stages.
	status, err := w.Call(t.Context(), http.MethodPost, "model-versions/transition-stage", map[string]any{
		"name": w.Model, "version": "1", "stage": "Archived", "archive_existing_versions": false,
	})
	if err != nil || status != http.StatusOK {
		t.Fatalf("archive version 1: status %d, %v", status, err)
	}
	infos, err := w.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := (registry.Info{Name: w.Model, Champion: "1", LatestVersion: "2"}); !slices.Contains(infos, want) {
		t.Errorf("got %+v, want it to contain %+v", infos, want)
	}
	if !slices.IsSortedFunc(infos, func(a, b registry.Info) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("got %+v, want them sorted by name", infos)
	}
	if slices.ContainsFunc(infos, func(i registry.Info) bool { return strings.HasPrefix(i.Name, "Not_Ours") }) {
		t.Errorf("got %+v, want only names that model.CheckName accepts", infos)
	}
}

func TestVersions_newestFirstWithAliases(t *testing.T) {
	w := newWorld(t)
	for seed := range 11 { // "10" sorts after "9"
		w.MustRegister(uint64(seed))
	}
	w.MustPromote("2", 0)
	w.MustPromote("10", 1)
	versions, err := w.Versions(t.Context(), w.Model)
	if err != nil {
		t.Fatal(err)
	}
	var numbers []string
	aliases := map[string]string{}
	for _, v := range versions {
		numbers = append(numbers, v.Number)
		for _, alias := range v.Aliases {
			aliases[alias] = v.Number
		}
	}
	if want := strings.Fields("11 10 9 8 7 6 5 4 3 2 1"); !slices.Equal(numbers, want) {
		t.Errorf("got versions %v, want %v", numbers, want)
	}
	if aliases["champion"] != "10" || aliases["previous"] != "2" || len(aliases) != 2 {
		t.Errorf("got aliases %v, want champion 10 and previous 2", aliases)
	}
	if got := versions[0]; got.Seed != 10 || got.Metrics["accuracy"] != 0.9 || got.Split.Seed != 10 || got.Aliases == nil {
		t.Errorf("got %+v, want what was registered", got)
	}
}

func TestVersions_showsVersionsWithDamagedTags(t *testing.T) {
	w := newWorld(t)
	v := w.MustRegister(1)
	if err := w.Lab.SetVersionTag(t.Context(), w.Model, v.Number, "iris.metrics", "good"); err != nil {
		t.Fatal(err)
	}
	other := w.MustRegister(2)
	if err := w.Lab.SetVersionTag(t.Context(), w.Model, other.Number, "iris.recipe", "good"); err != nil {
		t.Fatal(err)
	}
	versions, err := w.Versions(t.Context(), w.Model)
	if err != nil || len(versions) != 2 || versions[1].RunID != v.RunID || versions[0].Recipe != nil {
		t.Errorf("got %+v, %v; want both versions", versions, err)
	}
	if _, err := w.Resolve(t.Context(), w.Model, other.Number); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("a damaged recipe: %v, want ErrCorrupt", err)
	}
}

func TestVersion_json(t *testing.T) {
	v := registry.Version{
		Model:         "iris",
		Number:        "3",
		RunID:         "r",
		LoggedModelID: "m-1",
		Seed:          7,
		Aliases:       []string{},
		Metrics:       map[string]float64{"accuracy": 1},
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"model":"iris"`, `"number":"3"`, `"model_id":"m-1"`, `"aliases":[]`, `"metrics":{"accuracy":1}`,
		`"dataset_sha256":""`,
	} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("got %s, want %s in it", b, want)
		}
	}
	if v.URI() != "models:/iris/3" {
		t.Errorf("got URI %s, want models:/iris/3", v.URI())
	}
}
