package objstore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// The layout of the bucket of Iris: every key is built here. Task ids come from whoever starts a workflow, so one task
// id
// is one segment of a path, whatever it holds.

// Prefixes of objects that expire (Store.SetExpiry).
const (
	UploadsPrefix = "uploads/"
	BatchesPrefix = "batches/"
)

const datasetsPrefix = "datasets/"

// UploadKey is where the bytes of an upload lie until they are known to be good.
func UploadKey(taskID string) string { return UploadsPrefix + segment(taskID) }

// DatasetKey is where a dataset lies for good: the same bytes are the same object.
func DatasetKey(digest string) string { return datasetsPrefix + digest + ".csv" }

// IsDatasetKey reports whether a key is one of DatasetKey: an object that does not change any more.
func IsDatasetKey(key string) bool {
	return strings.HasPrefix(key, datasetsPrefix) && strings.HasSuffix(key, ".csv")
}

// DatasetsPrefix begins the keys of the datasets whose digests begin so, and of their views.
func DatasetsPrefix(digest string) string { return datasetsPrefix + digest }

var datasetKey = regexp.MustCompile(`^` + datasetsPrefix + `([0-9a-f]{64})\.csv$`)

// DatasetDigest is the digest of the dataset that lies at a key; ok is false for any other object.
func DatasetDigest(key string) (digest string, ok bool) {
	if found := datasetKey.FindStringSubmatch(key); found != nil {
		return found[1], true
	}
	return "", false
}

// DatasetViewKey is where the schema and the profile of a dataset lie. The view names what they depend on besides the
// bytes: the label column and the features.
func DatasetViewKey(digest, view string) string {
	return datasetsPrefix + digest + "/" + view + ".json"
}

// TrainingKey is where a training keeps its model before it is registered. Its run is MLflow's.
func TrainingKey(runID, name string) string { return "trainings/" + segment(runID) + "/" + name }

// BatchInputKey is where the rows of a batch lie. The extension, without its dot, is that of their format.
func BatchInputKey(taskID, extension string) string { return batchKey(taskID, "input."+extension) }

// BatchUnpackedKey is where the rows of a packed object lie unpacked; object is its number under a prefix, or -1.
func BatchUnpackedKey(taskID string, object int, extension string) string {
	if object < 0 {
		return BatchInputKey(taskID, extension)
	}
	return batchKey(taskID, fmt.Sprintf("input-%05d.%s", object, extension))
}

// BatchPlanKey is where a batch keeps how its rows are cut. The name is a digest of the plan.
func BatchPlanKey(taskID, name string) string { return batchKey(taskID, "plan-"+name+".json") }

// BatchPartKey is where the scores of a shard lie; the same shard is the same object, so a retry overwrites.
func BatchPartKey(taskID string, shard int, extension string) string {
	return batchKey(taskID, fmt.Sprintf("part-%05d.%s", shard, extension))
}

// BatchPartErrorsKey is where the bad rows of a shard are named.
func BatchPartErrorsKey(taskID string, shard int) string {
	return batchKey(taskID, fmt.Sprintf("errors-%05d.csv", shard))
}

// BatchOutputKey is where all scores of a batch lie as one object.
func BatchOutputKey(taskID, extension string) string { return batchKey(taskID, "output."+extension) }

// BatchErrorsKey is where all bad rows of a batch are named.
func BatchErrorsKey(taskID string) string { return batchKey(taskID, "errors.csv") }

// BatchManifestKey is where a finished batch says what it consists of.
func BatchManifestKey(taskID string) string { return batchKey(taskID, "manifest.json") }

func batchKey(taskID, name string) string {
	return BatchesPrefix + segment(taskID) + "/" + name
}

// TaskKey is where the final status of a task lies, for the time after Temporal has forgotten it.
func TaskKey(taskID string) string { return "tasks/" + segment(taskID) + ".json" }

// ModelSchemaKey is where the schema of a model lies. The name of a model is a segment as it is (model.CheckName).
func ModelSchemaKey(modelName string) string { return "models/" + modelName + "/schema.json" }

// ModelHistoryPrefix begins the keys of the entries about a model's promotions.
func ModelHistoryPrefix(modelName string) string { return "models/" + modelName + "/history/" }

// maxSegment is what MinIO takes between two slashes of a key.
const maxSegment = 255 - len(".json")

// segment escapes an id. What a path would read as a direction, and what is too long, becomes its hash.
func segment(id string) string {
	escaped := url.PathEscape(id)
	if strings.Trim(escaped, ".") != "" && len(escaped) <= maxSegment {
		return escaped
	}
	return hashed(id)
}

func hashed(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}
