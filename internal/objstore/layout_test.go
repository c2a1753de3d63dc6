package objstore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"iris/internal/objstore"
)

func TestKeys(t *testing.T) {
	for got, want := range map[string]string{
		objstore.UploadKey("t-1"):                    "uploads/t-1",
		objstore.IdempotencyKey("ab12"):              "idempotency/ab12.json",
		objstore.DatasetKey("ab12"):                  "datasets/ab12.csv",
		objstore.DatasetViewKey("ab12", "cd34"):      "datasets/ab12/cd34.json",
		objstore.TrainingKey("run", "model.json"):    "trainings/run/model.json",
		objstore.AcceptedKey("a/b"):                  "accepted/a%2Fb.json",
		objstore.TrialKey("run", "trial 1"):          "trainings/run/trials/trial%201.json",
		objstore.HeldOutKey("run", "trial 1"):        "trainings/run/trials/trial%201.held-out",
		objstore.BatchInputKey("t-1", "csv"):         "batches/t-1/input.csv",
		objstore.BatchPartKey("t-1", 42, "jsonl"):    "batches/t-1/part-00042.jsonl",
		objstore.BatchUnpackedKey("t-1", -1, "csv"):  "batches/t-1/input.csv",
		objstore.BatchUnpackedKey("t-1", 3, "jsonl"): "batches/t-1/input-00003.jsonl",
		objstore.BatchPlanKey("t-1", "ab12"):         "batches/t-1/plan-ab12.json",
		objstore.BatchPartErrorsKey("t-1", 42):       "batches/t-1/errors-00042.csv",
		objstore.BatchOutputKey("t-1", "parquet"):    "batches/t-1/output.parquet",
		objstore.BatchErrorsKey("t-1"):               "batches/t-1/errors.csv",
		objstore.BatchManifestKey("t-1"):             "batches/t-1/manifest.json",
		objstore.TaskKey("t-1"):                      "tasks/t-1.json",
		objstore.ChampionsKey:                        "champions/index.json",
		objstore.ModelSchemaKey("iris"):              "models/iris/schema.json",
		objstore.ModelHistoryPrefix("iris"):          "models/iris/history/",

		objstore.DatasetAnnotationKey("ab12", objstore.TagAnnotation, "owner"): "dataset-notes/ab12/tags/owner.json",
		objstore.VersionBatchesPrefix("iris", "3"):                             "models/iris/versions/3/batches/",
		objstore.DatasetBatchesPrefix("ab12"):                                  "dataset-batches/ab12/",
	} {
		if got != want {
			t.Errorf("got key %s, want %s", got, want)
		}
	}
}

func TestKeys_taskIDIsOneSegment(t *testing.T) {
	for _, id := range []string{"../a b/c?d", "..", ".", "", strings.Repeat("é", 300)} {
		segments := strings.Split(objstore.BatchInputKey(id, "csv"), "/")
		if len(segments) != 3 || strings.Trim(segments[1], ".") == "" || len(segments[1]) > 250 {
			t.Errorf(
				"the task id %q becomes the segments %q, want one of at most 250 bytes that is not a dot or dots",
				id,
				segments,
			)
		}
	}
	if objstore.TaskKey("..") == objstore.TaskKey(".") {
		t.Error("two task ids share a key")
	}
}

func TestIsDatasetKey(t *testing.T) {
	for key, want := range map[string]bool{
		objstore.DatasetKey("ab12"):           true,
		objstore.DatasetViewKey("ab12", "cd"): false,
		objstore.UploadKey("ab12"):            false,
		"uploads/datasets/ab12.csv":           false,
	} {
		if got := objstore.IsDatasetKey(key); got != want {
			t.Errorf("IsDatasetKey(%s) = %t, want %t", key, got, want)
		}
	}
}

func TestDatasetDigest(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	for key, want := range map[string]string{
		objstore.DatasetKey(digest):             digest,
		objstore.DatasetViewKey(digest, "0123"): "",
		"datasets/ab.csv":                       "",
		"uploads/" + digest + ".csv":            "",
	} {
		if got, ok := objstore.DatasetDigest(key); got != want || ok != (want != "") {
			t.Errorf("DatasetDigest(%s) = %q, %v; want %q", key, got, ok, want)
		}
	}
	if prefix := objstore.DatasetsPrefix("abab"); !strings.HasPrefix(objstore.DatasetKey(digest), prefix) {
		t.Errorf("the key of the dataset does not start with %s", prefix)
	}
}

func TestBatchRecordName_laterComesFirst(t *testing.T) {
	at := time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	names := []string{
		objstore.BatchRecordName(at.AddDate(100, 0, 0), "a"), objstore.BatchRecordName(at.Add(1), "z"),
		objstore.BatchRecordName(at, "a"), objstore.BatchRecordName(at, "b"), objstore.BatchRecordName(time.Unix(0, 0), "a"),
	}
	if !slices.IsSorted(names) || names[0] == names[1] {
		t.Errorf("names %q, want them sorted", names)
	}
	if long := objstore.BatchRecordName(at, strings.Repeat("é", 300)); len(long) > 255 {
		t.Errorf("a long id becomes %d bytes, want at most 255", len(long))
	}
	if name := objstore.BatchRecordName(at, "a/b"); strings.Contains(name, "/") {
		t.Errorf("an id with a slash becomes %s, want no slash", name)
	}
}

func TestDatasetAnnotation(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	for _, name := range []string{"wine", "v1.0", "ü b"} {
		d, kind, got, ok := objstore.DatasetAnnotation(objstore.DatasetAnnotationKey(digest, objstore.NameAnnotation, name))
		if !ok || d != digest || kind != objstore.NameAnnotation || got != name {
			t.Errorf("got %s, %s, %s, %v, want %s, names, %s", d, kind, got, ok, digest, name)
		}
	}
	for _, key := range []string{
		"dataset-notes/ab/names/x.json", "dataset-notes/" + digest + "/other/x.json", "x",
		objstore.DatasetAnnotationsPrefix(digest) + "/names/x.txt",
	} {
		if _, _, _, ok := objstore.DatasetAnnotation(key); ok {
			t.Errorf("%s passes for an annotation", key)
		}
	}
}
